"""Beginnings of packets at every place of a square: the core of the search, 64 frames at once.

The lowest bits of a byte in 64 frames are one word. The exclusive or of words gives the syndromes of all
these frames together. The halves of a block give those of the whole: blocks of all sizes take one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.constructive.keys import place_order
from cssv.carriers.constructive.slots import MAGIC_BITS, SMALLEST_K, Mode, magic_bits, modes
from cssv.carriers.constructive.tiles import PERIOD, PLACE_BITS, PLACES, STEP, TILE, WHOLE, picture_size
from cssv.frames import U8, Layout, split_planes

#: Lowest bits of frames, 64 in a word, the first frame in the lowest bit.
FrameWords = NDArray[np.uint64]
#: Bits of a syndrome, the highest first, and last whether the odd bytes are odd in number. Each is an array
#: of words for the places of a tile: row * (TILE / STEP) + offset in both directions.
Syndrome = list[FrameWords]

_FRAMES = 64


def heads_of(square: U8, layout: Layout, key: bytes) -> Iterator[tuple[Mode, int, int, int]]:
    """Slots that begin like a packet: mode, first frame, and x, y of the tile of the first kind.

    One in 65536 slots without a packet begins so by chance. The order is that of :func:`.slots.modes`.

    Args:
        square: planes of consecutive frames, of at most WHOLE x WHOLE pixels; only their lowest bits count.
        layout: that of the planes.
        key: 32 bytes.
    """
    size, step = PLACE_BITS[layout], STEP[layout]
    width, height = picture_size(square[0], layout)
    blocks = [_syndromes(planes, layout, key) for planes in _frame_words(square, layout)]
    known: dict[Mode, list[FrameWords]] = {}
    together = [np.stack(bits) for bits in zip(*(each[size, 0] for each in blocks), strict=True)]
    long = [mode for mode in reversed(modes(layout)) if mode.frames > 1]
    known.update(zip(long, _long(together), strict=False))
    for mode in [mode for mode in modes(layout) if mode.frames == 1]:
        names = [(mode.k, g) for g in range(min(mode.blocks, -(-MAGIC_BITS // mode.k)))]
        known[mode] = [np.stack([each[name][i] for each in blocks]) for name in names for i in range(mode.k)]
    for mode in modes(layout):
        starts = len(square) - mode.frames + 1
        found = _matches(known[mode], magic_bits(key, mode), TILE // step)
        for frame, row, column in _set_bits(found, starts):
            y, x = (place // (TILE // step) * TILE + place % (TILE // step) * step for place in (row, column))
            # In a smaller square some offsets leave no room for 7x7 tiles.
            if x % TILE + PERIOD <= width and y % TILE + PERIOD <= height:
                yield mode, frame, x, y


def _frame_words(square: U8, layout: Layout) -> Iterator[list[FrameWords]]:
    """The planes of 64 frames each as words, in the size of the largest square."""
    for first in range(0, len(square), _FRAMES):
        frames = [split_planes(frame, layout) for frame in square[first : first + _FRAMES]]
        planes: list[FrameWords] = []
        for plane in zip(*frames, strict=True):
            side = WHOLE if layout == "rgb24" or not planes else WHOLE // 2
            bits = np.zeros((_FRAMES, side, side), np.uint8)
            bits[: len(plane), : plane[0].shape[0], : plane[0].shape[1]] = np.stack(plane) & 1
            eights = np.packbits(bits, axis=0, bitorder="little")
            words = np.ascontiguousarray(np.moveaxis(eights, 0, -1)).view("<u8")
            planes.append(words[..., 0].astype(np.uint64))
        yield planes


def _leaves(planes: Sequence[FrameWords], layout: Layout, key: bytes) -> list[FrameWords]:
    """The words of each number of a tile, for all its places."""
    order = place_order(key, PLACES[layout], 1 << PLACE_BITS[layout])
    if layout == "rgb24":
        pixel, channel = np.divmod(order, 3)
        return [
            planes[c][y : y + PERIOD, x : x + PERIOD]
            for c, y, x in zip(
                channel.tolist(), (pixel // TILE).tolist(), (pixel % TILE).tolist(), strict=True
            )
        ]
    # A tile is at even pixels, so each of its bytes of Y has the parity of its place.
    even = [[np.ascontiguousarray(planes[0][y::2, x::2]) for x in (0, 1)] for y in (0, 1)]
    half, leaves = PERIOD // 2, []
    for place in order.tolist():
        if place < TILE * TILE:
            y, x = divmod(place, TILE)
            plane, y, x = even[y % 2][x % 2], y // 2, x // 2
        else:
            number, within = divmod(place - TILE * TILE, TILE * TILE // 4)
            plane, (y, x) = planes[1 + number], divmod(within, TILE // 2)
        leaves.append(plane[y : y + half, x : x + half])
    return leaves


def _syndromes(planes: Sequence[FrameWords], layout: Layout, key: bytes) -> dict[tuple[int, int], Syndrome]:
    """Syndromes of the blocks that a packet begins in: k and number of the block -> its bits."""
    leaves = _leaves(planes, layout, key)
    kept: dict[tuple[int, int], Syndrome] = {}

    def join(k: int, number: int) -> Syndrome:
        if k == 0:
            return [leaves[number]]
        low, high = join(k - 1, 2 * number), join(k - 1, 2 * number + 1)
        # The highest bit of a column is 1 in the upper half; the others are those of its place there.
        found = [high[-1], *(a ^ b for a, b in zip(low, high, strict=True))]
        if k >= SMALLEST_K and number * k < MAGIC_BITS:
            kept[k, number] = found
        return found

    join(PLACE_BITS[layout], 0)
    return kept


def _long(frames: Syndrome) -> Iterator[list[FrameWords]]:
    """Syndromes of the slots of 2, 4, 8, ... frames that begin at each frame."""
    of_frames: list[FrameWords] = []
    length, syndrome = 1, frames
    while True:
        later = [_later(bits, length) for bits in syndrome]
        # The number of a frame in the slot has one bit more: it is 1 in the later half.
        of_frames = [later[-1], *(a ^ _later(a, length) for a in of_frames)]
        syndrome = [a ^ b for a, b in zip(syndrome, later, strict=True)]
        length *= 2
        yield [*of_frames, *syndrome[:-1]]


def _later(words: FrameWords, frames: int) -> FrameWords:
    """The bits that lie so many frames later; zeros behind the last one."""
    moved = words >> np.uint64(frames)
    moved[:-1] |= words[1:] << np.uint64(_FRAMES - frames)
    return moved


def _matches(bits: Sequence[FrameWords], magic: U8, tile: int) -> FrameWords:
    """Where the bits of a tile, continued in its neighbour at the right, are those of the magic."""
    found = ~np.zeros_like(bits[0])
    for i, wanted in enumerate(magic.tolist()):
        here = bits[i % len(bits)]
        if i >= len(bits):
            # Seven tiles repeat, so the right neighbour of the last one is the first one.
            here = np.roll(here, -tile, axis=-1)
        found &= here if wanted else ~here
    return found


def _set_bits(words: FrameWords, frames: int) -> list[tuple[int, int, int]]:
    """Frame, row and column of the bits that are set, of the first ``frames`` frames."""
    group, row, column = np.nonzero(words)
    places = []
    for g, y, x in zip(group.tolist(), row.tolist(), column.tolist(), strict=True):
        word = int(words[g, y, x])
        places += [(g * _FRAMES + i, y, x) for i in range(_FRAMES) if word >> i & 1]
    return sorted(place for place in places if place[0] < frames)
