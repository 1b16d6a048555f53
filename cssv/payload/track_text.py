"""Readable expressions of a track: the text that describes a number of it, and how far it is from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cssv.payload.channels import F64, UNITS_A_PX
from cssv.payload.expression_fit import round_to_step
from cssv.payload.track_code import Code, Frames, TrackMethod
from cssv.payload.track_fit import Contest
from cssv.scene.expression_values import values_at
from cssv.scene.expressions import Expression, Op, Step

#: An expression is kept if its encoding is at most this many bytes longer than the shortest one.
KEPT_BYTES = 8
#: Methods that an expression describes.
_READABLE = (TrackMethod.CONSTANT, TrackMethod.LINE, TrackMethod.EXPRESSION)
#: Share of the bound by which the text of a line may leave it.
_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Readable:
    """An expression for people.

    Attributes:
        method: the method whose encoding it describes.
        expression: in pixels, over seconds since the first frame.
        error_px: its largest distance from the track, without the residual.
    """

    method: TrackMethod
    expression: Expression
    error_px: float


def readable(contest: Contest) -> TrackMethod | None:
    """The method of the expression that is kept; None if all cost too much."""
    known = [method for method in _READABLE if method in contest.bits]
    if not known:
        return None
    best = min(known, key=lambda method: contest.bits[method])
    longest = contest.bits[contest.shortest] + 8 * KEPT_BYTES
    return best if contest.bits[best] <= longest else None


def describe(contest: Contest, values_px: F64, frames: Frames, bound: int) -> Readable | None:
    """The expression that is kept for a number of a track; None if there is none."""
    method = readable(contest)
    if method is None:
        return None
    expression = _expression_of(contest.codes[method], frames, bound)
    error = float(np.abs(values_at(expression, frames.times_s) - values_px).max())
    return Readable(method, expression, error)


def _expression_of(code: Code, frames: Frames, bound: int) -> Expression:
    if code.expression is not None:
        return code.expression
    unit = bound / UNITS_A_PX
    first = code.points[0] * unit
    span = float(frames.times_s[-1])
    rise = (code.points[-1] - code.points[0]) * unit
    slope = round_to_step(rise / span, _SHARE * unit / span) if span else 0.0
    return Expression(tuple(_line(first, slope)))


def _line(first: float, slope: float) -> Iterator[Step]:
    """The opcodes of ``first + slope*t``, the positive part first."""
    product: list[Step] = [Op.TIME] if abs(slope) == 1 else [abs(slope), Op.TIME, Op.MULTIPLY]
    if not slope:
        yield abs(first)
        if first < 0:
            yield Op.NEGATE
    elif not first:
        yield from product
        if slope < 0:
            yield Op.NEGATE
    elif first < 0 < slope:
        yield from (*product, abs(first), Op.SUBTRACT)
    else:
        yield abs(first)
        if first < 0:
            yield Op.NEGATE
        yield from (*product, Op.SUBTRACT if slope < 0 else Op.ADD)
