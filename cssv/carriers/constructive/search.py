"""Search for the tiles of a clip that was cropped and cut: where they begin, in time and in the picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.carriers.constructive.heads import heads_of
from cssv.carriers.constructive.packets import read_packet
from cssv.carriers.constructive.slots import Mode, frame_bits, read_slot, slot_bits
from cssv.carriers.constructive.tiles import (
    PERIOD,
    REPEAT,
    STEP,
    TILE,
    WHOLE,
    cut_clip,
    picture_size,
    tile_kinds,
    tile_samples,
)  # fmt: skip
from cssv.frames import U8, Layout, cut_planes, planes_shape

#: Frames that a search looks at: 4 s at 60 frames a second.
SEARCH_FRAMES = 240

#: Slots with the magic that are looked at, for each mode and each square. Chance gives 18 in 240 frames, and
#: 72 in RGB; a picture that was made for it could have thousands.
CANDIDATES = 256


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the tiles of a picture are.

    Attributes:
        x, y: top left pixel of a tile of kind 0, each 0 to PERIOD - 1. (0, 0) in a picture that is whole.
    """

    x: int = 0
    y: int = 0

    @property
    def first(self) -> tuple[int, int]:
        """x, y of the first whole tile of the picture."""
        return self.x % TILE, self.y % TILE

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column, modulo REPEAT, of the first whole tile."""
        return -(self.y // TILE) % REPEAT, -(self.x // TILE) % REPEAT

    def within(self, left: int, top: int) -> Grid:
        """The grid of a part of the picture that begins at (left, top)."""
        return Grid((self.x - left) % PERIOD, (self.y - top) % PERIOD)


class SearchHistory:
    """Lowest bits of consecutive frames in five squares, one in the centre and one in each corner.

    A search needs no more. Several squares are searched, because something may cover the picture in places.

    Attributes:
        size: width and height of the pictures.
        squares: left, top, width, height of each.
    """

    def __init__(self, width: int, height: int, layout: Layout) -> None:
        """Begin without frames, for pictures of this size."""
        self.size = width, height
        self.squares = squares_of(width, height, layout)
        self._layout = layout
        self._bits: list[U8] = []

    def __len__(self) -> int:
        """How many frames were added."""
        return len(self._bits)

    def add(self, planes: U8) -> None:
        """Keep the bits of the next frame."""
        cuts = [cut_planes(planes, self._layout, square).reshape(-1) for square in self.squares]
        self._bits.append(np.packbits(np.stack(cuts) & 1, axis=1))

    def find(self, key: bytes) -> Iterator[Grid]:
        """Places of the tiles in the whole picture where a packet is found, the first one of each square.

        The time is bounded by the number of frames, whatever they show.
        """
        for i, (left, top, _, _) in enumerate(self.squares):
            found = _search_square(self._square(i, slice(None)), self._layout, key)
            if found is not None:
                yield found.within(-left, -top)

    def replay(self) -> Iterator[list[U8]]:
        """Planes of the squares of each frame, in which only the lowest bits are right."""
        for frame in range(len(self)):
            yield [self._square(i, slice(frame, frame + 1))[0] for i in range(len(self.squares))]

    def _square(self, i: int, frames: slice) -> U8:
        shape = planes_shape(self._layout, *self.squares[i][2:])
        packed = np.stack([bits[i] for bits in self._bits[frames]])
        return np.unpackbits(packed, axis=1, count=math.prod(shape)).reshape(-1, *shape)


def find_grid(pictures: Sequence[U8], layout: Layout, key: bytes) -> Grid | None:
    """Find the tiles in consecutive frames, cropped or whole; None if no packet is found."""
    history = SearchHistory(*picture_size(pictures[0], layout), layout)
    for planes in pictures[:SEARCH_FRAMES]:
        history.add(planes)
    return next(history.find(key), None)


def squares_of(width: int, height: int, layout: Layout) -> list[tuple[int, int, int, int]]:
    """The squares of a picture that are searched and read: left, top, width, height of each, each once."""
    w, h = min(width, WHOLE), min(height, WHOLE)
    right, low = width - w, height - h
    # The whole picture's corner comes first: there the search of a picture that is whole ends at once.
    places = [(0, 0), (right // 2, low // 2), (right, low), (right, 0), (0, low)]
    step = STEP[layout]
    return list(dict.fromkeys((x // step * step, y // step * step, w, h) for x, y in places))


def _search_square(square: U8, layout: Layout, key: bytes) -> Grid | None:
    tried: Counter[Mode] = Counter()
    for mode, frame, x, y in heads_of(square, layout, key):
        tried[mode] += 1
        if tried[mode] > CANDIDATES:
            continue
        window = x % TILE, y % TILE, PERIOD, PERIOD
        part = cut_clip(square[frame : frame + mode.frames], layout, window)
        bits = slot_bits(frame_bits(tile_samples(part, layout), key, mode), mode)[0]
        corner = -(y // TILE) % REPEAT, -(x // TILE) % REPEAT
        packet = read_slot(bits, tile_kinds(REPEAT, REPEAT, corner), key, mode)
        if packet is not None and read_packet(packet) is not None:
            return Grid(x, y)
    return None
