"""Packed detections of a clip: they come back as they were added."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception import detections
from cssv.perception.camera import CameraMotion
from cssv.perception.clip_boxes import ClipBoxes

side = st.integers(1, 400).map(lambda number: number / 4)
boxes = st.tuples(side, side, side, side, st.integers(0, 100), st.sampled_from(["a", "b", "object"]))
frames = st.lists(st.lists(boxes, max_size=4), min_size=1, max_size=6)


def seen(rows):
    return detections(
        np.array([row[:4] for row in rows], dtype=float).reshape(-1, 4),
        [row[4] / 100 for row in rows],
        [row[5] for row in rows],
        ids=[k if row[4] % 2 else -1 for k, row in enumerate(rows)],
    )


class Moving:
    """A flow whose camera moves by one pixel a frame."""

    def camera(self):
        return CameraMotion(np.array([[1.0, 0, 1], [0, 1, 0]]))

    def of_boxes(self, boxes_px):
        return np.tile([2.0, 0.0, 1.0], (len(boxes_px), 1))


@given(frames, st.booleans())
def test_frames_are_the_inverse_of_add(clip, moves):
    packed = ClipBoxes()
    for number, rows in enumerate(clip):
        packed.add(
            number, number / 4, seen(rows), np.arange(len(rows), dtype=np.int64), Moving() if moves else None
        )
    back = list(packed.frames())
    assert [time_s for time_s, _, _ in back] == [number / 4 for number in range(len(clip))]
    for rows, (_, found, camera) in zip(clip, back, strict=True):
        before = seen(rows)
        assert np.array_equal(found.boxes_px, before.boxes_px)
        assert np.array_equal(found.scores, before.scores)
        assert np.array_equal(found.ids, before.ids)
        assert found.labels == before.labels
        assert (camera is not None) == moves


def test_better_ids_hold_until_a_frame_is_added():
    packed = ClipBoxes()
    rows = [(1, 1, 1, 1, 50, "a"), (9, 9, 1, 1, 50, "b")]
    packed.add(0, 0, seen(rows), np.array([3, -1]), None)
    packed.set_ids(np.array([-1, 5]))
    assert [(piece.id, piece.label) for piece in packed.pieces()] == [(5, "b")]
    assert packed.scores_without_object().tolist() == [0.5]
    packed.add(1, 1, seen(rows), np.array([3, 4]), None)
    assert not packed.has_better_ids
    assert sorted(piece.id for piece in packed.pieces()) == [3, 4]


def test_the_first_of_labels_with_equal_evidence_counts():
    packed = ClipBoxes()
    for number, label in enumerate(["b", "a", "a", "b"]):
        packed.add(number, number, seen([(1, 1, 1, 1, 50, label)]), np.array([2]), None)
    assert packed.votes()[2].best == "b"
    assert packed.votes({2: 7})[7].names == {"a", "b"}
