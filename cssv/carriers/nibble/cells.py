"""Cells: three bits in the low-frequency coefficients of 4x4 luma pixels (nibble/SPEC2.md, "Cells").

A cell is a square of CELL x CELL luma pixels. It carries one level, 0 or 1, in each of the coefficients
(0, 0), (0, 1) and (1, 0) of its orthonormal DCT-II, written as vertical and horizontal frequency. A
coefficient states the level ``b`` best at the values that are congruent to ``b * MODULUS / 2`` modulo
``MODULUS``. An error below ``MODULUS / 4`` changes no level. So levels survive a nearly lossless codec.

Integer arithmetic only: every machine reads the same levels from the same pixels, and writes the same pixels.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

I32 = NDArray[np.int32]
_Int = TypeVar("_Int", np.int16, np.int32)
#: Levels of cells: 0 or 1, (rows, columns, LEVELS).
Levels = U8

#: Side of a cell in pixels, and the levels of a cell.
CELL, LEVELS = 4, 3
#: Distance of two values of a coefficient that state one level, in units of the orthonormal transform.
MODULUS = 16
#: Coefficients count in units of ``1 / SCALE``.
SCALE = 4096
_HALF = MODULUS * SCALE // 2
#: Cells whose levels are read at once.
_STRIP_CELLS = 1 << 13
#: ``sqrt(1 / 8) * cos(pi / 8)`` and ``sqrt(1 / 8) * cos(3 pi / 8)`` in units of 1 / SCALE.
_LONG, _SHORT = 1338, 554
_SLOPE = (_LONG, _SHORT, -_SHORT, -_LONG)
#: The pictures of the three coefficients, (LEVELS, CELL, CELL), in units of 1 / SCALE.
_BASIS: I32 = np.array(
    [np.full((CELL, CELL), SCALE // CELL), np.tile(_SLOPE, (CELL, 1)), np.tile(_SLOPE, (CELL, 1)).T], np.int32
)
#: Bits of the fraction of a pixel while a cell is changed, and what is lost of the product that gives it.
_FRACTION = 16
_LOST = 2 * (SCALE.bit_length() - 1) - _FRACTION
#: Rounding of a pixel: to the nearest byte, or by an ordered dither. The dither is a magic square: its rows
#: and columns have equal sums, so that it has no part in the coefficients (0, 1) and (1, 0).
_NEAREST: I32 = np.full((CELL, CELL), 1 << _FRACTION - 1, np.int32)
_ORDERED: I32 = (
    np.array([[15, 2, 1, 12], [4, 9, 10, 7], [8, 5, 6, 11], [3, 14, 13, 0]], np.int32) * 2 + 1
) << _FRACTION - 5
#: A changed cell whose coefficients err by more is tried in another way, in units of 1 / SCALE.
_ACCEPTED = 5 * SCALE // 4
#: A pixel changes by less than this, because a coefficient changes by at most MODULUS / 2.
_LARGEST_CHANGE = MODULUS // 2 * (SCALE // CELL + 2 * _LONG) // SCALE + 1


def cell_grid(width: int, height: int, phase: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Rows and columns of the whole cells of a picture whose grid begins at ``phase`` (x, y)."""
    return max((height - phase[1]) // CELL, 0), max((width - phase[0]) // CELL, 0)


def coefficients(luma: U8, phase: tuple[int, int] = (0, 0)) -> I32:
    """The coefficients of all whole cells, in units of 1 / SCALE.

    Args:
        luma: (H, W) uint8.
        phase: x, y of the first cell in the picture.

    Returns:
        int32 (rows, columns, LEVELS).
    """
    height, width = luma.shape
    rows, columns = cell_grid(width, height, phase)
    picture = luma[phase[1] :, phase[0] :][: rows * CELL, : columns * CELL].astype(np.int16)
    first, second, third, last = (picture[k::CELL] for k in range(CELL))
    found = np.empty((LEVELS, rows * columns), np.int32)
    # Down the columns first, because rows of a picture lie together in memory.
    left, middle, right, end = _columns((first + last) + (second + third))
    found[0] = (left + middle) + (right + end)
    found[0] *= SCALE // CELL
    found[1] = (left - end).astype(np.int32) * _LONG + (middle - right).astype(np.int32) * _SHORT
    outer, inner = (first - last).astype(np.int32), (second - third).astype(np.int32)
    left, middle, right, end = _columns(outer * _LONG + inner * _SHORT)
    found[2] = (left + middle) + (right + end)
    return np.moveaxis(found.reshape(LEVELS, rows, columns), 0, -1)


def _columns(values: NDArray[_Int]) -> NDArray[_Int]:
    """The four columns of each cell, (CELL, cells), from one row a cell, (rows, columns * CELL)."""
    # Numbers that lie together in memory are added several times as fast.
    return np.ascontiguousarray(values.reshape(-1, CELL).T)


def coefficients_to_levels(values: I32) -> Levels:
    """The levels that coefficients state, of any shape."""
    nearest = (values + _HALF // 2) // _HALF
    return (nearest & 1).astype(np.uint8)


def level_errors(values: I32) -> I32:
    """Distance of coefficients from the nearest values that state a level best, in units of 1 / SCALE."""
    return np.asarray(np.abs((values + _HALF // 2) % _HALF - _HALF // 2), np.int32)


def read_levels(luma: U8, phase: tuple[int, int] = (0, 0)) -> Levels:
    """Levels of all whole cells.

    Args:
        luma: (H, W) uint8.
        phase: x, y of the first cell in the picture, 0 to CELL - 1 each: of a piece of a frame it is unknown.

    Returns:
        uint8 (rows, columns, LEVELS), 0 or 1.
    """
    rows, columns = cell_grid(luma.shape[1], luma.shape[0], phase)
    found = np.empty((LEVELS, rows, columns), np.uint8)
    # Strip by strip: arrays that fit in the processor's cache are several times as fast.
    step = max(_STRIP_CELLS // max(columns, 1), 1)
    for first in range(0, rows, step):
        stop = min(first + step, rows)
        strip = luma[phase[1] + first * CELL : phase[1] + stop * CELL, phase[0] :]
        found[:, first:stop] = np.moveaxis(coefficients_to_levels(coefficients(strip)), -1, 0)
    return np.moveaxis(found, 0, -1)


def embed_levels(luma: U8, levels: Levels, where: NDArray[np.bool_]) -> U8:
    """Change pixels so that cells state levels. Inverse: :func:`read_levels`.

    A coefficient goes to the nearest value that states its level. Where pixels would leave the range of a
    byte, the cell's pixels are first moved inwards from its ends, by as little as suffices. After rounding,
    the coefficients of any cell err by at most 2.

    Args:
        luma: (H, W) uint8; not changed.
        levels: uint8 (rows, columns, LEVELS), 0 or 1.
        where: bool (rows, columns), the cells to change. No other pixel changes.

    Returns:
        uint8 (H, W).
    """
    changed = luma.copy()
    rows, columns = np.nonzero(where)
    if len(rows):
        height, width = where.shape[0] * CELL, where.shape[1] * CELL
        cells = changed[:height, :width].reshape(where.shape[0], CELL, -1, CELL)
        before, wanted = cells[rows, :, columns], levels[rows, columns]
        # A cell that states its levels well stays, so that embedding them again changes no pixel.
        open_cells = np.flatnonzero(_errors(_transform(before.astype(np.int32)), wanted) > _ACCEPTED)
        before[open_cells] = _change(before[open_cells], wanted[open_cells])
        cells[rows, :, columns] = before
    return changed


def _errors(values: I32, levels: Levels) -> I32:
    """Largest error (n,) of the coefficients (n, LEVELS) of cells that shall state levels."""
    wanted = levels.astype(np.int32) * _HALF
    return np.asarray(np.abs((values - wanted + _HALF) % (2 * _HALF) - _HALF).max(axis=1), np.int32)


def _change(cells: U8, levels: Levels) -> U8:
    """Cells (n, CELL, CELL) that state levels (n, LEVELS)."""
    best, error = _attempt(cells, levels, 0, _NEAREST)
    open_cells = np.flatnonzero(error > _ACCEPTED)
    for inset in range(_LARGEST_CHANGE + 1):
        # Plain rounding errs most where all pixels are equal; the dither helps there.
        for rounding in (_NEAREST, _ORDERED) if inset else (_ORDERED,):
            if not len(open_cells):
                return best
            tried, found = _attempt(cells[open_cells], levels[open_cells], inset, rounding)
            better = found < error[open_cells]
            best[open_cells[better]], error[open_cells[better]] = tried[better], found[better]
            open_cells = open_cells[error[open_cells] > _ACCEPTED]
    return best


def _attempt(cells: U8, levels: Levels, inset: int, rounding: I32) -> tuple[U8, I32]:
    """Changed cells, and the largest error of their coefficients.

    Args:
        cells: (n, CELL, CELL).
        levels: (n, LEVELS).
        inset: distance from the ends of the range of bytes to which pixels are moved first.
        rounding: (CELL, CELL), what is added before fractions are cut off.
    """
    pixels = np.clip(cells, inset, 255 - inset).astype(np.int32)
    wanted = levels.astype(np.int32) * _HALF
    # From -MODULUS / 2 to MODULUS / 2.
    change = (wanted - _transform(pixels) + _HALF) % (2 * _HALF) - _HALF
    moved = (change @ _BASIS.reshape(LEVELS, -1)).reshape(-1, CELL, CELL) >> _LOST
    made = np.clip(((pixels << _FRACTION) + moved + rounding) >> _FRACTION, 0, 255)
    return made.astype(np.uint8), _errors(_transform(made), levels)


def _transform(pixels: I32) -> I32:
    """Coefficients (n, LEVELS) of pixels (n, CELL, CELL)."""
    return np.asarray(pixels.reshape(-1, CELL * CELL) @ _BASIS.reshape(LEVELS, -1).T)
