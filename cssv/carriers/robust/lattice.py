"""Chips: which coefficient of which block has which bit of a codeword.

A chip is one coefficient of one block during one slot. Chips and bits belong together by a lattice over the
coordinates of the block in the whole frame. It has low discrepancy, so that every piece of the picture has
all bits about equally often, and the size of the picture has no effect. Every 16th chip is known to the
reader: its bit is 0 in every codeword.

A codeword of n bits extends over :data:`SLOTS_OF_WINDOW` slots. Chip (row, column, coefficient) in slot h of
the window has the bit ``t * n >> 32`` with ::

    t = ((2 * row + h) * 3242174889 + (c * column + coefficient) * 2447445413) % 2**32

c is the number of coefficients of a block. The two numbers are 2**32 / g and 2**32 / g**2, rounded down, with
g**3 = g + 1: an additive recurrence of dimension 2 (Roberts 2018). Slots and coefficients refine the lattice
of the blocks, so all chips of a piece together are spread evenly. With separate steps for them they are
spread no better than at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cssv.errors import OptionError

I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

SLOTS_OF_WINDOW = 2
_DOWN, _ACROSS = 3242174889, 2447445413
#: One chip of so many is known.
KNOWN_PERIOD = 16
_KNOWN_STEPS = (5, 3, 7)
#: Most blocks a side: pictures of 16384 pixels.
MOST_BLOCKS = 1024


@dataclass(frozen=True, slots=True)
class BlockArea:
    """A rectangle of blocks, counted from the top left of the whole frame.

    Attributes:
        top: first row of blocks.
        left: first column of blocks.
        rows: number of rows.
        columns: number of columns.
    """

    top: int
    left: int
    rows: int
    columns: int

    def __post_init__(self) -> None:
        for first, count in ((self.top, self.rows), (self.left, self.columns)):
            if not (first >= 0 and count >= 0 and first + count <= MOST_BLOCKS):
                raise OptionError(
                    "an area of blocks is out of range", found=str(self), bound=f"0 to {MOST_BLOCKS} a side"
                )

    def indexes(self, coefficients: int) -> tuple[I64, I64, I64]:
        """Row, column and coefficient of each chip; they broadcast to (rows, columns, coefficients)."""
        row = np.arange(self.top, self.top + self.rows, dtype=np.int64)[:, None, None]
        column = np.arange(self.left, self.left + self.columns, dtype=np.int64)[None, :, None]
        return row, column, np.arange(coefficients, dtype=np.int64)[None, None, :]


def known_chips(area: BlockArea, coefficients: int) -> Bools:
    """Which chips are known, (rows, columns, coefficients)."""
    row, column, coefficient = area.indexes(coefficients)
    a, b, c = _KNOWN_STEPS
    return np.asarray((row * a + column * b + coefficient * c) % KNOWN_PERIOD == 0)


def chip_bits(area: BlockArea, coefficients: int, slot: int, length: int) -> I64:
    """Number of the bit that each chip has, (rows, columns, coefficients); ``length`` at known chips.

    Args:
        area: of blocks.
        coefficients: of a block.
        slot: in the window, from 0.
        length: bits of the codeword.
    """
    row, column, coefficient = area.indexes(coefficients)
    bits = lattice_bits(row * SLOTS_OF_WINDOW + slot, column * coefficients + coefficient, length)
    bits[known_chips(area, coefficients)] = length
    return bits


def lattice_bits(down: I64, across: I64, length: int) -> I64:
    """Number of the bit at places of the lattice, 0 to ``length - 1``. The places are broadcast."""
    return ((down * _DOWN + across * _ACROSS) & 0xFFFFFFFF) * length >> 32
