"""The contest of methods: known motions are recovered as such, and noise does not mislead it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cssv.payload.channels import UNITS_A_PX
from cssv.payload.track_code import CHANNELS, Frames, TrackMethod, values_of
from cssv.payload.track_fit import fit_track
from cssv.payload.track_text import KEPT_BYTES, describe, readable
from cssv.scene.expression_values import values_at
from cssv.scene.expressions import parse_expression, write_expression

#: 8 s at 25 frames a second.
TIMES = np.arange(200) / 25
FRAMES = Frames.from_times(TIMES.tolist())


def described(values, frames=FRAMES, bound=UNITS_A_PX):
    contest = fit_track(values, frames, "centre_x", bound)
    return contest, describe(contest, values, frames, bound)


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("320", TrackMethod.CONSTANT),
        ("100 + 12.5*t", TrackMethod.LINE),
        ("40 - 3*t", TrackMethod.LINE),
        ("320 + 96*cos(1.57*t + 0.4)", TrackMethod.EXPRESSION),
        ("50 + 20*sin(2*t)", TrackMethod.EXPRESSION),
        ("120 - 60*cos(3*t)", TrackMethod.EXPRESSION),
        ("40 + 300*exp(-0.5*t)", TrackMethod.EXPRESSION),
        ("200 + 3*t + 15*sin(4*t - 0.3)", TrackMethod.EXPRESSION),
        ("10 + 5*t^2", TrackMethod.EXPRESSION),
        ("300 - 40*t + 2*t^3", TrackMethod.EXPRESSION),
    ],
)
def test_exact_motions_are_recovered_as_such(text, method):
    values = values_at(parse_expression(text), TIMES)
    _, found = described(values)
    assert found is not None
    assert found.error_px <= 1
    assert found.method is method
    # The same form: equal opcodes, constants nearly so.
    wanted = parse_expression(text)
    assert len(found.expression.steps) == len(wanted.steps), write_expression(found.expression)
    for one, other in zip(found.expression.steps, wanted.steps, strict=True):
        if isinstance(other, float):
            assert one == pytest.approx(other, rel=0.05, abs=0.03), write_expression(found.expression)
        else:
            assert one is other, write_expression(found.expression)


@pytest.mark.parametrize("noise", [0.3, 0.6])
def test_noise_below_the_bound_does_not_hide_a_wave(noise):
    values = 320 + 96 * np.cos(1.57 * TIMES + 0.4) + np.random.default_rng(3).normal(size=200) * noise
    contest, found = described(values)
    assert contest.shortest is TrackMethod.EXPRESSION
    error = values_of(contest.codes[contest.shortest], FRAMES, UNITS_A_PX) - values * UNITS_A_PX
    assert np.abs(error).max() <= UNITS_A_PX
    assert "cos(1.57*t" in write_expression(found.expression)


def test_a_long_periodic_motion_is_half_as_long_as_by_other_methods():
    times = np.arange(1500) / 25
    values = 320 + 200 * np.cos(0.9 * times) + np.random.default_rng(0).normal(size=1500) * 0.2
    contest = fit_track(values, Frames.from_times(times.tolist()), "centre_x", UNITS_A_PX, complete=True)
    others = min(bits for method, bits in contest.bits.items() if method is not TrackMethod.EXPRESSION)
    assert 1.6 * contest.bits[TrackMethod.EXPRESSION] < others


def test_an_expression_is_kept_up_to_eight_bytes():
    rng = np.random.default_rng(2)
    kept = []
    for roughness in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.08):
        values = 200 + np.cumsum(np.cumsum(rng.normal(size=200) * roughness))
        contest, found = described(values)
        longest = contest.bits[contest.shortest] + 8 * KEPT_BYTES
        methods = (TrackMethod.CONSTANT, TrackMethod.LINE, TrackMethod.EXPRESSION)
        is_kept = any(contest.bits.get(method, np.inf) <= longest for method in methods)
        assert (found is not None) == is_kept
        assert (readable(contest) is not None) == is_kept
        kept.append(is_kept)
    # Both happen, so that the test says something.
    assert len(set(kept)) == 2


def test_a_formula_within_the_bound_is_kept_rather_than_one_with_a_residual():
    times = [0.0, 0.04, 0.12]
    frames, values = Frames.from_times(times), 15 + 25 * np.array(times)
    contest = fit_track(values, frames, "centre_x", UNITS_A_PX, complete=True)
    # A constant with a residual is not longer than a line.
    assert contest.codes[TrackMethod.CONSTANT].residual
    found = describe(contest, values, frames, UNITS_A_PX)
    assert write_expression(found.expression) == "15 + 25*t"


def test_the_text_of_a_kept_expression_is_as_near_as_it_says():
    values = 120 - 7.3 * TIMES + np.random.default_rng(9).normal(size=200) * 0.3
    _, found = described(values)
    again = parse_expression(write_expression(found.expression))
    assert np.abs(values_at(again, TIMES) - values).max() == pytest.approx(found.error_px)
    assert found.error_px < 1.1


@pytest.mark.parametrize("first", [300.0, 0.0, -50.0])
@pytest.mark.parametrize("slope", [8.0, 1.0, -1.0, -8.0, 0.0])
def test_lines_of_every_sign_are_written_plainly(first, slope):
    _, found = described(first + slope * TIMES)
    text = write_expression(found.expression)
    np.testing.assert_allclose(values_at(parse_expression(text), TIMES), first + slope * TIMES, atol=1)
    assert "--" not in text
    assert "+ -" not in text


def test_the_time_of_a_fit_grows_with_the_track_only():
    def seconds(count: int) -> float:
        times = np.arange(count) / 25
        rng = np.random.default_rng(0)
        values = 300 + np.cumsum(np.cumsum(rng.normal(size=count) * 0.02)) + rng.normal(size=count) * 0.4
        start = time.process_time()
        fit_track(values, Frames.from_times(times.tolist()), CHANNELS[0], UNITS_A_PX)
        return time.process_time() - start

    short = min(seconds(500) for _ in range(3))
    # Eight times the frames; a quadratic method would take 64 times as long.
    assert seconds(4000) < 24 * short
