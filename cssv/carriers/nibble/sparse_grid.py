"""Places of the blocks that the marks of the form ``sparse`` consist of (SPEC2.md).

A mark is not one square but many small blocks, spread evenly: a crop then holds more of them. Blocks repeat
with a period, the tile; each place in a tile, a slot, has a content of its own. A crop as large as LEAST_CROP
holds every slot of a wide grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from cssv.carriers.nibble.bits import BLOCK_WIDTH
from cssv.frames import U8

#: Side of a block in pixels, and its bytes.
SIDE = BLOCK_WIDTH
BLOCK_SIZE = SIDE * SIDE // 8
#: Distance of blocks of one lattice.
PITCH = 48
#: A frame with a smaller side has the compact grid, in which blocks lie side by side.
LEAST_WIDE = 2 * PITCH + SIDE
#: A crop with these sides holds every slot of a wide grid.
LEAST_CROP = 3 * PITCH + SIDE - 1
#: Lattices of nine slots each, in the order in which they are used: offset to the right and down. Beside the
#: blocks of all three there is place for tags.
_LATTICES = ((0, 0), (24, 24), (24, 0))
#: Pixels of the largest mask that is kept for the next frame.
_KEPT_PIXELS = 1 << 22


@dataclass(frozen=True, slots=True)
class MarkGrid:
    """The slots of a tile.

    Attributes:
        tile: period of the blocks in pixels, across and down.
        slots: x and y of each slot in its tile, in the order in which slots are used.
    """

    tile: int
    slots: tuple[tuple[int, int], ...]

    def shape(self, slot: int, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of tiles whose block of a slot lies wholly inside a frame."""
        x, y = self.slots[slot]
        rows, columns = ((side - SIDE - at) // self.tile + 1 for side, at in ((height, y), (width, x)))
        return max(rows, 0), max(columns, 0)

    def blocks(self, plane: U8, slot: int) -> U8:
        """A writable view (rows, columns, SIDE, SIDE) of the blocks of a slot in the plane of a frame."""
        rows, columns = self.shape(slot, plane.shape[1], plane.shape[0])
        x, y = self.slots[slot]
        down, across = plane.strides
        return as_strided(
            plane[y:, x:], (rows, columns, SIDE, SIDE), (self.tile * down, self.tile * across, down, across)
        )

    def tiles_in(
        self, slot: int, origin: tuple[int, int], size: tuple[int, int], frame: tuple[int, int] | None
    ) -> Iterator[tuple[int, int]]:
        """Column and row of each tile whose block of a slot lies wholly in a picture.

        Args:
            slot: of the tiles.
            origin: x, y of the picture's top left pixel in the frame.
            size: width and height of the picture.
            frame: those of the frame; None if they are not known.
        """
        bounds = []
        for axis in (0, 1):
            at, end = self.slots[slot][axis], origin[axis] + size[axis]
            end = end if frame is None else min(end, frame[axis])
            bounds.append(
                range(max(-((at - origin[axis]) // self.tile), 0), (end - SIDE - at) // self.tile + 1)
            )
        return ((column, row) for row in bounds[1] for column in bounds[0])


#: The grid of most frames, and that of small ones: four blocks in a square, as a mark of version 1.
WIDE = MarkGrid(
    3 * PITCH,
    tuple(
        (PITCH * column + x, PITCH * row + y) for x, y in _LATTICES for row in range(3) for column in range(3)
    ),
)
COMPACT = MarkGrid(80, ((0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE)))


def grid_of(width: int, height: int) -> MarkGrid:
    """The grid of frames of a size."""
    return WIDE if min(width, height) >= LEAST_WIDE else COMPACT


def marked_pixels(
    grid: MarkGrid,
    used: int,
    size: tuple[int, int],
    origin: tuple[int, int] = (0, 0),
    frame: tuple[int, int] | None = None,
    step: int = 1,
) -> NDArray[np.bool_]:
    """Pixels of a picture whose lowest bit belongs to a mark.

    Args:
        grid: of the frame.
        used: number of slots in use.
        size: width and height of the picture.
        origin: x, y of its top left pixel in the frame.
        frame: width and height of the frame; None if the picture is the frame.
        step: only every so many rows and columns.

    Returns:
        bool (height, width), or less by ``step``; read only.
    """
    # Masks of a large frame would take more memory than the frame.
    is_small = size[0] * size[1] <= _KEPT_PIXELS * step * step
    make = _marked_pixels if is_small else _marked_pixels.__wrapped__
    return make(grid, used, size, origin, frame or size, step)


@lru_cache(maxsize=8)
def _marked_pixels(
    grid: MarkGrid,
    used: int,
    size: tuple[int, int],
    origin: tuple[int, int],
    frame: tuple[int, int],
    step: int,
) -> NDArray[np.bool_]:
    mask = np.zeros((-(-size[1] // step), -(-size[0] // step)), np.bool_)
    for x, y in grid.slots[:used]:
        across, down = (
            _in_blocks(np.arange(origin[axis], origin[axis] + size[axis], step), at, grid.tile, frame[axis])
            for axis, at in ((0, x), (1, y))
        )
        mask |= down[:, None] & across
    mask.setflags(write=False)
    return mask


def _in_blocks(pixels: NDArray[np.int64], first: int, tile: int, side: int) -> NDArray[np.bool_]:
    """Which pixels along one axis of a frame lie in whole blocks that begin at ``first`` of each tile."""
    start = pixels - (pixels - first) % tile
    return np.asarray((pixels - start < SIDE) & (start >= 0) & (start + SIDE <= side))
