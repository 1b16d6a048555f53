"""Where a point of the picture stands in the axes of glTF: y up, right-handed, metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.scene.ground import Plane, Size

#: Pixels in a unit of a room without a camera, in which the picture stands upright.
PX_PER_UNIT = 1000
#: Points of the ground that are further than this from the nearest one in the picture are not shown, metres.
#: Just below the horizon they are uncertain by kilometres, and a viewer that shows them shows nothing else.
FARTHEST_M = 2000.0


def to_gltf(points: F64, up: int) -> F64:
    """Points (..., 3) of the scene's axes -> those of glTF. ``up``: 1 if the scene's z is up, -1 if down."""
    x, y, z = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
    return np.stack([x, up * z, -up * y], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The room of a clip: its ground, or its picture that stands upright where no ground is known.

    Attributes:
        size: width and height of the picture, pixels.
        plane: the ground; None if unknown.
        camera_m: place of the camera in the scene's axes; None if unknown.
    """

    size: Size
    plane: Plane | None = None
    camera_m: tuple[float, float, float] | None = None

    @property
    def up(self) -> int:
        """1 if the scene's z is up, -1 if down: then x and y turn clockwise, seen from above."""
        return -1 if self.plane is not None and np.linalg.det(self.plane.matrix) > 0 else 1

    def on_ground(self, points_px: F64) -> F64:
        """Points (..., 2) of the picture on the ground, metres; NaN above the horizon and too far away."""
        assert self.plane is not None
        points: F64 = self.plane.to_ground(points_px)
        away = np.linalg.norm(points - self._nearest(), axis=-1, keepdims=True)
        return np.where(away <= FARTHEST_M, points, np.nan)

    def _nearest(self) -> F64:
        """The point of the ground at the middle of the lower edge, or the first that the picture shows."""
        assert self.plane is not None
        across, down = self.size
        heights = np.linspace(down, 0, 65)
        shown = self.plane.to_ground(np.stack([np.full(65, across / 2), heights], axis=-1))
        known = shown[np.isfinite(shown).all(axis=-1)]
        return known[0] if len(known) else np.zeros(2)

    def places(self, points_px: F64) -> F64:
        """Points (..., 2) of the picture, pixels -> the room (..., 3); NaN for those that are not in it."""
        points = np.asarray(points_px, dtype=np.float64)
        zero = np.zeros((*points.shape[:-1], 1))
        if self.plane is None:
            upright = (points * (1, -1) + (0, self.size[1])) / PX_PER_UNIT
            return np.concatenate([upright, zero], axis=-1)
        return to_gltf(np.concatenate([self.on_ground(points), zero], axis=-1), self.up)

    def rays(self, points_px: F64) -> F64 | None:
        """Directions (..., 3) in the scene's axes from the camera to points; None without its place.

        They all have the same depth along the camera's axis. They exist above the horizon too: a ray is
        linear in the straightened point, and below the horizon it leads to the ground.
        """
        if self.plane is None or self.camera_m is None:
            return None
        points = np.asarray(points_px, dtype=np.float64)
        straight = points if self.plane.lens is None else self.plane.lens.straightened(points)
        raw = straight @ self.plane.matrix[:, :2].T + self.plane.matrix[:, 2]
        x, y, z = self.camera_m
        across = raw[..., :2] - raw[..., 2:] * (x, y)
        return np.concatenate([across, -z * raw[..., 2:]], axis=-1)
