"""Test of whether an object ever left its place, for detectors of moving objects.

Such a detector also reports what only flickers: lane paint when the exposure changes, a lamp, a ghost. Its
boxes jump to and fro or stay where they are. The boxes of an object that moves get away from their place step
by step.
"""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.camera import CameraMotion
from cssv.perception.camera_path import CameraPath
from cssv.perception.smoothing import Tracklet, seen_rows

#: Smallest way of an object that moves, relative to the square root of its box's area.
SMALLEST_WAY = 0.25
#: The way is at least this multiple of the largest step from one box to the next: single jumps are errors.
FEWEST_STEPS = 2.5
#: An object moves, too, if its way is longer than this multiple of the longer side of its box.
CLEAR_WAY = 1.0


class Place:
    """Range of the box centres of one object, in the coordinates of the still scene.

    Memory use does not depend on the number of boxes.
    """

    def __init__(self) -> None:
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self._last: F64 | None = None
        self._last_at = 0
        self._largest_step = 0.0
        self._size_sum: F64 = np.zeros(2)
        self._boxes = 0

    def add(self, centres_px: F64, at: I64) -> None:
        """Add boxes in order of time: (n, 4) centre x, centre y, w, h, and the positions of their frames."""
        if not len(centres_px):
            return
        path, when = centres_px[:, :2], at
        if self._last is not None:
            path, when = np.vstack([self._last, path]), np.concatenate([[self._last_at], at])
        if len(path) > 1:
            # A longer step is no error of a box if the object was hidden for some frames.
            steps = np.hypot(*np.diff(path, axis=0).T) / np.maximum(np.diff(when), 1)
            self._largest_step = max(self._largest_step, float(steps.max()))
        self._low, self._high = (
            np.minimum(self._low, path.min(axis=0)),
            np.maximum(self._high, path.max(axis=0)),
        )
        self._last, self._last_at = path[-1].copy(), int(at[-1])
        self._size_sum = self._size_sum + centres_px[:, 2:].sum(axis=0)
        self._boxes += len(centres_px)

    def follow(self, camera: CameraMotion) -> None:
        """Move the place with the picture, so that it stays at the same point of the scene."""
        if self._last is None or camera.is_still or not camera.is_known:
            return
        ends = camera.of_points(np.stack([self._low, self._high, self._last]))
        self._low, self._high, self._last = ends[:2].min(axis=0), ends[:2].max(axis=0), ends[2]
        self._largest_step *= camera.zoom
        self._size_sum = self._size_sum * camera.zoom

    @property
    def was_left(self) -> bool:
        """True if the object moved by more than the errors of its boxes."""
        if self._boxes < 2:
            return False
        way = float(np.hypot(*(self._high - self._low)))
        width, height = (self._size_sum / self._boxes).tolist()
        if way > CLEAR_WAY * max(width, height):
            return True
        smallest = SMALLEST_WAY * float(np.sqrt(width * height))
        return way > max(smallest, FEWEST_STEPS * self._largest_step)


def has_moved(tracklet: Tracklet, path: CameraPath) -> bool:
    """True if the object of a tracklet moved in the scene, by all its boxes."""
    seen = seen_rows(tracklet.centres_px)
    centres = tracklet.centres_px[seen]
    if not path.is_still:
        centres = in_scene(
            centres, np.stack([path.place_at(time_s) for time_s in tracklet.times_s[seen].tolist()])
        )
    place = Place()
    place.add(centres, np.flatnonzero(seen))
    return place.was_left


def in_scene(centres_px: F64, places: F64) -> F64:
    """Transform boxes (n, 4) to the still scene, each by its own transform of (n, 2, 3) ``places``."""
    points = np.einsum("nij,nj->ni", places[:, :, :2], centres_px[:, :2]) + places[:, :, 2]
    zoom = np.hypot(places[:, 0, 0], places[:, 1, 0])
    return np.concatenate([points, centres_px[:, 2:] * zoom[:, None]], axis=1)
