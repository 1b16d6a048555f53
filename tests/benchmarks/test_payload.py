"""The scripts of the payload: learnt priors shorten what they were learnt from, errors are measured right."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec

import numpy as np
import payload
import payload_expressions
import payload_priors
import pytest
from payload_windows import Timed

from cssv.payload.curves import time_axis
from cssv.payload.models import STATIC, UNSEEN
from cssv.payload.range_coder import UNIT
from cssv.payload.window_bytes import write_window
from cssv.scene import Ranges, Value
from cssv.template.state import ObjectState

NEED_PYARROW = ("deltas, zstd", "Parquet, zstd")


@pytest.fixture
def timed():
    states = [
        ObjectState(
            track=4,
            label="person",
            score=1.0,
            box_px=(20.0 + 2 * k, 50.0, 30.0, 80.0),
            velocity_px_s=(50.0, 0.0),
            past_px_s=(50.0, 0.0),
            future_px_s=(50.0, 0.0),
            sigma_px_s=3.0,
            temperature_c=Value(36.4, 0.5),
            density_kg_m3=Value(985.0, 20.0),
        )
        for k in range(10)
    ]
    frames = tuple((state,) for state in states)
    return Timed(0, tuple(range(10)), Fraction(1, 25), (320, 240), Ranges(), frames)


def test_a_state_is_learnt_from_its_bits():
    one, seen = payload_priors.best_state([[1, 1, 1, 0]] * 40)
    assert one / 65536 == pytest.approx(0.75, abs=0.01)
    # Every window is the same, so nothing is gained by adapting.
    assert seen > 5
    assert payload_priors.best_state([[1] * 20, [0] * 20])[1] < 5


def test_a_static_state_needs_many_observations():
    assert payload_priors.best_state([[0, 1]] * 100)[1] != STATIC


def test_the_length_is_that_of_an_adaptive_code():
    assert payload_priors.length(UNSEEN, []) == 0
    assert payload_priors.length(UNSEEN, [1]) == 1
    assert payload_priors.length(UNSEEN, [1, 1]) < 2


def test_learnt_priors_make_their_windows_shorter(timed):
    window = timed.fit({})
    table = payload_priors.learn([window] * 5)
    assert len(write_window(window, table)) < len(write_window(window, {})) / 2


def test_windows_are_chosen_at_equal_distances(timed):
    many = [replace(timed, number=k) for k in range(100)]
    assert len(payload_priors.chosen(many)) == payload_priors.WINDOWS
    assert payload_priors.chosen(many[:3]) == many[:3]


def test_errors_are_differences_of_states(timed):
    state = timed.objects[0][0]
    assert set(payload.errors(state, state, timed.ranges).values()) == {0}
    moved = replace(state, box_px=(21.0, 50.0, 30.0, 80.0), velocity_px_s=(50.0, 20.0))
    found = payload.errors(state, moved, timed.ranges)
    assert (found["box, px"], found["velocity_px_s"]) == (1, pytest.approx(0.1))


def test_sizes_and_errors_of_windows_are_measured(timed):
    sizes, heads, worst = payload.measure([timed], 1.0, halves=True)
    assert 0 < heads[0] < sizes[0] < 16 * 10
    assert worst["box, px"] <= 1
    assert not math.isnan(worst["past_px_s"])
    for name, size in payload.RIVALS.items():
        if name not in NEED_PYARROW or find_spec("pyarrow"):
            assert size(timed) > sizes[0]


def test_groups_add_up_to_the_content(timed):
    window = timed.fit(halves=False)
    meter = payload.GroupMeter()
    payload.put_window(meter, window)
    assert meter.lengths.total() / UNIT / 8 == pytest.approx(len(write_window(window)), abs=2)
    assert {"centre", "sigma", "track", "segments"} <= set(meter.lengths)


def test_fewer_methods_are_no_shorter(timed):
    sizes = {name: len(write_window(timed.fit(methods=methods))) for name, methods in payload.METHODS.items()}
    assert sizes["deltas"] > sizes["deltas, constants, lines"] >= sizes["all"]


def test_an_expression_is_found_where_there_is_one():
    axis = time_axis(range(50))
    wave = 16 * (300 + 10 * np.sin(np.arange(50) / 50 * 12.5 * np.pi))
    assert payload_expressions.shortest(wave, axis, 16)[0] == "one frequency"
    assert payload_expressions.shortest(np.random.default_rng(1).normal(0, 400, 50), axis, 16) is None
