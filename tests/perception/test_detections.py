from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.boxes import from_centres, overlaps, to_centres
from cssv.errors import BoxesError
from cssv.perception.detections import EMPTY, Detections, detections

coordinate = st.floats(-1000, 1000)
side = st.floats(0.5, 500)
box = st.tuples(coordinate, coordinate, side, side)


def test_what_is_left_out_is_filled_in():
    seen = detections([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert len(seen) == 2
    assert seen.labels == ("object", "object")
    assert seen.scores.tolist() == [1, 1]
    assert seen.ids.tolist() == [-1, -1]


def test_empty_holds_nothing_in_the_right_shapes():
    assert len(EMPTY) == 0
    assert EMPTY.boxes_px.shape == (0, 4)
    assert EMPTY.labels == ()


def test_arrays_cannot_be_written_and_are_not_the_callers():
    given_boxes = np.array([[1.0, 2, 3, 4]])
    seen = detections(given_boxes)
    given_boxes[0, 0] = 99
    assert seen.boxes_px[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        seen.boxes_px[0, 0] = 5


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "ids", "words"),
    [
        ([[np.nan, 0, 1, 1]], [1], ["a"], [-1], "not finite"),
        ([[0, 0, np.inf, 1]], [1], ["a"], [-1], "not finite"),
        ([[0, 0, 0, 1]], [1], ["a"], [-1], "no area"),
        ([[0, 0, 1, -2]], [1], ["a"], [-1], "no area"),
        ([[0, 0, 1, 1]], [1.5], ["a"], [-1], "out of range"),
        ([[0, 0, 1, 1]], [-0.1], ["a"], [-1], "out of range"),
        ([[0, 0, 1, 1]], [np.nan], ["a"], [-1], "out of range"),
        ([[0, 0, 1, 1]], [1, 1], ["a"], [-1], "do not agree"),
        ([[0, 0, 1, 1]], [1], ["a", "b"], [-1], "do not agree"),
        ([[0, 0, 1, 1]], [1], ["a"], [-1, 3], "do not agree"),
        ([[0, 0, 1, 1], [2, 2, 1, 1]], [1, 1], ["a", "b"], [3, 3], "twice"),
    ],
)
def test_a_broken_rule_is_named(boxes, scores, labels, ids, words):
    with pytest.raises(BoxesError, match=words):
        detections(boxes, scores, labels, ids)


def test_unknown_ids_may_repeat():
    assert len(detections([[0, 0, 1, 1], [2, 2, 1, 1]], ids=[-1, -1])) == 2


def test_boxes_of_three_columns_are_refused():
    with pytest.raises(BoxesError, match="do not agree"):
        Detections(np.ones((2, 3)), np.ones(2), ("a", "b"), np.array([-1, -1]))


@given(st.lists(box, min_size=1, max_size=8))
def test_centres_and_corners_are_an_inverse_pair(boxes):
    px = np.array(boxes)
    np.testing.assert_allclose(from_centres(to_centres(px)), px, atol=1e-9)
    np.testing.assert_array_equal(to_centres(px)[:, 2:], px[:, 2:])


@given(st.lists(box, min_size=1, max_size=6), st.lists(box, min_size=1, max_size=6))
def test_overlap_is_symmetric_bounded_and_whole_with_itself(a, b):
    ours, theirs = np.array(a), np.array(b)
    shared = overlaps(ours, theirs)
    np.testing.assert_allclose(shared, overlaps(theirs, ours).T, atol=1e-12)
    assert (shared >= 0).all()
    assert (shared <= 1 + 1e-9).all()
    np.testing.assert_allclose(np.diag(overlaps(ours, ours)), 1, atol=1e-9)


def test_overlap_by_hand():
    shared = overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 1, 2, 2], [2, 0, 2, 2], [0, 0, 1, 2]]))
    np.testing.assert_allclose(shared, [[1 / 7, 0, 0.5]])
