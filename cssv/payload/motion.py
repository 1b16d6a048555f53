"""Velocities from decoded boxes, in integers: what a segment's corrections are added to."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from cssv.payload.channels import I64, UNITS_A_PX, UNITS_A_RANGE
from cssv.payload.window import Segment, Window

#: The slope at a frame reaches over this share of the window's frames on both sides.
_REACH_SHARE = 4
#: Bound of a slope in units of the range.
_LARGEST = 1 << 40


def slopes(window: Window, segment: Segment, values: Mapping[str, I64]) -> I64:
    """Velocities of the box's centre along x and y, (n, 2), in units of the range of speeds, rounded down.

    Args:
        window: whose times and range are used.
        segment: the segment.
        values: decoded values of the channels of the box.
    """
    count, reach = segment.count, max(1, len(window.pts) // _REACH_SHARE)
    if count == 1:
        return np.zeros((1, 2), np.int64)
    low, high = window.ranges.speed_px_s
    # Places are in half units here, because the centre lies half a height above the foot.
    scale = UNITS_A_RANGE / (2 * UNITS_A_PX * window.time_base * (Fraction(high) - Fraction(low)))
    places = ((2 * values["centre"]).tolist(), (2 * values["foot"] - values["height"]).tolist())
    pts = window.pts[segment.start : segment.start + count]
    found = np.zeros((count, 2), np.int64)
    for at in range(count):
        first, last = max(0, at - reach), min(count - 1, at + reach)
        time = (pts[last] - pts[first]) * scale.denominator
        for k, place in enumerate(places):
            # Slopes beyond 64 bits are limited: no velocity is that large.
            slope = (place[last] - place[first]) * scale.numerator // time
            found[at, k] = min(max(slope, -_LARGEST), _LARGEST)
    return found
