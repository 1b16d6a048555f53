"""Payloads of windows in the frames of a clip, and back: the public functions of the pixel layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.carriers.constructive.embedding import embed_slot, erase_slot, packet_blocks, position_blocks
from cssv.carriers.constructive.erasure import SYMBOLS
from cssv.carriers.constructive.finder import CarriedWindow, WindowFinder
from cssv.carriers.constructive.keys import PUBLIC_KEY, check_key
from cssv.carriers.constructive.packets import (
    PAYLOAD_LIMIT,
    SHORT_NEEDED,
    Shape,
    shape_of,
    split_payload,
)  # fmt: skip
from cssv.carriers.constructive.search import Grid
from cssv.carriers.constructive.slot_reader import find_packets
from cssv.carriers.constructive.slots import POSITION_KIND, Mode, modes
from cssv.carriers.constructive.syndromes import Room
from cssv.carriers.constructive.tiles import KINDS, PERIOD, picture_size, tile_grid, tile_kinds
from cssv.errors import CarrierError
from cssv.frames import U8, Layout


def capacity(layout: Layout, frames: int) -> int:
    """Largest payload, in bytes, that a window of ``frames`` frames can hold."""
    return max(min(_most_bytes(mode, frames), PAYLOAD_LIMIT) for mode in modes(layout))


def choose_mode(layout: Layout, frames: int, length: int, repair: int = 0) -> Mode:
    """The mode that changes the fewest bytes for a payload; of equals, the one with the most frames.

    Changes that are spread over more frames are harder to detect in each of them.

    Args:
        layout: that of the planes.
        frames: frames of the window.
        length: length of the payload in bytes.
        repair: packets beyond those that are needed.

    Raises:
        CarrierError: the payload does not fit.
    """

    def packets(mode: Mode) -> int:
        return shape_of(length, mode.packet_bytes, repair).needed + repair

    def changes(mode: Mode) -> tuple[int, int]:
        shape = shape_of(length, mode.packet_bytes, repair)
        last = shape.overhead + shape.used(shape.needed - 1)
        whole = (packets(mode) - 1) * packet_blocks(mode.packet_bytes, mode)
        return whole + packet_blocks(last, mode), -mode.k

    fitting = [mode for mode in modes(layout) if packets(mode) <= _slots(mode, frames)]
    if not fitting or length > PAYLOAD_LIMIT:
        raise CarrierError(
            "the payload does not fit in the frames of its window",
            found=f"{length} bytes in {frames} frames, {repair} packets for repair",
            bound=f"at most {capacity(layout, frames)} bytes without repair",
            remedy="Use longer windows, or a scene with fewer objects.",
        )
    return min(fitting, key=changes)


def expected_changes(mode: Mode, width: int, height: int, length: int) -> float:
    """Expected number of bytes of a window that change, each by one, without packets for repair.

    Args:
        mode: result of :func:`choose_mode`.
        width: of the frames in pixels.
        height: of the frames in pixels.
        length: length of the payload in bytes.
    """
    copies = np.bincount(tile_kinds(*tile_grid(width, height)).reshape(-1), minlength=KINDS)
    shape = shape_of(length, mode.packet_bytes, 0)
    blocks = copies[POSITION_KIND] * position_blocks(mode)
    for index in range(shape.needed):
        whole, rest = divmod(packet_blocks(shape.overhead + shape.used(index), mode), mode.blocks)
        blocks += copies[:whole].sum() * mode.blocks + copies[whole] * rest
    # Of the 2^k syndromes that a block may need, one is there already.
    return float(blocks * (1 - 2.0**-mode.k))


def is_too_small(width: int, height: int) -> bool:
    """Whether frames of this size cannot hold every kind of tile."""
    return min(width, height) < PERIOD


def embed_window(
    covers: Sequence[U8],
    layout: Layout,
    payload: bytes,
    number: int,
    key: bytes = PUBLIC_KEY,
    repair: int = 0,
    *,
    in_place: bool = False,
) -> list[U8]:
    """Hide a payload in the frames of a window. Inverse of :func:`read_windows`.

    The result depends on the arguments alone. No byte changes by more than one, and no high nibble changes.

    Args:
        covers: planes of all frames of the window, of one size.
        layout: that of the planes.
        payload: any bytes.
        number: number of the window in the clip, from 0; it chooses between plus and minus one.
        key: 32 bytes, :data:`.keys.PUBLIC_KEY` or the ``positions`` of a password.
        repair: packets beyond those that are needed; as many may be lost.
        in_place: change the arrays of ``covers`` and copy none. Where a few bytes of a large frame change,
            the copy takes most of the time.

    Returns:
        The frames in the order of ``covers``; one that carries nothing is the array of ``covers`` itself.

    Raises:
        CarrierError: the payload does not fit, or the picture is too small.
    """
    check_key(key)
    mode = choose_mode(layout, len(covers), len(payload), repair)
    _check_size(covers[0], layout)
    stego, room = list(covers), Room(covers[0].shape)
    for packet in split_payload(payload, mode.packet_bytes, repair):
        start = packet.index * mode.frames
        slot = stego[start : start + mode.frames]
        if not in_place:
            slot = stego[start : start + mode.frames] = [cover.copy() for cover in slot]
        embed_slot(slot, mode, packet.write(), key, (number, packet.index), room)
    return stego


def read_windows(
    pictures: Sequence[U8], layout: Layout, key: bytes = PUBLIC_KEY, grid: Grid | None = None
) -> list[CarriedWindow]:
    """Read the payloads in consecutive frames, whole, cropped or cut in time.

    The arguments are those of :class:`.finder.WindowFinder`, which reads frame after frame.

    Args:
        pictures: planes of the frames, of one size; 4 s hold a whole window of 2 s.
        layout: that of the planes.
        key: that of :func:`embed_window`.
        grid: where the tiles are, from :func:`.search.find_grid`; None searches.

    Returns:
        The windows of which enough packets were found, in order; empty if there are none.
    """
    finder = WindowFinder(layout, key, grid)
    found = [window for planes in pictures for window in finder.feed(planes)]
    return found + finder.finish()


def replace_window(
    stego: Sequence[U8],
    layout: Layout,
    payload: bytes,
    number: int,
    key: bytes = PUBLIC_KEY,
    repair: int = 0,
) -> list[U8]:
    """Hide another payload in frames, whole ones, that carry already.

    Packets of the old payload can lie where the new one has none, because both may have different modes. They
    are made unreadable first. The arguments, the result and the errors are those of :func:`embed_window`.
    """
    check_key(key)
    choose_mode(layout, len(stego), len(payload), repair)
    _check_size(stego[0], layout)
    changed = list(stego)
    for found in find_packets(stego, layout, key):
        frames = slice(found.frame, found.frame + found.mode.frames)
        changed[frames] = [planes.copy() for planes in stego[frames]]
        erase_slot(changed[frames], found.mode, key, (number, found.packet.index))
    return embed_window(changed, layout, payload, number, key, repair)


def _slots(mode: Mode, frames: int) -> int:
    """Slots of a mode in a window that can hold a packet."""
    return min(frames // mode.frames, SYMBOLS)


def _most_bytes(mode: Mode, frames: int) -> int:
    """Largest payload of a mode, in packets with short or with long headers."""
    slots = _slots(mode, frames)
    short, long = (Shape(mode.packet_bytes, 1, 0, is_long).each for is_long in (False, True))
    return max(min(slots, SHORT_NEEDED) * short, slots * long)


def _check_size(planes: U8, layout: Layout) -> None:
    width, height = picture_size(planes, layout)
    if is_too_small(width, height):
        raise CarrierError(
            "the picture is too small to carry a payload",
            found=f"{width}x{height}",
            bound=f"at least {PERIOD} pixels a side",
            remedy="Scale or pad the clip, or use the nibble carrier.",
        )
