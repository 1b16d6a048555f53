"""Correlation of a demodulated picture with the plane of the pilot, at many scales."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cssv.carriers.robust.pilot import BLOCK, F32, PLANE, PLANE_BLOCKS, pilot_plane

C64 = NDArray[np.complex64]

#: Sender pixels in a cell of the correlation. The pilot has hardly any energy that needs smaller ones.
CELL = 4
#: Cells of the plane in each direction.
PLANE_CELLS = PLANE // CELL
#: Cells of a block in each direction.
_PHASES = BLOCK // CELL
#: Smallest and largest scale, received pixels per sender pixel.
SCALE_RANGE = (0.3, 1.6)
#: Bounds of the sides of the sender's picture, or of the received piece of it, in cells.
CELLS_RANGE = (24, 1024)
#: Difference of successive widths of the ladder in cells. Between two of them, the edges are at most 2 sender
#: pixels off, an eighth of the shorter wave of the pilot.
_RUNG = 2


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a picture of some size fits the plane of the pilot best.

    Attributes:
        score: height of the peak. Noise has a mean square of 2.
        cells: width and height of the received picture in cells.
        left, top: cell of the plane at the top left of the picture.
        turn: phase in time of the pilot, a complex number of absolute value 1.
    """

    score: float
    cells: tuple[int, int]
    left: int
    top: int
    turn: complex


def ladder(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Sizes in cells to try for a received picture, its own size first, then by distance in scale.

    Args:
        width: of the received picture in pixels.
        height: of the received picture in pixels.
    """
    low, high = SCALE_RANGE
    own = own_cells(width)
    least = max(math.ceil(width / high / CELL), CELLS_RANGE[0])
    most = min(int(width / low / CELL), CELLS_RANGE[1])
    down, up = range(own, least - 1, -_RUNG), range(own + _RUNG, most + 1, _RUNG)
    for columns in sorted([*down, *up], key=lambda columns: abs(math.log(columns / own))):
        rows = round(columns * height / width)
        if CELLS_RANGE[0] <= min(columns, rows) and max(columns, rows) <= CELLS_RANGE[1]:
            yield columns, rows


def own_cells(pixels: int) -> int:
    """Cells of a side that was not scaled."""
    return round(pixels / CELL)


def correlate(demodulated: F32, cells: tuple[int, int], key: bytes) -> Peak:
    """Best place in the plane for a picture of a given size.

    Args:
        demodulated: (height, width, 2) from :func:`.demodulation.demodulate`.
        cells: width and height that the whole picture is scaled to.
        key: 32 bytes.
    """
    shrunk = np.asarray(cv2.resize(demodulated, cells, interpolation=cv2.INTER_AREA), np.float32)
    # Rows of zeros, below the picture, have no spectrum that has to be computed.
    lines = fft.fft(_wrap(np.ascontiguousarray(shrunk).view(np.complex64)[..., 0]), axis=1, overwrite_x=True)
    spectrum = fft.fft(lines, n=PLANE_CELLS, axis=0)
    np.conj(spectrum, out=spectrum)
    spectrum *= _plane_spectrum(key)
    found = fft.ifft2(spectrum, overwrite_x=True)
    top, left, power = _highest(np.square(found.real) + np.square(found.imag))
    peak = complex(found[top, left])
    if peak == 0:
        # A picture of one colour has no spectrum at all.
        return Peak(0.0, cells, 0, 0, 1 + 0j)
    return Peak(math.sqrt(2 * power), cells, left, top, peak / abs(peak))


def _highest(power: F32) -> tuple[int, int, float]:
    """Row and column of the highest place relative to the mean of those with the same phase of the blocks.

    Another pattern of blocks, such as the pilot of another key, gives more noise where the blocks coincide.
    """
    rows = power.reshape(PLANE_BLOCKS, -1)
    total, most = (each.reshape(_PHASES, PLANE_BLOCKS, _PHASES) for each in (rows.sum(0), rows.max(0)))
    mean = np.maximum(total.sum(1) / PLANE_BLOCKS**2, np.finfo(np.float32).tiny)
    relative = most.max(1) / mean
    y, x = divmod(int(relative.argmax()), _PHASES)
    row, column = divmod(int(power[y::_PHASES, x::_PHASES].argmax()), PLANE_BLOCKS)
    return _PHASES * row + y, _PHASES * column + x, float(relative[y, x])


def _wrap(picture: C64) -> C64:
    """The picture on the first rows of the plane; what lies beyond its end is added at its beginning."""
    plane = np.zeros((min(picture.shape[0], PLANE_CELLS), PLANE_CELLS), np.complex64)
    for y in range(0, picture.shape[0], PLANE_CELLS):
        for x in range(0, picture.shape[1], PLANE_CELLS):
            part = picture[y : y + PLANE_CELLS, x : x + PLANE_CELLS]
            plane[: part.shape[0], : part.shape[1]] += part
    return plane


@lru_cache(maxsize=4)
def _plane_spectrum(key: bytes) -> C64:
    return np.asarray(fft.fft2(pilot_plane(key, CELL).astype(np.complex64)), np.complex64)
