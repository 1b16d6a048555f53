"""The script of thinned windows, and thinned windows of real tracks."""

from __future__ import annotations

import payload_thinning
import pytest
from payload_windows import true_windows

from cssv.payload.loss import Loss, merge_losses
from cssv.payload.thinning import fit_window_within
from cssv.payload.window_bytes import read_window
from cssv.payload.window_states import window_states


@pytest.fixture(scope="module")
def windows(data):
    """Some windows of real tracks, crowded and less so."""
    found = true_windows(data / "mot15" / "TUD-Stadtmitte")[:2]
    return [*true_windows(data / "mot15" / "PETS09-S2L1")[::20], *found]


@pytest.mark.parametrize(("class_bytes", "least"), [(64, 4), (96, 5)])
def test_real_windows_fit_and_most_objects_stay(windows, class_bytes, least):
    losses = []
    for timed in windows:

        def fit(bound_px, objects, timed=timed):
            return timed.fit(bound_px=bound_px, objects=objects, scene=payload_thinning.SCENE)

        thinned = fit_window_within(class_bytes - 5, fit, timed.objects)
        assert len(thinned.data) <= class_bytes - 5
        window = read_window(thinned.data)
        assert window == thinned.window
        losses.append(thinned.loss)
        assert thinned.loss.objects - len(thinned.loss.left_out) >= min(least, thinned.loss.objects)
        assert_boxes_are_within(thinned.loss, timed.objects, window_states(window))
    clip = merge_losses(losses)
    assert clip.windows == len(windows)
    assert bool(clip) == any(losses)


def assert_boxes_are_within(loss, objects, decoded):
    for wanted, found in zip(objects, decoded, strict=True):
        kept = {state.track: state for state in wanted if state.track not in loss.left_out}
        assert set(kept) == {state.track for state in found}
        for got in found:
            (x, y, w, h), (left, top, wide, high) = kept[got.track].box_px, got.box_px
            for true, value in ((x + w / 2, left + wide / 2), (y + h, top + high), (w, wide), (h, high)):
                assert abs(true - value) <= loss.box_px + 1e-9


def test_the_steps_of_a_window_are_shorter_and_shorter(windows):
    for turn, timed in enumerate(windows[-2:]):
        sizes = payload_thinning.ladder(timed, turn)
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) == len(payload_thinning.STEPS)


def test_a_row_counts_the_windows_that_fit():
    # A class of 64 bytes holds 59.
    ladders = [[59] * len(payload_thinning.STEPS), [60] * len(payload_thinning.STEPS)]
    first = next(payload_thinning.rows(ladders))
    assert first == "| whole | 59.5 | 60 | 50% | 100% | 100% | 100% |"


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, "whole"),
        ({"cosines": 4}, "outlines of 4 cosines"),
        ({"cosines": 0}, "no outlines"),
        ({"box_px": 2.0, "cosines": 0}, "boxes within 2 px"),
        ({"box_px": 2.0, "means": True}, "attributes as means, velocities from the boxes"),
        ({"box_px": 4.0, "means": True}, "boxes within 4 px"),
        ({"box_px": 4.0, "halves": True}, "mean velocities"),
        ({"box_px": 4.0, "part": True}, "no part of the scene"),
        ({"box_px": 4.0, "places_alone": (1,)}, "places alone"),
        ({"box_px": 8.0, "places_alone": (1,)}, "boxes within 8 px"),
        ({"box_px": 8.0, "left_out": (1,)}, "no objects"),
    ],
)
def test_a_loss_ends_with_its_last_step(changes, step):
    loss = Loss(**({"frames": (0, 9), "objects": 1, "given_box_px": 1.0, "box_px": 1.0} | changes))
    assert payload_thinning.STEPS[payload_thinning.last_step(loss)] == step
