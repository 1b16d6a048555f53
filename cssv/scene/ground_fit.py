"""The ground plane from points of the picture with known places on the ground.

The fit is the normalised direct linear transformation (Hartley, "In defense of the eight-point algorithm",
IEEE PAMI 19, 1997), then Levenberg's and Marquardt's steps to the smallest squared distances in the picture:
it is there that points are clicked with errors, while their places on the ground were measured.
``cssv/view/html/ground_fit.js`` is the same algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.errors import InputError

Points = Sequence[Sequence[float]] | F64

#: Fewest and most points.
LEAST_POINTS, MOST_POINTS = 4, 1000
#: Largest coordinate, pixels or metres.
MOST_COORDINATE = 1e6
#: Two points of the picture are at least this far apart, and at least that far from one line on average.
LEAST_DISTANCE_PX = LEAST_WIDTH_PX = 1.0
#: The same on the ground, as a share of the largest distance from the middle.
LEAST_SHARE_M = 1e-3
#: Standard error of a click, pixels, if the points do not show a larger one.
CLICK_SIGMA_PX = 1.0
#: Largest relative standard error of speeds between the points that a fit may have.
MOST_SPEED_SIGMA = 0.5

_UNSEEN = "no camera sees the points like this: the horizon would run between them"
_ORDER = "Check the order of the points: each point of the picture needs its own place on the ground."
#: Largest distance of four points from an exact fit.
_EXACT_PX = 1e-3
#: Significant digits of the matrix.
_DIGITS = 12
_STEPS, _SMALLEST_STEP = 100, 1e-14
_FIRST_DAMPING, _LAST_DAMPING = 1e-6, 1e12
#: Step of the derivatives by the eight numbers of a homography in normalised units.
_DELTA = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFit:
    """A homography from points, and how far they can be trusted.

    Attributes:
        matrix: (3, 3), takes pixels (x, y, 1) to ground metres up to scale; the last row gives 1 at the mean
            of the picture's points.
        residuals_px: (n,) distance of each point of the picture from where its ground point is shown.
        residuals_m: (n,) the same on the ground.
        sigma_px: standard error of a point in the picture: that of the residuals, at least 1 px.
        places_sigma_m: (n,) standard error of the ground at each point, along its worst direction.
        speeds_sigma: (n,) relative standard error of speeds at each point, mean of all directions.
        condition: ratio of the largest to the smallest singular value of the problem in normalised units.
    """

    matrix: F64
    residuals_px: F64
    residuals_m: F64
    sigma_px: float
    places_sigma_m: F64
    speeds_sigma: F64
    condition: float


def fit_plane(points_px: Points, points_m: Points) -> PlaneFit:
    """Fit a homography to points (n, 2) of the picture and their places (n, 2) on the ground, metres.

    Raises:
        InputError: fewer than four points, points that coincide or lie on one line but for one, points that
            no camera can see so, or points that determine the ground too weakly.
    """
    pixels, metres = _checked(points_px, "px"), _checked(points_m, "m")
    if len(pixels) != len(metres):
        raise InputError(
            "each point of the picture needs one on the ground", found=f"{len(pixels)} and {len(metres)}"
        )
    _check_spread(pixels, "in the picture", LEAST_DISTANCE_PX, LEAST_WIDTH_PX)
    least_m = LEAST_SHARE_M * _reach(metres)
    _check_spread(metres, "on the ground", least_m, least_m)
    to_unit_px, to_unit_m = _normalisation(pixels), _normalisation(metres)
    target, places = _moved(pixels, to_unit_px), _moved(metres, to_unit_m)
    numbers = _refined(_linear_fit(places, target), places, target)
    matrix = _inverse(to_unit_m) @ _inverse(_square(numbers)) @ to_unit_px
    _check_side(_scales(pixels, matrix))
    matrix = _rounded(matrix / (matrix[2] @ np.append(pixels.mean(axis=0), 1.0)), np.abs(pixels).max(axis=0))
    shown = _moved(_projected(places, _square(numbers)), _inverse(to_unit_px))
    residuals_px = np.hypot(*(pixels - shown).T)
    residuals_m = np.hypot(*(_projected(pixels, matrix) - metres).T)
    spare = 2 * len(pixels) - 8
    # Four points always fit if a camera can see them so.
    if not spare and residuals_px.max() > _EXACT_PX:
        raise InputError(_UNSEEN, remedy=_ORDER)
    sigma_px = max(CLICK_SIGMA_PX, float(np.sqrt((residuals_px**2).sum() / spare)) if spare else 0.0)
    slope = _residuals(numbers, places, target)[1]
    widths: F64 = np.asarray(np.linalg.svd(slope, compute_uv=False), np.float64)
    _check_condition(widths)
    spread = np.linalg.pinv(slope) * sigma_px * to_unit_px[0, 0]
    sigmas = _sigmas(numbers, spread, target, float(to_unit_m[0, 0]))
    _check_sigma(float(np.median(sigmas[1])), sigma_px)
    return PlaneFit(matrix, residuals_px, residuals_m, sigma_px, *sigmas, float(widths[0] / widths[-1]))


# ---- checks


def _checked(points: Points, unit: str) -> F64:
    try:
        found = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"points in {unit} are pairs of numbers", found=str(points)[:60]) from error
    if found.ndim != 2 or found.shape[1:] != (2,) or not LEAST_POINTS <= len(found) <= MOST_POINTS:
        raise InputError(
            "the ground needs at least four points of the picture with their places",
            found=f"{len(found) if found.ndim else 0} points",
            bound=f"{LEAST_POINTS} to {MOST_POINTS} points of two numbers",
            remedy="Give more `points=`, or a known length and what else is known of the camera.",
        )
    # NaN compares as false.
    if not (np.abs(found) <= MOST_COORDINATE).all():
        wrong = found[~(np.abs(found) <= MOST_COORDINATE).all(axis=1)][0]
        raise InputError(
            "a point is out of range",
            found=f"{wrong[0]:g},{wrong[1]:g} {unit}",
            bound=f"numbers up to {MOST_COORDINATE:g}",
        )
    return found


def _reach(points: F64) -> float:
    return float(np.hypot(*(points - points.mean(axis=0)).T).max())


def _check_spread(points: F64, where: str, least_distance: float, least_width: float) -> None:
    for first, second in _near_pairs(points, least_distance):
        raise InputError(
            f"two points are at the same place {where}",
            found=f"points {first + 1} and {second + 1}",
            remedy="Give each point once, each with its own place.",
        )
    for left_out in (None, *range(len(points))):
        rest = points if left_out is None else np.delete(points, left_out, axis=0)
        if _width(rest) < least_width:
            which = "all points" if left_out is None else f"all points but point {left_out + 1}"
            raise InputError(
                f"the points do not determine the ground: {which} lie on one line {where}",
                remedy="Give four points of which no three lie on one line, such as the corners of a field.",
            )


def _near_pairs(points: F64, least: float) -> Iterator[tuple[int, int]]:
    for first in range(len(points)):
        apart = np.hypot(*(points[first + 1 :] - points[first]).T)
        yield from ((first, first + 1 + int(k)) for k in np.flatnonzero(apart <= least))


def _width(points: F64) -> float:
    """Root mean square of the distances from the line that fits best."""
    away = points - points.mean(axis=0)
    return float(np.linalg.svd(away, compute_uv=False)[-1] / np.sqrt(len(points)))


def _check_side(scales: F64) -> None:
    """Raise InputError unless all points are on one side of the horizon."""
    if (scales > 0).all():
        return
    one, other = (
        ", ".join(str(k + 1) for k in np.flatnonzero(side)) or "none" for side in (scales > 0, ~(scales > 0))
    )
    raise InputError(_UNSEEN, found=f"points {one} on one side and {other} on the other", remedy=_ORDER)


def _check_condition(widths: F64) -> None:
    if widths[-1] <= widths[0] * 1e-12:
        raise InputError(
            "the points do not determine the ground",
            remedy="Give points that are farther apart, of which no three lie on one line.",
        )


def _check_sigma(speed_sigma: float, sigma_px: float) -> None:
    if speed_sigma <= MOST_SPEED_SIGMA:
        return
    raise InputError(
        "the points determine the ground too weakly",
        found=f"an error of {sigma_px:.2g} px in each point changes speeds between them by {speed_sigma:.0%}",
        bound=f"at most {MOST_SPEED_SIGMA:.0%}",
        remedy="Give points that are farther apart, of which no three lie on one line, or more of them.",
    )


# ---- the fit, in normalised units: eight numbers take the ground to the picture


def _normalisation(points: F64) -> F64:
    """(3, 3): moves the mean to the origin, and makes the mean distance from it the root of 2."""
    middle = points.mean(axis=0)
    scale = np.sqrt(2) / np.hypot(*(points - middle).T).mean()
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])


def _inverse(matrix: F64) -> F64:
    try:
        return np.asarray(np.linalg.inv(matrix), np.float64)
    except np.linalg.LinAlgError as error:
        raise InputError(_UNSEEN, remedy=_ORDER) from error


def _moved(points: F64, by: F64) -> F64:
    moved: F64 = points @ by[:2, :2].T + by[:2, 2]
    return moved


def _square(numbers: F64) -> F64:
    """The homography of eight numbers; its last one is 1.

    It is the scale at the mean of the ground points, and above 0 if all of them are before the camera.
    """
    return np.append(numbers, 1.0).reshape(3, 3)


def _scales(points: F64, matrix: F64) -> F64:
    scales: F64 = points @ matrix[2, :2] + matrix[2, 2]
    return scales


def _projected(points: F64, matrix: F64) -> F64:
    projected: F64 = _moved(points, matrix) / _scales(points, matrix)[:, None]
    return projected


def _rows(places: F64, target: F64) -> tuple[F64, F64]:
    """(n, 8) rows each for x and y: the products with the eight numbers are x and y times the scale."""
    plain = np.column_stack([places, np.ones(len(places))])
    none = np.zeros_like(plain)
    return (
        np.column_stack([plain, none, -target[:, :1] * places]),
        np.column_stack([none, plain, -target[:, 1:] * places]),
    )


def _linear_fit(places: F64, target: F64) -> F64:
    found = np.linalg.lstsq(np.concatenate(_rows(places, target)), target.T.ravel())[0]
    numbers = np.asarray(found, np.float64)
    _check_side(_scales(places, _square(numbers)))
    return numbers


def _residuals(numbers: F64, places: F64, target: F64) -> tuple[F64, F64]:
    """Distances (2 n) in x, then in y, and their derivatives (2 n, 8) by the numbers."""
    square = _square(numbers)
    shown, scales = _projected(places, square), _scales(places, square)
    slope = np.concatenate([rows / scales[:, None] for rows in _rows(places, shown)])
    return (shown - target).T.ravel(), slope


def _refined(numbers: F64, places: F64, target: F64) -> F64:
    """The numbers with the smallest squared distances in the picture."""
    damping = _FIRST_DAMPING
    away, slope = _residuals(numbers, places, target)
    for _ in range(_STEPS):
        normal = slope.T @ slope
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -slope.T @ away)
        tried = numbers + step
        is_seen = bool((_scales(places, _square(tried)) > 0).all())
        found = _residuals(tried, places, target) if is_seen else (away, slope)
        if is_seen and found[0] @ found[0] <= away @ away:
            numbers, (away, slope), damping = tried, found, damping / 10
            if np.abs(step).max() <= _SMALLEST_STEP * np.abs(numbers).max():
                break
        elif damping >= _LAST_DAMPING:
            break
        else:
            damping *= 10
    return numbers


def _sigmas(numbers: F64, spread: F64, target: F64, per_m: float) -> tuple[F64, F64]:
    """Standard errors of ground places, m, and of speeds, relative, at points of the picture."""
    slopes = _ground_and_slope(numbers, target)[1]
    by_place, by_slope = [], []
    for k in range(8):
        step = _DELTA * np.eye(8)[k]
        after, before = _ground_and_slope(numbers + step, target), _ground_and_slope(numbers - step, target)
        by_place.append((after[0] - before[0]) / (2 * _DELTA))
        by_slope.append((after[1] - before[1]) / (2 * _DELTA) @ _inverse(slopes))
    # Each column of the spread is one coordinate of one point, moved by its standard error.
    moved = np.einsum("kni,kj->nij", by_place, spread)
    place_sigmas = np.linalg.svd(moved, compute_uv=False)[:, 0] / per_m
    turned = np.einsum("knab,kj->njab", by_slope, spread)
    # The length of a velocity v changes by v' M v / v' v; its mean square over all directions is this.
    even = (turned + turned.swapaxes(-1, -2)) / 2
    traces = np.trace(even, axis1=-2, axis2=-1) ** 2 + 2 * (even**2).sum(axis=(-2, -1))
    return place_sigmas, np.sqrt(traces.sum(axis=1) / 8)


def _ground_and_slope(numbers: F64, target: F64) -> tuple[F64, F64]:
    """Ground points (n, 2) of points of the picture, and their derivatives (n, 2, 2), in normalised units."""
    back = _inverse(_square(numbers))
    ground, scales = _projected(target, back), _scales(target, back)
    return ground, (back[:2, :2] - ground[:, :, None] * back[2, :2]) / scales[:, None, None]


def _rounded(matrix: F64, reach_px: F64) -> F64:
    """The matrix with fewer digits, and 0 for entries that have no effect up to ``reach_px``."""
    parts = np.abs(matrix) * np.append(reach_px, 1.0)
    kept = np.where(parts > 10.0**-_DIGITS * parts.sum(axis=1, keepdims=True), matrix, 0.0)
    return np.array([[float(f"{value:.{_DIGITS}g}") for value in row] for row in kept])
