"""Velocities from decoded boxes, in integers: what a segment's corrections are added to."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from cssv.payload.channels import I64, UNITS_A_PX, UNITS_A_RANGE
from cssv.payload.window import Segment, Window

#: The slope at a frame reaches over one of these shares of the window's frames on both sides.
REACHES = (4, 2, 8, 16)
#: Bounds of a slope in units of the range, and of a way in half units.
_LARGEST, _LARGEST_PLACE = 1 << 40, 1 << 33


def slopes(window: Window, segment: Segment, values: Mapping[str, I64]) -> I64:
    """Velocities of the box's centre along x and y, (n, 2), in units of the range of speeds, rounded down.

    Args:
        window: whose times and range are used.
        segment: the segment.
        values: decoded values of the channels of the box.
    """
    count, reach = segment.count, max(1, len(window.pts) // REACHES[segment.reach])
    if count == 1:
        return np.zeros((1, 2), np.int64)
    low, high = window.ranges.speed_px_s
    # Places are in half units here, because the centre lies half a height above the foot.
    scale = UNITS_A_RANGE / (2 * UNITS_A_PX * window.time_base * (Fraction(high) - Fraction(low)))
    places = np.stack([2 * values["centre"], 2 * values["foot"] - values["height"]], axis=1)
    pts = window.pts[segment.start : segment.start + count]
    # Python's integers where a product could exceed 64 bits.
    largest = max(_LARGEST_PLACE * scale.numerator, (pts[-1] - pts[0]) * scale.denominator)
    kind = np.int64 if largest < 1 << 62 else object
    since = np.array([each - pts[0] for each in pts], kind)
    at = np.arange(count)
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach, count - 1)
    ways = (places[last] - places[first]).astype(kind)
    found = ways * scale.numerator // ((since[last] - since[first]) * scale.denominator)[:, None]
    # No velocity is larger.
    limited: I64 = np.clip(found, -_LARGEST, _LARGEST).astype(np.int64)
    return limited
