"""Slots: one packet in the 49 tiles of one or more consecutive frames, repeated over the picture.

One number, k, says how: every block of 2^k bytes carries k bits by at most one change. Up to the
:data:`.tiles.PLACE_BITS` of the layout, a tile of one frame is one block or several; above, a block extends
over several frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.constructive.keys import packet_mask, place_order
from cssv.carriers.constructive.matching import columns_to_bits
from cssv.carriers.constructive.packets import MAGIC, Shape
from cssv.carriers.constructive.tiles import (
    KINDS,
    PLACE_BITS,
    PLACES,
)
from cssv.frames import U8, Layout

Words = NDArray[np.uint16]

#: Bits of a packet that every packet begins with; two tiles hold them in every mode.
MAGIC_BITS = 8 * len(MAGIC)

#: The last kind of tile carries no packet, but its position, in up to so many bits.
POSITION_KIND, POSITION_BITS = KINDS - 1, 12

#: Smallest k, and how far it exceeds PLACE_BITS at most: 2^5 frames a slot.
SMALLEST_K, MOST_FRAME_BITS = 4, 5
LONGEST_SLOT = 1 << MOST_FRAME_BITS


@dataclass(frozen=True, slots=True)
class Mode:
    """How dense the bits of a slot are.

    Attributes:
        layout: that of the planes.
        k: bits a block of 2^k bytes; the larger, the fewer changes, and the fewer bits.
    """

    layout: Layout
    k: int

    @property
    def frames(self) -> int:
        """Frames of a slot."""
        return 1 << max(self.k - PLACE_BITS[self.layout], 0)

    @property
    def blocks(self) -> int:
        """Blocks of a tile in a slot; each has about one change."""
        return 1 << max(PLACE_BITS[self.layout] - self.k, 0)

    @property
    def tile_bits(self) -> int:
        """Bits that a tile carries in a slot."""
        return self.k * self.blocks

    @property
    def packet_bytes(self) -> int:
        """Most bytes of a packet."""
        return POSITION_KIND * self.tile_bits // 8

    @property
    def data_bytes(self) -> int:
        """Bytes of a packet with a short header that are payload."""
        return Shape(self.packet_bytes, 1, 0, long=False).each


def modes(layout: Layout) -> tuple[Mode, ...]:
    """All modes of a layout, from few bits to many."""
    largest = PLACE_BITS[layout] + MOST_FRAME_BITS
    return tuple(Mode(layout, k) for k in range(largest, SMALLEST_K - 1, -1))


@lru_cache(maxsize=64)
def _parity_matrix(key: bytes, mode: Mode) -> NDArray[np.float32]:
    """Places x bits: the bits that an odd byte at a place adds to the syndromes of its tile and frame.

    Where a block extends over several frames, the last column is 1 for each place that carries.
    """
    size = PLACE_BITS[mode.layout]
    number = np.arange(1 << size)
    if mode.k > size:
        used = np.column_stack([columns_to_bits(number, size), np.ones(1 << size)])
    else:
        bits = columns_to_bits(number & ((1 << mode.k) - 1), mode.k)
        used = np.zeros((1 << size, mode.blocks, mode.k))
        used[number, number >> mode.k] = bits
        used = used.reshape(1 << size, mode.tile_bits)
    matrix = np.zeros((PLACES[mode.layout], used.shape[1]), np.float32)
    matrix[place_order(key, PLACES[mode.layout], 1 << size)] = used
    return matrix


def frame_bits(samples: U8, key: bytes, mode: Mode, limit: int | None = None) -> U8:
    """Syndromes of tiles frame by frame, (..., places) to (..., bits); only the first ``limit`` bits."""
    # Counting odd bytes by a product of matrices is exact: no count exceeds 1024.
    same = mode if mode.frames == 1 else Mode(mode.layout, PLACE_BITS[mode.layout] + 1)
    matrix = _parity_matrix(key, same)[:, : None if mode.frames > 1 else limit]
    counts = (samples & 1).astype(np.float32) @ matrix
    return (counts.astype(np.int32) & 1).astype(np.uint8)


@lru_cache(maxsize=16)
def column_words(key: bytes, layout: Layout) -> Words:
    """What an odd byte at each place adds to its tile: the number of the place, and a bit above it."""
    size = PLACE_BITS[layout]
    words = np.zeros(PLACES[layout], np.uint16)
    words[place_order(key, PLACES[layout], 1 << size)] = np.arange(1 << size) | 1 << size
    return words


@lru_cache(maxsize=16)
def head_words(key: bytes, layout: Layout) -> Words:
    """What an odd byte adds to the first MAGIC_BITS bits of a slot of one frame: (modes, 2 kinds, places).

    The modes are those of one frame, in the order of :func:`modes`.
    """
    size = PLACE_BITS[layout]
    number = np.arange(1 << size)
    order = place_order(key, PLACES[layout], 1 << size)
    short = [mode for mode in modes(layout) if mode.frames == 1]
    words = np.zeros((len(short), 2, PLACES[layout]), np.uint16)
    for row, mode in zip(words, short, strict=True):
        block, column = number >> mode.k, number & ((1 << mode.k) - 1)
        for kind in (0, 1):
            # Bits of a block that lie behind the magic are shifted out.
            behind = MAGIC_BITS - (kind * mode.tile_bits + (block + 1) * mode.k)
            moved = np.where(behind >= 0, column << behind.clip(0), column >> (-behind).clip(0, 31))
            row[kind, order] = moved
    return words


def frame_columns(parts: Words, layout: Layout) -> Words:
    """What each frame adds to the syndromes of a slot of all these frames: (frames, ...) alike.

    The lowest bits of the exclusive or over the last L frames are the syndrome of the slot of these L frames.
    """
    size = PLACE_BITS[layout]
    frame = np.arange(len(parts), dtype=np.uint16).reshape(-1, *[1] * (parts.ndim - 1)) << size
    return np.asarray((parts & ((1 << size) - 1)) | (parts >> size) * frame, np.uint16)


def slot_bits(parts: U8, mode: Mode) -> U8:
    """Bits of the slots that begin at each frame, (frames, ..., bits) to (starts, ..., tile bits).

    Args:
        parts: result of :func:`frame_bits` for consecutive frames.
        mode: that of ``parts``.
    """
    length = mode.frames
    if length == 1:
        return parts
    starts = len(parts) - length + 1
    if starts < 1:
        return np.zeros((0, *parts.shape[1:-1], mode.tile_bits), np.uint8)
    before = np.zeros((len(parts) + 1, *parts.shape[1:-1], parts.shape[-1] - 1), np.uint8)
    np.bitwise_xor.accumulate(parts[..., :-1], axis=0, out=before[1:])
    places = before[length:] ^ before[:-length]
    odd = np.lib.stride_tricks.sliding_window_view(parts[..., -1], length, axis=0).astype(np.float32)
    frame = columns_to_bits(np.arange(length), mode.k - PLACE_BITS[mode.layout]).astype(np.float32)
    frames = ((odd @ frame).astype(np.int32) & 1).astype(np.uint8)
    return np.concatenate([frames, places], axis=-1)


def read_slot(bits: U8, kinds: NDArray[np.int64], key: bytes, mode: Mode) -> bytes | None:
    """The packet in a slot: each bit as most copies of its tile have it.

    Args:
        bits: those of all tiles, (rows, columns, tile bits).
        kinds: which of the 49 tiles each is, (rows, columns).
        key: 32 bytes.
        mode: that of ``bits``.

    Returns:
        :attr:`Mode.packet_bytes` bytes, not checked; None if one of the 49 tiles is missing.
    """
    copies = np.bincount(kinds.reshape(-1), minlength=KINDS)
    if not copies.all():
        return None
    votes = np.zeros((KINDS, mode.tile_bits), np.int32)
    np.add.at(votes, kinds, bits)
    return tiles_to_packet((2 * votes > copies[:, None]).astype(np.uint8), key, mode)


def tiles_to_packet(bits: U8, key: bytes, mode: Mode) -> bytes:
    """The bytes in the bits of the 49 tiles, (49, tile bits), of which a packet is the beginning."""
    packet = bits.reshape(-1) ^ _mask(key, mode)
    return np.packbits(packet)[: mode.packet_bytes].tobytes()


def magic_bits(key: bytes, mode: Mode) -> U8:
    """The bits that begin every packet, as the tiles hold them."""
    magic = np.unpackbits(np.frombuffer(MAGIC, np.uint8))
    return magic ^ _mask(key, mode)[: len(magic)]


def packet_to_tiles(packet: bytes, key: bytes, mode: Mode) -> U8:
    """The bits of each of the 49 tiles, (49, tile bits); those behind the packet are zero before the mask."""
    bits = np.zeros(KINDS * mode.tile_bits, np.uint8)
    bits[: 8 * len(packet)] = np.unpackbits(np.frombuffer(packet, np.uint8))
    return (bits ^ _mask(key, mode)).reshape(KINDS, mode.tile_bits)


def position_bits(columns: NDArray[np.int64], rows: NDArray[np.int64], key: bytes, mode: Mode) -> U8:
    """Bits of tiles that state a position, (n, tile bits): of the period with these column and row.

    The low bits come first, in turn, so that a tile with few bits holds the low ones. Inverse of
    :func:`read_position`.
    """
    bits = np.zeros((len(columns), mode.tile_bits), np.uint8)
    for i in range(min(POSITION_BITS, mode.tile_bits)):
        bits[:, i] = ((rows if i % 2 else columns) >> i // 2) & 1
    return bits ^ _mask(key, mode)[POSITION_KIND * mode.tile_bits :]


def read_position(bits: U8, key: bytes, mode: Mode) -> tuple[tuple[int, int], tuple[int, int]]:
    """Column and row of the period of a tile that states a position, and how many values each can have."""
    plain = bits ^ _mask(key, mode)[POSITION_KIND * mode.tile_bits :]
    known = plain[: min(POSITION_BITS, mode.tile_bits)].tolist()
    column, row = (sum(bit << i for i, bit in enumerate(known[axis::2])) for axis in (0, 1))
    return (column, row), (1 << len(known[0::2]), 1 << len(known[1::2]))


def _mask(key: bytes, mode: Mode) -> U8:
    return packet_mask(key, mode.k, KINDS * mode.tile_bits)
