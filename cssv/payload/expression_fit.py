"""Expressions that may describe a number of a track: polynomials, waves and exponentials of time.

Each family is linear in all but one constant: the frequency of a wave or the rate of an exponential. That
constant is searched on a grid, the others follow by least squares (variable projection). All constants are
then rounded to as few digits as the error bound allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cssv.errors import InputError
from cssv.payload.channels import F64
from cssv.scene.expressions import Expression, Op, Step

#: Highest degree of a polynomial.
_DEGREE = 3
#: Most whole waves in a track, fewest frames of a wave, and steps of the frequency a wave.
_MOST_WAVES, _FRAMES_A_WAVE, _STEPS_A_WAVE = 64, 6, 4
#: Rates of an exponential, in units of 1 / the track's time.
_RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
#: Frames that the search looks at, candidates that are refined, rounds of refinement, and points in each.
_MOST_FRAMES, _REFINED, _ROUNDS, _POINTS = 400, 3, 4, 9
#: Shares of the bound by which the rounding of one constant may move the curve.
_SHARES = (0.5, 0.15, 0.04)
#: Smallest share of the bound that a term must contribute to be kept.
_LEAST_TERM = 0.02

#: The columns of one nonlinear constant for each of its candidates: (n,), (g,) -> (columns, n, g).
_Columns = Callable[[F64, F64], F64]


def propose(values: F64, times_s: F64, bound: float) -> Iterator[Expression]:
    """Expressions near the values.

    Args:
        values: (n,).
        times_s: seconds since the first, (n,).
        bound: the error that is allowed, in the unit of the values.
    """
    count = len(values)
    for power in range(min(_DEGREE, count - 1) + 1):
        yield from propose_polynomial(values, times_s, bound, power)
    # Fewer frames than constants describe nothing.
    if count < 8:
        return
    stride = -(-count // _MOST_FRAMES)
    some, when = values[::stride], times_s[::stride]
    span = float(times_s[-1])
    for power in (0, 1):
        polynomial = _Polynomial(power)
        for rate in _best(some, when, power, _exponentials, _rate_grid(span)):
            yield from _rounded((polynomial, _Exponential(rate)), values, times_s, bound)
        grid = _frequency_grid(span, len(when))
        for first in _best(some, when, power, _waves, grid):
            yield from _rounded((polynomial, _Wave(first)), values, times_s, bound)
            if count >= 24:
                rest = some - _projected(some, _design((polynomial, _Wave(first)), when))
                second = next(iter(_best(rest, when, 0, _waves, grid)), first)
                if abs(second - first) > 1e-6 * first:
                    yield from _rounded((polynomial, _Wave(first), _Wave(second)), values, times_s, bound)


def propose_polynomial(values: F64, times_s: F64, bound: float, power: int) -> Iterator[Expression]:
    """Polynomials of a degree near the values, with fewer or more digits; arguments as of :func:`propose`."""
    yield from _rounded((_Polynomial(power),), values, times_s, bound)


# ---- search


def _waves(times_s: F64, frequencies: F64) -> F64:
    angle = times_s[:, None] * frequencies
    return np.stack([np.cos(angle), np.sin(angle)])


def _exponentials(times_s: F64, rates: F64) -> F64:
    # Scaled to at most 1, so that nothing overflows; the factor belongs to the linear constant.
    return np.asarray(np.exp(times_s[:, None] * rates - np.maximum(rates * times_s[-1], 0.0))[None])


def _frequency_grid(span_s: float, count: int) -> F64:
    most = min(_MOST_WAVES, count / _FRAMES_A_WAVE)
    waves = np.arange(0.5, max(most, 0.75), 1 / _STEPS_A_WAVE)
    return np.asarray(2 * math.pi * waves / span_s)


def _rate_grid(span_s: float) -> F64:
    return np.array([sign * rate / span_s for rate in _RATES for sign in (-1, 1)])


def _best(values: F64, times_s: F64, power: int, columns: _Columns, grid: F64) -> Iterator[float]:
    """The candidates of a nonlinear constant with the least squares, refined."""
    basis = np.linalg.qr(np.stack([times_s**k for k in range(power + 1)], axis=1))[0]
    errors = _squares(values, basis, columns(times_s, grid))
    padded = np.concatenate([[np.inf], errors, [np.inf]])
    is_lowest = (errors <= padded[:-2]) & (errors <= padded[2:])
    lowest = np.flatnonzero(is_lowest)
    for at in lowest[np.argsort(errors[lowest], kind="stable")][:_REFINED].tolist():
        width = abs(grid[max(at - 1, 0)] - grid[min(at + 1, len(grid) - 1)]) / 2 or abs(grid[at])
        middle = float(grid[at])
        for _ in range(_ROUNDS):
            near = middle + width * np.linspace(-1, 1, _POINTS)
            middle = float(near[int(np.argmin(_squares(values, basis, columns(times_s, near))))])
            width *= 2 / (_POINTS - 1)
        yield middle


def _squares(values: F64, basis: F64, columns: F64) -> F64:
    """Sums of squares that are left for each candidate, (g,)."""
    rest = values - basis @ (basis.T @ values)
    free = columns - np.einsum("ij,kjg->kig", basis, np.einsum("ji,kjg->kig", basis, columns))
    total = np.full(columns.shape[2], float(rest @ rest))
    # Gram-Schmidt over the few columns of a family.
    done: list[F64] = []
    for column in free:
        for other in done:
            column = column - other * (other * column).sum(axis=0)
        norm = np.sqrt((column**2).sum(axis=0))
        unit = column / np.maximum(norm, 1e-9)
        done.append(unit)
        total = total - np.where(norm > 1e-9, (unit * rest[:, None]).sum(axis=0) ** 2, 0.0)
    return total


# ---- terms: what stands in the expression, and the columns that its linear constants multiply


@dataclass(frozen=True)
class _Polynomial:
    power: int

    def columns(self, times_s: F64) -> list[F64]:
        return [times_s**k for k in range(self.power + 1)]


@dataclass(frozen=True)
class _Wave:
    frequency: float

    def columns(self, times_s: F64) -> list[F64]:
        return [np.cos(self.frequency * times_s), np.sin(self.frequency * times_s)]


@dataclass(frozen=True)
class _Exponential:
    rate: float

    def columns(self, times_s: F64) -> list[F64]:
        return [np.exp(np.clip(self.rate * times_s, -700, 700))]


_Term = _Polynomial | _Wave | _Exponential


def _design(terms: Sequence[_Term], times_s: F64) -> F64:
    return np.stack([column for term in terms for column in term.columns(times_s)], axis=1)


def _solve(values: F64, matrix: F64) -> F64:
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    found: F64 = np.linalg.lstsq(matrix / scale, values, rcond=1e-10)[0] / scale
    return found


def _projected(values: F64, matrix: F64) -> F64:
    found: F64 = matrix @ _solve(values, matrix)
    return found


def _minimax(values: F64, matrix: F64, start: F64, bound: float) -> F64:
    """Coefficients with a smaller largest error, where that may reach the bound (Lawson's algorithm)."""
    errors = np.abs(matrix @ start - values)
    if not bound < errors.max() < 3 * bound:
        return start
    share, best, least = errors.copy(), start, float(errors.max())
    for _ in range(6):
        root = np.sqrt(share / share.sum())
        found = _solve(values * root, matrix * root[:, None])
        errors = np.abs(matrix @ found - values)
        if errors.max() < least:
            best, least = found, float(errors.max())
        share = share * errors + 1e-12
    return best


def _rounded(terms: Sequence[_Term], values: F64, times_s: F64, bound: float) -> Iterator[Expression]:
    """The expressions of some terms, with constants of few digits."""
    matrix = _design(terms, times_s)
    if not np.isfinite(matrix).all():
        return
    for share in _SHARES:
        allowed = share * bound
        linear = _solve(values, matrix)
        fixed = tuple(_with_few_digits(term, linear, terms, times_s, allowed) for term in terms)
        rounded = _design(fixed, times_s)
        solved = _minimax(values, rounded, _solve(values, rounded), bound)
        steps = _steps(fixed, solved, times_s, allowed, _LEAST_TERM * bound)
        try:
            yield Expression(tuple(steps))
        except InputError:
            # A constant too large, such as the factor of a steep exponential.
            continue


def _with_few_digits(term: _Term, linear: F64, terms: Sequence[_Term], times_s: F64, allowed: float) -> _Term:
    """The term with its nonlinear constant rounded, so that the curve moves by at most ``allowed``."""
    if isinstance(term, _Polynomial):
        return term
    first = sum(len(each.columns(times_s[:1])) for each in terms[: terms.index(term)])
    size = float(np.hypot.reduce(linear[first : first + len(term.columns(times_s[:1]))]))
    span = float(times_s[-1])
    if isinstance(term, _Wave):
        # The middle of the track moves by nothing if the phase follows, so half its time counts.
        return _Wave(round_to_step(term.frequency, allowed / max(size * span / 2, 1e-9)))
    slope = size * float(np.abs(times_s * term.columns(times_s)[0]).max())
    return _Exponential(round_to_step(term.rate, 4 * allowed / max(slope, 1e-9)))


def round_to_step(value: float, step: float) -> float:
    """The decimal number of fewest digits within half a step of a value, or nearly so."""
    if not (math.isfinite(value) and math.isfinite(step)) or step <= 0:
        return value
    power = math.floor(math.log10(step))
    for digits in (-power - 1, -power):
        found = round(value, digits)
        if abs(found - value) <= step / 2:
            return found
    return found


# ---- opcodes


def _steps(terms: Sequence[_Term], linear: F64, times_s: F64, allowed: float, least: float) -> list[Step]:
    """The opcodes of the sum of all terms; those that contribute nothing are left out."""
    summands: list[tuple[bool, list[Step]]] = []
    rest = linear.tolist()
    for term in terms:
        count = len(term.columns(times_s[:1]))
        own, rest = rest[:count], rest[count:]
        summands += _summands(term, own, times_s, allowed, least)
    # A leading minus reads worse than a sum that begins with what is positive.
    first = next((at for at, (is_negative, _) in enumerate(summands) if not is_negative), 0)
    if summands:
        summands.insert(0, summands.pop(first))
    steps: list[Step] = []
    for at, (is_negative, part) in enumerate(summands):
        steps += part
        if at:
            steps.append(Op.SUBTRACT if is_negative else Op.ADD)
        elif is_negative:
            steps.append(Op.NEGATE)
    return steps or [0.0]


def _summands(
    term: _Term, linear: Sequence[float], times_s: F64, allowed: float, least: float
) -> Iterator[tuple[bool, list[Step]]]:
    """Sign and opcodes of the parts of a term."""
    span = float(times_s[-1])
    if isinstance(term, _Polynomial):
        powers: list[list[Step]] = [[], [Op.TIME], [Op.TIME, Op.SQUARE], [Op.TIME, Op.CUBE]]
        for power, constant in enumerate(linear):
            yield from _product(constant, powers[power], span**power, allowed, least)
    elif isinstance(term, _Exponential):
        largest = float(term.columns(times_s)[0].max())
        sign: list[Step] = [Op.NEGATE] if term.rate < 0 else []
        angle: list[Step] = [abs(term.rate), *sign, Op.TIME, Op.MULTIPLY]
        yield from _product(linear[0], [*angle, Op.EXP], largest, allowed, least)
    else:
        yield from _product(*_wave(term, linear, allowed), 1.0, allowed, least)


def _wave(term: _Wave, linear: Sequence[float], allowed: float) -> tuple[float, list[Step]]:
    """Amplitude and opcodes of a wave: a cosine or sine of either sign, whichever has the smallest phase."""
    size = math.hypot(*linear)
    # a cos + b sin is size cos(angle + phase); a sine is a cosine a quarter turn earlier.
    phase = math.atan2(-linear[1], linear[0])
    quarter = round(phase / (math.pi / 2))
    phase -= quarter * math.pi / 2
    # cos, -sin, -cos, sin
    sign, function = ((1, Op.COS), (-1, Op.SIN), (-1, Op.COS), (1, Op.SIN))[quarter % 4]
    phase = round_to_step(phase, 2 * allowed / max(size, 1e-9))
    steps: list[Step] = [term.frequency, Op.TIME, Op.MULTIPLY]
    if phase:
        steps += [abs(phase), Op.SUBTRACT if phase < 0 else Op.ADD]
    return sign * size, [*steps, function]


def _product(
    constant: float, steps: list[Step], largest: float, allowed: float, least: float
) -> Iterator[tuple[bool, list[Step]]]:
    """A constant times an expression whose magnitude is at most ``largest``."""
    if not math.isfinite(constant):
        return
    rounded = round_to_step(constant, 2 * allowed / max(largest, 1e-9))
    if rounded == 0 or abs(rounded) * largest < least:
        return
    factor: list[Step] = [abs(rounded)]
    if not steps:
        yield rounded < 0, factor
    elif abs(rounded) == 1:
        yield rounded < 0, steps
    else:
        yield rounded < 0, [*factor, *steps, Op.MULTIPLY]
