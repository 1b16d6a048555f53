from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from cssv.perception import linking
from cssv.perception.linking import link
from cssv.perception.smoothing import Noise, Tracklet, edge_states


def piece(identity, start, stop, x0=0.0, speed=50.0, label="object", height=100.0, scores=None):
    numbers = np.arange(start, stop)
    times = numbers / 10
    size = np.full(len(numbers), height)
    centres = np.stack([x0 + speed * times, 200 + 0 * times, 0.4 * size, size], axis=1)
    marks = np.ones(len(numbers)) if scores is None else np.array(scores, dtype=float)
    return Tracklet(identity, label, numbers, times, centres, marks)


def test_pieces_of_one_motion_are_linked_in_a_chain():
    pieces = [piece(1, 0, 20), piece(2, 28, 50), piece(3, 55, 80), piece(4, 28, 50, x0=600, speed=-50)]
    assert link(pieces, Noise()) == {1: 1, 2: 1, 3: 1, 4: 4}


@pytest.mark.parametrize(
    "other",
    [piece(2, 60, 80), piece(2, 25, 50, x0=300), piece(2, 10, 50), piece(2, 25, 50, height=300)],
    ids=["too late", "too far", "at the same time", "too large"],
)
def test_pieces_that_do_not_fit_stay_apart(other):
    assert link([piece(1, 0, 20), other], Noise()) == {1: 1, 2: 2}


def test_labels_part_pieces_unless_one_is_not_known():
    apart = [piece(1, 0, 20, label="car"), piece(2, 25, 50, label="person")]
    assert link(apart, Noise()) == {1: 1, 2: 2}
    assert link([piece(1, 0, 20, label="car"), piece(2, 25, 50)], Noise()) == {1: 1, 2: 1}


def test_of_two_the_nearer_is_taken():
    pieces = [piece(1, 0, 20), piece(2, 26, 50, x0=45), piece(3, 26, 50, x0=8)]
    assert link(pieces, Noise()) == {1: 1, 2: 2, 3: 1}


def half_hidden(identity, start, stop, hidden, score):
    """A piece whose frames ``hidden`` show the upper half only, with a low score."""
    whole = piece(identity, start, stop)
    centres, scores = whole.centres_px.copy(), np.full(len(whole), 0.9)
    at = np.isin(whole.numbers, list(hidden))
    centres[at, 1] -= 25
    centres[at, 3] = 50
    scores[at] = score
    return Tracklet(identity, "object", whole.numbers, whole.times_s, centres, scores)


def test_frames_in_which_the_object_is_half_hidden_do_not_part_it():
    unclear = [half_hidden(1, 0, 24, range(18, 24), 0.4), half_hidden(2, 25, 50, (), 0.4)]
    assert link(unclear, Noise()) == {1: 1, 2: 1}
    # Were the frames beside the gap believed, the two would not fit.
    drop_contradicted_flow = [half_hidden(1, 0, 24, range(18, 24), 0.9), half_hidden(2, 25, 50, (), 0.9)]
    assert link(drop_contradicted_flow, Noise()) == {1: 1, 2: 2}


def test_nothing_is_linked_to_nothing():
    assert link([], Noise()) == {}
    assert link([piece(1, 0, 20)], Noise()) == {1: 1}


def test_many_pieces_at_once_take_little_memory():
    rng = np.random.default_rng(0)
    pieces = []
    for k in range(3000):
        start = int(rng.integers(0, 250))
        pieces.append(piece(k + 1, start, start + 6, x0=rng.uniform(0, 1e5), speed=rng.normal(0, 20)))
    tracemalloc.start()
    owner = link(pieces, Noise())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(owner) == 3000
    # Half a million pairs begin soon enough after another; at a kilobyte each they would take 500 MB.
    assert peak < 60e6


def test_in_a_turned_scene_motions_are_turned_too():
    """The picture is turned by 90 degrees between two pieces; what moved right then moves down."""
    first, second = piece(1, 0, 20, speed=150.0), piece(2, 22, 45, speed=150.0)
    x, y = second.centres_px[:, 0].copy(), second.centres_px[:, 1].copy()
    second.centres_px[:, 0], second.centres_px[:, 1] = -y, x
    second.centres_px[:, 2] = second.centres_px[:, 3] = first.centres_px[:, 2] = 100.0

    def place(time_s):
        return np.eye(2, 3) if time_s < 2.1 else np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])

    assert link([first, second], Noise(), place) == {1: 1, 2: 1}
    assert link([first, second], Noise()) == {1: 1, 2: 2}


def test_a_long_gap_costs_more_than_a_short_one():
    """Between two that fit equally well, the object that was seen last goes on."""
    pieces = [piece(1, 0, 20), piece(2, 2, 30), piece(3, 34, 60)]
    assert link(pieces, Noise())[3] == 2


def test_pieces_that_say_little_are_not_linked_by_it():
    """Of two boxes each, nearly any motion fits; that is no reason to link what lies apart."""
    assert link([piece(1, 0, 2), piece(2, 18, 20, x0=130)], Noise()) == {1: 1, 2: 2}
    assert link([piece(1, 0, 2), piece(2, 4, 6)], Noise()) == {1: 1, 2: 1}


class CountedList(list):
    """A list that counts how often it is walked through."""

    walks = 0

    def __iter__(self):
        type(self).walks += 1
        return super().__iter__()


@pytest.mark.parametrize("pairs_at_once", [1, 50_000])
def test_the_edges_are_read_once_however_many_groups_there_are(monkeypatch, pairs_at_once):
    """Otherwise the time grows with the square of the number of tracklets."""
    monkeypatch.setattr(linking, "_PAIRS_AT_ONCE", pairs_at_once)
    pieces = [piece(k, 30 * k, 30 * k + 20) for k in range(40)]
    begins, ends = (CountedList(side) for side in edge_states(pieces, Noise()))
    monkeypatch.setattr(CountedList, "walks", 0)
    before, after, _ = linking._affordable(pieces, ends, begins, [frozenset()] * len(pieces))
    assert list(zip(before.tolist(), after.tolist(), strict=True)) == [(k, k + 1) for k in range(39)]
    assert CountedList.walks <= 6


def farthest(size):
    """Largest distance in pixels at which two pieces on one line are linked."""
    first, distances = piece(1, 0, 20, 500), range(0, 200, 5)
    return max(
        dx for dx in distances if link([first, piece(2, 26, 50, 500 + dx)], Noise(), size=size)[2] == 1
    )


def test_at_the_border_a_link_needs_a_better_fit():
    # The box at the end of the first piece is 5 px from the right edge of the narrow picture.
    inside, border = (2000, 600), (620, 600)
    assert farthest(None) == farthest(inside)
    assert 0 < farthest(border) < farthest(inside) - 10
