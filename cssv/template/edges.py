"""Integer Sobel edges of the high-nibble picture.

Computed on ``cover >> 4`` and smoothed: the 5x5 Sobel kernel is the 3x3 one after a binomial blur. So it is
computed, because both fit in small integers and are faster.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Rows of a picture that are worked on at once, so that memory does not grow with the picture.
STRIP_ROWS = 256
#: Rows beside a strip that its gradients depend on.
_MARGIN = 2
#: The 3x3 blur in each direction.
_BINOMIAL = np.array([1, 2, 1], np.float32)
#: Right shift from |gx| + |gy| of the 5x5 kernel to the template's brightness.
_SHIFT = 2
#: Weaker edges stay empty: they are the sensor's noise, and coding them costs bytes.
_FLOOR = 48


def edge_magnitude(luma: U8) -> NDArray[np.int16]:
    """|gx| + |gy| of ``luma >> 4`` under the 5x5 Sobel kernel, (H, W) int16, 0 to 2 * 15 * 48."""
    found = np.empty(luma.shape, np.int16)
    for rows, magnitude in _strips(luma):
        found[rows] = magnitude
    return found


def edge_picture(luma: U8) -> U8:
    """The brightness of the edges of a picture, (H, W) uint8: multiples of 16, 0 below the floor."""
    found = np.empty(luma.shape, np.uint8)
    for rows, magnitude in _strips(luma):
        found[rows] = edge_brightness(magnitude)
    return found


def _strips(luma: U8) -> Iterator[tuple[slice, NDArray[np.int16]]]:
    """The magnitude strip by strip: the gradients of a whole large picture take eleven bytes a pixel."""
    height = luma.shape[0]
    for top in range(0, height, STRIP_ROWS):
        bottom, first = min(top + STRIP_ROWS, height), max(top - _MARGIN, 0)
        high = _with_border(np.asarray(luma[first : bottom + _MARGIN] >> 4, np.uint8))
        # Sums of 16 numbers below 16 fit in a byte.
        blurred = cv2.sepFilter2D(high, cv2.CV_8U, _BINOMIAL, _BINOMIAL)
        magnitude, other = (
            np.abs(gradient[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]) for gradient in cv2.spatialGradient(blurred)
        )
        magnitude += other
        yield slice(top, bottom), magnitude[top - first : bottom - first]


def _with_border(high: U8) -> U8:
    """The picture with its outermost pixels repeated outwards."""
    m = _MARGIN
    return np.asarray(cv2.copyMakeBorder(high, m, m, m, m, cv2.BORDER_REPLICATE), np.uint8)


def edge_brightness(magnitude: NDArray[np.int16]) -> U8:
    """Brightness of edges inside an outline: multiples of 16, 0 below the floor. uint8."""
    bright = np.clip(magnitude >> _SHIFT, 0, 240).astype(np.uint8)
    bright[bright < _FLOOR] = 0
    return np.asarray(bright & 0xF0, np.uint8)
