"""Conversion of native planes to the colours that networks take as input."""

from __future__ import annotations

import cv2
import numpy as np

from cssv.frames import U8, Frame


def to_bgr(frame: Frame) -> U8:
    """Convert a frame to (H, W, 3) uint8 blue, green, red.

    A frame does not record the colour matrix of its yuv420p planes. They are converted by BT.601 in the
    limited range, as in OpenCV. If they are BT.709, reds and greens are off by up to a tenth, without effect
    on detectors.
    """
    code = cv2.COLOR_YUV2BGR_I420 if frame.layout == "yuv420p" else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(frame.planes, code), dtype=np.uint8)
