"""Readable expressions of a track: the text that describes a number of it, and how far it is from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.payload.channels import F64, UNITS_A_PX
from cssv.payload.expression_fit import propose_polynomial
from cssv.payload.track_code import Frames, TrackMethod
from cssv.payload.track_fit import Contest
from cssv.scene.expression_values import values_at
from cssv.scene.expressions import Expression, write_expression

#: An expression is kept if its encoding is at most this many bytes longer than the shortest one.
KEPT_BYTES = 8
#: Methods that an expression describes.
_READABLE = (TrackMethod.CONSTANT, TrackMethod.LINE, TrackMethod.EXPRESSION)
#: Share of the bound that a shorter text of a constant or line may be farther from the track.
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
    """The method of the expression that is kept; None if all cost too much.

    One that is within the bound by itself is better for people than one that needs a residual.
    """
    longest = contest.bits[contest.shortest] + 8 * KEPT_BYTES
    known = [method for method in _READABLE if contest.bits.get(method, np.inf) <= longest]

    def order(method: TrackMethod) -> tuple[bool, bool, float]:
        has_residual = bool(contest.codes[method].residual)
        return has_residual, method is not contest.shortest, contest.bits[method]

    return min(known, key=order, default=None)


def describe(contest: Contest, values_px: F64, frames: Frames, bound: int) -> Readable | None:
    """The expression that is kept for a number of a track; None if there is none."""
    method = readable(contest)
    if method is None:
        return None
    code = contest.codes[method]
    if code.expression is not None:
        candidates = [code.expression]
    else:
        # The points of a code are whole units; a text can have the digits that its values deserve.
        power = 0 if method is TrackMethod.CONSTANT else 1
        candidates = list(propose_polynomial(values_px, frames.times_s, bound / UNITS_A_PX, power))
    errors = [float(np.abs(values_at(each, frames.times_s) - values_px).max()) for each in candidates]
    allowed = min(errors) + _SHARE * bound / UNITS_A_PX
    near = [(each, error) for each, error in zip(candidates, errors, strict=True) if error <= allowed]
    expression, error = min(near, key=lambda pair: len(write_expression(pair[0])))
    return Readable(method, expression, error)
