"""Bounds of windows: how long, and how many frames, so that a window fits in memory."""

from __future__ import annotations

from cssv.frames import Layout, planes_shape

#: Seconds of a window: default and bounds.
WINDOW_S, WINDOW_S_RANGE = 2, (1, 60)
#: Most bytes of the frames of a window, and most frames: a reader holds two windows in memory.
MOST_BYTES, MOST_FRAMES = 1 << 28, 240


def most_frames(layout: Layout, width: int, height: int) -> int:
    """Most frames of a window."""
    size = 1
    for side in planes_shape(layout, width, height):
        size *= side
    return max(1, min(MOST_FRAMES, MOST_BYTES // size))
