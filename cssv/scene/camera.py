"""The ground plane of a scene's camera.

A camera determines the ground in one of three ways; the first that is given counts:

1. ``tsai``: a calibration with radial distortion (Tsai, "A versatile camera calibration technique for
   high-accuracy 3D machine vision metrology", IEEE J. Robotics and Automation 3, 1987);
2. ``homography``: 3 x 3, pixels to metres; the middle of the picture's lower edge counts as ground;
3. ``position_m`` (z is the camera's height), ``tilt_deg``, ``hfov_deg`` and, 0 if left out, ``pan_deg`` and
   ``roll_deg``: a pinhole camera of square pixels. At pan 0 it looks along +y; it pans to the right
   (clockwise from above, as a compass) and rolls clockwise, seen from behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.scene.ground import Plane, Size
from cssv.scene.lens import Lens
from cssv.scene.model import Camera, Tsai
from cssv.scene.values import Point, Source, Triple, Value

#: A calibration fits a clip whose sides differ by at most this: odd sizes are padded when frames are read.
SIZE_SLACK_PX = 1
#: A picture with a smaller share of ground gives a warning: the camera may be described wrongly.
LEAST_GROUND = 0.25
#: How to find a ground that is not known.
FIND_GROUND = "`cssv.ground()` makes the homography from points with known places"


def plane_of(camera: Camera, size: Size) -> Plane | None:
    """The ground plane of a scene's camera in pictures of this width and height; None if unknown.

    Raises:
        InputError: the calibration is for pictures of another size.
    """
    if camera.tsai is not None:
        _check_size(camera.tsai, size)
        return _by_tsai(camera.tsai, size)
    if camera.homography is not None:
        return _by_homography(np.array(camera.homography, dtype=np.float64), size)
    return _by_pose(camera, size)


def ground_note(camera: Camera, plane: Plane | None) -> tuple[str, ...]:
    """Warnings if the camera's fields determine no ground plane, or if the picture shows little of it."""
    # Little ground suggests a tilt of the wrong sign.
    if plane is not None:
        return _sky_note(camera, plane.share)
    # Without any of these fields the scene does not describe the ground at all.
    if not any(getattr(camera, name) is not None for name in ("position_m", "tilt_deg", "hfov_deg")):
        return ()
    return (
        "the scene's camera does not determine the ground, so nothing is known in metres: give tsai, "
        "homography, or position_m with a height above 0, tilt_deg and hfov_deg below 180; " + FIND_GROUND,
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
    # A homography is known only up to its sign, so either side of the horizon could be the ground. The
    # middle of the lower edge is on it for every camera that looks down and is rolled by less than a right
    # angle, and for many that look up. The larger side would be wrong there: it is the sky.
    foot = matrix[2] @ (size[0] / 2, size[1], 1)
    return Plane(-matrix if foot < 0 else matrix, size)


def _by_pose(camera: Camera, size: Size) -> Plane | None:
    position, tilt, field = (_known(value) for value in (camera.position_m, camera.tilt_deg, camera.hfov_deg))
    # A pinhole cannot see half the space around it, and a camera on the ground sees none of it.
    if position is None or tilt is None or field is None or position[2] <= 0 or field[0] >= 180:
        return None
    pan, roll = (_known(value) or (0.0,) for value in (camera.pan_deg, camera.roll_deg))
    (sp, cp), (st, ct), (sr, cr) = (
        (math.sin(math.radians(angle)), math.cos(math.radians(angle))) for angle in (pan[0], tilt[0], roll[0])
    )
    ahead = np.array([sp * ct, cp * ct, st])
    level, under = np.array([cp, -sp, 0.0]), np.array([sp * st, cp * st, -ct])
    # Rolled clockwise, the camera's right goes down and its down goes left.
    right, down = cr * level + sr * under, cr * under - sr * level
    turn = np.stack([right, down, ahead])
    seen = np.column_stack([turn[:, 0], turn[:, 1], -turn @ position])
    f = size[0] / 2 / math.tan(math.radians(field[0]) / 2)
    rays = np.array([[1 / f, 0, -size[0] / 2 / f], [0, 1 / f, -size[1] / 2 / f], [0, 0, 1]])
    return Plane(np.linalg.inv(seen) @ rays, size)


def place_of_camera(camera: Camera, plane: Plane) -> Triple | None:
    """Where the camera is in the axes of its ground plane, metres; None if unknown."""
    if camera.tsai is not None:
        turn = rotation(camera.tsai.rotation_rad)
        x, y, z = (-turn.T @ np.array(camera.tsai.translation_mm) / 1000).tolist()
        return x, y, z
    position = _known(camera.position_m)
    # A height is one above the ground. A homography whose z is down has other axes than the position.
    if position is None or position[2] <= 0 or np.linalg.det(plane.matrix) > 0:
        return None
    return position[0], position[1], position[2]


def _known(value: Value | Point | None) -> tuple[float, ...] | None:
    if value is None or value.source is Source.UNKNOWN:
        return None
    return value.value if isinstance(value.value, tuple) else (float(value.value),)
