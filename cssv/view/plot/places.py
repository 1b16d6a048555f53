"""Seconds of stay and mean speed per place of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from cssv.boxes import F64
from cssv.scene.ground import Plane
from cssv.view.plot.style import Area
from cssv.view.plot.tracks import ObjectTrack
from cssv.view.units import SpeedUnit

#: Cells along the longer side of the picture.
_CELLS = 192
#: Standard deviation of the smoothing, cells.
_SMOOTH_CELLS = 3.0
#: Cells with less than this share of the largest stay have no mean speed, and no colour.
LEAST_SHARE = 0.002


@dataclass(frozen=True, eq=False)
class Places:
    """Cells of a picture with the stay and the speed of objects.

    Attributes:
        x_px, y_px: borders of the columns and of the rows.
        stay_s: (rows, columns), seconds of stay; the sum is that of all objects while they are in the area.
        speed: (rows, columns), mean speed over time; NaN where nobody was.
    """

    x_px: F64
    y_px: F64
    stay_s: F64
    speed: F64

    @property
    def cell_px(self) -> tuple[float, float]:
        """Width and height of a cell."""
        return float(self.x_px[1] - self.x_px[0]), float(self.y_px[1] - self.y_px[0])

    def areas_m2(self, plane: Plane) -> F64:
        """(rows, columns), ground in each cell, square metres; NaN at the horizon and above."""
        centres = np.meshgrid((self.x_px[1:] + self.x_px[:-1]) / 2, (self.y_px[1:] + self.y_px[:-1]) / 2)
        slopes = plane.jacobian(np.stack(centres, axis=-1))
        found: F64 = np.abs(np.linalg.det(slopes)) * self.cell_px[0] * self.cell_px[1]
        return found


def measure_places(tracks: Sequence[ObjectTrack], area_px: Area, unit: SpeedUnit) -> Places:
    """Sum up where objects stay and how fast they are, by the places of their feet, smoothed.

    The foot of an object that an edge cuts off counts at that edge.
    """
    left, top, right, bottom = area_px
    cell = max(max(right - left, bottom - top) / _CELLS, 1.0)
    across, down = (max(round(side / cell), 1) for side in (right - left, bottom - top))
    x, y = np.linspace(left, right, across + 1), np.linspace(top, bottom, down + 1)
    boxes = np.concatenate([np.empty((0, 4)), *(each.boxes_px for each in tracks)])
    feet = np.concatenate([np.empty((0, 2)), *(each.feet_px for each in tracks)])
    stays = np.concatenate([np.empty(0), *(each.stays_s for each in tracks)])
    speeds = np.concatenate([np.empty(0), *(each.speeds(unit)[0] for each in tracks)])
    with np.errstate(invalid="ignore"):
        is_seen = (boxes[:, :2] < (right, bottom)).all(axis=1)
        is_seen &= (boxes[:, :2] + boxes[:, 2:] > (left, top)).all(axis=1)
    feet = np.clip(feet[is_seen], (left, top), (right, bottom))
    stays, speeds = stays[is_seen], speeds[is_seen]
    known = np.isfinite(speeds)
    total = _smoothed(feet, stays, x, y)
    timed = _smoothed(feet[known], stays[known], x, y)
    way = _smoothed(feet[known], stays[known] * speeds[known], x, y)
    is_visited = timed > LEAST_SHARE * max(float(timed.max()), 1e-300)
    speed = np.full(timed.shape, np.nan)
    speed[is_visited] = way[is_visited] / timed[is_visited]
    return Places(x, y, total, speed)


def _smoothed(feet: F64, weights: F64, x: F64, y: F64) -> F64:
    """Sums of weights per cell; smoothing mirrors at the edges, so that it keeps the sum."""
    sums = np.histogram2d(feet[:, 1], feet[:, 0], bins=(y, x), weights=weights)[0]
    found: F64 = gaussian_filter(sums, _SMOOTH_CELLS, mode="reflect")
    return found
