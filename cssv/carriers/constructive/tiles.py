"""Tiles: squares of 20x20 pixels, 49 of which carry one packet.

The tiles of 7 rows and 7 columns repeat over the whole picture. Every part of 160x160 pixels holds 7x7 whole
tiles, wherever it was cut out, and so each of the 49 once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, cut_planes

TILE = 20
#: Tiles in each direction before they repeat.
REPEAT = 7
PERIOD = TILE * REPEAT
KINDS = REPEAT * REPEAT
#: Side of a square that holds 7x7 whole tiles at any offset.
WHOLE = PERIOD + TILE

#: Bytes of one tile: Y, Cb, Cr, each row after row; or R, G, B of each pixel.
PLACES: dict[Layout, int] = {"yuv420p": 600, "rgb24": 1200}
#: Those that carry are 2 to this power.
PLACE_BITS: dict[Layout, int] = {"yuv420p": 9, "rgb24": 10}
#: A crop of 4:2:0 planes begins at even pixels.
STEP: dict[Layout, int] = {"yuv420p": 2, "rgb24": 1}

_LUMA, _CHROMA = TILE * TILE, TILE * TILE // 4


def tile_grid(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of whole tiles in a picture."""
    return height // TILE, width // TILE


def tile_samples(planes: U8, layout: Layout) -> U8:
    """Bytes of all whole tiles, by place: (..., planes) to (..., rows, columns, PLACES)."""
    if layout == "rgb24":
        pixels = _squares(planes, TILE, 3)
        return pixels.reshape(*pixels.shape[:-3], -1)
    height, width = planes.shape[-2] * 2 // 3, planes.shape[-1]
    luma = _squares(planes[..., :height, :, None], TILE, 1)
    chroma = planes[..., height:, :].reshape(*planes.shape[:-2], 2, height // 2, width // 2, 1)
    parts = [luma, *(_squares(chroma[..., i, :, :, :], TILE // 2, 1) for i in (0, 1))]
    return np.concatenate([part.reshape(*part.shape[:-3], -1) for part in parts], axis=-1)


def _squares(pixels: U8, side: int, channels: int) -> U8:
    """(..., H, W, channels) to (..., rows, columns, side, side, channels), whole squares only."""
    rows, columns = pixels.shape[-3] // side, pixels.shape[-2] // side
    whole = pixels[..., : rows * side, : columns * side, :]
    split = whole.reshape(*pixels.shape[:-3], rows, side, columns, side, channels)
    return np.swapaxes(split, -4, -3)


def flat_index(
    layout: Layout,
    width: int,
    height: int,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    place: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Index in the flattened planes of a place of a tile."""
    if layout == "rgb24":
        pixel, channel = place // 3, place % 3
        y, x = row * TILE + pixel // TILE, column * TILE + pixel % TILE
        return (y * width + x) * 3 + channel
    in_luma = (row * TILE + place // TILE) * width + column * TILE + place % TILE
    plane, within = np.divmod(place - _LUMA, _CHROMA)
    half = TILE // 2
    in_chroma = (row * half + within // half) * (width // 2) + column * half + within % half
    start = width * height + plane * (width * height // 4)
    return np.where(place < _LUMA, in_luma, start + in_chroma)


def tile_kinds(rows: int, columns: int, corner: tuple[int, int] = (0, 0)) -> NDArray[np.int64]:
    """Which of the 49 tiles each tile is; ``corner`` is the row and column of the first one."""
    row = (np.arange(rows) + corner[0]) % REPEAT
    column = (np.arange(columns) + corner[1]) % REPEAT
    return row[:, None] * REPEAT + column


def picture_size(planes: U8, layout: Layout) -> tuple[int, int]:
    """Width and height in pixels of planes in their stored shape."""
    rows = planes.shape[0]
    return planes.shape[1], rows * 2 // 3 if layout == "yuv420p" else rows


def cut_clip(pictures: Sequence[U8] | U8, layout: Layout, window: tuple[int, int, int, int]) -> U8:
    """The same part (left, top, width, height) of several pictures, as one array."""
    return np.stack([cut_planes(picture, layout, window) for picture in pictures])
