"""Length and bounds of a window."""

from __future__ import annotations

from cssv.frames import Layout, planes_shape

#: Seconds of a window.
WINDOW_S = 2
#: Most bytes of the frames of a window, and most frames.
MOST_BYTES, MOST_FRAMES = 1 << 30, 1000


def most_frames(layout: Layout, width: int, height: int) -> int:
    """Most frames of a window, so that it fits in memory."""
    size = 1
    for side in planes_shape(layout, width, height):
        size *= side
    return max(1, min(MOST_FRAMES, MOST_BYTES // size))
