"""Flicker: still samples that change by one level in one frame only.

A lossy codec repeats still parts of a picture exactly, often over many frames. A cover decoded from such a
clip hardly ever shows a single sample that differs by one level in one frame and returns to its value.
Embedding that differs from frame to frame leaves many.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from cssv.frames import U8

#: The eight neighbours of a sample.
_NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


def flicker_share(planes: Iterable[tuple[U8, U8, U8]]) -> float:
    """Share of flickering samples among those whose neighbours are still; 0 if nothing is still.

    Args:
        planes: for each plane of a picture: that of the frame before, its own, and that of the frame after.
    """
    flickers = still = 0
    for before, plane, after in planes:
        moves = (plane != before) | (plane != after)
        is_still = cv2.dilate(moves.astype(np.uint8), _NEIGHBOURS) == 0
        step = np.abs(plane.astype(np.int16) - before)
        flickers += int(np.count_nonzero(is_still & (before == after) & (step == 1)))
        still += int(np.count_nonzero(is_still))
    return flickers / max(still, 1)
