"""Encoding of a whole track: centre x, foot y, width and height over all its frames, each by one method.

Each number is a base, which a method computes from a few integers or an expression, plus a residual on a grid
of twice the error bound. The base is rounded to 1/16 px before the residual is added, so that decoded values
are integers. The encoding serves as a description length: it is a real one, and :func:`read_track` is the
inverse of :func:`write_track`. No file holds it, so it has no version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources

import numpy as np

from cssv.errors import FramingError, InputError
from cssv.payload.channels import F64, UNITS_A_PX
from cssv.payload.curves import AXIS, I64, Curve, evaluate
from cssv.payload.curves import Method as CurveMethod
from cssv.payload.integers import (
    read_signed,
    read_symbol,
    read_unsigned,
    write_signed,
    write_symbol,
    write_unsigned,
)
from cssv.payload.models import Models, Table, read_priors
from cssv.payload.range_coder import BitWriter, RangeDecoder, RangeEncoder
from cssv.scene.expression_values import values_at
from cssv.scene.expressions import MOST_STEPS, Expression, Op, Step

#: The four numbers of a box in the order of the encoding.
CHANNELS = ("centre_x", "foot_y", "width", "height")
#: Most frames of a track, most control points of a spline, and largest magnitude of a number, in 1/16 px.
MOST_FRAMES, MOST_POINTS, LARGEST = 1 << 17, 128, 1 << 25
#: Constants have at most this many digits, and exponents of ten from -EXPONENT to EXPONENT.
MOST_DIGITS, EXPONENT = 9, 12
#: Smallest error bound, in 1/16 px.
LEAST_BOUND = 4
#: A decision costs at most this many units of time; bounds the work on any bytes.
_DECISIONS_A_FRAME = 256


class TrackMethod(StrEnum):
    """How the base of a number is computed; the order is that of the encoding."""

    CONSTANT = "constant"
    LINE = "line"
    PIECEWISE = "piecewise linear"
    SPLINE = "spline"
    EXPRESSION = "expression"
    DELTAS = "deltas"


METHODS = tuple(TrackMethod)
#: Control points of each method: exactly, or at least.
_COUNTS = {TrackMethod.CONSTANT: 1, TrackMethod.LINE: 2, TrackMethod.PIECEWISE: 3, TrackMethod.SPLINE: 3}
_CURVES = {
    TrackMethod.CONSTANT: CurveMethod.CONSTANT,
    TrackMethod.LINE: CurveMethod.LINE,
    TrackMethod.SPLINE: CurveMethod.SPLINE,
}
#: Opcodes in the order of the encoding; 0 stands for a constant.
_OPS = tuple(Op)
_SYMBOLS = len(_OPS) + 1


@dataclass(frozen=True, slots=True)
class Code:
    """One number of a box over the frames of a track.

    Attributes:
        method: of the base.
        points: control points in units of the bound; of DELTAS the values, in units of twice the bound.
        knots: of PIECEWISE: the frames of the control points, from 0 to the last.
        expression: of EXPRESSION: in pixels, over seconds since the first frame.
        residual: added to the base, in units of twice the bound, (n,); empty if all are 0.
    """

    method: TrackMethod
    points: tuple[int, ...] = ()
    knots: tuple[int, ...] = ()
    expression: Expression | None = None
    residual: tuple[int, ...] = ()


@dataclass(frozen=True)
class Frames:
    """The frames of a track, known to encoder and decoder.

    Attributes:
        times_s: seconds since the first frame, growing, (n,).
        axis: abscissae of curves, (n,).
    """

    times_s: F64
    axis: I64

    @classmethod
    def from_times(cls, times_s: Sequence[float]) -> Frames:
        """The frames at these times. Raises InputError."""
        times = np.array(times_s, np.float64)
        if not 1 <= len(times) <= MOST_FRAMES:
            raise InputError(
                "a track has a wrong number of frames", found=len(times), bound=f"1 to {MOST_FRAMES}"
            )
        if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise InputError("the times of a track do not grow")
        since = times - times[0]
        last = since[-1] if len(since) > 1 else 1.0
        return cls(since, np.floor(since / last * AXIS).astype(np.int64))

    def __len__(self) -> int:
        return len(self.times_s)


# ---- values


def base_of(code: Code, frames: Frames, bound: int) -> I64:
    """The base, in 1/16 px, (n,).

    Raises:
        FramingError: a value is not finite or too large.
    """
    if code.method is TrackMethod.DELTAS:
        base: I64 = np.array(code.points, np.int64) * (2 * bound)
    elif code.method is TrackMethod.EXPRESSION:
        assert code.expression is not None
        values = values_at(code.expression, frames.times_s)
        # NaN is below no bound.
        if not np.abs(values).max() <= LARGEST / UNITS_A_PX:
            raise _too_large("an expression")
        base = np.rint(values * UNITS_A_PX).astype(np.int64)
    elif code.method is TrackMethod.PIECEWISE:
        base = _piecewise(code, frames, bound)
    else:
        base = evaluate(Curve(_CURVES[code.method], code.points), frames.axis, bound)
    if np.abs(base).max() > LARGEST:
        raise _too_large("a curve")
    return base


def _piecewise(code: Code, frames: Frames, bound: int) -> I64:
    """Lines between control points, rounded in integers."""
    knots, points = np.array(code.knots), np.array(code.points, np.int64) * bound
    piece = np.clip(np.searchsorted(knots, np.arange(len(frames)), "right") - 1, 0, len(knots) - 2)
    begin, end = frames.axis[knots[piece]], frames.axis[knots[piece + 1]]
    span, since = end - begin, frames.axis - begin
    rise = points[piece + 1] - points[piece]
    # Frames closer than a step of the axis share its place.
    safe = np.maximum(span, 1)
    found: I64 = points[piece] + (2 * rise * since + safe) // (2 * safe)
    return found


def values_of(code: Code, frames: Frames, bound: int) -> I64:
    """The decoded values, in 1/16 px, (n,)."""
    base = base_of(code, frames, bound)
    if not code.residual:
        return base
    found: I64 = base + 2 * _reach(code, bound) * np.array(code.residual, np.int64)
    return found


def with_residual(code: Code, values: F64, frames: Frames, bound: int) -> Code:
    """The code with the residual that brings it within the bound of the values (n,), in 1/16 px.

    Raises:
        FramingError: the base is not finite or too large.
    """
    error, reach = values - base_of(code, frames, bound), _reach(code, bound)
    steps = np.rint(error / (2 * reach)).astype(np.int64)
    # Also where rounding would give 1: an error of exactly the bound is allowed.
    steps = np.where(np.abs(error) <= reach, 0, steps)
    return replace(code, residual=tuple(steps.tolist()) if steps.any() else ())


def _reach(code: Code, bound: int) -> int:
    """Half the unit of a residual.

    The functions of an expression differ between machines in the last digit, so that its base may be rounded
    to the neighbour; the bound holds there too.
    """
    return bound - 1 if code.method is TrackMethod.EXPRESSION else bound


def _too_large(what: str) -> FramingError:
    return FramingError(f"{what} of a track leaves its bounds", bound=f"up to {LARGEST // UNITS_A_PX} px")


# ---- bytes


def write_track(codes: Sequence[Code], priors: Table | None = None) -> bytes:
    """The bytes of the four numbers of a track."""
    encoder = RangeEncoder(Models(track_priors() if priors is None else priors))
    for channel, code in zip(CHANNELS, codes, strict=True):
        write_code(encoder, channel, code)
    return encoder.finish()


def read_track(data: bytes, frames: Frames, priors: Table | None = None) -> tuple[Code, ...]:
    """Inverse of :func:`write_track`.

    Raises:
        FramingError: the bytes are no track of so many frames.
    """
    models = Models(track_priors() if priors is None else priors)
    decoder = RangeDecoder(data, models, 1 << 14 | _DECISIONS_A_FRAME * len(frames))
    codes = tuple(read_code(decoder, channel, len(frames)) for channel in CHANNELS)
    decoder.finish()
    return codes


def write_code(writer: BitWriter, channel: str, code: Code) -> None:
    """Write one number of a box; models have the channel's name."""
    write_symbol(writer, f"{channel}.method", METHODS.index(code.method), len(METHODS))
    name = f"{channel}.{code.method.name.lower()}"
    if code.method is TrackMethod.DELTAS:
        _write_deltas(writer, name, code.points)
        return
    if code.method is TrackMethod.EXPRESSION:
        assert code.expression is not None
        _write_expression(writer, name, code.expression)
    else:
        _write_points(writer, channel, name, code)
    writer.put_bit(f"{name}.exact", 0, int(not code.residual))
    before = 0
    for step in code.residual:
        write_signed(writer, f"{channel}.residual{min(abs(before), 2)}", step)
        before = step


def read_code(reader: RangeDecoder, channel: str, frames: int) -> Code:
    """Inverse of :func:`write_code`, for a track of ``frames`` frames. Raises FramingError."""
    method = METHODS[read_symbol(reader, f"{channel}.method", len(METHODS))]
    name = f"{channel}.{method.name.lower()}"
    if method is TrackMethod.DELTAS:
        return Code(method, _read_deltas(reader, name, frames))
    expression: Expression | None = None
    points: tuple[int, ...] = ()
    knots: tuple[int, ...] = ()
    if method is TrackMethod.EXPRESSION:
        expression = _read_expression(reader, name)
    else:
        points, knots = _read_points(reader, channel, method, frames)
    residual: list[int] = []
    if not reader.get_bit(f"{name}.exact", 0):
        before = 0
        for _ in range(frames):
            before = read_signed(reader, f"{channel}.residual{min(abs(before), 2)}", LARGEST)
            residual.append(before)
    return Code(method, points, knots, expression, tuple(residual))


def _delta_model(name: str, before: int) -> str:
    return f"{name}.after{min(max(before, -2), 2)}"


def _write_deltas(writer: BitWriter, name: str, points: Sequence[int]) -> None:
    write_signed(writer, f"{name}.first", points[0])
    before = 0
    for at in range(1, len(points)):
        step = points[at] - points[at - 1]
        write_signed(writer, _delta_model(name, before), step)
        before = step


def _read_deltas(reader: RangeDecoder, name: str, frames: int) -> tuple[int, ...]:
    points, before = [read_signed(reader, f"{name}.first", LARGEST)], 0
    while len(points) < frames:
        before = read_signed(reader, _delta_model(name, before), 2 * LARGEST)
        points.append(_checked(points[-1] + before))
    return tuple(points)


def _write_points(writer: BitWriter, channel: str, name: str, code: Code) -> None:
    """Write control points: the first, the first step, then changes of the step."""
    points, knots = code.points, code.knots
    if code.method in (TrackMethod.PIECEWISE, TrackMethod.SPLINE):
        write_unsigned(writer, f"{name}.count", len(points) - _COUNTS[code.method])
    for at in range(1, len(knots) - 1):
        write_unsigned(writer, f"{name}.gap", knots[at] - knots[at - 1] - 1)
    # A track begins at the same places, whatever the method.
    write_signed(writer, f"{channel}.first", points[0])
    for at in range(1, len(points)):
        model, expected = _next_point(name, code.method, points[:at], knots)
        write_signed(writer, model, points[at] - expected)


def _read_points(
    reader: RangeDecoder, channel: str, method: TrackMethod, frames: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    name, count, knots = f"{channel}.{method.name.lower()}", _COUNTS[method], [0]
    if method in (TrackMethod.PIECEWISE, TrackMethod.SPLINE):
        most = frames if method is TrackMethod.PIECEWISE else min(MOST_POINTS, frames)
        count += read_unsigned(reader, f"{name}.count", max(most - count, 0))
        if count > frames:
            raise FramingError("a track has more control points than frames", found=count, bound=str(frames))
    if method is TrackMethod.PIECEWISE:
        while len(knots) < count - 1:
            # A frame is left for each knot that follows.
            most = frames - 1 - knots[-1] - (count - len(knots))
            knots.append(knots[-1] + 1 + read_unsigned(reader, f"{name}.gap", most))
        knots.append(frames - 1)
    points = [_checked(read_signed(reader, f"{channel}.first", LARGEST))]
    while len(points) < count:
        model, expected = _next_point(name, method, points, knots)
        points.append(_checked(expected + read_signed(reader, model, 4 * LARGEST)))
    return tuple(points), tuple(knots) if method is TrackMethod.PIECEWISE else ()


def _next_point(
    name: str, method: TrackMethod, before: Sequence[int], knots: Sequence[int]
) -> tuple[str, int]:
    """The model of the next point, and the value that the ones before let expect."""
    if len(before) == 1:
        return f"{name}.step", before[0]
    at, step = len(before), before[-1] - before[-2]
    if method is TrackMethod.PIECEWISE:
        # The slope goes on, over a piece of another length.
        step = step * (knots[at] - knots[at - 1]) // (knots[at - 1] - knots[at - 2])
    return f"{name}.bend", before[-1] + step


def _checked(point: int) -> int:
    if abs(point) > LARGEST:
        raise _too_large("a point")
    return point


# ---- expressions


def decimal_parts(constant: float) -> tuple[int, int] | None:
    """Digits and exponent of ten of a constant; None if it has too many digits to be encoded."""
    sign, digits, exponent = Decimal(repr(float(constant))).normalize().as_tuple()
    if sign or not isinstance(exponent, int) or len(digits) > MOST_DIGITS:
        return None
    value = int("".join(map(str, digits)))
    # Small exponents are better read with their zeros: 320 rather than 32 tens.
    while exponent > 0 and value < 10 ** (MOST_DIGITS - 1):
        value, exponent = value * 10, exponent - 1
    return (value, exponent) if abs(exponent) <= EXPONENT else None


def is_encodable(expression: Expression) -> bool:
    """Whether all constants of an expression have few enough digits."""
    return all(isinstance(step, Op) or decimal_parts(step) is not None for step in expression.steps)


def _write_expression(writer: BitWriter, name: str, expression: Expression) -> None:
    write_unsigned(writer, f"{name}.length", len(expression.steps) - 1)
    before = 0
    for step in expression.steps:
        symbol = _OPS.index(step) + 1 if isinstance(step, Op) else 0
        write_symbol(writer, f"{name}.op{before}", symbol, _SYMBOLS)
        before = symbol
        if not isinstance(step, Op):
            parts = decimal_parts(step)
            if parts is None:
                raise FramingError("a number has too many digits", found=step, bound=f"{MOST_DIGITS} digits")
            write_unsigned(writer, f"{name}.digits", parts[0])
            write_signed(writer, f"{name}.exponent", parts[1])


def _read_expression(reader: RangeDecoder, name: str) -> Expression:
    count, before = 1 + read_unsigned(reader, f"{name}.length", MOST_STEPS - 1), 0
    steps: list[Step] = []
    for _ in range(count):
        before = read_symbol(reader, f"{name}.op{before}", _SYMBOLS)
        if before:
            steps.append(_OPS[before - 1])
            continue
        digits = read_unsigned(reader, f"{name}.digits", 10**MOST_DIGITS - 1)
        steps.append(float(f"{digits}e{read_signed(reader, f'{name}.exponent', EXPONENT)}"))
    try:
        return Expression(tuple(steps))
    except InputError as error:
        raise FramingError(f"a track holds no expression: {error}") from error


@cache
def track_priors() -> Table:
    """The priors of tracks, learnt by ``benchmarks/equations_priors.py``."""
    source = resources.files(__package__).joinpath("track_priors.json")
    return read_priors(source.read_text(encoding="utf-8"))
