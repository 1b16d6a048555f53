"""Integer Sobel edges of the high-nibble picture.

Computed on ``cover >> 4`` and smoothed: the 5x5 Sobel kernel is the 3x3 one after a binomial blur, so that
both are one exact integer filter.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Right shift from |gx| + |gy| of the 5x5 kernel to the template's brightness.
_SHIFT = 2
#: Weaker edges stay empty: they are the sensor's noise, and coding them costs bytes.
_FLOOR = 48


def edge_magnitude(luma: U8) -> NDArray[np.int16]:
    """|gx| + |gy| of ``luma >> 4`` under the 5x5 Sobel kernel, (H, W) int16, 0 to 2 * 15 * 48."""
    high = luma >> 4
    gx = cv2.Sobel(high, cv2.CV_16S, 1, 0, ksize=5, borderType=cv2.BORDER_REPLICATE)
    gy = cv2.Sobel(high, cv2.CV_16S, 0, 1, ksize=5, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.abs(gx) + np.abs(gy), np.int16)


def edge_brightness(magnitude: NDArray[np.int16]) -> U8:
    """Brightness of edges inside an outline: multiples of 16, 0 below the floor. uint8."""
    bright = np.clip(magnitude >> _SHIFT, 0, 240).astype(np.uint8)
    bright[bright < _FLOOR] = 0
    return np.asarray(bright & 0xF0, np.uint8)
