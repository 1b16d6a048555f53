"""Frames in another size, for benchmarks at a resolution that the clips at hand do not have."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cssv.frames import Frame, planes_shape, split_planes


def scale(frame: Frame, size: tuple[int, int] | None) -> Frame:
    """The frame with every plane scaled; unchanged without a size."""
    if size is None:
        return frame
    planes = np.empty(planes_shape(frame.layout, *size), np.uint8)
    for old, new in zip(frame.split(), split_planes(planes, frame.layout), strict=True):
        new[...] = cv2.resize(old, new.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return replace(frame, planes=planes)
