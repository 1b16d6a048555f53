"""Syndromes of all tiles of whole frames.

A syndrome is linear: the exclusive or over the frames of a slot comes first, then that over the bytes of each
tile. Both run over whole rows, at the speed of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.constructive.matching import Ints, bits_to_columns
from cssv.carriers.constructive.slots import Mode, Words, column_words, frame_bits
from cssv.carriers.constructive.tiles import PLACE_BITS, TILE, picture_size, tile_grid, tile_samples
from cssv.frames import U8, Layout

Number = TypeVar("Number", np.uint8, np.uint16)


class Room:
    """Memory that slots of one size share: new memory takes longer than the work in it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """For planes of this shape."""
        self.together: U8 = np.empty(shape, np.uint8)
        self.masked: U8 = np.empty(shape, np.uint8)
        self.words: Words = np.empty(shape, np.uint16)


def slot_syndromes(frames: Sequence[U8], mode: Mode, key: bytes, room: Room | None = None) -> Ints:
    """Syndromes of the blocks of all tiles in a slot, (rows, columns, blocks).

    Args:
        frames: planes of the frames of the slot, of one size.
        mode: that of the slot.
        key: 32 bytes.
        room: for planes of this size; None makes one.
    """
    size = PLACE_BITS[mode.layout]
    if mode.k < size:
        bits = frame_bits(tile_samples(frames[0], mode.layout), key, mode)
        return bits_to_columns(bits.reshape(*bits.shape[:2], mode.blocks, mode.k))
    width, height = picture_size(frames[0], mode.layout)
    _, carrying = _maps(key, mode.layout, width, height)
    room = Room(frames[0].shape) if room is None else room
    np.copyto(room.together, frames[0])
    found = np.zeros(tile_grid(width, height), np.uint16)
    # The number of the first frame is 0 and adds nothing.
    for number, planes in enumerate(frames[1:], 1):
        room.together ^= planes
        np.bitwise_and(planes, carrying, out=room.masked)
        found ^= _over_tiles(room.masked, mode.layout).astype(np.uint16) * np.uint16(number << size)
    words = tile_words(room.together, mode.layout, key, room.words)
    found |= words & np.uint16((1 << size) - 1)
    return found.astype(np.int64)[..., None]


def tile_words(planes: U8, layout: Layout, key: bytes, room: Words) -> Words:
    """Exclusive or of the words of the odd bytes of each tile, (..., planes) to (..., rows, columns).

    The low bits are the syndrome of the tile, the bit above them whether the odd bytes are odd in number.

    Args:
        planes: planes of one or more pictures of one size.
        layout: that of the planes.
        key: 32 bytes.
        room: an array of the shape of ``planes``, whose content is lost. New memory would take longer.
    """
    first = planes.reshape(-1, *planes.shape[-3 if layout == "rgb24" else -2 :])[0]
    words, _ = _maps(key, layout, *picture_size(first, layout))
    np.bitwise_and(planes, np.uint8(1), out=room, casting="unsafe")
    np.multiply(room, words, out=room)
    return _over_tiles(room, layout)


def _over_tiles(planes: NDArray[Number], layout: Layout) -> NDArray[Number]:
    """Exclusive or of the bytes of each whole tile, (..., planes) to (..., rows, columns)."""
    if layout == "rgb24":
        return _over_squares(planes.reshape(*planes.shape[:-2], -1), TILE, 3)
    height, width = planes.shape[-2] * 2 // 3, planes.shape[-1]
    found = _over_squares(planes[..., :height, :], TILE, 1)
    chroma = planes[..., height:, :].reshape(*planes.shape[:-2], 2, height // 2, width // 2)
    for i in (0, 1):
        found ^= _over_squares(chroma[..., i, :, :], TILE // 2, 1)
    return found


def _over_squares(plane: NDArray[Number], side: int, channels: int) -> NDArray[Number]:
    rows, columns = plane.shape[-2] // side, plane.shape[-1] // (side * channels)
    whole = plane[..., : rows * side, : columns * side * channels]
    # Rows first: that is the longer way through memory, and adds whole rows to each other.
    lines = np.bitwise_xor.reduce(whole.reshape(*plane.shape[:-2], rows, side, -1), axis=-2)
    return np.asarray(np.bitwise_xor.reduce(lines.reshape(*lines.shape[:-1], columns, -1), axis=-1))


@lru_cache(maxsize=4)
def _maps(key: bytes, layout: Layout, width: int, height: int) -> tuple[Words, U8]:
    """The word of each byte of a frame, and whether it carries."""
    words = column_words(key, layout)
    if layout == "rgb24":
        found = _repeated(words.reshape(TILE, TILE, 3), height, width)
    else:
        luma = _repeated(words[: TILE * TILE].reshape(TILE, TILE), height, width)
        chroma = words[TILE * TILE :].reshape(2, TILE // 2, TILE // 2)
        parts = [luma, *(_repeated(square, height // 2, width // 2) for square in chroma)]
        found = np.concatenate([part.reshape(-1) for part in parts]).reshape(-1, width)
    carrying = (found != 0).astype(np.uint8)
    for array in (found, carrying):
        array.setflags(write=False)
    return found, carrying


def _repeated(square: Words, height: int, width: int) -> Words:
    times = -(-height // square.shape[0]), -(-width // square.shape[1]), *[1] * (square.ndim - 2)
    return np.tile(square, times)[:height, :width]
