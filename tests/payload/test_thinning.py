"""Thinned windows: never above their bytes, what is lost is stated, and what is left is within its bounds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import CarrierError
from cssv.payload.loss import Loss, merge_losses
from cssv.payload.outlines import fit_outline
from cssv.payload.thinning import check_window_fits, fit_window_within, thinning_ladder
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_fit import fit_window
from cssv.payload.window_states import window_states
from cssv.scene import Ranges, Scene, Value
from cssv.template.certainty import value_certainty
from cssv.template.state import ObjectState
from cssv.testing.strategies import objects_of_a_frame

SIZE, TICK, RANGES = (320, 240), Fraction(1, 25), Ranges()
SCENE = Scene.from_json({"cssv_scene": 1, "camera": {"position_m": [0, 0, 3.2], "pan_deg": 12.5}})
PART = 1 / 32 + 1e-9


def fit_of(objects, outlines=None, **options):
    """What fits a window of frames 50 and later; it fits once for each bound."""
    pts = range(50, 50 + len(objects))
    given = {"scene": SCENE, "outlines": outlines} | options
    done = {}

    def fit(bound_px, objects):
        if bound_px not in done:
            done[bound_px] = fit_window(50, pts, TICK, SIZE, RANGES, objects, bound_px, **given)
        return done[bound_px]

    return fit


def round_outlines(objects):
    """An outline of four cosines for every object."""
    angles = np.pi * (2 * np.arange(32) + 1) / 64
    shares = 0.9 + 0.2 * np.cos(2 * angles) + 0.1 * np.cos(6 * angles)
    return [{state.track: shares for state in states} for states in objects]


@st.composite
def clips(draw):
    """Objects of a few frames, and their outlines or None."""
    objects = draw(st.lists(objects_of_a_frame(*SIZE), min_size=1, max_size=5))
    return objects, draw(st.sampled_from([None, round_outlines(objects)]))


def swerving(track, frames=20, score=0.9, **changes):
    """States of an object whose motion and temperature change all the time."""
    states = [
        ObjectState(
            track=track,
            label="person",
            score=score,
            box_px=(20 + 9 * track + 3 * k + 4 * math.sin(k), 50 + 5 * math.cos(2 * k), 30.0, 80 + k % 5),
            velocity_px_s=(75 + 30 * math.cos(k), 20 * math.sin(k)),
            past_px_s=(75 + 30 * math.cos(k), 20 * math.sin(k) - 30),
            future_px_s=(75 + 30 * math.cos(k), 20 * math.sin(k) + 30),
            sigma_px_s=3.0 + 2 * (k % 3),
            temperature_c=Value(20 + 15 * math.sin(k / 3), 0.5),
            density_kg_m3=Value(900 + 30 * track, 20 + 3.0 * track),
        )
        for k in range(frames)
    ]
    return [replace(state, **changes) for state in states]


def crowd(*tracks):
    return [list(states) for states in zip(*map(swerving, tracks), strict=True)]


# What comes back.


@settings(max_examples=40)
@given(clips(), st.integers(5, 200))
def test_a_thinned_window_has_at_most_its_bytes_and_is_within_its_bounds(clip, most_bytes):
    objects, outlines = clip
    fit = fit_of(objects, outlines)
    try:
        thinned = fit_window_within(most_bytes, fit, objects)
    except CarrierError:
        # Nothing is left out that would fit.
        nothing = [[] for _ in objects]
        assert len(write_window(fit_of(objects, scene=None)(1.0, nothing))) > most_bytes
        return
    assert len(thinned.data) <= most_bytes
    assert read_window(thinned.data) == thinned.window
    assert_is_what_the_loss_says(objects, outlines, thinned)
    whole = fit(1.0, objects)
    assert bool(thinned.loss) == (thinned.window != whole)
    assert bool(thinned.loss) == (len(write_window(whole)) > most_bytes)


def assert_is_what_the_loss_says(objects, outlines, thinned):
    loss, window = thinned.loss, thinned.window
    left = set(loss.left_out)
    assert loss.objects == len({state.track for states in objects for state in states})
    assert (window.part is None) >= loss.part
    for wanted, found in zip(objects, window_states(window), strict=True):
        kept = [state for state in wanted if state.track not in left]
        assert [state.track for state in found] == [state.track for state in kept]
        for state, got in zip(kept, found, strict=True):
            assert_state(state, got, loss)
    for segment in window.segments:
        if outlines is None or loss.cosines == 0:
            assert segment.outline is None
        else:
            whole = fit_outline([outlines[segment.start][segment.track]])
            count = 8 if loss.cosines is None else loss.cosines
            assert segment.outline == (*whole[:count], *[0] * (8 - count))


def assert_state(wanted, got, loss):
    (x, y, w, h), (left, top, wide, high) = wanted.box_px, got.box_px
    for true, value in ((x + w / 2, left + wide / 2), (y + h, top + high), (w, wide), (h, high)):
        assert abs(true - value) <= loss.box_px + 1e-9
    assert abs(wanted.score - got.score) <= 1
    if wanted.track in loss.places_alone:
        assert (got.temperature_c, got.density_kg_m3, got.name) == (None, None, None)
        assert math.isinf(got.sigma_px_s)
        return
    assert (got.label, got.selector) == (wanted.label, wanted.selector)
    assert math.isinf(got.sigma_px_s) == math.isinf(wanted.sigma_px_s)
    for name in ("temperature_c", "density_kg_m3"):
        true, value = getattr(wanted, name), getattr(got, name)
        assert (true is None) == (value is None)
        if true is not None and not loss.means:
            span = getattr(RANGES, name)
            assert abs(true.value - value.value) <= (span[1] - span[0]) * PART
            assert abs(value_certainty(true, span) - value_certainty(value, span)) <= PART + 1 / 255
    if not loss.means:
        speed = RANGES.speed_px_s[1] - RANGES.speed_px_s[0]
        assert math.dist(wanted.velocity_px_s, got.velocity_px_s) <= speed * PART or math.isinf(
            got.sigma_px_s
        )


@settings(max_examples=20)
@given(clips(), st.lists(st.integers(5, 200), min_size=2, max_size=2))
def test_more_bytes_never_lose_more(clip, limits):
    objects, outlines = clip
    fit = fit_of(objects, outlines)
    small, large = sorted(limits)
    try:
        less = fit_window_within(small, fit, objects)
    except CarrierError:
        return
    more = fit_window_within(large, fit, objects)
    assert depth(more.loss) <= depth(less.loss)
    assert more.loss.box_px <= less.loss.box_px
    assert set(more.loss.left_out) <= set(less.loss.left_out)


def depth(loss):
    """Place of a loss in the order of thinning."""
    return (
        len(loss.left_out),
        loss.box_px > 4,
        bool(loss.left_out) or len(loss.places_alone),
        loss.part,
        loss.halves,
        loss.box_px > 2,
        loss.means,
        loss.box_px,
        -(8 if loss.cosines is None else loss.cosines),
    )


def test_equal_input_gives_an_equal_window():
    objects = crowd(1, 2, 3)
    assert fit_window_within(60, fit_of(objects), objects) == fit_window_within(60, fit_of(objects), objects)


def test_a_window_without_a_bound_is_that_of_the_fit():
    objects = crowd(1, 2)
    for thinned in (
        fit_window_within(None, fit_of(objects), objects),
        check_window_fits(None, fit_of(objects), objects),
    ):
        assert thinned.window == fit_of(objects)(1.0, objects)
        assert thinned.data == write_window(thinned.window)
        assert not thinned.loss
        assert thinned.loss.sentences() == ()


def test_attributes_become_their_means():
    objects = crowd(1)
    ladder = list(thinning_ladder(fit_of(objects), objects))
    thinned = next(each for each in ladder if each.loss.means)
    means = [states[0].temperature_c.value for states in window_states(thinned.window)]
    assert len(set(means)) == 1
    true = np.mean([states[0].temperature_c.value for states in objects])
    assert abs(means[0] - true) <= 2 * 80 / 32


def test_boxes_that_were_coarse_from_the_beginning_do_not_become_finer():
    objects = crowd(1, 2)
    fit = fit_of(objects)
    for most_bytes in range(20, 200, 15):
        loss = fit_window_within(most_bytes, fit, objects, bound_px=3.0).loss
        assert loss.box_px in {3.0, 4.0, 8.0}
        assert loss.given_box_px == 3.0


# The order in which objects leave.


def least_of(objects):
    """The objects in the order in which they leave."""
    order, fit = [], fit_of(objects)
    for most_bytes in range(60, 12, -1):
        left = fit_window_within(most_bytes, fit, objects).loss.left_out
        order += sorted(set(left) - set(order))
    return order


def test_objects_of_a_low_score_leave_first():
    scores = {1: 0.9, 2: 0.3, 3: 0.6}
    columns = [swerving(track, score=score) for track, score in scores.items()]
    objects = [list(states) for states in zip(*columns, strict=True)]
    assert least_of(objects)[:2] == [2, 3]


def test_objects_of_uncertain_motion_leave_first():
    columns = [swerving(1), swerving(2, sigma_px_s=40.0), swerving(3, sigma_px_s=math.inf)]
    objects = [list(states) for states in zip(*columns, strict=True)]
    assert least_of(objects)[:2] == [3, 2]


def test_objects_of_few_frames_leave_first_and_given_ones_last():
    columns = [swerving(1), swerving(2), swerving(3, score=0.2, is_given=True)]
    objects = [
        [state for state in states if state.track != 1 or state in columns[0][:5]]
        for states in zip(*columns, strict=True)
    ]
    assert least_of(objects)[:2] == [1, 2]


def test_of_equal_objects_the_latest_leaves_first():
    assert least_of(crowd(1, 2, 3))[:2] == [3, 2]


def test_places_are_left_when_attributes_do_not_fit():
    objects = crowd(1, 2, 3)
    whole = len(write_window(fit_of(objects)(1.0, objects)))
    fit, found = fit_of(objects), set()
    for most_bytes in range(whole, 20, -2):
        loss = fit_window_within(most_bytes, fit, objects).loss
        found.add((len(loss.places_alone), len(loss.left_out)))
    # No object leaves as long as another one has attributes, or boxes could be coarser.
    assert found >= {(0, 0), (3, 0), (2, 1), (1, 2)}
    assert all(places + left == 3 for places, left in found if left)


# What is said.


def test_the_loss_is_said_in_words():
    loss = Loss(
        (20, 39), 9, 1.0, 2.0, 0, means=True, halves=True, part=True, places_alone=(1,), left_out=(4, 7)
    )
    assert loss.sentences() == (
        "no outlines in frames 20 to 39",
        "boxes within 2 px instead of 1 in frames 20 to 39",
        "attributes as means, velocities from the boxes alone in frames 20 to 39",
        "mean velocities in place of those from the past and to the future frames in frames 20 to 39",
        "no part of the scene in frames 20 to 39",
        "only the places of 1 of 9 objects in frames 20 to 39: 1",
        "2 of 9 objects left out in frames 20 to 39: 4, 7",
    )
    assert json.loads(json.dumps(loss.to_json()))["left_out"] == [4, 7]


def test_a_sentence_names_few_objects():
    (text,) = Loss((0, 9), 30, 1.0, 1.0, left_out=tuple(range(1, 21))).sentences()
    assert text == "20 of 30 objects left out in frames 0 to 9: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 10 more"


def test_the_losses_of_a_clip_are_merged():
    whole = Loss((0, 19), 3, 1.0, 1.0)
    coarse = Loss((20, 39), 3, 1.0, 2.0)
    thin = Loss((40, 59), 5, 1.0, 4.0, means=True, places_alone=(2, 3), left_out=(4,))
    least = replace(thin, frames=(60, 79), left_out=(4, 5, 1), places_alone=())
    clip = merge_losses([whole, coarse, thin, least])
    assert (clip.windows, clip.thinned) == (4, 3)
    assert clip.sentences() == (
        "boxes within 2 px instead of 1 in 1 of 4 windows",
        "boxes within 4 px instead of 1 in 2 of 4 windows",
        "attributes as means, velocities from the boxes alone in 2 of 4 windows",
        "only the places of 2.0 objects a window in 1 of 4 windows",
        "2.0 objects a window left out in 2 of 4 windows; "
        "first: 1 of 5 objects left out in frames 40 to 59: 4",
    )
    assert json.loads(json.dumps(clip.to_json()))["left_out"] == {"windows": 2, "objects": 4}
    assert not merge_losses([whole, whole])
    assert merge_losses([whole]).sentences() == ()


def test_a_window_that_does_not_fit_says_what_would_fit():
    objects = crowd(1, 2)
    fit = fit_of(objects, round_outlines(objects))
    bare = len(write_window(fit_of(objects)(1.0, objects)))
    with pytest.raises(CarrierError) as caught:
        check_window_fits(50, fit, objects)
    text = str(caught.value)
    assert f"frames 50 to 69 does not fit: found '{bare} bytes, {bare - 50} too many'" in text
    assert "allowed: at most 50. Give `fit=True`" in text
    last = fit_window_within(50, fit, objects)
    for after in thinning_ladder(fit, objects):
        is_a_step = after.loss and not after.loss.is_of_outlines and len(after.data) >= len(last.data)
        assert (f" {len(after.data)} B" in text) == bool(is_a_step)
    assert "outlines" not in text


def test_outlines_are_given_up_unasked():
    objects = crowd(1, 2)
    fit, bare = fit_of(objects, round_outlines(objects)), fit_of(objects)(1.0, objects)
    whole = len(write_window(fit(1.0, objects)))
    found = {
        check_window_fits(most_bytes, fit, objects).loss.cosines
        for most_bytes in range(len(write_window(bare)), whole + 1)
    }
    assert found == {None, 4, 0}
    least = check_window_fits(len(write_window(bare)), fit, objects)
    assert least.loss.is_of_outlines
    assert least.loss.sentences() == ("no outlines in frames 50 to 69",)


def test_a_bound_below_an_empty_window_is_said():
    objects = crowd(1)
    for function in (check_window_fits, fit_window_within):
        with pytest.raises(CarrierError, match=r"without any object") as caught:
            function(3, fit_of(objects), objects)
        assert "fit=True" not in str(caught.value)


def test_steps_are_listed_shorter_and_shorter():
    objects = crowd(1, 2, 3)
    ladder = list(thinning_ladder(fit_of(objects, round_outlines(objects)), objects))
    sizes = [len(each.data) for each in ladder]
    assert sizes == sorted(set(sizes), reverse=True)
    assert ladder[-1].window.segments == ()
    assert ladder[0].loss.sentences() == ()


def test_coarse_places_join_the_segments_of_a_track():
    """Facts that change split a track; its places alone are one segment again."""
    states = swerving(1)
    states[10:] = [replace(state, name="courier", temperature_c=None) for state in states[10:]]
    objects = [[state] for state in states]
    fit = fit_of(objects)
    *_, coarse, nothing = thinning_ladder(fit, objects)
    assert nothing.window.segments == ()
    assert (coarse.loss.box_px, coarse.loss.places_alone) == (8.0, (1,))
    assert len(fit(1.0, objects).segments) == 2
    (segment,) = coarse.window.segments
    assert (segment.start, segment.count, segment.name) == (0, 20, None)
