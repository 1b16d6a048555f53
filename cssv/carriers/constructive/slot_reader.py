"""Packets in successive frames whose tiles are known: one frame after another, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.carriers.constructive.matching import Ints, columns_to_bits
from cssv.carriers.constructive.packets import Packet, read_packet
from cssv.carriers.constructive.search import Grid, squares_of
from cssv.carriers.constructive.slots import (
    LONGEST_SLOT,
    MAGIC_BITS,
    POSITION_KIND,
    Mode,
    Words,
    frame_bits,
    frame_columns,
    head_words,
    magic_bits,
    modes,
    read_position,
    tiles_to_packet,
)  # fmt: skip
from cssv.carriers.constructive.syndromes import tile_words
from cssv.carriers.constructive.tiles import (
    KINDS,
    PERIOD,
    PLACES,
    REPEAT,
    TILE,
    flat_index,
    picture_size,
    tile_kinds,
    tile_samples,
)  # fmt: skip
from cssv.frames import U8, Layout, cut_planes, planes_shape


@dataclass(frozen=True, slots=True)
class Region:
    """7x7 whole tiles of a picture: one copy of each packet.

    Attributes:
        square: which of the squares that a search looks at it lies in.
        left, top: its top left pixel.
        order: for each kind, which of the tiles is of this kind, row after row.
    """

    square: int
    left: int
    top: int
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundPacket:
    """A packet and the slot in which it was read.

    Attributes:
        frame: first frame of the slot, counted from the first one that was fed.
        mode: that of the slot.
        packet: its content.
        origins: what each region states on the place of the picture, in the first packet of a window.
    """

    frame: int
    mode: Mode
    packet: Packet
    origins: tuple[PictureOrigin, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureOrigin:
    """Where the top left pixel of a picture is in the whole frame.

    Attributes:
        x, y: its place, modulo ``modulus``.
        modulus: pixels after which the places repeat in each direction.
    """

    x: int
    y: int
    modulus: tuple[int, int]


def regions_of(grid: Grid, width: int, height: int, layout: Layout) -> list[Region]:
    """The regions in which packets are read: one in each square that a search looks at.

    Several copies are read, because something can cover a part of the picture.
    """
    regions = []
    for square, (left, top, w, h) in enumerate(squares_of(width, height, layout)):
        inner = grid.within(left, top)
        x, y = inner.first
        if x + PERIOD <= w and y + PERIOD <= h:
            kinds = tile_kinds(REPEAT, REPEAT, inner.corner).reshape(-1)
            regions.append(Region(square, left + x, top + y, tuple(np.argsort(kinds).tolist())))
    return regions


class SlotReader:
    """A reader of packets that takes the same regions of successive frames.

    Attributes:
        count: frames fed so far.
    """

    def __init__(self, layout: Layout, key: bytes, regions: Sequence[Region]) -> None:
        """Begin without frames."""
        orders = [region.order for region in regions]
        self._regions = regions
        self.count = 0
        self._layout = layout
        self._key = key
        self._order = np.array(orders).reshape(len(orders), KINDS)
        self._copy = np.arange(len(orders))[:, None]
        self._head = _head_index(layout, self._order)
        # The last frames, the newest at the end: for each copy and kind the part of the syndrome.
        self._parts: Words = np.zeros((LONGEST_SLOT, len(orders), KINDS), np.uint16)
        self._room: Words = np.empty(0, np.uint16)
        self._free = 0
        self._modes = list(modes(layout))
        self._heads = _Heads(layout, key)

    @property
    def decided(self) -> int:
        """All packets that begin before this frame are known."""
        return max(self._free, self.count - LONGEST_SLOT + 1)

    def feed(self, regions: Sequence[U8]) -> FoundPacket | None:
        """The packet whose slot ends with this frame; None if there is none.

        Args:
            regions: planes of PERIOD x PERIOD pixels of the frame, one for each order.
        """
        copies = np.stack(regions)
        if self._room.shape != copies.shape:
            self._room = np.empty(copies.shape, np.uint16)
        parts = tile_words(copies, self._layout, self._key, self._room).reshape(len(copies), KINDS)
        self._parts[:-1] = self._parts[1:]
        self._parts[-1] = parts[self._copy, self._order]
        self.count += 1
        likely = self._heads.modes_of(copies.reshape(-1)[self._head], self._parts[..., :2])
        # The last mode comes first: most often the next packet has the same.
        for mode in [mode for mode in self._modes if mode in likely]:
            start = self.count - mode.frames
            found = self._read(copies, mode, start) if start >= self._free else None
            if found is not None:
                self._free = self.count
                self._modes.sort(key=lambda other: other != mode)
                return found
        return None

    def _read(self, copies: U8, mode: Mode, start: int) -> FoundPacket | None:
        if mode.frames == 1:
            samples = tile_samples(copies, self._layout).reshape(len(copies), KINDS, -1)
            bits = frame_bits(samples[self._copy, self._order], self._key, mode)
        else:
            columns = frame_columns(self._parts[-mode.frames :], self._layout)
            bits = columns_to_bits(np.bitwise_xor.reduce(columns, axis=0), mode.k)
        # Copies can be damaged in different places: most of them have each bit. Or one of them is sound.
        votes = (2 * bits.sum(axis=0) > len(bits)).astype(np.uint8)
        for copy in (votes, *(bits if len(bits) > 1 else ())):
            packet = read_packet(tiles_to_packet(copy, self._key, mode))
            if packet is not None:
                origins = () if packet.index else tuple(self._origins(bits[:, POSITION_KIND], mode))
                return FoundPacket(start, mode, packet, origins)
        return None

    def _origins(self, bits: U8, mode: Mode) -> Iterator[PictureOrigin]:
        """What each copy states on the place of the picture, from the bits of its last tile."""
        for region, stated in zip(self._regions, bits, strict=True):
            (column, row), counts = read_position(stated, self._key, mode)
            at = region.order[POSITION_KIND]
            x, y = region.left + at % REPEAT * TILE, region.top + at // REPEAT * TILE
            # The tile is the last one of its period.
            whole = PERIOD - TILE
            width, height = PERIOD * counts[0], PERIOD * counts[1]
            left, top = (column * PERIOD + whole - x) % width, (row * PERIOD + whole - y) % height
            yield PictureOrigin(left, top, (width, height))


def _head_index(layout: Layout, order: Ints) -> Ints:
    """Flat indices in stacked regions of the bytes of the first two tiles, (copies, 2, places)."""
    row, column = np.divmod(order[:, :2, None], REPEAT)
    place = np.arange(PLACES[layout])
    size = math.prod(planes_shape(layout, PERIOD, PERIOD))
    first = np.arange(len(order))[:, None, None] * size
    return first + flat_index(layout, PERIOD, PERIOD, row, column, place)


class _Heads:
    """The bits that begin every packet, for all modes at once.

    Two tiles hold them, and most slots have none, so that the other tiles are seldom looked at.
    """

    def __init__(self, layout: Layout, key: bytes) -> None:
        self._layout = layout
        self._long = [mode for mode in modes(layout) if mode.frames > 1]
        self._short = [mode for mode in modes(layout) if mode.frames == 1]
        self._words = head_words(key, layout).reshape(len(self._short), 1, -1)
        wanted = {mode: _number(magic_bits(key, mode)) for mode in modes(layout)}
        self._short_wanted = np.array([[wanted[mode]] for mode in self._short], np.uint16)
        # Of slots of several frames the first tile has k bits of the magic and the second one the others.
        k = np.array([mode.k for mode in self._long])
        whole = np.array([wanted[mode] for mode in self._long])
        rest = MAGIC_BITS - k
        self._long_wanted = np.stack([whole >> rest, whole & ((1 << rest) - 1)], axis=-1)[:, None]
        self._shift = np.stack([0 * k, k - rest], axis=-1)[:, None]
        self._mask = (1 << k)[:, None, None] - 1
        self._last = np.array([mode.frames - 1 for mode in self._long])

    def modes_of(self, samples: U8, parts: Words) -> set[Mode]:
        """Modes of which a packet can be in the slot that ends with a frame.

        Args:
            samples: bytes of the tiles of the first two kinds in the frame, (copies, 2, places).
            parts: parts of their syndromes in the last LONGEST_SLOT frames, (frames, copies, 2).
        """
        odd = (samples & 1).astype(np.uint16).reshape(len(samples), -1)
        heads = np.bitwise_xor.reduce(-odd & self._words, axis=-1)
        likely = {self._short[i] for i in np.flatnonzero((heads == self._short_wanted).any(axis=-1))}
        columns = frame_columns(parts, self._layout)[::-1]
        ends = np.bitwise_xor.accumulate(columns, axis=0)[self._last].astype(np.int64)
        found = ((ends & self._mask) >> self._shift == self._long_wanted).all(axis=-1).any(axis=-1)
        return likely | {self._long[i] for i in np.flatnonzero(found)}


def _number(bits: U8) -> int:
    return int("".join(map(str, bits)), 2)


def find_packets(pictures: Sequence[U8], layout: Layout, key: bytes) -> list[FoundPacket]:
    """All packets in consecutive whole frames."""
    regions = regions_of(Grid(), *picture_size(pictures[0], layout), layout)
    reader = SlotReader(layout, key, regions)
    found = (reader.feed(cut_regions(planes, layout, regions)) for planes in pictures)
    return [packet for packet in found if packet is not None]


def cut_regions(planes: U8, layout: Layout, regions: Sequence[Region]) -> list[U8]:
    """The planes of each region of a frame."""
    return [cut_planes(planes, layout, (region.left, region.top, PERIOD, PERIOD)) for region in regions]
