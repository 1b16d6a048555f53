"""The shortest curve that stays within an error bound of given values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FramingError
from cssv.payload.curves import (
    I64,
    LARGEST_POINT,
    MOST_POINTS,
    Curve,
    Method,
    degree,
    evaluate,
    expected_point,
    grid,
    weights,
    write_curve,
)
from cssv.payload.frame_values import shortest_bends, shortest_deltas
from cssv.payload.models import Models
from cssv.payload.range_coder import LengthMeter

F64 = NDArray[np.float64]
ALL_METHODS: tuple[Method, ...] = tuple(Method)
#: Most control points that are tried, and frames a control point: beyond, DELTAS is shorter.
_MOST_TRIED, _FRAMES_A_POINT = 24, 2
#: With a curve of so few points, a value for every frame is not tried.
_FEW_POINTS = 3
#: Rounds of reweighting towards the fit with the least maximum error, and of the search on the grid.
_ROUNDS, _SEARCHES = 8, 3
#: How far around the rounded fit all combinations of this many points are tried.
_REACH = {1: 2, 2: 2, 3: 1}


def fit_curve(
    values: F64,
    axis: I64,
    bound: int,
    models: Models,
    channel: str,
    expected: int = 0,
    methods: Collection[Method] = ALL_METHODS,
) -> Curve:
    """The curve of the fewest bits whose values differ from ``values`` by at most ``bound``.

    Args:
        values: the values of the frames, (n,), n >= 1, in units of a value.
        axis: the abscissae of the frames, (n,).
        bound: the error bound, in units of a value.
        models: the states of the models before the curve is written.
        channel: name of the channel.
        expected: what the first value is expected to be.
        methods: those that may be chosen; deltas always may.

    Raises:
        FramingError: a value is too large.
    """
    if not np.abs(values).max() <= LARGEST_POINT * bound:
        raise FramingError(
            f"a value of {channel} does not fit a payload",
            found=float(np.abs(values).max()),
            bound=f"up to {LARGEST_POINT * bound}",
        )

    def length(curve: Curve) -> tuple[int, Curve]:
        meter = LengthMeter(models)
        write_curve(meter, channel, curve, bound, expected)
        return meter.length, curve

    shapes = list(_shapes(values, axis, bound, expected, methods))
    if not any(len(curve.points) <= _FEW_POINTS for curve in shapes):
        shapes += _by_frame(values, bound, models, channel, expected, methods)
    return min(map(length, shapes), key=lambda pair: (pair[0], pair[1].method))[1]


def _shapes(
    values: F64, axis: I64, bound: int, expected: int, methods: Collection[Method]
) -> Iterator[Curve]:
    """Curves of few integers within the bound: of each kind those with the fewest."""
    if Method.CONSTANT in methods:
        constants = list(_constants(values, bound, expected))
        yield from constants
        if constants:
            # One value is shorter than anything else.
            return
    most = min(_MOST_TRIED, MOST_POINTS, max(len(values) // _FRAMES_A_POINT, 2))
    counts = range(3, most + 1)
    lines = [(Method.LINE, 2), *((Method.PIECEWISE, count) for count in counts)]
    fitting = list(_fewest(values, axis, bound, (each for each in lines if each[0] in methods)))
    yield from fitting
    if Method.SPLINE in methods and not (fitting and len(fitting[0].points) <= 2):
        # A line is shorter than any spline.
        yield from _fewest(values, axis, bound, [(Method.SPLINE, count) for count in counts])


def _by_frame(
    values: F64, bound: int, models: Models, channel: str, expected: int, methods: Collection[Method]
) -> Iterator[Curve]:
    """Curves with a value for every frame, on both grids."""
    for coarse in (True, False):
        yield shortest_deltas(values, bound, coarse, models, channel, expected)
        if Method.BENDS in methods and len(values) > 2:
            yield shortest_bends(values, bound, coarse, models, channel, expected)


def _constants(values: F64, bound: int, expected: int) -> Iterator[Curve]:
    """On each grid the value nearest to what is expected."""
    for coarse in (True, False):
        unit = grid(coarse, bound)
        low, high = math.ceil((values.max() - bound) / unit), math.floor((values.min() + bound) / unit)
        if low <= high:
            point = min(max(expected_point(coarse, bound, expected), low), high)
            yield Curve(Method.CONSTANT, (point,), coarse)


def _fewest(values: F64, axis: I64, bound: int, family: Iterable[tuple[Method, int]]) -> Iterator[Curve]:
    """The curves of a family with the fewest points."""
    for method, count in family:
        if count > len(values):
            return
        found = list(_fits(values, axis, bound, method, count))
        yield from found
        if found:
            # More points cost more bits.
            return


def _fits(values: F64, axis: I64, bound: int, method: Method, count: int) -> Iterator[Curve]:
    """Curves of a method and a number of control points that stay within the bound."""
    matrix = _matrix(axis.tobytes(), method, count)
    # Rounding to the grid improves a fit by little.
    ideal = _minimax(matrix, values / bound, 1.2)
    if ideal is None:
        return
    for points in _on_the_grid(matrix, values / bound, ideal):
        curve = Curve(method, tuple(points.tolist()))
        if max(map(abs, curve.points)) <= LARGEST_POINT and _is_within(curve, values, axis, bound):
            yield curve


@lru_cache(maxsize=4096)
def _matrix(axis_bytes: bytes, method: Method, count: int) -> F64:
    """How control points mix at each abscissa, (n, count)."""
    axis = np.frombuffer(axis_bytes, np.int64)
    first, mixed, total = weights(axis, count, degree(method, count))
    matrix = np.zeros((len(axis), count))
    np.put_along_axis(matrix, first[:, None] + np.arange(mixed.shape[1]), mixed / total, axis=1)
    matrix.setflags(write=False)
    return matrix


def _is_within(curve: Curve, values: F64, axis: I64, bound: int) -> bool:
    return bool(np.abs(evaluate(curve, axis, bound) - values).max() <= bound)


def _minimax(matrix: F64, values: F64, limit: float) -> F64 | None:
    """About the coefficients with the least maximum error: least squares, reweighted (Lawson's algorithm).

    None if no coefficients have a maximum error of at most ``limit``, or if none were found.
    """
    share = np.full(len(values), 1 / len(values))
    best, least = None, np.inf
    for _ in range(_ROUNDS):
        weighted = matrix * share[:, None]
        gram = matrix.T @ weighted
        # Frames of no weight must not make the equations singular.
        gram.flat[:: len(gram) + 1] += 1e-12
        found = np.linalg.solve(gram, weighted.T @ values)
        errors = np.abs(matrix @ found - values)
        if share @ errors**2 > limit**2:
            # The least weighted mean is above the limit, so the maximum error is for any coefficients.
            return None
        if errors.max() < least:
            best, least = found, errors.max()
        share = share * errors
        if share.sum() <= 1e-12:
            break
        share /= share.sum()
    return best if least <= limit else None


def _on_the_grid(matrix: F64, values: F64, ideal: F64) -> Iterator[I64]:
    """Whole coefficients near the ideal ones; the bound of 1 is not checked exactly."""
    centre, count = np.rint(ideal).astype(np.int64), len(ideal)
    if count in _REACH:
        reach = range(-_REACH[count], _REACH[count] + 1)
        tried = centre + np.array(list(product(reach, repeat=count)))
        errors = np.abs(tried @ matrix.T - values).max(axis=1)
        # A little above the bound is left to the exact test, because values are rounded.
        yield from tried[errors <= 1.05]
        return
    steps = np.concatenate([np.zeros((1, count), np.int64), np.eye(count, dtype=np.int64)])
    steps = np.concatenate([steps, -steps[1:]])
    for _ in range(_SEARCHES):
        tried = centre + steps
        best = int(np.abs(tried @ matrix.T - values).max(axis=1).argmin())
        if best == 0:
            break
        centre = tried[best]
    yield centre
