"""Curves: they read back, they keep their bound, and their values are integers that never change."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.curves import (
    AXIS,
    LARGEST_POINT,
    Curve,
    Method,
    degree,
    evaluate,
    read_curve,
    time_axis,
    weights,
    write_curve,
)
from cssv.payload.fitting import fit_curve
from cssv.payload.frame_values import shortest_bends, shortest_deltas
from cssv.payload.models import STATIC, Models, shipped_priors
from cssv.payload.range_coder import LengthMeter, RangeDecoder, RangeEncoder

BOUND = 16
COUNTS = {Method.CONSTANT: 1, Method.LINE: 2}
BY_FRAME = (Method.DELTAS, Method.BENDS)
points = st.integers(-LARGEST_POINT, LARGEST_POINT) | st.integers(-50, 50)


@st.composite
def curves(draw, frames):
    method = draw(st.sampled_from(Method))
    count = frames if method in BY_FRAME else COUNTS.get(method) or draw(st.integers(3, 32))
    coarse = method in (Method.CONSTANT, *BY_FRAME) and draw(st.booleans())
    return Curve(method, tuple(draw(st.lists(points, min_size=count, max_size=count))), coarse)


def axis_of(frames):
    return time_axis(range(frames))


def encoded(curve, expected=0):
    encoder = RangeEncoder(Models({}))
    write_curve(encoder, "x", curve, BOUND, expected)
    return encoder.finish()


@given(st.data(), st.integers(1, 40), st.integers(-3000, 3000))
def test_a_curve_reads_back(data, frames, expected):
    curve = data.draw(curves(frames))
    decoder = RangeDecoder(encoded(curve, expected), Models({}))
    assert read_curve(decoder, "x", frames, BOUND, expected) == curve


@given(st.data(), st.integers(2, 40), st.integers(1, 1024))
def test_values_lie_between_the_control_points(data, frames, bound):
    curve = data.draw(curves(frames))
    values = evaluate(curve, axis_of(frames), bound)
    unit = 2 * bound if curve.coarse else bound
    assert min(curve.points) * unit <= values.min()
    assert values.max() <= max(curve.points) * unit


@given(st.data(), st.integers(2, 40))
def test_values_are_those_of_exact_arithmetic(data, frames):
    curve = data.draw(curves(frames))
    values = evaluate(curve, axis_of(frames), BOUND).tolist()
    unit = 2 * BOUND if curve.coarse else BOUND
    if curve.method in BY_FRAME:
        assert values == [unit * point for point in curve.points]
        return
    first, mixed, total = weights(axis_of(frames), len(curve.points), degree(curve.method, len(curve.points)))
    for value, start, row in zip(values, first.tolist(), mixed.tolist(), strict=True):
        exact = unit * sum(w * curve.points[start + k] for k, w in enumerate(row))
        assert value == (2 * exact + total) // (2 * total)


@given(st.integers(1, 32), st.integers(0, 3), st.integers(0, AXIS))
def test_weights_add_up(count, power, place):
    if count > power:
        first, mixed, total = weights(np.array([place]), count, power)
        assert mixed.sum() == total
        assert (mixed >= 0).all()
        assert 0 <= first[0] <= count - power - 1


def test_the_ends_of_a_line_are_its_points():
    assert evaluate(Curve(Method.LINE, (3, 40)), axis_of(9), BOUND).tolist()[::8] == [48, 640]
    assert evaluate(Curve(Method.PIECEWISE, (3, -9, 40)), axis_of(9), BOUND).tolist()[::4] == [48, -144, 640]


def test_a_spline_of_equal_steps_is_a_line():
    cubic = evaluate(Curve(Method.SPLINE, (0, 10, 20, 30, 40)), axis_of(21), BOUND)
    assert np.abs(cubic - np.linspace(160, 480, 21)).max() <= 1


def test_uneven_times_give_uneven_abscissae():
    assert time_axis([5, 6, 9]).tolist() == [0, AXIS // 4, AXIS]
    far = [0, 2**61, 2**62]
    assert time_axis(far).tolist() == [0, AXIS // 2, AXIS]


@given(
    st.lists(st.floats(-2000, 2000), min_size=1, max_size=40),
    st.integers(1, 64),
    st.floats(-30, 30),
    st.floats(0, 1),
)
def test_the_shortest_curve_keeps_the_bound(noise, bound, slope, share):
    values = np.array(noise) * share + slope * np.arange(len(noise))
    axis = axis_of(len(values))
    curve = fit_curve(values, axis, bound, Models({}), "x")
    assert np.abs(evaluate(curve, axis, bound) - values).max() <= bound


@pytest.mark.parametrize(
    ("values", "methods"),
    [
        (np.full(50, 1234.0), {Method.CONSTANT}),
        (np.linspace(100, 9000, 50), {Method.LINE}),
        (np.abs(np.linspace(-9000, 9000, 50)), {Method.PIECEWISE}),
        (np.linspace(-60, 60, 50) ** 2, {Method.SPLINE}),
        (np.random.default_rng(1).integers(-9, 9, 50) * 900.0, {Method.DELTAS}),
        (np.concatenate([np.arange(26) ** 2 * 40.0, 25000 - np.arange(24) ** 2 * 30.0]), {Method.BENDS}),
    ],
)
def test_each_method_is_chosen_where_it_is_shortest(values, methods):
    assert fit_curve(values, axis_of(50), BOUND, Models({}), "x").method in methods


def test_a_line_has_no_coarse_grid():
    with pytest.raises(FramingError, match="no coarse grid"):
        encoded(Curve(Method.LINE, (1, 2), coarse=True))


@given(st.lists(st.floats(-200, 200), min_size=3, max_size=30), st.integers(32, 64), st.booleans())
def test_values_of_every_frame_keep_the_bound_and_cost_no_more_than_the_nearest(noise, bound, coarse):
    values, models = np.array(noise), Models()
    unit = 2 * bound if coarse else bound
    nearest = tuple(np.rint(values / unit).astype(int).tolist())
    for shortest, method in ((shortest_deltas, Method.DELTAS), (shortest_bends, Method.BENDS)):
        curve = shortest(values, bound, coarse, models, "foot", 0)
        assert np.abs(evaluate(curve, axis_of(len(values)), bound) - values).max() <= bound
        if coarse:
            lengths = [static_length(each, bound) for each in (curve, Curve(method, nearest, coarse))]
            assert lengths[0] <= lengths[1]


def static_length(curve, bound):
    """Length of a curve with models that do not adapt."""
    static = {
        name: {node: (one, STATIC) for node, (one, _) in nodes.items()}
        for name, nodes in shipped_priors().items()
    }
    meter = LengthMeter(Models(static))
    write_curve(meter, "foot", curve, bound)
    return meter.length


def test_a_line_with_noise_within_the_bound_is_a_line():
    values = np.linspace(100, 3000, 50) + np.random.default_rng(2).uniform(-8, 8, 50)
    assert fit_curve(values, axis_of(50), BOUND, Models({}), "x").method is Method.LINE


def test_values_out_of_bounds_are_refused():
    for value in (np.inf, np.nan, 1e9):
        with pytest.raises(FramingError, match="does not fit"):
            fit_curve(np.array([0.0, value]), axis_of(2), BOUND, Models({}), "x")


@given(st.binary(max_size=120), st.integers(1, 1024))
def test_any_bytes_end_in_a_curve_or_a_framing_error(data, frames):
    decoder = RangeDecoder(data, Models({}))
    with suppress(FramingError):
        curve = read_curve(decoder, "x", frames, BOUND)
        assert len(evaluate(curve, axis_of(frames), BOUND)) == frames
