"""The shortest encoding of a track: a contest of all methods by their real lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cssv.errors import FramingError
from cssv.payload.channels import F64, UNITS_A_PX
from cssv.payload.curves import I64, degree, weights
from cssv.payload.curves import Method as CurveMethod
from cssv.payload.expression_fit import propose
from cssv.payload.models import Models, Table
from cssv.payload.range_coder import UNIT, LengthMeter
from cssv.payload.track_code import (
    LARGEST,
    MOST_POINTS,
    Code,
    Frames,
    TrackMethod,
    decimal_parts,
    is_encodable,
    track_priors,
    with_residual,
    write_code,
)
from cssv.scene.expressions import Expression, Op

#: Methods from the simplest on, and the difference within which two lengths count as equal.
_SIMPLEST = (
    TrackMethod.CONSTANT,
    TrackMethod.LINE,
    TrackMethod.EXPRESSION,
    TrackMethod.PIECEWISE,
    TrackMethod.SPLINE,
    TrackMethod.DELTAS,
)
_EQUAL_BITS = 4
#: Numbers of control points of a spline that are tried, and fewest frames a point.
_SPLINES, _FRAMES_A_POINT = (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128), 2
#: Splines in a row that may be longer than the shortest one, once one has no residual.
_PATIENCE = 3
#: A method is not measured if it looks this many times as long as the shortest one, and this many bytes.
_HOPELESS, _SLACK_BYTES = 2, 12
#: Rounds of reweighting towards a small largest error.
_TURNS = 5
#: Shares of the bound within which pieces of lines are found.
_TOLERANCES = (0.8, 1.0, 1.5, 2.5)
#: Of each method, at most this many encodings are measured: those that look shortest, nearly.
_MEASURED, _SHARE, _BITS = 3, 1.05, 12


@dataclass(frozen=True)
class Contest:
    """The shortest encoding of each method for one number of a track.

    Attributes:
        codes: by method; a method is missing if it does not fit.
        bits: their lengths.
    """

    codes: Mapping[TrackMethod, Code]
    bits: Mapping[TrackMethod, float]

    @property
    def shortest(self) -> TrackMethod:
        """The method with the shortest encoding; if several are within half a byte, the simplest of them."""
        longest = min(self.bits.values()) + _EQUAL_BITS
        return next(method for method in _SIMPLEST if self.bits.get(method, np.inf) <= longest)


def fit_track(
    values_px: F64,
    frames: Frames,
    channel: str,
    bound: int,
    proposals: Iterable[Expression] = (),
    priors: Table | None = None,
    *,
    complete: bool = False,
) -> Contest:
    """Encode one number of a track by every method that can be short, within the bound.

    Args:
        values_px: its values in pixels, (n,).
        frames: the frames of the track.
        channel: one of :data:`cssv.payload.track_code.CHANNELS`.
        bound: largest error, in 1/16 px.
        proposals: more expressions for the contest.
        priors: states of the models; by default those shipped.
        complete: whether also the methods are measured that look more than twice as long as another one.

    Raises:
        FramingError: a value is not finite or too large.
    """
    values = values_px * UNITS_A_PX
    if not np.abs(values).max() <= LARGEST // 2:
        raise FramingError(
            f"a {channel} of a track does not fit an encoding",
            found=float(values_px[np.abs(values_px).argmax()]),
            bound=f"up to {LARGEST // 2 // UNITS_A_PX} px",
        )
    fit = _Fit(values, frames, channel, bound, track_priors() if priors is None else priors)
    expressions = (*propose(values_px, frames.times_s, bound / UNITS_A_PX), *proposals)
    # Those first that are usually short.
    families: dict[TrackMethod, Iterable[Code]] = {
        TrackMethod.SPLINE: fit.splines(),
        TrackMethod.PIECEWISE: fit.pieces(),
        TrackMethod.EXPRESSION: fit.expressions(expressions),
        TrackMethod.CONSTANT: fit.constants(),
        TrackMethod.LINE: fit.lines(),
        TrackMethod.DELTAS: fit.deltas(),
    }
    found: dict[TrackMethod, tuple[float, Code]] = {}
    for method, family in families.items():
        shortest = min((bits for bits, _ in found.values()), default=np.inf)
        best = fit.best(family, np.inf if complete else _HOPELESS * shortest + 8 * _SLACK_BYTES)
        if best is not None:
            found[method] = best
    known = [method for method in TrackMethod if method in found]
    return Contest({each: found[each][1] for each in known}, {each: found[each][0] for each in known})


@dataclass(frozen=True)
class _Fit:
    """Encodings of one number of a track.

    Attributes:
        values: in 1/16 px.
    """

    values: F64
    frames: Frames
    channel: str
    bound: int
    priors: Table

    def best(self, family: Iterable[Code], most: float) -> tuple[float, Code] | None:
        """Length in bits and code of the shortest of a family; None if all look longer than ``most`` bits."""
        guessed = sorted(((_guess(code), at, code) for at, code in enumerate(family)), key=lambda g: g[:2])
        if not guessed or guessed[0][0] > most:
            return None
        longest = _SHARE * guessed[0][0] + _BITS
        near = [each for each in guessed[:_MEASURED] if each[0] <= longest]
        measured = [(self.measure(code), at, code) for _, at, code in near]
        bits, _, code = min(measured, key=lambda m: m[:2])
        return bits, code

    def measure(self, code: Code) -> float:
        """Length of an encoding in bits."""
        meter = LengthMeter(Models(self.priors))
        write_code(meter, self.channel, code)
        return meter.length / UNIT

    def _finished(self, code: Code) -> Iterator[Code]:
        """The code with its residual; nothing if its values leave their bounds."""
        with suppress(FramingError):
            yield with_residual(code, self.values, self.frames, self.bound)

    def deltas(self) -> Iterator[Code]:
        # One frame has no differences.
        if len(self.frames) > 1:
            points = np.rint(self.values / (2 * self.bound)).astype(int)
            yield Code(TrackMethod.DELTAS, tuple(points.tolist()))

    def constants(self) -> Iterator[Code]:
        middle = (self.values.min() + self.values.max()) / 2
        for level in {round(middle / self.bound), round(float(np.median(self.values)) / self.bound)}:
            yield from self._finished(Code(TrackMethod.CONSTANT, (level,)))

    def lines(self) -> Iterator[Code]:
        if len(self.frames) < 2:
            return
        yield from self._uniform(TrackMethod.LINE, 2)

    def splines(self) -> Iterator[Code]:
        shortest, waited, is_exact = np.inf, 0, False
        for count in _SPLINES:
            if count > min(MOST_POINTS, max(len(self.frames) // _FRAMES_A_POINT, 3), len(self.frames)):
                return
            found = list(self._uniform(TrackMethod.SPLINE, count))
            yield from found
            length = min(map(_guess, found), default=np.inf)
            # As long as a residual is left, more points may still pay.
            is_exact |= any(not code.residual for code in found)
            waited = waited + 1 if is_exact and length >= shortest else 0
            shortest = min(length, shortest)
            if waited == _PATIENCE:
                return

    def _uniform(self, method: TrackMethod, count: int) -> Iterator[Code]:
        """Lines and splines with control points at equal distances."""
        kind = CurveMethod.LINE if method is TrackMethod.LINE else CurveMethod.SPLINE
        first, mixed, total = weights(self.frames.axis, count, degree(kind, count))
        for points in _Basis(first, mixed / total, count).solutions(self.values / self.bound):
            # A line without a slope is a constant.
            if method is not TrackMethod.LINE or points[0] != points[1]:
                yield from self._finished(Code(method, points))

    def pieces(self) -> Iterator[Code]:
        seen = set()
        for tolerance in _TOLERANCES:
            knots = _knots(self.values, self.frames.axis, tolerance * self.bound)
            # Two knots are a line, and more knots than half the frames are no curve.
            if not 3 <= len(knots) <= max(len(self.frames) // 2, 3) or knots in seen:
                continue
            seen.add(knots)
            for points in _hats(self.frames.axis, knots).solutions(self.values / self.bound):
                yield from self._finished(Code(TrackMethod.PIECEWISE, points, knots))

    def expressions(self, proposals: Iterable[Expression]) -> Iterator[Code]:
        for expression in filter(is_encodable, proposals):
            yield from self._finished(Code(TrackMethod.EXPRESSION, expression=expression))


def _guess(code: Code) -> float:
    """About the bits of an encoding: integers cost their digits twice, a residual its entropy."""
    bits = 0.0
    if code.expression is not None:
        bits = sum(3.0 if isinstance(step, Op) else _digits_bits(step) for step in code.expression.steps)
    elif code.method is TrackMethod.DELTAS:
        bits = _entropy(np.diff(code.points)) if len(code.points) > 1 else 0.0
    elif code.points:
        points = np.array(code.points)
        steps = np.diff(points, 2) if len(points) > 2 else points[:0]
        gaps = np.diff(code.knots) if code.knots else steps[:0]
        bits = 12.0 * len(points[:2]) + float(
            (2 * np.log2(np.abs(np.concatenate([steps, gaps])) + 1) + 1).sum()
        )
    return bits + (_entropy(np.array(code.residual)) if code.residual else 0.0)


def _digits_bits(constant: float) -> float:
    parts = decimal_parts(constant)
    return 0.0 if parts is None else 4 + 2 * float(np.log2(parts[0] + 1))


def _entropy(steps: I64) -> float:
    """About the bits that an adaptive coder needs for a residual."""
    _, counts = np.unique(steps, return_counts=True)
    total = len(steps)
    return float((counts * np.log2(total / counts)).sum() + 3 * len(counts) + np.log2(total))


@dataclass(frozen=True)
class _Basis:
    """How a few successive control points mix at each frame.

    Attributes:
        first: the first of them, (n,).
        mixed: their weights, (n, width).
        count: number of control points.
    """

    first: I64
    mixed: F64
    count: int

    def solutions(self, values: F64) -> Iterator[tuple[int, ...]]:
        """Whole coefficients with the least squares, and with a small largest error (Lawson's algorithm).

        Args:
            values: in units of the bound, (n,).
        """
        share = np.ones(len(values))
        best: F64 | None = None
        least = np.inf
        for turn in range(_TURNS):
            found = self._solve(values, share)
            errors = np.abs((self.mixed * found[self._columns]).sum(axis=1) - values)
            if turn == 0:
                yield tuple(np.rint(found).astype(int).tolist())
                # Far outside the bound, a small largest error is no aim.
                if not 0.5 < errors.max() < 3:
                    return
            elif errors.max() < least:
                best, least = found, float(errors.max())
            share = share * errors + 1e-12
            share *= len(values) / share.sum()
        if best is not None:
            yield tuple(np.rint(best).astype(int).tolist())

    @property
    def _columns(self) -> I64:
        return np.asarray(self.first[:, None] + np.arange(self.mixed.shape[1]))

    def _solve(self, values: F64, share: F64) -> F64:
        """Coefficients with the least weighted squares, by the normal equations."""
        columns, weighted = self._columns, self.mixed * share[:, None]
        cells = columns[:, :, None] * self.count + columns[:, None, :]
        products = weighted[:, :, None] * self.mixed[:, None, :]
        normal = np.bincount(cells.ravel(), products.ravel(), self.count**2)
        square = normal.reshape(self.count, self.count) + 1e-9 * np.eye(self.count)
        right = np.bincount(columns.ravel(), (weighted * values[:, None]).ravel(), self.count)
        # Control points between frames are free; they stay near 0.
        return np.asarray(np.linalg.solve(square, right), np.float64)


def _knots(values: F64, axis: I64, tolerance: float) -> tuple[int, ...]:
    """Frames between which lines stay within a tolerance, each piece as long as possible."""
    knots, place, count = [0], float(values[0]), len(values)
    numbers, places = values.tolist(), axis.tolist()
    at = 1
    low, high = -np.inf, np.inf
    while at < count:
        since = places[at] - places[knots[-1]]
        # Frames closer than a step of the axis have no slope.
        down, up = (
            ((numbers[at] + side * tolerance - place) / since if since else side * np.inf) for side in (-1, 1)
        )
        if max(low, down) > min(high, up) and at - 1 > knots[-1]:
            slope = (low + high) / 2
            place += slope * (places[at - 1] - places[knots[-1]])
            knots.append(at - 1)
            low, high = -np.inf, np.inf
            continue
        low, high = max(low, down), min(high, up)
        at += 1
    if knots[-1] != count - 1:
        knots.append(count - 1)
    return tuple(knots)


def _hats(axis: I64, knots: tuple[int, ...]) -> _Basis:
    """How control points at the knots mix at each frame."""
    frames, places = np.arange(len(axis)), np.array(knots)
    piece = np.clip(np.searchsorted(places, frames, "right") - 1, 0, len(knots) - 2)
    begin, end = axis[places[piece]], axis[places[piece + 1]]
    share = (axis - begin) / np.maximum(end - begin, 1)
    return _Basis(piece, np.stack([1 - share, share], axis=1), len(knots))
