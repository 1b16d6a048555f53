"""Native planes -> the colours that networks look at."""

from __future__ import annotations

import cv2
import numpy as np

from cssv.frames import U8, Frame


def to_bgr(frame: Frame) -> U8:
    """(H, W, 3) uint8 blue, green, red.

    A frame does not say which matrix its yuv420p planes were made with. They are read as BT.601 in the
    limited range, as OpenCV does; where BT.709 was meant, reds and greens are off by up to a tenth, which
    detectors do not mind.
    """
    code = cv2.COLOR_YUV2BGR_I420 if frame.layout == "yuv420p" else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(frame.planes, code), dtype=np.uint8)
