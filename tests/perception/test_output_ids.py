"""Ids of the output: given ones stay, the others are 1, 2, 3."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception import ClipTracker, LiveTracker, detections
from cssv.perception.output_ids import OutputIds, output_ids

identities = st.lists(st.integers(0, 50), unique=True)


@given(identities, st.dictionaries(st.integers(0, 50), st.integers(0, 9)))
def test_ids_are_unique_and_given_ones_stay(found, given_ids):
    unique = {identity: own for own, identity in {own: k for k, own in given_ids.items()}.items()}
    ids = output_ids(found, unique)
    assert sorted(ids) == sorted(found)
    assert len(set(ids.values())) == len(found)
    assert all(ids[identity] == unique[identity] for identity in found if identity in unique)
    others = [ids[identity] for identity in found if identity not in unique]
    taken = {unique[identity] for identity in found if identity in unique}
    free = (number for number in range(1, 100) if number not in taken)
    assert others == [next(free) for _ in others]


def test_an_object_that_returns_with_its_given_id_keeps_it():
    ids = OutputIds()
    assert (ids.of(7, 5), ids.of(8, None)) == (5, 1)
    ids.forget(7)
    ids.forget(8)
    assert (ids.of(7, 5), ids.of(8, None)) == (5, 2)


def test_a_given_id_that_is_in_use_gets_another_number():
    ids = OutputIds()
    assert (ids.of(30, None), ids.of(4, 1)) == (1, 2)


def flicker(frame):
    """Two objects, and every frame a false box somewhere else."""
    spot = [40.0 + 37 * (frame * 7 % 11), 300.0, 20, 40]
    return detections([[10 + 2 * frame, 50, 30, 60], [500 - 2 * frame, 150, 30, 60], spot], [0.9, 0.9, 0.9])


def test_a_clip_numbers_what_is_kept():
    clip = ClipTracker()
    for frame in range(60):
        clip.add(frame, frame / 10, flicker(frame))
    assert [track.id for track in clip.finish()] == [1, 2]


def test_a_stream_numbers_what_is_kept():
    live, states = LiveTracker(), []
    for frame in range(60):
        # The objects come late, after many false boxes.
        seen = flicker(frame)
        states += live.update(frame, frame / 10, seen.select(np.array([2])) if frame < 20 else seen)
    states += live.finish()
    assert {identity for state in states for identity in state.ids.tolist()} == {1, 2}
