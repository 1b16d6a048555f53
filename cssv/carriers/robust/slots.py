"""Slots and windows by the times of frames, and the bounds of a window."""

from __future__ import annotations

from fractions import Fraction

from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.pilot import slot_of
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


def window_of(time: Fraction) -> int:
    """Number of the window that a time of the clip lies in; window 0 begins at time 0."""
    return slot_of(time) // SLOTS_OF_WINDOW
