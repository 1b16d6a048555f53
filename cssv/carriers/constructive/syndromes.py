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


def slot_syndromes(frames: Sequence[U8], mode: Mode, key: bytes) -> Ints:
    """Syndromes of the blocks of all tiles in a slot, (rows, columns, blocks).

    Args:
        frames: planes of the frames of the slot, of one size.
        mode: that of the slot.
        key: 32 bytes.
    """
    size = PLACE_BITS[mode.layout]
    if mode.k < size:
        bits = frame_bits(tile_samples(frames[0], mode.layout), key, mode)
        return bits_to_columns(bits.reshape(*bits.shape[:2], mode.blocks, mode.k))
    width, height = picture_size(frames[0], mode.layout)
    words, carrying = _maps(key, mode.layout, width, height)
    together, masked = frames[0].copy(), np.empty_like(frames[0])
    found = np.zeros(tile_grid(width, height), np.uint16)
    # The number of the first frame is 0 and adds nothing.
    for number, planes in enumerate(frames[1:], 1):
        together ^= planes
        np.bitwise_and(planes, carrying, out=masked)
        found ^= _over_tiles(masked, mode.layout).astype(np.uint16) * np.uint16(number << size)
    odd = -(together & 1).astype(np.uint16) & words
    found |= _over_tiles(odd, mode.layout) & np.uint16((1 << size) - 1)
    return found.astype(np.int64)[..., None]


def _over_tiles(planes: NDArray[Number], layout: Layout) -> NDArray[Number]:
    """Exclusive or of the bytes of each whole tile, (rows, columns)."""
    if layout == "rgb24":
        return _over_squares(planes.reshape(planes.shape[0], -1), TILE, 3)
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    found = _over_squares(planes[:height], TILE, 1)
    for plane in planes[height:].reshape(2, height // 2, width // 2):
        found ^= _over_squares(plane, TILE // 2, 1)
    return found


def _over_squares(plane: NDArray[Number], side: int, channels: int) -> NDArray[Number]:
    rows, columns = plane.shape[0] // side, plane.shape[1] // (side * channels)
    whole = plane[: rows * side, : columns * side * channels]
    # Rows first: that is the longer way through memory, and adds whole rows to each other.
    lines = np.bitwise_xor.reduce(whole.reshape(rows, side, -1), axis=1)
    return np.asarray(np.bitwise_xor.reduce(lines.reshape(rows, columns, -1), axis=2))


@lru_cache(maxsize=2)
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
