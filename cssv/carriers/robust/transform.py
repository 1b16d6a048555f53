"""Low-frequency coefficients of the block DCT of a luma plane.

The basis is that of the orthonormal DCT-II, in integers: its entries are multiplied by 1024 and rounded. All
sums stay below the bounds up to which floating point is exact, so the coefficients and the changed pixels are
the same on every machine, whatever the order of the sums in its matrix products. Only the wanted
frequencies are computed: two matrix products over the whole plane, the first of which leaves 3 rows of 16.

Bounds, for luma 0 to 255 and blocks of 16x16 pixels:

* A coefficient is an exact multiple of 2^-20 before it is rounded to float32. It is at most 4 off from
  that of the real DCT, because the basis is rounded, and off by .1 as a rule. Frequency (0, 0) is exact:
  it is 16 times the mean of the block, relative to luma 128.
* A sum of squared changes of coefficients is the sum of squared changes of pixels, except that changes of
  coefficients are rounded to 1/64 and pixels to integers. Rounding pixels changes a coefficient by .4 as root
  mean square: more than white noise would, because the changes of neighbouring pixels are similar.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cssv.errors import OptionError
from cssv.frames import U8

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]

#: Vertical and horizontal frequency of a coefficient.
Frequency: TypeAlias = tuple[int, int]

#: Largest change of a coefficient.
MOST_CHANGE = 127.0

_BASIS_SCALE = 1024
_CHANGE_SCALE = 64
#: Integers up to here are exact in float32.
_EXACT = 1 << 24


class BlockTransform:
    """Some low-frequency coefficients of the square blocks of a plane.

    Args:
        side: of a block in pixels.
        frequencies: vertical and horizontal frequency of each coefficient. (0, 0) is the mean, relative to
            luma 128.

    Raises:
        OptionError: frequencies for which the sums are not exact, or that repeat.
    """

    def __init__(self, side: int, frequencies: tuple[Frequency, ...]) -> None:
        self.side = side
        self.frequencies = frequencies
        self._count = 1 + max(max(pair) for pair in frequencies)
        self._vertical = np.array([pair[0] for pair in frequencies])
        self._horizontal = np.array([pair[1] for pair in frequencies])
        largest = float(np.abs(self._basis).max())
        across = self._count * largest / _BASIS_SCALE * MOST_CHANGE * _CHANGE_SCALE
        if len(set(frequencies)) < len(frequencies):
            raise OptionError("frequencies repeat", found=str(frequencies))
        if self._count * largest * across >= _EXACT:
            raise OptionError(
                "frequencies are too high for exact sums", found=self._count - 1, bound="at most 3 at side 16"
            )

    @cached_property
    def _basis(self) -> F32:
        """(frequencies, side), integers."""
        at = np.pi * (2 * np.arange(self.side) + 1) / (2 * self.side)
        k = np.arange(self._count)[:, None]
        norm = np.sqrt(np.where(k == 0, 1, 2) / self.side)
        return np.asarray(np.rint(_BASIS_SCALE * norm * np.cos(k * at)), np.float32)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the whole blocks in a plane."""
        return height // self.side, width // self.side

    def forward(self, luma: U8 | F32) -> F32:
        """Coefficients of the whole blocks, (height, width) to (rows, columns, coefficients).

        Args:
            luma: 0 to 255. Exact for integers.
        """
        rows, columns = self.grid(*luma.shape)
        # Around zero the sums are half as large. Only the coefficient of the mean changes by it.
        plane = luma[: rows * self.side, : columns * self.side].astype(np.float32) - np.float32(128)
        down = np.matmul(self._basis, plane.reshape(rows, self.side, columns * self.side))
        # The second sums exceed what float32 holds.
        across = down.reshape(rows, self._count, columns, self.side).astype(np.float64)
        found = across @ self._basis.T.astype(np.float64)
        chosen = found[:, self._vertical, :, self._horizontal] * _BASIS_SCALE**-2.0
        return np.ascontiguousarray(chosen.transpose(1, 2, 0), np.float32)

    def inverse(self, changes: F32) -> F32:
        """Changes of pixels for changes of coefficients, (rows, columns, coefficients) to (height, width).

        Args:
            changes: at most :data:`MOST_CHANGE`; larger ones are limited to it.
        """
        rows, columns, _ = changes.shape
        steps = np.rint(np.clip(changes, -MOST_CHANGE, MOST_CHANGE).astype(np.float64) * _CHANGE_SCALE)
        spectrum = np.zeros((rows, self._count, columns, self._count))
        spectrum[:, self._vertical, :, self._horizontal] = steps.transpose(2, 0, 1)
        # Rounded again, so that the second sums are exact in float32.
        across = np.rint(spectrum @ self._basis.astype(np.float64) / _BASIS_SCALE).astype(np.float32)
        lines = across.reshape(rows, self._count, columns * self.side)
        down = np.matmul(np.ascontiguousarray(self._basis.T), lines)
        down *= np.float32(1 / (_BASIS_SCALE * _CHANGE_SCALE))
        return np.asarray(down.reshape(rows * self.side, columns * self.side), np.float32)

    def add(self, luma: U8, changes: F32) -> U8:
        """The plane with changed coefficients, rounded and limited to 0 to 255; a new array."""
        rows, columns, _ = changes.shape
        height, width = rows * self.side, columns * self.side
        changed = luma.copy()
        if rows and columns:
            moved = self.inverse(changes)
            moved += luma[:height, :width]
            np.rint(moved, out=moved)
            np.clip(moved, 0, 255, out=moved)
            changed[:height, :width] = moved
        return changed
