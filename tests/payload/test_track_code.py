"""Encodings of whole tracks: real bytes that decode within the bound, for any values and times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cssv.errors import FramingError, InputError
from cssv.payload.channels import UNITS_A_PX
from cssv.payload.track_code import (
    CHANNELS,
    EXPONENT,
    LARGEST,
    LEAST_BOUND,
    MOST_DIGITS,
    MOST_FRAMES,
    Code,
    Frames,
    TrackMethod,
    base_of,
    decimal_parts,
    read_track,
    values_of,
    with_residual,
    write_track,
)
from cssv.payload.track_fit import fit_track
from cssv.scene.expressions import parse_expression
from cssv.testing.strategies import expressions


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Frames, np.ndarray]:
    """Frames of a track, and values of any kind: still, moving, swinging, jumping, noisy."""
    count = draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = random.choice([1e-5, 0.04, 0.04, 0.04, 3.0], count)
    times = np.cumsum(steps) + draw(st.sampled_from([0.0, -5.0, 1e6]))
    t = times - times[0]
    values = draw(st.sampled_from([0.0, 300.0, -1e5])) + np.zeros(count)
    values += draw(st.sampled_from([0, 12.5, -300.0])) * t + draw(st.sampled_from([0, 40])) * np.sin(2 * t)
    values += random.normal(size=count) * draw(st.sampled_from([0, 0.5, 30]))
    values[draw(st.integers(0, count - 1)) :] += draw(st.sampled_from([0, 0, 500.0]))
    return Frames.from_times(times.tolist()), values


@given(tracks(), st.sampled_from([LEAST_BOUND, 16, 40]))
@settings(max_examples=60)
@example((Frames.from_times([7.0]), np.array([3.5])), 16)
@example((Frames.from_times([0.0, 1e-9]), np.array([0.0, 900.0])), 16)
def test_every_method_decodes_within_the_bound(track, bound):
    frames, values = track
    contest = fit_track(values, frames, "height", bound, complete=True)
    assert TrackMethod.CONSTANT in contest.codes
    assert (TrackMethod.DELTAS in contest.codes) == (len(frames) > 1)
    for method, code in contest.codes.items():
        assert code.method is method
        read = read_track(write_track([code] * 4), frames)
        assert read == (code,) * 4
        error = values_of(read[2], frames, bound) - values * UNITS_A_PX
        assert np.abs(error).max() <= bound


def test_lengths_are_those_of_the_bytes():
    times = np.arange(120) / 25
    frames = Frames.from_times(times.tolist())
    values = 100 + 40 * np.sin(1.3 * times) + np.random.default_rng(5).normal(size=120)
    contests = [fit_track(values, frames, channel, UNITS_A_PX, complete=True) for channel in CHANNELS]
    for method in TrackMethod:
        codes = [contest.codes[method] for contest in contests]
        bits = sum(contest.bits[method] for contest in contests)
        assert len(write_track(codes)) == pytest.approx(bits / 8, abs=1.5)


def test_a_contest_keeps_the_shortest_of_its_methods():
    times = np.arange(80) / 25
    frames = Frames.from_times(times.tolist())
    values = 50 + 7 * times + np.random.default_rng(1).normal(size=80)
    whole = fit_track(values, frames, "width", UNITS_A_PX, complete=True)
    quick = fit_track(values, frames, "width", UNITS_A_PX)
    assert quick.shortest == whole.shortest
    assert quick.bits[quick.shortest] <= min(whole.bits.values()) + 4
    assert set(quick.bits) <= set(whole.bits)


@given(expressions())
def test_expressions_of_few_digits_are_encoded(expression):
    is_short = all(decimal_parts(step) is not None for step in expression.steps if isinstance(step, float))
    frames = Frames.from_times([0.0, 0.5])
    code = Code(TrackMethod.EXPRESSION, expression=expression)
    if not is_short:
        with pytest.raises(FramingError, match="too many digits"):
            write_track([code] * 4)
        return
    assert read_track(write_track([code] * 4), frames) == (code,) * 4


@pytest.mark.parametrize(
    ("constant", "parts"),
    [(320.0, (320, 0)), (1.57, (157, -2)), (0.0, (0, 0)), (1e9, (10**8, 1)), (2.5e-9, (25, -10))],
)
def test_constants_are_decimal(constant, parts):
    assert decimal_parts(constant) == parts


def test_constants_have_limits():
    assert decimal_parts(1 / 3) is None
    assert decimal_parts(float(f"1e-{EXPONENT + 1}")) is None
    assert decimal_parts(float("1" * MOST_DIGITS)) is not None


def test_an_expression_keeps_a_margin_for_other_machines():
    frames = Frames.from_times([0.0, 1.0])
    code = Code(TrackMethod.EXPRESSION, expression=parse_expression("0"))
    # 15/16 px are left to an expression, the whole bound to what is computed in integers.
    assert with_residual(code, np.array([15.0, -15.0]), frames, 16).residual == ()
    assert with_residual(code, np.array([15.5, -15.5]), frames, 16).residual == (1, -1)
    level = Code(TrackMethod.CONSTANT, (0,))
    assert with_residual(level, np.array([16.0, -16.0]), frames, 16).residual == ()
    assert with_residual(level, np.array([16.5, 0.0]), frames, 16).residual == (1, 0)


@given(st.binary(max_size=60), st.integers(1, 40))
def test_any_bytes_give_a_track_or_an_error(data, count):
    frames = Frames.from_times(list(range(count)))
    try:
        codes = read_track(data, frames)
    except FramingError:
        return
    for code in codes:
        assert len(code.residual) in (0, count)
        try:
            values = values_of(code, frames, UNITS_A_PX)
        except FramingError:
            continue
        assert values.shape == (count,)


def test_hostile_bytes_end_soon():
    frames = Frames.from_times(list(range(2000)))
    for byte in (0x00, 0x55, 0xFF):
        data = bytes([byte]) * 100_000
        with pytest.raises(FramingError):
            read_track(data, frames)


@pytest.mark.parametrize(
    "times",
    [[], [0.0, 0.0], [1.0, 0.5], [0.0, float("nan")], [0.0, float("inf")], range(MOST_FRAMES + 1)],
    ids=lambda times: str(times)[:20],
)
def test_times_must_grow(times):
    with pytest.raises(InputError):
        Frames.from_times(list(times))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), LARGEST / UNITS_A_PX])
def test_values_must_be_finite_and_small(value):
    frames = Frames.from_times([0.0, 1.0])
    with pytest.raises(FramingError, match="does not fit"):
        fit_track(np.array([0.0, value]), frames, "width", 16)


def test_an_expression_that_leaves_its_bounds_is_an_error():
    frames = Frames.from_times([0.0, 1.0])
    for text in ("1/t", "exp(99*t)*t", "1e9*t"):
        with pytest.raises(FramingError, match="leaves its bounds"):
            base_of(Code(TrackMethod.EXPRESSION, expression=parse_expression(text)), frames, 16)
