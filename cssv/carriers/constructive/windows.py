"""Payloads of windows in the frames of a clip, and back: the public functions of the pixel layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.carriers.constructive.erasure import SYMBOLS
from cssv.carriers.constructive.keys import PUBLIC_KEY, check_key
from cssv.carriers.constructive.packets import (
    PAYLOAD_LIMIT,
    Packet,
    join_packets,
    packets_needed,
    read_packet,
    split_payload,
)  # fmt: skip
from cssv.carriers.constructive.search import Grid, find_grid
from cssv.carriers.constructive.slots import (
    LONGEST_SLOT,
    Mode,
    embed_slot,
    erase_slot,
    frame_bits,
    magic_bits,
    modes,
    read_slot,
    slot_bits,
)
from cssv.carriers.constructive.tiles import PERIOD, STEP, TILE, picture_size, tile_kinds, tile_samples
from cssv.errors import CarrierError
from cssv.frames import U8, Layout, cut_planes

#: Side of the part of a picture in which packets are read: up to 25 copies of each tile.
READ_SIDE = 5 * PERIOD


@dataclass(frozen=True, slots=True)
class CarriedWindow:
    """The payload of a window that was read from pixels.

    Attributes:
        number: number of the window, modulo 256.
        start: its first frame, counted from the first frame that was read; below 0 if that was cut off.
        payload: the bytes that were embedded.
        packets: how many of its packets were read.
        needed: how many were needed.
    """

    number: int
    start: int
    payload: bytes
    packets: int
    needed: int


def capacity(layout: Layout, frames: int) -> int:
    """Largest payload, in bytes, that a window of ``frames`` frames can hold."""
    return max(min(_slots(mode, frames) * mode.data_bytes, PAYLOAD_LIMIT) for mode in modes(layout))


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

    def changes(mode: Mode) -> tuple[int, int]:
        return mode.blocks * (packets_needed(length, mode.data_bytes) + repair), -mode.k

    fitting = [
        mode
        for mode in modes(layout)
        if packets_needed(length, mode.data_bytes) + repair <= _slots(mode, frames)
    ]
    if not fitting or length > PAYLOAD_LIMIT:
        raise CarrierError(
            "the payload does not fit in the frames of its window",
            found=f"{length} bytes in {frames} frames, {repair} packets for repair",
            bound=f"at most {capacity(layout, frames)} bytes without repair",
            remedy="Use longer windows, or a scene with fewer objects.",
        )
    return min(fitting, key=changes)


def embed_window(
    covers: Sequence[U8],
    layout: Layout,
    payload: bytes,
    number: int,
    key: bytes = PUBLIC_KEY,
    repair: int = 0,
) -> list[U8]:
    """Hide a payload in the frames of a window. Inverse of :func:`read_windows`.

    The result depends on the arguments alone. No byte changes by more than one, and no high nibble changes.

    Args:
        covers: planes of all frames of the window, of one size; they are not changed.
        layout: that of the planes.
        payload: any bytes.
        number: number of the window in the clip, from 0.
        key: 32 bytes, :data:`.keys.PUBLIC_KEY` or the ``positions`` of a password.
        repair: packets beyond those that are needed; as many may be lost.

    Returns:
        New arrays, in the order of ``covers``.

    Raises:
        CarrierError: the payload does not fit, or the picture is too small.
    """
    check_key(key)
    mode = choose_mode(layout, len(covers), len(payload), repair)
    _check_size(covers[0], layout)
    count = packets_needed(len(payload), mode.data_bytes) + repair
    stego = [cover.copy() for cover in covers]
    for packet in split_payload(payload, number, mode.data_bytes, count):
        start = packet.index * mode.frames
        slot = stego[start : start + mode.frames]
        embed_slot(slot, mode, packet.write(), key, (number, packet.index))
    return stego


def read_windows(
    pictures: Sequence[U8], layout: Layout, key: bytes = PUBLIC_KEY, grid: Grid | None = None
) -> list[CarriedWindow]:
    """Read the payloads in consecutive frames, whole, cropped or cut in time.

    Args:
        pictures: planes of the frames, of one size; 4 s hold a whole window of 2 s.
        layout: that of the planes.
        key: that of :func:`embed_window`.
        grid: where the tiles are, from :func:`.search.find_grid`; None searches.

    Returns:
        The windows of which enough packets were found, in order; empty if there are none.
    """
    check_key(key)
    if not pictures or min(picture_size(pictures[0], layout)) < PERIOD:
        return []
    grid = find_grid(pictures, layout, key) if grid is None else grid
    if grid is None:
        return []
    windows = []
    for frame, mode, packets in _group(_read_packets(pictures, layout, key, grid)):
        first = next(iter(packets.values()))
        if len(packets) >= first.needed:
            start = frame - first.index * mode.frames
            payload = join_packets(packets)
            windows.append(CarriedWindow(first.window, start, payload, len(packets), first.needed))
    return windows


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
    changed = [planes.copy() for planes in stego]
    for frame, mode, packet in list(_read_packets(changed, layout, key, Grid())):
        erase_slot(changed[frame : frame + mode.frames], mode, key, (number, packet.index))
    return embed_window(changed, layout, payload, number, key, repair)


def _group(packets: Iterable[tuple[int, Mode, Packet]]) -> Iterator[tuple[int, Mode, dict[int, Packet]]]:
    """Frame of the first packet, mode, and packets by index of each window.

    Packets of one window follow each other. The frames between them are not counted, so that a lost or
    repeated frame damages only its own slot.
    """
    group: tuple[int, Mode, dict[int, Packet]] | None = None
    for frame, mode, packet in packets:
        if group is not None:
            last = group[2][max(group[2])]
            same = (last.window, last.length, group[1]) == (packet.window, packet.length, mode)
            if same and packet.index > last.index:
                group[2][packet.index] = packet
                continue
            yield group
        group = frame, mode, {packet.index: packet}
    if group is not None:
        yield group


def _read_packets(
    pictures: Sequence[U8], layout: Layout, key: bytes, grid: Grid
) -> Iterator[tuple[int, Mode, Packet]]:
    """Frame where it begins, mode and content of each packet."""
    tiles = _Tiles(pictures, layout, key, grid)
    order, frame = list(modes(layout)), 0
    while frame < len(pictures):
        for mode in order:
            packet = tiles.read(frame, mode)
            if packet is not None:
                yield frame, mode, packet
                # The next packet has most often the same mode.
                order.sort(key=lambda other: other != mode)
                frame += mode.frames
                break
        else:
            frame += 1


class _Tiles:
    """Tiles of consecutive frames; the syndromes that modes share are computed once.

    Attributes:
        kinds: which of the 49 tiles each one is.
    """

    def __init__(self, pictures: Sequence[U8], layout: Layout, key: bytes, grid: Grid) -> None:
        self._pictures = pictures
        self._layout = layout
        self._key = key
        width, height = picture_size(pictures[0], layout)
        left, top = (
            (side - READ_SIDE) // 2 // STEP[layout] * STEP[layout] if side > READ_SIDE else 0
            for side in (width, height)
        )
        inner = grid.within(left, top)
        left, top = left + inner.first[0], top + inner.first[1]
        self._window = left, top, min(READ_SIDE, width - left), min(READ_SIDE, height - top)
        self.kinds = tile_kinds(self._window[3] // TILE, self._window[2] // TILE, inner.corner)
        self._parts: dict[int, U8] = {}
        self._last: tuple[int, U8] = -1, pictures[0]

    def read(self, frame: int, mode: Mode) -> Packet | None:
        """The packet whose slot begins at a frame; None if there is none of this mode."""
        if frame + mode.frames > len(self._pictures):
            return None
        if mode.frames > 1:
            parts = np.stack([self._part(i, mode) for i in range(frame, frame + mode.frames)])
        elif self._begins(frame, mode):
            parts = frame_bits(self._samples(frame), self._key, mode)[None]
        else:
            return None
        block = read_slot(slot_bits(parts, mode)[0], self.kinds, self._key, mode)
        return None if block is None else read_packet(block)

    def _begins(self, frame: int, mode: Mode) -> bool:
        """Whether the magic of a packet is in a frame: few tiles hold it, and most frames begin none."""
        wanted = magic_bits(self._key, mode)
        tiles = -(-len(wanted) // mode.tile_bits)
        heads = self.kinds < tiles
        kinds, samples = self.kinds[heads], self._samples(frame)[heads]
        bits = frame_bits(samples, self._key, mode, len(wanted))
        votes = [2 * bits[kinds == i].sum(axis=0) > (kinds == i).sum() for i in range(tiles)]
        return np.array_equal(np.concatenate(votes)[: len(wanted)], wanted)

    def _part(self, frame: int, mode: Mode) -> U8:
        if frame not in self._parts:
            for old in [number for number in self._parts if number < frame - LONGEST_SLOT]:
                del self._parts[old]
            self._parts[frame] = frame_bits(self._samples(frame), self._key, mode)
        return self._parts[frame]

    def _samples(self, frame: int) -> U8:
        if self._last[0] != frame:
            part = cut_planes(self._pictures[frame], self._layout, self._window)
            self._last = frame, tile_samples(part, self._layout)
        return self._last[1]


def _slots(mode: Mode, frames: int) -> int:
    """Slots of a mode in a window that can hold a packet."""
    return min(frames // mode.frames, SYMBOLS)


def _check_size(planes: U8, layout: Layout) -> None:
    width, height = picture_size(planes, layout)
    if min(width, height) < PERIOD:
        raise CarrierError(
            "the picture is too small to carry a payload",
            found=f"{width}x{height}",
            bound=f"at least {PERIOD} pixels a side",
            remedy="Scale or pad the clip, or use the nibble carrier.",
        )
