"""Received luma on the grid of the sender."""

from __future__ import annotations

import math

import cv2
import numpy as np

from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.pilot import F32
from cssv.errors import FrameError, LimitError
from cssv.frames import U8

#: Most pixels of a result. A geometry may claim any size.
MOST_PIXELS = 1 << 26


def resample(luma: U8, geometry: Geometry, region: tuple[int, int, int, int]) -> U8 | F32:
    """A part of the sender's picture, from a received one.

    Args:
        luma: received picture of the size that the geometry states.
        geometry: of the received clip.
        region: left, top, width, height in sender pixels. Where nothing was received, the nearest pixel is
            repeated.

    Returns:
        (height, width), not rounded. If every pixel of the region is a received one, the result is a part of
        the picture, without a copy.

    Raises:
        FrameError: the picture has another size.
        LimitError: the region is too large.
    """
    left, top, width, height = region
    if luma.shape != geometry.received[::-1]:
        raise FrameError(
            "the picture does not fit its geometry",
            found=f"{luma.shape[1]}x{luma.shape[0]}",
            bound=f"{geometry.received[0]}x{geometry.received[1]}",
        )
    if width < 0 or height < 0 or width * height > MOST_PIXELS:
        raise LimitError("a region is too large", found=f"{width}x{height}", bound=f"{MOST_PIXELS} pixels")
    if min(width, height) == 0:
        return np.zeros((height, width), np.float32)
    if geometry.is_whole:
        x, y = left - int(geometry.sides[0]), top - int(geometry.sides[1])
        if 0 <= x <= luma.shape[1] - width and 0 <= y <= luma.shape[0] - height:
            return luma[y : y + height, x : x + width]
    return _interpolate(luma.astype(np.float32), geometry, region)


def _interpolate(luma: F32, geometry: Geometry, region: tuple[int, int, int, int]) -> F32:
    across, down = geometry.scale
    sigma = [0.5 * math.sqrt(max(scale**2 - 1, 0)) for scale in (across, down)]
    if max(sigma) > 0.1:
        # An enlarged picture has frequencies that the sender's grid cannot hold.
        luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), max(sigma[0], 0.1), sigmaY=max(sigma[1], 0.1)))
    # OpenCV counts from the centre of the first pixel.
    x, y = geometry.to_received(region[0] + 0.5, region[1] + 0.5)
    matrix = np.array([[across, 0, float(x) - 0.5], [0, down, float(y) - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(luma, matrix, region[2:], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
