"""Regions of cells: which cells each ring of each object has (nibble/SPEC2.md, "Mosaic").

A cell belongs to the object and ring of its pixel (2, 2). A region is one ring of an object, or the half of a
ring that shows the velocity. The cells of a region are numbered, so that each knows which digit it states.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.cells import CELL
from cssv.template.aura import drawn_rings
from cssv.template.drawing import Outline, Rings, Selector, drawing_order
from cssv.template.footprint import area_of, footprint, window_of

#: Digits of a byte; a cell of number n states the digits of place ``n % DIGITS``.
DIGITS = 8
#: Regions of an object: each ring ahead of the motion, then each behind it. Only the ring of the velocity is
#: divided.
REGIONS = 6
#: Cells are numbered within squares of this many cells a side around the object's centre. So a reader of a
#: piece of a frame knows their numbers, however large the object is.
_SQUARE = 64
#: Pixels beyond a picture that squares reach which lie in it in part.
_BEYOND = _SQUARE * CELL
#: What covering all cells of a region costs, in macroblocks that must be coded exactly.
_REGION_COST = 16.0
#: Cells of objects with a longer side in pixels are not kept for the next call.
_KEPT_SIDE = 400
#: Where nothing is drawn, and the inside of an object.
_OUTSIDE, _INSIDE = -2, -1


@dataclass(frozen=True, slots=True, eq=False)
class CellRegions:
    """Cells of one object in a window of a picture.

    Attributes:
        top, left: first row and column of the window.
        region: int8 (h, w), 0 to REGIONS - 1 on a ring, below 0 elsewhere.
        digit: uint8 (h, w), the number of the cell in its region modulo DIGITS; 0 outside of rings.
        drawn: bool (h, w), cells of the rings and of the inside.

    All arrays are read only.
    """

    top: int
    left: int
    region: NDArray[np.int8]
    digit: NDArray[np.uint8]
    drawn: NDArray[np.bool_]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window in the grid of the picture."""
        height, width = self.region.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


#: The place of an object in a list of outlines, its cells, and bool (h, w): those that no nearer object has.
Visible: TypeAlias = tuple[int, CellRegions, NDArray[np.bool_]]


def cell_regions(
    outline: Outline, grid: tuple[int, int], phase: tuple[int, int] = (0, 0)
) -> CellRegions | None:
    """Cells of an object; None if the picture has none of them.

    Args:
        outline: in pixels of the picture.
        grid: rows and columns of cells of the picture.
        phase: x, y of the first cell in the picture.
    """
    # A writer needs them more than once a frame. Those of many large objects would take too much memory.
    make = _cell_regions if max(outline.box[2:]) <= _KEPT_SIDE else _cell_regions.__wrapped__
    return make(outline, grid, phase)


@lru_cache(maxsize=128)
def _cell_regions(outline: Outline, grid: tuple[int, int], phase: tuple[int, int]) -> CellRegions | None:
    # In a picture that begins _BEYOND pixels before the first cell.
    start = _BEYOND - phase[0], _BEYOND - phase[1]
    place = footprint(outline, grid[1] * CELL + 2 * _BEYOND, grid[0] * CELL + 2 * _BEYOND, start)
    if place is None:
        return None
    # The first pixel (2, 2) of a cell in the window, and its cell.
    skip_x, skip_y = (CELL // 2 - place.left) % CELL, (CELL // 2 - place.top) % CELL
    index = place.index[skip_y::CELL, skip_x::CELL]
    column, row = ((at - _BEYOND) // CELL for at in (place.left + skip_x, place.top + skip_y))
    region = _regions(outline, index, place.span)
    cx, cy = (at + first for at, first in zip(outline.centre, start, strict=True))
    # Squares around the object's centre, of the whole numbers of cells from it.
    across = ((np.arange(index.shape[1]) + column) * CELL + _BEYOND - cx) // CELL
    down = ((np.arange(index.shape[0]) + row) * CELL + _BEYOND - cy) // CELL
    digit = _digits(region, (down + _SQUARE // 2) // _SQUARE, (across + _SQUARE // 2) // _SQUARE)
    rows = slice(max(-row, 0), min(grid[0] - row, index.shape[0]))
    columns = slice(max(-column, 0), min(grid[1] - column, index.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    arrays = region[rows, columns], digit[rows, columns], region[rows, columns] > _OUTSIDE
    for array in arrays:
        array.setflags(write=False)
    return CellRegions(row + rows.start, column + columns.start, *arrays)


def _regions(outline: Outline, index: NDArray[np.int16], span: int) -> NDArray[np.int8]:
    """The region of each cell from the footprint's index of its pixel (2, 2)."""
    table = np.full(2 * span + 1, _INSIDE, np.int8)
    # The last entry is that of -1.
    table[-1] = _OUTSIDE
    if outline.selector is not Selector.EDGES:
        for k, ring in enumerate(drawn_rings(outline.rings)):
            place = slice(1 + k * outline.ring_width, 1 + (k + 1) * outline.ring_width)
            table[place] = k
            table[span:-1][place] = k + REGIONS // 2 * (ring is Rings.VELOCITY)
    return table[index]


def _digits(
    region: NDArray[np.int8], square_row: NDArray[np.integer], square_column: NDArray[np.integer]
) -> NDArray[np.uint8]:
    """Numbers of cells modulo DIGITS, in reading order within one region and square."""
    digit = np.zeros(region.shape, np.uint8)
    rows, columns = np.nonzero(region >= 0)
    if not len(rows):
        return digit
    width = int(square_column[-1] - square_column[0]) + 1
    square = (square_row[rows] - square_row[0]) * width + square_column[columns] - square_column[0]
    group = square * REGIONS + region[rows, columns]
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]]
    first = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    digit[rows[order], columns[order]] = (np.arange(len(order)) - first) % DIGITS
    return digit


def visible_regions(
    outlines: Sequence[Outline],
    taken: NDArray[np.bool_],
    phase: tuple[int, int] = (0, 0),
) -> Iterator[Visible]:
    """Objects of a picture, the nearest first, each with the cells that no nearer one has.

    Args:
        outlines: in pixels of the picture, in any order.
        taken: bool (rows, columns), cells that belong to tags.
        phase: x, y of the first cell in the picture.

    Yields:
        The object's place in ``outlines``, its cells, and in their window bool (h, w): its own. Objects that
        are wholly hidden or outside are left out.
    """
    free = ~taken
    grid = (taken.shape[0], taken.shape[1])
    covered: set[Hashable] = set()
    for i in sorted(range(len(outlines)), key=lambda i: drawing_order(outlines[i]))[::-1]:
        area = area_of(outlines[i])
        # What is hidden costs nothing, however many objects that are.
        if area in covered or not _may_be_seen(outlines[i], free, phase):
            continue
        covered.add(area)
        regions = cell_regions(outlines[i], grid, phase)
        if regions is None:
            continue
        seen = free[regions.window]
        own = regions.drawn & seen
        if own.any():
            seen[own] = False
            yield i, regions, own


def _may_be_seen(outline: Outline, free: NDArray[np.bool_], phase: tuple[int, int]) -> bool:
    """Whether a cell is free in the window of an object's drawing."""
    rows, columns = free.shape
    window = window_of(outline, columns * CELL + phase[0], rows * CELL + phase[1])
    if window is None:
        return False
    down, across = (
        slice(max(each.start - first, 0) // CELL, -((first - each.stop) // CELL))
        for each, first in zip(window, phase[::-1], strict=True)
    )
    return bool(free[down, across].any())


def ring_costs(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.float32]:
    """What a tag that covers a cell of a ring costs, for :class:`cell_tags.TagSpace`.

    The fewer cells a region has, the dearer they are.

    Args:
        outlines: of a frame's objects.
        size: width and height of the frame.

    Returns:
        float32 (rows, columns), 0 where no ring lies.
    """
    taken = np.zeros((size[1] // CELL, size[0] // CELL), np.bool_)
    costs = np.zeros(taken.shape, np.float32)
    for _, regions, own in visible_regions(outlines, taken):
        mine = own & (regions.region >= 0)
        counts = np.bincount(regions.region[mine], minlength=REGIONS)
        costs[regions.window][mine] = (_REGION_COST / np.maximum(counts, 1))[regions.region[mine]]
    return costs
