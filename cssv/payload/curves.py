"""Curves: the values of one channel over the frames of a segment, computed in integers.

A curve is a method and a few integers. Every machine computes the same values from them, because products,
sums, shifts and floor divisions of integers are all that is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FramingError
from cssv.payload.integers import (
    read_signed,
    read_symbol,
    read_unsigned,
    write_signed,
    write_symbol,
    write_unsigned,
)
from cssv.payload.range_coder import BitWriter, RangeDecoder

I64 = NDArray[np.int64]
#: The abscissa of the last frame of a segment; that of the first one is 0.
AXIS = 1 << 16
#: Bound of the magnitude of a curve's integers, most control points, and most frames of a segment.
LARGEST_POINT, MOST_POINTS, MOST_FRAMES = 1 << 17, 32, 1024
#: Largest error bound, in units of a value.
LARGEST_BOUND = 1 << 10
#: Resolution of the place within an interval of control points.
_STEPS = 1 << 10


class Method(IntEnum):
    """The kind of a curve.

    CONSTANT: one value. LINE: the values of both ends. PIECEWISE: three or more values at equal distances,
    with lines between. SPLINE: three or more control points of a uniform B-spline of degree 2 or 3. DELTAS: a
    value for every frame, by the difference from the one before. BENDS: the same, by the difference from the
    line through the two before.
    """

    CONSTANT = 0
    LINE = 1
    PIECEWISE = 2
    SPLINE = 3
    DELTAS = 4
    BENDS = 5


#: Methods with a value for every frame.
BY_FRAME = (Method.DELTAS, Method.BENDS)
#: Methods that have a coarse grid too; one for the others was not worth its bit.
_ON_TWO_GRIDS = (Method.CONSTANT, *BY_FRAME)
#: Methods with any number of control points, and those whose numbers are predicted by a line.
_BY_POINTS = (Method.PIECEWISE, Method.SPLINE)
_BENDING = (*_BY_POINTS, Method.BENDS)


#: Methods with a fixed number of integers.
_FIXED_COUNTS = {Method.CONSTANT: 1, Method.LINE: 2}
_LEAST_POINTS = 3
#: The first step between this many points, or more, has one model: the more points, the shorter it is.
_STEP_MODELS = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve.

    Attributes:
        method: its kind.
        points: its integers, in units of :func:`grid`.
        coarse: whether the grid is twice the bound, not the bound.
    """

    method: Method
    points: tuple[int, ...]
    coarse: bool = False


def grid(coarse: bool, bound: int) -> int:
    """The unit of a curve's integers, in units of a value."""
    return 2 * bound if coarse else bound


def degree(method: Method, count: int) -> int:
    """Degree of the polynomials between ``count`` control points."""
    if method is Method.CONSTANT:
        return 0
    return min(3, count - 1) if method is Method.SPLINE else 1


def time_axis(pts: Sequence[int]) -> I64:
    """The abscissae of frames at growing times: 0 to AXIS, rounded down."""
    if len(pts) < 2:
        return np.zeros(len(pts), np.int64)
    since = [each - pts[0] for each in pts]
    # Python's integers: a product of times may not fit 64 bits.
    return np.array([each * AXIS // since[-1] for each in since], np.int64)


def weights(axis: I64, count: int, power: int) -> tuple[I64, I64, int]:
    """How control points mix at each abscissa.

    Args:
        axis: abscissae, (n,).
        count: number of control points.
        power: degree of the polynomials.

    Returns:
        The first control point of each frame, (n,); weights of ``power + 1`` control points, (n, power + 1);
        the sum of the weights, the same for all frames.
    """
    intervals = count - power
    place = axis * intervals
    first = np.minimum(place >> 16, intervals - 1)
    t = (place - (first << 16)) >> 6
    T, u = _STEPS, _STEPS - t
    match power:
        case 0:
            mixed = [np.ones_like(t)]
        case 1:
            mixed = [u, t]
        case 2:
            mixed = [u * u, T * T + 2 * t * u, t * t]
        case _:
            cube = t * t * t
            mixed = [
                u * u * u,
                3 * cube - 6 * T * t * t + 4 * T**3,
                -3 * cube + 3 * T * t * t + 3 * T * T * t + T**3,
                cube,
            ]
    return first, np.stack(mixed, axis=1), (1, T, 2 * T * T, 6 * T**3)[power]


def evaluate(curve: Curve, axis: I64, bound: int) -> I64:
    """The values of a curve at each abscissa, (n,).

    Args:
        curve: the curve; DELTAS and BENDS need one integer for each abscissa.
        axis: abscissae from 0 to AXIS, (n,).
        bound: the error bound that the curve was made for.
    """
    points, unit = np.array(curve.points, np.int64), grid(curve.coarse, bound)
    if curve.method in BY_FRAME:
        return points * unit
    if curve.method is Method.CONSTANT:
        return np.full(len(axis), points[0] * unit)
    first, mixed, total = weights(axis, len(points), degree(curve.method, len(points)))
    sums: I64 = (points[first[:, None] + np.arange(mixed.shape[1])] * mixed).sum(axis=1)
    return (2 * unit * sums + total) // (2 * total)


def write_curve(writer: BitWriter, channel: str, curve: Curve, bound: int, expected: int = 0) -> None:
    """Write a curve.

    Args:
        writer: where to.
        channel: name of the channel; its models have names that begin with it.
        curve: the curve.
        bound: its error bound.
        expected: what the first value is expected to be, in units of a value.

    Raises:
        FramingError: the curve does not fit.
    """
    method, points = curve.method, curve.points
    write_symbol(writer, f"{channel}.method", method, len(Method))
    if method in _ON_TWO_GRIDS:
        writer.put_bit(f"{channel}.coarse", method, int(curve.coarse))
    elif curve.coarse:
        raise FramingError("a curve of this method has no coarse grid", found=method.name.lower())
    if method in _BY_POINTS:
        write_unsigned(writer, f"{channel}.{method.name.lower()}.points", len(points) - _LEAST_POINTS)
    start = points[0] - expected_point(curve.coarse, bound, expected)
    write_signed(writer, first_model(channel, curve.coarse), start)
    for at in range(1, len(points)):
        model, predicted = _next_step(channel, method, curve.coarse, points[:at], len(points))
        write_signed(writer, model, points[at] - predicted)


def read_curve(reader: RangeDecoder, channel: str, frames: int, bound: int, expected: int = 0) -> Curve:
    """Inverse of :func:`write_curve`, for a segment of ``frames`` frames.

    Raises:
        FramingError: a number exceeds its bound.
    """
    method = Method(read_symbol(reader, f"{channel}.method", len(Method)))
    coarse = method in _ON_TWO_GRIDS and bool(reader.get_bit(f"{channel}.coarse", method))
    if method in _BY_POINTS:
        more = MOST_POINTS - _LEAST_POINTS
        count = _LEAST_POINTS + read_unsigned(reader, f"{channel}.{method.name.lower()}.points", more)
    else:
        count = _FIXED_COUNTS.get(method, frames)
    start = read_signed(reader, first_model(channel, coarse), 2 * LARGEST_POINT)
    points = [_checked(start + expected_point(coarse, bound, expected))]
    while len(points) < count:
        model, predicted = _next_step(channel, method, coarse, points, count)
        points.append(_checked(predicted + read_signed(reader, model, 4 * LARGEST_POINT)))
    return Curve(method, tuple(points), coarse)


def expected_point(coarse: bool, bound: int, expected: int) -> int:
    """The first point of a curve that begins with the expected value."""
    unit = grid(coarse, bound)
    # Limited as points are, so that the difference keeps its bound too.
    return min(max((2 * expected + unit) // (2 * unit), -LARGEST_POINT), LARGEST_POINT)


def _grid_name(coarse: bool) -> str:
    return "coarse" if coarse else "fine"


def first_model(channel: str, coarse: bool) -> str:
    """The model of the first point."""
    return f"{channel}.{_grid_name(coarse)}.first"


def step_model(channel: str, method: Method, coarse: bool, at: int, count: int) -> str:
    """The model of the step to point ``at``, from 1, of ``count`` points."""
    # The control points of a spline do not lie on it, so their steps differ from those of lines.
    kind = f"{channel}.{_grid_name(coarse)}.{method.name.lower()}"
    if method not in _BENDING:
        return kind
    return f"{kind}.step{min(count, _STEP_MODELS)}" if at == 1 else f"{kind}.bend"


def _next_step(
    channel: str, method: Method, coarse: bool, before: Sequence[int], count: int
) -> tuple[str, int]:
    """The model of the next integer, and the integer that the ones before let expect."""
    model = step_model(channel, method, coarse, len(before), count)
    if len(before) == 1 or method not in _BENDING:
        return model, before[-1]
    return model, 2 * before[-1] - before[-2]


def _checked(point: int) -> int:
    if abs(point) > LARGEST_POINT:
        raise FramingError(
            "a curve leaves its bounds",
            found=point,
            bound=f"-{LARGEST_POINT} to {LARGEST_POINT}",
            remedy="The payload is damaged; use another copy of the clip.",
        )
    return point
