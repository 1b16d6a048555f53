"""Values of expressions: at given times, with exact slopes, and bounds of both over spans of time.

The same opcodes run in three arithmetics. A table maps each opcode to a function: of arrays, of intervals
(arrays (2, n) of lower and upper ends), or of pairs of a value and its slope (forward differentiation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.scene.expressions import Expression, Op, operands_of

F64 = NDArray[np.float64]
#: How the opcodes with operands are computed.
Arithmetic = Mapping[Op, Callable[..., Any]]


def values_at(expression: Expression, times_s: F64) -> F64:
    """The values at each time, (n,). They are not finite where the expression has no finite value."""
    found: F64 = _run(expression, times_s, _ARRAYS, lambda value: np.full(len(times_s), value))
    return found


def slopes_at(expression: Expression, times_s: F64) -> tuple[F64, F64]:
    """The values and the slopes (per second) at each time, (n,) each."""
    ones, zeros = np.ones(len(times_s)), np.zeros(len(times_s))
    value, slope = _run(expression, (times_s, ones), _SLOPES, lambda value: (value * ones, zeros))
    return value, slope


def slope_bounds(expression: Expression, spans_s: F64) -> tuple[F64, F64]:
    """Bounds of the values and of the slopes over spans of time.

    Args:
        expression: the expression.
        spans_s: first and last times of the spans, (2, n).

    Returns:
        Lower and upper bounds of the values, (2, n), and of the slopes, (2, n). They are NaN or infinite
        where none could be shown.
    """
    ones, zeros = np.ones_like(spans_s), np.zeros_like(spans_s)
    value, slope = _run(expression, (spans_s, ones), _SLOPE_INTERVALS, lambda value: (value * ones, zeros))
    return value, slope


def _run(
    expression: Expression,
    time: Any,  # noqa: ANN401 - a number of the arithmetic
    arithmetic: Arithmetic,
    constant: Callable[[float], Any],
) -> Any:  # noqa: ANN401 - the same
    """Run the opcodes."""
    stack: list[Any] = []
    # What is not finite is found in the result: an expression may pass through infinity, as exp(-exp(t)).
    with np.errstate(all="ignore"):
        for step in expression.steps:
            if not isinstance(step, Op):
                stack.append(constant(float(step)))
            elif step is Op.TIME:
                stack.append(time)
            elif step is Op.PI:
                stack.append(constant(math.pi))
            else:
                first = len(stack) - operands_of(step)
                stack[first:] = [arithmetic[step](*stack[first:])]
    return stack[-1]


def _cube(x: F64) -> F64:
    return x * x * x


_ARRAYS: Arithmetic = {
    Op.ADD: np.add,
    Op.SUBTRACT: np.subtract,
    Op.MULTIPLY: np.multiply,
    Op.DIVIDE: np.divide,
    Op.NEGATE: np.negative,
    Op.SQUARE: np.square,
    Op.CUBE: _cube,
    Op.EXP: np.exp,
    Op.SIN: np.sin,
    Op.COS: np.cos,
}

# ---- intervals: (2, n), lower and upper ends. Rounding keeps order, so sums and products need no margin

#: Widens an interval by the rounding of its ends.
_OUTWARDS = np.array([[-1e-15], [1e-15]])


def _subtract(a: F64, b: F64) -> F64:
    return a - b[::-1]


def _multiply(a: F64, b: F64) -> F64:
    products = np.stack([a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]])
    return np.stack([products.min(axis=0), products.max(axis=0)])


def _divide(a: F64, b: F64) -> F64:
    # A divisor that may be 0 has no bounds.
    has_sign = (b[0] > 0) | (b[1] < 0)
    return _multiply(a, np.where(has_sign, 1 / b[::-1], np.nan))


def _square(a: F64) -> F64:
    ends = np.sort(a * a, axis=0)
    has_zero = (a[0] <= 0) & (a[1] >= 0)
    return np.stack([np.where(has_zero, 0.0, ends[0]), ends[1]])


def _sin(a: F64) -> F64:
    # The cosine is the sine a quarter turn later, and that sum is rounded.
    a = a + _OUTWARDS * (np.abs(a) + 1)
    ends = np.sort(np.sin(a), axis=0)
    turn = 2 * math.pi
    # Whether a highest and a lowest point lie within: at pi/2 and at -pi/2, plus whole turns.
    has_top, has_bottom = (
        np.ceil((a[0] - peak) / turn) * turn + peak <= a[1] for peak in (math.pi / 2, -math.pi / 2)
    )
    is_wide = a[1] - a[0] >= turn
    low = np.where(is_wide | has_bottom, -1.0, ends[0])
    high = np.where(is_wide | has_top, 1.0, ends[1])
    # The sine of what is not finite is not a number.
    return np.where(np.isfinite(a).all(axis=0), np.stack([low, high]), np.nan)


_INTERVALS: Arithmetic = {
    Op.ADD: np.add,
    Op.SUBTRACT: _subtract,
    Op.MULTIPLY: _multiply,
    Op.DIVIDE: _divide,
    Op.NEGATE: lambda a: -a[::-1],
    Op.SQUARE: _square,
    Op.CUBE: _cube,
    Op.EXP: np.exp,
    Op.SIN: _sin,
    Op.COS: lambda a: _sin(a + math.pi / 2),
}

# ---- pairs of value and slope

_Pair = tuple[F64, F64]


def _with_slopes(base: Arithmetic) -> Arithmetic:
    """The arithmetic of values with slopes over another arithmetic."""
    add, subtract, multiply, divide = (base[op] for op in (Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE))
    negate, square = base[Op.NEGATE], base[Op.SQUARE]

    def product(a: _Pair, b: _Pair) -> _Pair:
        return multiply(a[0], b[0]), add(multiply(a[1], b[0]), multiply(a[0], b[1]))

    def quotient(a: _Pair, b: _Pair) -> _Pair:
        value = divide(a[0], b[0])
        return value, divide(subtract(a[1], multiply(value, b[1])), b[0])

    def exponential(a: _Pair) -> _Pair:
        value = base[Op.EXP](a[0])
        return value, multiply(value, a[1])

    return {
        Op.ADD: lambda a, b: (add(a[0], b[0]), add(a[1], b[1])),
        Op.SUBTRACT: lambda a, b: (subtract(a[0], b[0]), subtract(a[1], b[1])),
        Op.MULTIPLY: product,
        Op.DIVIDE: quotient,
        Op.NEGATE: lambda a: (negate(a[0]), negate(a[1])),
        Op.SQUARE: lambda a: (square(a[0]), 2 * multiply(a[0], a[1])),
        Op.CUBE: lambda a: (base[Op.CUBE](a[0]), 3 * multiply(square(a[0]), a[1])),
        Op.EXP: exponential,
        Op.SIN: lambda a: (base[Op.SIN](a[0]), multiply(base[Op.COS](a[0]), a[1])),
        Op.COS: lambda a: (base[Op.COS](a[0]), negate(multiply(base[Op.SIN](a[0]), a[1]))),
    }


_SLOPES = _with_slopes(_ARRAYS)
_SLOPE_INTERVALS = _with_slopes(_INTERVALS)
