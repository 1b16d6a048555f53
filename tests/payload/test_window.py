"""Windows: exact as bytes, within their bounds as states, and never more than an error on hostile bytes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.envelope import MOST_BYTES, OVERHEAD, open_payload, seal_payload
from cssv.payload.window import MOST_STATES, Window
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_fit import fit_window
from cssv.payload.window_states import window_states
from cssv.scene import Ranges, Source, Value
from cssv.template.certainty import planar_certainty, value_certainty
from cssv.template.drawing import Selector
from cssv.template.state import ObjectState
from cssv.testing.strategies import objects_of_a_frame

SIZE, TICK = (320, 240), Fraction(1, 25)
RANGES = Ranges()


def walker(track=1, frames=10, **fixed):
    """States of an object that walks to the right."""
    at = {"label": "person", "name": None, "selector": None, "is_given": False} | fixed
    return [
        ObjectState(
            track=track,
            score=0.9,
            box_px=(20.0 + 1.7 * k, 50.0 - 0.3 * k, 30.0, 80.0),
            velocity_px_s=(42.5, -7.5),
            past_px_s=(42.5, -7.5),
            future_px_s=(42.5, -7.5),
            sigma_px_s=3.0,
            temperature_c=Value(36.4, 0.5),
            density_kg_m3=Value(985.0, None, Source.ESTIMATED),
            **at,
        )
        for k in range(frames)
    ]


def fitted(objects, **options):
    return fit_window(50, range(50, 50 + len(objects)), TICK, SIZE, RANGES, objects, **options)


def assert_states_are_within_the_bounds(objects, decoded, bound_px, ranges):
    for wanted, found in zip(objects, decoded, strict=True):
        assert [state.track for state in found] == sorted(state.track for state in wanted)
        for state in wanted:
            (got,) = (each for each in found if each.track == state.track)
            assert_state_is_within_the_bounds(state, got, bound_px, ranges)


def assert_state_is_within_the_bounds(wanted, got, bound_px, ranges):
    facts = ("label", "name", "selector", "is_given")
    assert [getattr(got, fact) for fact in facts] == [getattr(wanted, fact) for fact in facts]
    (x, y, w, h), (left, top, wide, high) = wanted.box_px, got.box_px
    pairs = ((x + w / 2, left + wide / 2), (y + h, top + high), (w, wide), (h, high))
    for true, value in pairs:
        assert abs(true - value) <= bound_px + 1e-9
    low, high_px_s = ranges.speed_px_s
    span, part = high_px_s - low, 1 / 32 + 1e-9
    assert math.isfinite(got.sigma_px_s) == math.isfinite(wanted.sigma_px_s)
    if math.isfinite(wanted.sigma_px_s):
        for name, most in (("past_px_s", 2 * part), ("future_px_s", 2 * part), ("velocity_px_s", part)):
            true, value = getattr(wanted, name), getattr(got, name)
            assert math.dist(true, value) <= span * most
        assert abs(got.sigma_px_s - wanted.sigma_px_s) <= span * part
        true, value = (planar_certainty(each.sigma_px_s, ranges.speed_px_s) for each in (wanted, got))
        assert abs(true - value) <= part
    for name in ("temperature_c", "density_kg_m3"):
        true, value, span = getattr(wanted, name), getattr(got, name), getattr(ranges, name)
        assert (true is None) == (value is None)
        if true is not None:
            assert abs(true.value - value.value) <= (span[1] - span[0]) * part
            assert abs(value_certainty(true, span) - value_certainty(value, span)) <= part + 1 / 255


@settings(max_examples=30)
@given(
    st.lists(objects_of_a_frame(*SIZE), min_size=1, max_size=6),
    st.integers(1, 64),
    st.integers(0, 10**6),
    st.sampled_from([Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 90000)]),
    st.lists(st.integers(1, 5000), min_size=6, max_size=6),
)
def test_states_come_back_within_their_bounds(objects, bound, number, tick, steps):
    pts = [number * 3 + int(each) for each in np.cumsum(steps[: len(objects)])]
    window = fit_window(number, pts, tick, SIZE, RANGES, objects, bound_px=bound / 16)
    again = read_window(open_payload(seal_payload(write_window(window))))
    assert again == window
    assert (again.number, list(again.pts), again.time_base) == (number, pts, tick)
    assert_states_are_within_the_bounds(objects, window_states(again), bound / 16, RANGES)


def test_a_walking_person_costs_few_bytes():
    window = fitted([[state] for state in walker(frames=50)])
    data = write_window(window)
    assert read_window(data) == window
    assert len(data) <= 40


def test_equal_input_gives_equal_bytes():
    objects = [[state] for state in walker()]
    assert write_window(fitted(objects)) == write_window(fitted(objects))


def test_a_track_that_is_interrupted_comes_back():
    states = walker()
    objects = [[] if k in (3, 4) else [state] for k, state in enumerate(states)]
    decoded = window_states(read_window(write_window(fitted(objects))))
    assert [len(each) for each in decoded] == [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]
    assert_states_are_within_the_bounds(objects, decoded, 1, RANGES)


def test_facts_that_change_come_back():
    states = walker(frames=6)
    states[3:] = [replace(s, temperature_c=None, sigma_px_s=math.inf) for s in states[3:]]
    decoded = window_states(read_window(write_window(fitted([[state] for state in states]))))
    assert_states_are_within_the_bounds([[state] for state in states], decoded, 1, RANGES)
    assert decoded[4][0].velocity_px_s == (0.0, 0.0)


@pytest.mark.parametrize("label", ["", "person", "a label that no list holds", "\u00fcber\u6f22"])
@pytest.mark.parametrize("name", [None, "courier", ""])
def test_labels_and_names_come_back(label, name):
    two = zip(walker(1, label=label, name=name), walker(2, label=label, name=name), strict=True)
    decoded = window_states(read_window(write_window(fitted(list(two)))))
    for states in decoded:
        assert [(state.label, state.name) for state in states] == [(label, name)] * 2


def test_a_long_name_is_cut_at_a_character():
    decoded = window_states(fitted([[walker(name="\u00fc" * 200)[0]]]))
    assert decoded[0][0].name == "\u00fc" * 127


@pytest.mark.parametrize("selector", [None, *Selector])
def test_facts_of_drawing_come_back(selector):
    decoded = window_states(read_window(write_window(fitted([walker(selector=selector, is_given=True)[:1]]))))
    assert (decoded[0][0].selector, decoded[0][0].is_given) == (selector, True)


@pytest.mark.parametrize(
    "ranges",
    [Ranges(), Ranges((0.0, 1.5), (36.125, 37.0), (0.0, 1.0)), Ranges((0.1, 1e6), (-273.15, 1e6), (0, 3e38))],
)
def test_ranges_come_back_in_single_precision(ranges):
    window = fit_window(0, [0], TICK, SIZE, ranges, [[]])
    again = read_window(write_window(window))
    for name, span in ranges.to_json().items():
        assert getattr(again.ranges, name) == tuple(np.float32(span).tolist())


def test_values_outside_the_ranges_come_back():
    state = replace(walker()[0], temperature_c=Value(300.0, 0.1), past_px_s=(900.0, 0.0))
    (got,) = window_states(read_window(write_window(fitted([[state]]))))[0]
    assert abs(got.temperature_c.value - 300) <= 80 / 32
    assert math.dist(got.past_px_s, (900, 0)) <= 200 / 16


def test_halves_are_held_where_they_differ_enough():
    """A turn of 30 px/s is 3/20 of the default range of speeds."""
    turning = [
        (replace(state, past_px_s=(12.5, -7.5), future_px_s=(72.5, -7.5)),) for state in walker(frames=6)
    ]
    span = RANGES.speed_px_s[1] - RANGES.speed_px_s[0]
    for share, is_held in ((30 / span + 0.01, False), (30 / span - 0.01, True)):
        window = fitted(turning, halves_above=share)
        assert window.segments[0].has_turn is is_held
        past = window_states(window)[3][0].past_px_s[0]
        assert (abs(past - 12.5) <= span / 16) is is_held


def test_without_halves_the_velocities_become_their_mean():
    state = replace(walker()[0], past_px_s=(10.0, 0.0), future_px_s=(75.0, -15.0))
    (got,) = window_states(read_window(write_window(fitted([[state]], halves=False))))[0]
    assert got.past_px_s == got.future_px_s == got.velocity_px_s
    assert math.dist(got.velocity_px_s, state.velocity_px_s) <= 200 / 32


@pytest.mark.parametrize("scores", [(0.0, 0.0), (1.0, 1.0), (0.3, 0.7), (0.03, 0.01), (0.97, 0.99)])
def test_the_score_is_the_mean_of_a_segment(scores):
    states = [replace(state, score=score) for state, score in zip(walker(frames=2), scores, strict=True)]
    decoded = window_states(read_window(write_window(fitted([[state] for state in states]))))
    for (got,) in decoded:
        assert abs(got.score - sum(scores) / 2) <= 1 / 32 + 1e-9


def test_an_empty_window_comes_back():
    window = fitted([[], [], []])
    assert read_window(write_window(window)) == window
    assert window_states(window) == [(), (), ()]


@pytest.mark.parametrize("pts", [(5,), (-(2**63), 2**62), (2**62, 2**62 + 1), (0, 1, 3, 1000)])
def test_times_of_64_bits_come_back(pts):
    steps = [b - a for a, b in pairwise(pts)]
    if max(steps, default=0) > 2**32:
        with pytest.raises(FramingError, match="does not fit"):
            write_window(Window(7, pts, TICK, SIZE, RANGES))
        return
    window = Window(7, pts, TICK, SIZE, RANGES)
    assert read_window(write_window(window)) == window


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pts": (1, 1)}, "times of a window"),
        ({"pts": tuple(range(1025))}, "times of a window"),
        ({"size": (20000, 20)}, "head does not fit"),
        ({"bound": 0}, "head does not fit"),
        ({"number": -1}, "does not fit"),
        ({"ranges": Ranges(speed_px_s=(5.0, 5.0))}, "range does not fit"),
        ({"ranges": Ranges(speed_px_s=(0.0, 0.1))}, "range does not fit"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    window = replace(Window(0, (0, 1), TICK, SIZE, RANGES), **change)
    with pytest.raises(FramingError, match=message):
        write_window(window)


def test_boxes_that_are_not_finite_are_refused():
    for value in (math.nan, math.inf, 1e7):
        state = replace(walker()[0], box_px=(value, 0.0, 5.0, 5.0))
        with pytest.raises(FramingError, match="does not fit"):
            fitted([[state]])


def test_many_objects_over_many_frames_are_refused():
    states = walker(frames=1024)
    count = MOST_STATES // 1024 + 1
    objects = [[replace(state, track=k) for k in range(count)] for state in states]
    with pytest.raises(FramingError, match="too many objects"):
        fitted(objects)


# The envelope around it.


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_a_frame_opens_with_padding_behind_it(content, padding):
    assert open_payload(seal_payload(content) + padding) == content


@given(st.binary(min_size=1, max_size=40), st.data())
def test_any_flipped_byte_is_found(content, data):
    sealed = bytearray(seal_payload(content))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FramingError):
        open_payload(bytes(sealed))


@pytest.mark.parametrize("length", range(OVERHEAD + 5))
def test_truncated_frames_are_refused(length):
    with pytest.raises(FramingError):
        open_payload(seal_payload(b"12345")[:length])


def test_another_version_is_named():
    sealed = bytearray(seal_payload(b"12345"))
    sealed[2] = 9
    with pytest.raises(FramingError, match="another version: found 9; allowed: 1"):
        open_payload(bytes(sealed))


def test_a_content_that_is_too_long_is_refused():
    with pytest.raises(FramingError, match="too long"):
        seal_payload(bytes(MOST_BYTES + 1))
