"""Expressions: text and opcodes are inverse, limits hold, values and slopes are exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.scene.expression_values import slope_bounds, slopes_at, values_at
from cssv.scene.expressions import (
    BINARY,
    LARGEST_CONSTANT,
    LEAVES,
    MOST_CHARS,
    MOST_DEPTH,
    MOST_STEPS,
    Expression,
    Op,
    operands_of,
    parse_expression,
    spoken_expression,
    write_expression,
)
from cssv.testing.strategies import expressions

TIMES = np.linspace(-2.0, 3.0, 41)


@given(expressions())
def test_parse_is_the_inverse_of_write(expression):
    assert parse_expression(write_expression(expression)) == expression


@given(expressions())
def test_the_spoken_form_reads_back_too(expression):
    assert parse_expression(spoken_expression(write_expression(expression))) == expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("320 + 96*cos(1.57*t + 0.4)", lambda t: 320 + 96 * math.cos(1.57 * t + 0.4)),
        ("320 + 96 cos(1.57 t + 0.4)", lambda t: 320 + 96 * math.cos(1.57 * t + 0.4)),
        ("-t^2", lambda t: -(t**2)),
        ("-2*t**3", lambda t: -2 * t**3),
        ("10 - 3 - 2", lambda t: 5 + 0 * t),
        ("10 - (3 - 2)", lambda t: 9 + 0 * t),
        ("12/3/2", lambda t: 2 + 0 * t),
        ("2*pi*t/8", lambda t: 2 * math.pi * t / 8),
        ("2exp(-t)", lambda t: 2 * math.exp(-t)),
        ("1e2 + .5", lambda t: 100.5 + 0 * t),
        ("(t + 1)(t - 1)", lambda t: t * t - 1),
        ("--t", lambda t: t),
        ("+t", lambda t: t),
    ],
)
def test_a_text_means_what_mathematics_says(text, value):
    found = values_at(parse_expression(text), TIMES)
    np.testing.assert_allclose(found, [value(t) for t in TIMES], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "character 1 does not fit: found 'the end'; allowed: a number"),
        ("tan(t)", "unknown name at character 1: found 'tan'; allowed: t, pi, exp, sin, cos"),
        ("5 + cost(t)", r"Did you mean 'cos'"),
        ("t^4", "found '4'; allowed: the exponent 2 or 3"),
        ("t^2^3", "parentheses around a power"),
        ("1/2 t", r"behind / a product needs them"),
        ("2 3", "allowed: the end, or an operator"),
        ("sin t", r"allowed: \( after sin"),
        ("(t", "a closing parenthesis"),
        ("t)", "found '\\)'"),
        ("__import__('os')", "found"),
        ("t; t", "character 2 has no meaning: found ';'"),
        ("x.y", "found"),
        ("1e400", "allowed: 0 to 1e\\+09"),
        ("2000000000", "allowed: 0 to 1e\\+09"),
        ("t\n+ 1", "character 2 has no meaning"),
        ("٣", "character 1 has no meaning"),
    ],
)
def test_a_wrong_text_is_one_clear_error(text, words):
    with pytest.raises(InputError, match=words):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000 + "t" + ")" * 900,
        "-" * 1999 + "t",
        "t" + "+t" * 900,
        "sin(" * 400 + "t" + ")" * 390,
        "9" * 1999,
        "t" * 1999,
        " " * (MOST_CHARS + 1),
        "t" + "^2)" * 300,
        "((" * 60 + "1+" * 50,
    ],
)
def test_hostile_texts_end_soon(text):
    with pytest.raises(InputError):
        parse_expression(text)


def test_limits_of_an_expression():
    Expression((1.0, *[Op.NEGATE] * (MOST_STEPS - 1)))
    with pytest.raises(InputError, match=f"allowed: 1 to {MOST_STEPS} opcodes"):
        Expression((1.0, *[Op.NEGATE] * MOST_STEPS))
    with pytest.raises(InputError, match="1 to"):
        Expression(())
    deep = (*[1.0] * MOST_DEPTH, *[Op.ADD] * (MOST_DEPTH - 1))
    Expression(deep)
    with pytest.raises(InputError, match="nested too deeply"):
        Expression((Op.TIME, *deep, Op.ADD))
    for steps in ((Op.ADD,), (1.0, Op.ADD), (Op.SIN,)):
        with pytest.raises(InputError, match="operand"):
            Expression(steps)
    with pytest.raises(InputError, match="no single result: found '2 values'"):
        Expression((1.0, Op.TIME))
    for number in (math.nan, math.inf, -1.0, -0.0, 2 * LARGEST_CONSTANT):
        with pytest.raises(InputError, match="a number of an expression"):
            Expression((number,))


def test_every_opcode_has_operands_and_a_value():
    for op in Op:
        count = operands_of(op)
        assert count == (0 if op in LEAVES else 2 if op in BINARY else 1)
        expression = Expression((*[0.5] * count, op))
        assert np.isfinite(values_at(expression, TIMES)).all()


@given(expressions(), st.floats(-3, 3))
@example(parse_expression("t*exp(-t)/(1 + t^2)"), 1.5)
def test_slopes_are_those_of_small_steps(expression, time_s):
    step = 1e-5
    times = time_s + step * np.array([-1.0, 0.0, 1.0])
    value, slope = slopes_at(expression, times)
    near, _ = slopes_at(expression, time_s + step * np.linspace(-3, 3, 7))
    np.testing.assert_array_equal(value, values_at(expression, times))
    assume(np.isfinite(near).all() and np.isfinite(slope).all())
    # Only where the expression is smooth at this scale.
    assume(np.abs(near).max() < 1e4 and np.ptp(slope) < 1e-2 * (1 + abs(slope[1])))
    assert (value[2] - value[0]) / (2 * step) == pytest.approx(slope[1], rel=0.02, abs=1e-3)


@given(expressions(), st.lists(st.floats(-3, 3), min_size=2, max_size=2).map(sorted))
@example(parse_expression("sin(t)*cos(3*t)"), [-3.0, 3.0])
@example(parse_expression("1/t"), [-1.0, 1.0])
def test_bounds_hold_all_values_and_slopes(expression, ends):
    spans = np.array(ends)[:, None]
    times = np.linspace(*ends, 33)
    for bounds, values in zip(slope_bounds(expression, spans), slopes_at(expression, times), strict=True):
        # No bounds are promised where none are shown.
        if not np.isfinite(bounds).all():
            continue
        slack = 1e-9 * (1 + np.abs(bounds).max())
        assert (values >= bounds[0, 0] - slack).all()
        assert (values <= bounds[1, 0] + slack).all()


def test_a_divisor_that_can_be_zero_has_no_bounds():
    value, _ = slope_bounds(parse_expression("1/t"), np.array([[-1.0], [1.0]]))
    assert np.isnan(value).all()
