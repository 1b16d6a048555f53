"""Tags in cells: where they lie, how they are written and found (nibble/SPEC2.md, "Cell tags").

A tag is a square of SIDE x SIDE cells, row after row; the levels of a cell are three bits of it. Its bytes
are those of :mod:`object_tag` or :mod:`clip_tag`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_tag_record import FIRST_BITS, MAGIC_BITS, read_record
from cssv.carriers.nibble.cells import CELL, LEVELS, Levels, cell_grid
from cssv.carriers.nibble.object_tag import LARGEST_OFFSET, TAG_SIDE, Place
from cssv.template.drawing import Outline, drawing_order

#: Side of a tag in cells.
SIDE = TAG_SIDE // CELL
#: Side of a macroblock in pixels and in cells: writers place tags on their grid, because an encoder's quality
#: changes from one macroblock to the next.
_BLOCK = 16
_BLOCK_CELLS = _BLOCK // CELL
#: Side of a tag in macroblocks.
_BLOCKS = TAG_SIDE // _BLOCK
#: What a macroblock of distance costs: the share of what it costs to code a macroblock exactly that no ring
#: touches.
_DISTANCE_COST = 1 / 4
_FIRST_CELLS = MAGIC_BITS // LEVELS


def tag_levels(block: bytes) -> Levels:
    """Levels of a tag's cells, uint8 (SIDE, SIDE, LEVELS)."""
    return np.unpackbits(np.frombuffer(block, np.uint8)).reshape(SIDE, SIDE, LEVELS)


def levels_to_tag(levels: Levels) -> bytes:
    """Inverse of :func:`tag_levels`."""
    return np.packbits(levels).tobytes()


def tag_cells(places: Sequence[Place], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells of a frame of this width and height that belong to tags, bool (rows, columns)."""
    cells = np.zeros(cell_grid(*size), np.bool_)
    for x, y in places:
        cells[y // CELL : y // CELL + SIDE, x // CELL : x // CELL + SIDE] = True
    return cells


def draw_tags(levels: Levels, where: NDArray[np.bool_], tags: Sequence[tuple[Place, bytes]]) -> None:
    """Write tags over the levels of a frame, in place.

    Args:
        levels: uint8 (rows, columns, LEVELS) of the frame.
        where: bool (rows, columns), the cells that state their levels; those of the tags become true.
        tags: their places, multiples of CELL, and bytes.
    """
    for (x, y), block in tags:
        window = slice(y // CELL, y // CELL + SIDE), slice(x // CELL, x // CELL + SIDE)
        levels[window], where[window] = tag_levels(block), True


def find_tags(levels: Levels, phase: tuple[int, int] = (0, 0)) -> list[tuple[Place, bytes]]:
    """All tags of a picture whose grid of cells begins at ``phase``, at any cell, with a right checksum.

    Args:
        levels: uint8 (rows, columns, LEVELS).
        phase: x, y of the first cell in the picture.

    Returns:
        Left and top pixel of each tag in the picture, and its bytes, in reading order.
    """
    rows, columns = levels.shape[0] - SIDE + 1, levels.shape[1] - SIDE + 1
    if rows < 1 or columns < 1:
        return []
    symbols = levels[:rows, :, 0] << 2 | levels[:rows, :, 1] << 1 | levels[:rows, :, 2]
    first = np.ones((rows, columns), np.bool_)
    for k in range(_FIRST_CELLS):
        wanted = FIRST_BITS >> LEVELS * (_FIRST_CELLS - 1 - k) & 7
        first &= symbols[:, k : k + columns] == wanted
    found = []
    for row, column in np.argwhere(first).tolist():
        block = levels_to_tag(levels[row : row + SIDE, column : column + SIDE])
        if read_record(block) is not None:
            found.append(((phase[0] + column * CELL, phase[1] + row * CELL), block))
    return found


class TagSpace:
    """Places of a frame that are free for tags, on the grid of macroblocks.

    Attributes:
        places: those given out, in this order.
    """

    def __init__(self, size: tuple[int, int], costs: NDArray[np.float32]) -> None:
        """Start with a frame in which all is free.

        Args:
            size: width and height of the frame.
            costs: float32 (rows, columns) of cells, what covering each costs, 0 where no ring lies:
                :func:`cell_regions.ring_costs`.
        """
        self.places: list[Place] = []
        self._rows, self._columns = size[1] // _BLOCK, size[0] // _BLOCK
        inside = costs[: self._rows * _BLOCK_CELLS, : self._columns * _BLOCK_CELLS]
        shape = (self._rows, _BLOCK_CELLS, self._columns, _BLOCK_CELLS)
        #: Costs of the rings in each macroblock, and whether it is coded exactly.
        self._rings = inside.reshape(shape).sum(axis=(1, 3), dtype=np.float32)
        self._exact = (self._rings > 0).astype(np.float32)
        self._free = np.ones(
            (max(self._rows - _BLOCKS + 1, 0), max(self._columns - _BLOCKS + 1, 0)), np.bool_
        )

    def take(self, centre: tuple[int, int] | None) -> Place | None:
        """Take the best free place; None if there is none.

        Args:
            centre: of the object in pixels, from which the tag must not be too far; None for a clip's tag.
        """
        if not self._free.any():
            return None
        cost = np.where(self._free, self._cost(), np.inf)
        if centre is not None:
            across = np.arange(cost.shape[1]) * _BLOCK + TAG_SIDE // 2 - centre[0]
            down = np.arange(cost.shape[0])[:, None] * _BLOCK + TAG_SIDE // 2 - centre[1]
            near = (np.abs(across) < LARGEST_OFFSET) & (np.abs(down) < LARGEST_OFFSET)
            cost = np.where(near, cost + np.hypot(across, down) * (_DISTANCE_COST / _BLOCK), np.inf)
        row, column = divmod(int(cost.argmin()), cost.shape[1])
        if not np.isfinite(cost[row, column]):
            return None
        self._free[max(row - 1, 0) : row + _BLOCKS, max(column - 1, 0) : column + _BLOCKS] = False
        window = slice(row, row + _BLOCKS), slice(column, column + _BLOCKS)
        self._rings[window], self._exact[window] = 0, 1
        place = column * _BLOCK, row * _BLOCK
        self.places.append(place)
        return place

    def _cost(self) -> NDArray[np.float32]:
        """Cost of each place: what it covers, and what must be coded exactly for it alone."""
        blocks = self._rings + (1 - self._exact)
        pairs = blocks[:-1] + blocks[1:]
        return np.asarray(pairs[:, :-1] + pairs[:, 1:], np.float32)


def place_tags(outlines: Sequence[Outline], space: TagSpace) -> list[Place | None]:
    """Choose a place for the tag of each object; None where there is no room, the farthest object first.

    A tag lies near its object's centre, where it covers few cells of rings and few macroblocks that no ring
    touches.
    """
    places: list[Place | None] = [None] * len(outlines)
    for i in sorted(range(len(outlines)), key=lambda i: drawing_order(outlines[i]))[::-1]:
        places[i] = space.take(outlines[i].centre)
    return places
