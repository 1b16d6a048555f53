"""The label of an object: the one with most evidence; a label that changes does not change the identity."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.perception import ClipTracker, LiveTracker, Tracker, detections
from cssv.perception.evidence import evidence
from cssv.perception.labels import LabelVotes, unfit
from cssv.perception.linking import link
from cssv.perception.smoothing import Noise, Tracklet

RATE = 24


def votes(**worth):
    found = LabelVotes()
    for label, each in worth.items():
        found.add(label, each)
    return found


def test_the_label_is_the_one_with_most_evidence():
    assert votes().best == "object"
    assert votes(object=50.0).best == "object"
    assert votes(object=50.0, dog=0.1).best == "dog"
    assert votes(car=3.0, truck=3.5).best == "truck"
    assert votes(car=3.0, truck=3.0).best == "car"
    both = votes(car=3.0, truck=2.5)
    both.add("truck", 1.0)
    assert both.best == "truck"


def test_a_label_of_little_evidence_is_none_of_the_object():
    assert votes(car=10.0, truck=1.1).names == {"car", "truck"}
    assert votes(car=10.0, person=0.9).names == {"car"}
    assert votes().names == votes(object=5.0).names == frozenset()
    mostly = votes(car=10.0, person=0.9)
    assert (mostly.fits("car"), mostly.fits("person"), mostly.fits("object")) == (True, False, True)
    assert votes(object=1.0).fits("person")


def test_the_label_of_a_stream_changes_only_for_a_clear_lead():
    votes_in_order = [("car", 1.0), ("truck", 1.1), ("car", 0.2), ("truck", 0.5), ("car", 0.5)]
    found, label, seen = LabelVotes(), "object", []
    for new, worth in votes_in_order:
        found.add(new, worth)
        label = found.settled(label)
        seen.append(label)
    assert seen == ["car", "car", "car", "truck", "truck"]
    assert LabelVotes().settled("object") == "object"


def test_the_table_of_labels_that_do_not_fit():
    objects = [votes(car=1.0), votes(), votes(person=2.0, car=1.0)]
    rows, table = unfit(["car", "object", "person", "car"], objects)
    assert table[rows].tolist() == [
        [False, False, False],
        [False, False, False],
        [True, False, False],
        [False, False, False],
    ]
    assert unfit([], [votes()])[1].shape == (0, 1)


def drive(number):
    """A car of 40 x 20 px at 100 px/s: successive boxes have an intersection over union of 0.81."""
    return (20 + 100.0 * number / RATE, 30.0, 40.0, 20.0)


def ids_of(labels, scores):
    tracker = Tracker()
    return [
        int(tracker.update(number / RATE, detections([drive(number)], [score], [label]))[0])
        for number, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]


def test_a_label_that_changes_keeps_the_identity():
    labels = ["car", "car", "car", *["truck", "car", "car", "truck"] * 6]
    assert ids_of(labels, [0.8] * len(labels)) == [1] * len(labels)


@pytest.mark.parametrize(("label", "same"), [("car", True), ("truck", True), ("person", False)])
def test_a_box_beside_an_object_belongs_to_it_by_any_label_that_it_had(label, same):
    tracker = Tracker()
    for number in range(12):
        found = detections([drive(number)], [0.8], ["truck" if number % 3 == 1 else "car"])
        (identity,) = tracker.update(number / RATE, found)
    x, y, w, h = drive(12)
    (found,) = tracker.update(12 / RATE, detections([(x + 11, y, w, h)], [0.8], [label]))
    assert (found == identity) == same


@pytest.mark.parametrize("kind", [ClipTracker, LiveTracker])
def test_the_first_label_is_not_the_label(kind):
    """One weak truck, then a car: streams called it a truck for ever."""
    frames = [([drive(n)], [0.9 if n else 0.5], ["car" if n else "truck"]) for n in range(60)]
    assert labels_by(kind, frames) == {"car"}


@pytest.mark.parametrize("kind", [ClipTracker, LiveTracker])
def test_evidence_counts_and_not_frames(kind):
    """35 frames of a truck at 0.3 are 12.5 of evidence, 25 of a car at 0.9 are 57.6."""
    found = [(0.9, "car") if n % 12 < 5 else (0.3, "truck") for n in range(60)]
    frames = [([drive(n)], [score], [label]) for n, (score, label) in enumerate(found)]
    assert evidence(np.array([0.3, 0.9])) @ [35, 0] == pytest.approx(12.5, abs=0.1)
    assert labels_by(kind, frames) == {"car"}


def labels_by(kind, frames):
    """The labels of the one object that a tracker finds in these frames."""
    tracker = kind()
    step = tracker.add if kind is ClipTracker else tracker.update
    emitted = [step(n, n / RATE, detections(*frame)) or () for n, frame in enumerate(frames)]
    end = tracker.finish()
    if kind is ClipTracker:
        (track,) = end
        assert len(track) == len(frames)
        return {track.label}
    states = [state for group in (*emitted, end) for state in group]
    assert [len(state) for state in states] == [1] * len(frames)
    return {state.labels[0] for state in states}


def piece(identity, start, stop, label):
    numbers = np.arange(start, stop)
    centres = np.column_stack([50 * numbers / 25, *[np.full(len(numbers), x) for x in (200.0, 50.0, 100.0)]])
    return Tracklet(identity, label, numbers, numbers / 25, centres, np.full(len(numbers), 0.9))


def test_parts_that_share_a_label_are_linked():
    apart = [piece(1, 0, 20, "car"), piece(2, 25, 50, "truck")]
    assert link(apart, Noise()) == {1: 1, 2: 2}
    some = {1: frozenset({"car", "truck"}), 2: frozenset({"truck"})}
    assert link(apart, Noise(), labels=some) == {1: 1, 2: 1}
    assert link(apart, Noise(), labels={1: frozenset(), 2: frozenset({"truck"})}) == {1: 1, 2: 1}
    assert link(apart, Noise(), labels={1: frozenset({"car"}), 2: frozenset({"truck"})}) == {1: 1, 2: 2}
