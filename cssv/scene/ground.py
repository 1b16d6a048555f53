"""The ground plane: where a point of the picture lies on it, in metres, and how fast objects move there.

Pixels are those of boxes: (0, 0) is the frame's top left corner. The ground is the plane z = 0 of the scene's
own axes, with x and y in metres. An object stands at its *foot*, the middle of its box's lower edge. Points
above the horizon are not on the ground: NaN. :mod:`cssv.scene.camera` makes the plane of a scene's camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.scene.check import is_singular
from cssv.scene.lens import Lens

Bools = NDArray[np.bool_]
#: Width and height in pixels.
Size = tuple[int, int]

#: A box that comes this near to the picture's edge may be cut off there, pixels.
EDGE_PX = 1.0
#: Points along a side of the picture that are tested for its share of ground.
_SHARE_NODES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The ground plane as a camera sees it.

    Attributes:
        matrix: float64 (3, 3), takes straightened pixels (x, y, 1) to ground metres (x, y, 1) up to a scale
            that is positive in front of the camera. Read-only.
        size: width and height of the picture in pixels.
        lens: None if straight lines are straight in the picture.

    Raises:
        InputError: the matrix has no inverse, or is not finite.
    """

    matrix: F64
    size: Size
    lens: Lens | None = None

    def __post_init__(self) -> None:
        rows = np.array(self.matrix, dtype=np.float64)
        is_finite = rows.shape == (3, 3) and bool(np.isfinite(rows).all())
        if not is_finite or is_singular(rows.tolist()):
            raise InputError(
                "the ground cannot be seen from this camera",
                found=str(rows.tolist()),
                bound="a 3 x 3 matrix with an inverse",
            )
        rows /= np.abs(rows).max()
        rows.flags.writeable = False
        object.__setattr__(self, "matrix", rows)

    def _straight(self, points_px: F64) -> F64:
        points = np.asarray(points_px, dtype=np.float64)
        return points if self.lens is None else self.lens.straightened(points)

    def _raw(self, points_px: F64) -> F64:
        """Homogeneous ground points (..., 3): x, y and their scale; NaN at the horizon and above."""
        straight = self._straight(points_px)
        raw: F64 = straight @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.where(raw[..., 2:] > 0, raw, np.nan)

    def to_ground(self, points_px: F64) -> F64:
        """Points (..., 2) of the picture, px -> the ground (..., 2), m. Inverse of :meth:`to_picture`."""
        raw = self._raw(points_px)
        with np.errstate(over="ignore", invalid="ignore"):
            return _finite(raw[..., :2] / raw[..., 2:])

    def to_picture(self, points_m: F64) -> F64:
        """Points (..., 2) of the ground, m -> the picture (..., 2), px; NaN behind the camera."""
        back = np.linalg.inv(self.matrix)
        points = np.asarray(points_m, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            raw = points @ back[:, :2].T + back[:, 2]
            straight = _finite(raw[..., :2] / np.where(raw[..., 2:] > 0, raw[..., 2:], np.nan))
            return straight if self.lens is None else _finite(self.lens.bent(straight))

    def jacobian(self, points_px: F64) -> F64:
        """Derivatives (..., 2, 2) of the ground point (rows) by the picture point (columns), m per px."""
        raw = self._raw(points_px)
        with np.errstate(over="ignore", invalid="ignore"):
            ground = raw[..., :2] / raw[..., 2:]
            slope = self.matrix[:2, :2] - ground[..., :, None] * self.matrix[2, :2]
            slope = slope / raw[..., 2:, None]
            if self.lens is not None:
                slope = slope @ self.lens.jacobian(np.asarray(points_px, dtype=np.float64))
            return _finite(slope)

    def growth(self, points_px: F64) -> F64:
        """Relative growth (..., 2) of an object at points of the picture, per pixel to the right and down."""
        raw = self._raw(points_px)
        slope = np.broadcast_to(self.matrix[2, :2], (*raw.shape[:-1], 2))
        if self.lens is not None:
            slope = (slope[..., None, :] @ self.lens.jacobian(np.asarray(points_px, dtype=np.float64)))[
                ..., 0, :
            ]
        with np.errstate(over="ignore", invalid="ignore"):
            return _finite(slope / raw[..., 2:])

    def shows(self, points_m: F64) -> Bools:
        """Which points (..., 2) of the ground, m, are in the picture: (...) bool."""
        spots = self.to_picture(points_m)
        return _both((spots >= 0) & (spots <= self.size))

    @property
    def share(self) -> float:
        """Share of the picture that shows ground, 0 to 1."""
        across, down = ((np.arange(_SHARE_NODES) + 0.5) * side / _SHARE_NODES for side in self.size)
        points = np.stack(np.meshgrid(across, down), axis=-1)
        return float(np.isfinite(self.to_ground(points)).all(axis=-1).mean())


def _finite(values: F64) -> F64:
    """The points, with NaN in both coordinates if one of them is not finite."""
    return np.where(_both(np.isfinite(values))[..., None], values, np.nan)


def _both(are_so: Bools) -> Bools:
    """Whether both of two coordinates (..., 2) are so; for so few, faster than ``all``."""
    both: Bools = are_so[..., 0] & are_so[..., 1]
    return both


def is_same_ground(one: Plane | None, other: Plane | None) -> bool:
    """Whether two planes give the same ground for every picture; two unknown planes do."""
    if one is None or other is None:
        return one is other
    return one.lens == other.lens and bool(np.array_equal(one.matrix, other.matrix))


# ---- objects on the ground


def feet_of(boxes_px: F64) -> F64:
    """Boxes (..., 4) x, y, w, h -> the middles (..., 2) of their lower edges."""
    boxes = np.asarray(boxes_px, dtype=np.float64)
    feet: F64 = np.stack([boxes[..., 0] + boxes[..., 2] / 2, boxes[..., 1] + boxes[..., 3]], axis=-1)
    return feet


def whole_feet(boxes_px: F64, size: Size) -> Bools:
    """Which boxes (..., 4) show their foot: the picture's edge does not cut them off beside or below."""
    boxes = np.asarray(boxes_px, dtype=np.float64)
    right, bottom = boxes[..., 0] + boxes[..., 2], boxes[..., 1] + boxes[..., 3]
    whole: Bools = (boxes[..., 0] >= EDGE_PX) & (right <= size[0] - EDGE_PX) & (bottom <= size[1] - EDGE_PX)
    return whole


def foot_velocity(plane: Plane, boxes_px: F64, velocity_px_s: F64) -> F64:
    """Velocity (..., 2) of the foot of boxes (..., 4), px/s, from the velocity of their centre.

    A box grows as its object comes nearer, by a share that the plane gives. So the foot is faster than the
    centre by half of that growth.
    """
    velocity = np.asarray(velocity_px_s, dtype=np.float64)
    growth = plane.growth(feet_of(boxes_px))
    half = np.asarray(boxes_px, dtype=np.float64)[..., 3] / 2
    along = half * growth[..., 0] * velocity[..., 0]
    # A box that reaches the horizon says nothing about its foot: the growth is infinite there.
    kept = 1 - half * growth[..., 1]
    down = np.where(kept > 0, velocity[..., 1] + along, np.nan) / np.where(kept > 0, kept, 1.0)
    return np.stack([velocity[..., 0], down], axis=-1)


def ground_velocity(plane: Plane, boxes_px: F64, foot_velocity_px_s: F64) -> tuple[F64, F64]:
    """Velocity (..., 2) of boxes (..., 4) on the ground, m/s, and the jacobian that gives it.

    NaN if the picture's edge cuts off the feet, or if they are above the horizon. The velocity of the feet in
    the picture is px/s.
    """
    slope = plane.jacobian(feet_of(boxes_px))
    slope = np.where(whole_feet(boxes_px, plane.size)[..., None, None], slope, np.nan)
    velocity: F64 = (slope @ np.asarray(foot_velocity_px_s, dtype=np.float64)[..., None])[..., 0]
    return velocity, slope
