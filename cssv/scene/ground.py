"""The ground plane: where on it a point of the picture lies, in metres, and how fast what moves there is.

Pixels are those of boxes: (0, 0) is the frame's top left corner. The ground is the plane z = 0 of the scene's
own axes, x and y in metres; an object stands where its *foot* is, the middle of its box's lower edge. What
lies above the horizon is nowhere on the ground: NaN.

A camera says where the ground is in one of three ways, of which the first that is given counts:

1. ``tsai``: a calibration with radial distortion (Tsai, "A versatile camera calibration technique for
   high-accuracy 3D machine vision metrology", IEEE J. Robotics and Automation 3, 1987);
2. ``homography``: 3 x 3, pixels to metres; the middle of the picture's lower edge is taken for ground;
3. ``position_m`` (its z is the camera's height), ``tilt_deg``, ``hfov_deg`` and, 0 where they are left out,
   ``pan_deg`` and ``roll_deg``: a pinhole camera of square pixels that looks along +y at pan 0, pans to the
   right (clockwise from above, as a compass) and rolls clockwise, seen from behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.errors import InputError
from cssv.scene.check import is_singular
from cssv.scene.model import Camera, Tsai
from cssv.scene.values import Point, Source, Value

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Size = tuple[int, int]

#: A box that comes this near to the picture's edge may be cut off there, pixels.
EDGE_PX = 1.0
#: A calibration fits a clip whose sides are within this of its own: odd sizes are padded at the door.
SIZE_SLACK_PX = 1
#: A picture of which a smaller share shows ground is told of: the camera may have been described wrongly.
LEAST_GROUND = 0.25
#: Points along a side of the picture that are asked for that share.
_SHARE_NODES = 32
#: Newton's steps to bend a straight ray as the lens does; each doubles the exact digits.
_BENDING_STEPS = 20
#: How near they must have come.
_BENT = 1e-9


@dataclass(frozen=True, slots=True)
class Lens:
    """Radial distortion: a ray that comes in at r mm from the axis would be at r (1 + kappa1 r²) without it.

    Attributes:
        centre_px: where the axis meets the picture.
        pixel_mm: width and height of a pixel on the sensor.
        kappa1_per_mm2: the first coefficient; positive for barrels.
    """

    centre_px: tuple[float, float]
    pixel_mm: tuple[float, float]
    kappa1_per_mm2: float

    def straightened(self, points_px: F64) -> F64:
        """Points (..., 2) as a lens without distortion would show them; NaN where rays would cross."""
        away = (points_px - self.centre_px) * self.pixel_mm
        growth = self.kappa1_per_mm2 * (away**2).sum(axis=-1, keepdims=True)
        straight: F64 = self.centre_px + away * np.where(growth > -1 / 3, 1 + growth, np.nan) / self.pixel_mm
        return straight

    def bent(self, straight_px: F64) -> F64:
        """Inverse of :meth:`straightened`; NaN where no point of the picture shows it."""
        away = (straight_px - self.centre_px) * self.pixel_mm
        # In units of 1 / sqrt(|kappa1|) the bent distance r of the straight one t solves r + r³ = t or
        # r - r³ = t. One is convex and begun above its root, the other concave and begun below it, so that
        # Newton's steps lead towards it and never too far.
        sign = math.copysign(1.0, self.kappa1_per_mm2)
        t = math.sqrt(abs(self.kappa1_per_mm2)) * np.hypot(away[..., 0], away[..., 1])
        r = np.minimum(t, np.cbrt(t) if sign > 0 else math.sqrt(1 / 3) * (1 - 1e-9))
        for _ in range(_BENDING_STEPS):
            r = np.maximum(r - (r + sign * r**3 - t) / (1 + 3 * sign * r**2), 0.0)
        found = np.abs(r + sign * r**3 - t) <= _BENT * (1 + t)
        share = np.where(t > 0, r / np.where(t > 0, t, 1.0), 1.0)
        bent: F64 = self.centre_px + away * np.where(found, share, np.nan)[..., None] / self.pixel_mm
        return bent

    def jacobian(self, points_px: F64) -> F64:
        """(..., 2, 2): derivatives of the straightened point, rows, by the point, columns."""
        away = (points_px - self.centre_px) * self.pixel_mm
        k = self.kappa1_per_mm2
        growth = 1 + k * (away**2).sum(axis=-1)
        in_mm = growth[..., None, None] * np.eye(2) + 2 * k * away[..., :, None] * away[..., None, :]
        pixel = np.array(self.pixel_mm)
        result: F64 = in_mm * pixel / pixel[:, None]
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The ground as a camera sees it.

    Attributes:
        matrix: float64 (3, 3), takes straightened pixels (x, y, 1) to ground metres (x, y, 1) up to a scale
            that is positive for what lies before the camera. Read-only.
        size: width and height of the picture in pixels.
        lens: None where straight lines are straight in the picture.

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
        """(..., 3): x, y and their scale; NaN at the horizon and above."""
        straight = self._straight(points_px)
        raw: F64 = straight @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.where(raw[..., 2:] > 0, raw, np.nan)

    def to_ground(self, points_px: F64) -> F64:
        """Points (..., 2) of the picture, px -> the ground (..., 2), m. Inverse of :meth:`to_picture`."""
        raw = self._raw(points_px)
        with np.errstate(over="ignore", invalid="ignore"):
            return _finite(raw[..., :2] / raw[..., 2:])

    def to_picture(self, points_m: F64) -> F64:
        """Points (..., 2) of the ground, m -> the picture (..., 2), px; NaN for those behind the camera."""
        back = np.linalg.inv(self.matrix)
        points = np.asarray(points_m, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            raw = points @ back[:, :2].T + back[:, 2]
            straight = _finite(raw[..., :2] / np.where(raw[..., 2:] > 0, raw[..., 2:], np.nan))
            return straight if self.lens is None else _finite(self.lens.bent(straight))

    def jacobian(self, points_px: F64) -> F64:
        """Derivatives (..., 2, 2) of the ground point, rows, by the picture point, columns: m per px."""
        raw = self._raw(points_px)
        with np.errstate(over="ignore", invalid="ignore"):
            place = raw[..., :2] / raw[..., 2:]
            slope = self.matrix[:2, :2] - place[..., :, None] * self.matrix[2, :2]
            slope = slope / raw[..., 2:, None]
            if self.lens is not None:
                slope = slope @ self.lens.jacobian(np.asarray(points_px, dtype=np.float64))
            return _finite(slope)

    def nearing(self, points_px: F64) -> F64:
        """(..., 2): growth of what stands at points of the picture, in shares per pixel right and down."""
        raw = self._raw(points_px)
        slope = np.broadcast_to(self.matrix[2, :2], (*raw.shape[:-1], 2))
        if self.lens is not None:
            slope = (slope[..., None, :] @ self.lens.jacobian(np.asarray(points_px, dtype=np.float64)))[
                ..., 0, :
            ]
        with np.errstate(over="ignore", invalid="ignore"):
            return _finite(slope / raw[..., 2:])

    def shows(self, points_m: F64) -> Bools:
        """Which points (..., 2) of the ground, m, are in the picture."""
        spots = self.to_picture(points_m)
        return np.asarray(((spots >= 0) & (spots <= self.size)).all(axis=-1))

    @property
    def share(self) -> float:
        """Share of the picture that shows ground, 0 to 1."""
        across, down = ((np.arange(_SHARE_NODES) + 0.5) * side / _SHARE_NODES for side in self.size)
        points = np.stack(np.meshgrid(across, down), axis=-1)
        return float(np.isfinite(self.to_ground(points)).all(axis=-1).mean())


def _finite(values: F64) -> F64:
    """NaN wherever one of a point's numbers is not finite."""
    return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)


def plane_of(camera: Camera, size: Size) -> Plane | None:
    """The ground as a scene's camera shows it in pictures of this width and height; None where it is unknown.

    Raises:
        InputError: the calibration is one of pictures of another size.
    """
    if camera.tsai is not None:
        _check_size(camera.tsai, size)
        return _by_tsai(camera.tsai, size)
    if camera.homography is not None:
        return _by_homography(np.array(camera.homography, dtype=np.float64), size)
    return _by_pose(camera, size)


def ground_note(camera: Camera, plane: Plane | None) -> tuple[str, ...]:
    """A note, for people, on a camera of which much is said but not where the ground is; else nothing.

    So is a camera told of that sees little ground or none: its tilt may have the wrong sign.
    """
    if plane is not None:
        return _sky_note(camera, plane.share)
    if not any(getattr(camera, name) is not None for name in ("position_m", "tilt_deg", "hfov_deg")):
        return ()
    return (
        "the scene's camera does not say where the ground is, so nothing is known in metres: give tsai, "
        "homography, or position_m with a height above 0, tilt_deg and hfov_deg below 180",
    )


def _sky_note(camera: Camera, share: float) -> tuple[str, ...]:
    if share >= LEAST_GROUND:
        return ()
    is_pose = camera.tsai is None and camera.homography is None
    remedy = "a camera that looks down has a negative tilt_deg" if is_pose else "check its tsai or homography"
    if share > 0:
        words = f"only {share:.0%} of the picture shows ground, and above it"
    else:
        words = "no point of the picture shows ground, so"
    return (f"by the scene's camera {words} nothing is known in metres: {remedy}",)


def is_same_ground(one: Plane | None, other: Plane | None) -> bool:
    """Whether two planes say the same of every picture; unknown ones do."""
    if one is None or other is None:
        return one is other
    return one.lens == other.lens and bool(np.array_equal(one.matrix, other.matrix))


def _check_size(tsai: Tsai, size: Size) -> None:
    if any(abs(a - b) > SIZE_SLACK_PX for a, b in zip(tsai.size_px, size, strict=True)):
        raise InputError(
            "the camera's calibration is for pictures of another size",
            found=f"{tsai.size_px[0]}x{tsai.size_px[1]}",
            bound=f"{size[0]}x{size[1]}",
            remedy="Scale camera.tsai's size_px, centre_px and pixel_mm, or give the clip it was made for.",
        )


def _by_tsai(tsai: Tsai, size: Size) -> Plane:
    pixel = (tsai.pixel_mm[0] / (tsai.sx or 1.0), tsai.pixel_mm[1])
    (cx, cy), f = tsai.centre_px, tsai.focal_mm
    rays = np.array([[pixel[0] / f, 0, -pixel[0] * cx / f], [0, pixel[1] / f, -pixel[1] * cy / f], [0, 0, 1]])
    turn = rotation(tsai.rotation_rad)
    seen = np.column_stack([turn[:, 0], turn[:, 1], np.array(tsai.translation_mm) / 1000])
    lens = Lens((cx, cy), pixel, tsai.kappa1_per_mm2) if tsai.kappa1_per_mm2 else None
    return Plane(np.linalg.inv(seen) @ rays, size, lens)


def rotation(angles_rad: Sequence[float]) -> F64:
    """(3, 3): turns about x, then y, then z by these angles, from scene axes to a camera's."""
    (sa, ca), (sb, cb), (sc, cc) = ((math.sin(a), math.cos(a)) for a in angles_rad)
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    turned: F64 = about_z @ about_y @ about_x
    return turned


def _by_homography(matrix: F64, size: Size) -> Plane:
    # Only up to scale, and so up to sign: which side of the horizon is ground it does not say. The middle of
    # the lower edge is, for every camera that looks down and is rolled by less than a right angle, and for
    # many that look up; for those the half that holds more of the picture would be the sky.
    foot = matrix[2] @ (size[0] / 2, size[1], 1)
    return Plane(-matrix if foot < 0 else matrix, size)


def _by_pose(camera: Camera, size: Size) -> Plane | None:
    place, tilt, field = (_told(value) for value in (camera.position_m, camera.tilt_deg, camera.hfov_deg))
    if place is None or tilt is None or field is None or place[2] <= 0 or field[0] >= 180:
        return None
    pan, roll = (_told(value) or (0.0,) for value in (camera.pan_deg, camera.roll_deg))
    (sp, cp), (st, ct), (sr, cr) = (
        (math.sin(math.radians(angle)), math.cos(math.radians(angle))) for angle in (pan[0], tilt[0], roll[0])
    )
    ahead = np.array([sp * ct, cp * ct, st])
    level, under = np.array([cp, -sp, 0.0]), np.array([sp * st, cp * st, -ct])
    # Rolled clockwise, the camera's right goes down and its down goes left.
    right, down = cr * level + sr * under, cr * under - sr * level
    turn = np.stack([right, down, ahead])
    seen = np.column_stack([turn[:, 0], turn[:, 1], -turn @ place])
    f = size[0] / 2 / math.tan(math.radians(field[0]) / 2)
    rays = np.array([[1 / f, 0, -size[0] / 2 / f], [0, 1 / f, -size[1] / 2 / f], [0, 0, 1]])
    return Plane(np.linalg.inv(seen) @ rays, size)


def _told(value: Value | Point | None) -> tuple[float, ...] | None:
    if value is None or value.source is Source.UNKNOWN:
        return None
    return value.value if isinstance(value.value, tuple) else (float(value.value),)


# ---- objects on the ground


def feet_of(boxes_px: F64) -> F64:
    """Boxes (..., 4) x, y, w, h -> the middles (..., 2) of their lower edges."""
    boxes = np.asarray(boxes_px, dtype=np.float64)
    feet: F64 = np.stack([boxes[..., 0] + boxes[..., 2] / 2, boxes[..., 1] + boxes[..., 3]], axis=-1)
    return feet


def whole_feet(boxes_px: F64, size: Size) -> Bools:
    """Boxes (..., 4) whose foot is where it seems: no edge of the picture cuts them off beside or below."""
    boxes = np.asarray(boxes_px, dtype=np.float64)
    right, bottom = boxes[..., 0] + boxes[..., 2], boxes[..., 1] + boxes[..., 3]
    whole: Bools = (boxes[..., 0] >= EDGE_PX) & (right <= size[0] - EDGE_PX) & (bottom <= size[1] - EDGE_PX)
    return whole


def foot_velocity(plane: Plane, boxes_px: F64, velocity_px_s: F64) -> F64:
    """Velocity (..., 2) of the foot of boxes (..., 4) whose centre moves so, px/s.

    What nears grows: its foot runs ahead of its centre by half of what the box grows, and the plane says by
    which share that is.
    """
    velocity = np.asarray(velocity_px_s, dtype=np.float64)
    near = plane.nearing(feet_of(boxes_px))
    half = np.asarray(boxes_px, dtype=np.float64)[..., 3] / 2
    along = half * near[..., 0] * velocity[..., 0]
    # A box as high as the horizon's distance below it leaves nothing to tell the foot by.
    kept = 1 - half * near[..., 1]
    down = np.where(kept > 0, velocity[..., 1] + along, np.nan) / np.where(kept > 0, kept, 1.0)
    return np.stack([velocity[..., 0], down], axis=-1)


def ground_velocity(plane: Plane, boxes_px: F64, foot_velocity_px_s: F64) -> tuple[F64, F64]:
    """Velocity (..., 2) in m/s of boxes (..., 4) whose feet move so in the picture, and the jacobian used.

    NaN for those whose feet the picture's edge cuts off, or that stand above the horizon.
    """
    slope = plane.jacobian(feet_of(boxes_px))
    slope = np.where(whole_feet(boxes_px, plane.size)[..., None, None], slope, np.nan)
    velocity: F64 = (slope @ np.asarray(foot_velocity_px_s, dtype=np.float64)[..., None])[..., 0]
    return velocity, slope


# ---- crowds
