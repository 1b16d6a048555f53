"""The ground plane from known lengths, where all but its scale is known.

A homography has eight numbers, and a length gives one. So lengths alone do not determine the ground: the
camera looks straight down, or its tilt and field of view are known, or a homography in another unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane, Size
from cssv.scene.ground_fit import CLICK_SIGMA_PX, MOST_COORDINATE, MOST_SPEED_SIGMA
from cssv.scene.model import Camera
from cssv.scene.values import Pair, Point, Source

#: Shortest length in the picture, pixels.
LEAST_LENGTH_PX = 2.0


@dataclass(frozen=True, slots=True)
class KnownLength:
    """A length on the ground between two points of the picture.

    Attributes:
        from_px, to_px: its ends.
        length_m: metres between them.

    Raises:
        InputError: ends that coincide, or a length that is not above 0.
    """

    from_px: Pair
    to_px: Pair
    length_m: float

    def __post_init__(self) -> None:
        ends = np.array([self.from_px, self.to_px], np.float64)
        if ends.shape != (2, 2) or not (np.abs(ends) <= MOST_COORDINATE).all():
            raise InputError(
                "the ends of a length are out of range",
                found=f"{self.from_px} to {self.to_px}",
                bound=f"numbers up to {MOST_COORDINATE:g}",
            )
        if not 0 < self.length_m <= MOST_COORDINATE:
            raise InputError(
                "a length is out of range", found=self.length_m, bound=f"above 0, up to {MOST_COORDINATE:g} m"
            )
        apart = float(np.hypot(*(ends[1] - ends[0])))
        if apart < LEAST_LENGTH_PX:
            raise InputError(
                "a length is too short in the picture",
                found=f"{apart:.2g} px",
                bound=f"at least {LEAST_LENGTH_PX:g} px",
            )


@dataclass(frozen=True, slots=True, eq=False)
class ScaleFit:
    """A plane scaled by lengths.

    Attributes:
        plane: the scaled plane.
        factor: what its metres were multiplied by.
        sigma: relative standard error of the factor, from errors of 1 px at the ends of the lengths, or from
            the differences of the lengths if these are larger.
    """

    plane: Plane
    factor: float
    sigma: float


def plane_from_above(size: Size) -> Plane:
    """The ground of a camera that looks straight down, in pixels; x to the right and y up in the picture."""
    return Plane(np.array([[1.0, 0, 0], [0, -1.0, size[1]], [0, 0, 1.0]]), size)


def plane_without_scale(camera: Camera, size: Size) -> Plane | None:
    """The ground of a camera up to its scale, from its homography or its tilt and field of view.

    With tilt and field of view, the unit is the height of the camera above its foot, the origin. None if
    neither is known.
    """
    if camera.homography is None:
        camera = replace(camera, position_m=Point((0.0, 0.0, 1.0)))
    return plane_of(camera, size)


def measured_m(plane: Plane, lengths: Sequence[KnownLength]) -> F64:
    """The lengths (n,) that the plane gives; NaN for one with an end above the horizon."""
    ends = plane.to_ground(_ends(lengths))
    return np.asarray(np.hypot(*(ends[:, 1] - ends[:, 0]).T), np.float64)


def fit_scale(plane: Plane, lengths: Sequence[KnownLength]) -> ScaleFit:
    """Scale a plane, about its origin, so that the lengths fit best.

    Raises:
        InputError: an end of a length is above the horizon, or the lengths are too short for the picture.
    """
    found, wanted = measured_m(plane, lengths), np.array([each.length_m for each in lengths])
    for number, value in enumerate(found.tolist(), 1):
        if not np.isfinite(value):
            raise InputError(
                "a length does not lie on the ground: one of its ends is above the horizon",
                found=f"length {number}",
                remedy="Check its ends, and the camera in the scene.",
            )
    sigmas = _sigmas_m(plane, lengths)
    weights = 1 / sigmas**2
    factor = float((weights * found * wanted).sum() / (weights * found**2).sum())
    sigma = float(1 / np.sqrt((weights * found**2).sum()))
    if len(lengths) > 1:
        spread = (weights * (wanted / factor - found) ** 2).sum() / (len(lengths) - 1)
        sigma *= max(1.0, float(np.sqrt(spread)))
    if not sigma <= MOST_SPEED_SIGMA:
        raise InputError(
            "the lengths determine the scale too weakly",
            found=f"a standard error of {sigma:.0%}",
            bound=f"at most {MOST_SPEED_SIGMA:.0%}",
            remedy="Give longer lengths, and check each of them.",
        )
    scaled = Plane(np.diag([factor, factor, 1.0]) @ plane.matrix, plane.size, plane.lens)
    return ScaleFit(scaled, factor, sigma)


def place_of(camera: Camera) -> Pair:
    """Where the camera stands on the ground; the origin if that is not known."""
    position = camera.position_m
    if position is None or position.source is Source.UNKNOWN:
        return (0.0, 0.0)
    return position.value[0], position.value[1]


def moved_plane(plane: Plane, by_m: Pair) -> Plane:
    """The plane with its origin moved so that its points have coordinates larger by ``by_m``."""
    shift = np.array([[1.0, 0, by_m[0]], [0, 1.0, by_m[1]], [0, 0, 1.0]])
    return Plane(shift @ plane.matrix, plane.size, plane.lens)


def _ends(lengths: Sequence[KnownLength]) -> F64:
    return np.array([[each.from_px, each.to_px] for each in lengths], np.float64).reshape(-1, 2, 2)


def _sigmas_m(plane: Plane, lengths: Sequence[KnownLength]) -> F64:
    """Standard error of each length on the plane, from independent errors of its ends."""
    ends = _ends(lengths)
    ground, slopes = plane.to_ground(ends), plane.jacobian(ends)
    along = ground[:, 1] - ground[:, 0]
    along = along / np.hypot(*along.T)[:, None]
    moved = np.einsum("na,nead->ned", along, slopes)
    sigmas: F64 = CLICK_SIGMA_PX * np.sqrt((moved**2).sum(axis=(1, 2)))
    return sigmas
