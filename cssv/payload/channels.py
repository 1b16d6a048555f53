"""Channels of an object: what varies from frame to frame, in integer units.

Boxes are in units of 1/16 px. All other values are in units of 1/512 of their range: an error of 16 units is
1/32 of the range. The deviation of the velocity is on a scale of levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.scene.values import Span

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Units of a pixel, and of a range.
UNITS_A_PX, UNITS_A_RANGE = 16, 512
#: Bound of errors within a range: 1/32 of it; of a velocity along an axis, so that its length keeps 1/32 too.
RANGE_BOUND, AXIS_BOUND = 16, 11
#: Units between two levels of a deviation.
UNITS_A_LEVEL = 32
#: The deviations of the levels, in units of 1 / 4096 of the range of speeds. Deviations half a level apart,
#: wherever they lie, differ by at most 1/32 of the range, and so do their certainties.
SIGMA_LEVELS = (
    0, 175, 219, 250, 278, 305, 332, 360, 391, 425, 463, 508, 562, 629, 718, 843,
    1040, 1296, 1552, 1808, 2064, 2320, 2576, 2832, 3088, 3344, 3600, 3856, 4096,
)  # fmt: skip
_LEVEL_SCALE = 4096

#: Channels in the order in which a segment holds them: always, and with each group that is known.
BOX = ("foot", "height", "width", "centre")
MOTION = ("sigma", "velocity_x", "velocity_y")
TURN = ("turn_x", "turn_y")
TEMPERATURE = ("temperature", "temperature_certainty")
DENSITY = ("density", "density_certainty")
#: Channels along the axes of the picture.
VELOCITIES = (*MOTION[1:], *TURN)


def bound_of(channel: str, box_bound: int) -> int:
    """Error bound of a channel, in its units."""
    if channel in BOX:
        return box_bound
    return AXIS_BOUND if channel in VELOCITIES else RANGE_BOUND


def to_units(values: F64, span: Span) -> F64:
    """Values in units of their range, from its lower end."""
    return (values - span[0]) * (UNITS_A_RANGE / (span[1] - span[0]))


def from_units(units: I64, span: Span) -> F64:
    """Inverse of :func:`to_units`."""
    found: F64 = span[0] + (span[1] - span[0]) * units / UNITS_A_RANGE
    return found


def sigma_to_units(sigma: F64, span: Span) -> F64:
    """Finite deviations on the scale of levels. One above the range becomes the range."""
    scaled = np.minimum(sigma / (span[1] - span[0]), 1.0) * _LEVEL_SCALE
    units: F64 = np.interp(scaled, SIGMA_LEVELS, np.arange(len(SIGMA_LEVELS)) * UNITS_A_LEVEL)
    return units


def sigma_from_units(units: I64, span: Span) -> F64:
    """Inverse of :func:`sigma_to_units`. Units outside the scale become its nearest end."""
    within = np.clip(units, 0, (len(SIGMA_LEVELS) - 1) * UNITS_A_LEVEL)
    below = np.minimum(within // UNITS_A_LEVEL, len(SIGMA_LEVELS) - 2)
    levels = np.array(SIGMA_LEVELS, np.int64)
    rest = within - below * UNITS_A_LEVEL
    scaled = levels[below] * (UNITS_A_LEVEL - rest) + levels[below + 1] * rest
    found: F64 = scaled * (span[1] - span[0]) / (_LEVEL_SCALE * UNITS_A_LEVEL)
    return found
