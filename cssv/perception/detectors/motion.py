"""What moves in front of a still background. No weights, no labels; the camera stands still."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import Frame
from cssv.perception.detections import EMPTY, F64, Detections, detections

#: Frames the background model remembers, and its threshold in squared standard deviations.
HISTORY_FRAMES = 500
VARIANCE_THRESHOLD = 16.0
#: Blobs smaller than this share of the picture are noise.
SMALLEST_AREA = 0.0004
#: Working height in pixels; larger pictures are halved until they are no more than 1.5 times as high.
WORKING_HEIGHT = 288

U8 = NDArray[np.uint8]


class MotionDetector:
    """Boxes around moving things."""

    name = "motion"

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY_FRAMES, VARIANCE_THRESHOLD, True)

    def detect(self, frame: Frame) -> Detections:
        """Boxes of what moves in ``frame``."""
        scale = 1
        while frame.height // scale > 1.5 * WORKING_HEIGHT:
            scale *= 2
        luma = frame.luma()
        if scale > 1:
            small = cv2.resize(
                luma, (frame.width // scale, frame.height // scale), interpolation=cv2.INTER_AREA
            )
        else:
            small = np.ascontiguousarray(luma)
        mask = (self._model.apply(small) == 255).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        stats = stats[1:][stats[1:, 4] >= SMALLEST_AREA * mask.size]
        if not len(stats) or stats[:, 4].sum() > 0.5 * mask.size:
            return EMPTY
        boxes: F64 = stats[:, :4].astype(np.float64) * scale
        fill = stats[:, 4] / (stats[:, 2] * stats[:, 3])
        return detections(boxes, fill)
