from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.perception import Track, Tracks
from cssv.perception.tracks import to_mot_rows


def track(identity, numbers, label="object"):
    n = len(numbers)
    boxes = np.tile([1.0, 2, 3, 4], (n, 1)) + np.array(numbers, float)[:, None] + 1000.0 * identity
    cov = np.tile(np.eye(2), (n, 1, 1))
    return Track(
        identity,
        label,
        np.array(numbers, dtype=np.int64),
        np.array(numbers) / 10,
        boxes,
        np.ones(n),
        np.full((n, 2), float(identity)),
        np.zeros((n, 2)),
        np.zeros((n, 2)),
        cov,
        np.ones(n),
    )


spans = st.lists(st.sets(st.integers(0, 20), min_size=1), max_size=6)


@given(spans)
def test_the_index_holds_what_the_tracks_hold(spans):
    tracks = Tracks([track(k, sorted(span), f"kind {k}") for k, span in enumerate(spans)])
    assert tracks.frame_count == max((max(span) for span in spans), default=-1) + 1
    for number in range(22):
        states = tracks.in_frame(number)
        expected = [k for k, span in enumerate(spans) if number in span]
        assert states.ids.tolist() == expected
        assert states.labels == tuple(f"kind {k}" for k in expected)
        for row, k in enumerate(expected):
            at = sorted(spans[k]).index(number)
            np.testing.assert_array_equal(states.boxes_px[row], tracks[k].boxes_px[at])
            np.testing.assert_array_equal(states.velocity_px_s[row], tracks[k].velocity_px_s[at])
            np.testing.assert_array_equal(states.velocity_cov[row], tracks[k].velocity_cov[at])


def test_tracks_are_a_sequence_ordered_by_id():
    tracks = Tracks([track(5, [0]), track(2, [1, 2])])
    assert [t.id for t in tracks] == [2, 5]
    assert tracks[1].id == 5
    assert len(tracks[:1]) == 1
    assert len(Tracks()) == 0
    assert len(Tracks().in_frame(3)) == 0


def test_frames_outside_the_clip_are_empty():
    tracks = Tracks([track(1, [3, 4])])
    for number in (-1, 0, 5, 10**9):
        assert len(tracks.in_frame(number)) == 0


def test_an_id_twice_is_refused():
    with pytest.raises(InputError, match="share an id"):
        Tracks([track(1, [0]), track(1, [5])])


@pytest.mark.parametrize("numbers", [[3, 3], [4, 3], []])
def test_frame_numbers_must_rise_and_exist(numbers):
    with pytest.raises(InputError):
        track(1, numbers)


def test_arrays_of_the_wrong_shape_or_not_finite_are_refused():
    good = track(1, [0, 1])
    fields = {name: getattr(good, name) for name in good.__slots__}
    with pytest.raises(InputError, match="velocity_cov has the wrong shape"):
        Track(**(fields | {"velocity_cov": np.zeros((2, 2))}))
    with pytest.raises(InputError, match="boxes_px is not finite"):
        Track(**(fields | {"boxes_px": np.full((2, 4), np.nan)}))
    with pytest.raises(InputError, match="needs an id"):
        Track(**(fields | {"id": -1}))


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        track(1, [0]).boxes_px[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        Tracks([track(1, [0])]).in_frame(0).scores[0] = 1


def test_rows_of_a_mot_file_are_ordered_by_frame_then_id():
    rows = to_mot_rows(Tracks([track(5, [0, 2]), track(2, [0, 1])]))
    assert list(zip(rows.numbers.tolist(), rows.ids.tolist(), strict=True)) == [
        (0, 2),
        (0, 5),
        (1, 2),
        (2, 5),
    ]
    assert len(to_mot_rows(Tracks())) == 0
