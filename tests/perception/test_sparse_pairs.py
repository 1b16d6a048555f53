"""Frames with very many boxes: near pairs only, and the same result as with a table of all pairs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from cssv.boxes import overlaps, overlaps_of_pairs
from cssv.perception import Tracker, detections
from cssv.perception import tracker as module
from cssv.perception.sparse_pairs import cheapest_matching, near_pairs, overlapping_pairs

seeds = st.integers(0, 2**32 - 1)


def random_boxes(rng, count, side=300.0):
    return np.column_stack([rng.uniform(0, side, (count, 2)), rng.uniform(5, 60, (count, 2))])


@given(seeds, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=100)
def test_near_pairs_are_all_within_reach(seed, n, m):
    rng = np.random.default_rng(seed)
    points, others, radii = rng.uniform(0, 50, (n, 2)), rng.uniform(0, 50, (m, 2)), rng.uniform(0, 20, m)
    within = (np.abs(points[:, None] - others) <= radii[:, None]).all(axis=2)
    i, j = near_pairs(points, others, radii)
    np.testing.assert_array_equal(np.stack([i, j], axis=1), np.argwhere(within))


@given(seeds, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=100)
def test_every_overlap_is_among_the_pairs(seed, n, m):
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, n), random_boxes(rng, m)
    i, j = overlapping_pairs(a, b)
    shared = overlaps(a, b)
    np.testing.assert_allclose(overlaps_of_pairs(a[i], b[j]), shared[i, j], atol=1e-12)
    missed = np.ones(shared.shape, bool)
    missed[i, j] = False
    assert (shared[missed] == 0).all()


@given(seeds, st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=200)
def test_the_matching_is_that_of_the_hungarian_method(seed, n, m):
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random((n, m)) < 0.4, rng.uniform(0, 2, (n, m)), 1e6)
    some, taken = linear_sum_assignment(costs)
    good = costs[some, taken] < 1e6
    rows, columns = np.nonzero(costs < 1e6)
    i, j, prices = cheapest_matching(rows, columns, costs[rows, columns], (n, m))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == list(
        zip(some[good].tolist(), taken[good].tolist(), strict=True)
    )
    np.testing.assert_allclose(prices, costs[i, j], atol=1e-12)


@pytest.mark.parametrize("with_ids", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_tracker_gives_the_same_identities(monkeypatch, seed, with_ids):
    def track():
        rng = np.random.default_rng(seed)
        starts, speeds = random_boxes(rng, 40), rng.normal(0, 3, (40, 2))
        tracker, found = Tracker(), []
        for n in range(25):
            boxes = starts.copy()
            boxes[:, :2] += speeds * n + rng.normal(0, 0.5, (40, 2))
            kept = rng.random(40) < 0.9
            scores = rng.uniform(0.2, 1, 40)
            labels = ["car" if k % 3 else "person" for k in np.flatnonzero(kept)]
            ids = np.array([k if with_ids and k % 4 == 0 else -1 for k in range(40)])
            seen = detections(boxes[kept], scores[kept], labels, ids[kept])
            found.append(tracker.update(n / 25, seen).tolist())
        return found

    dense = track()
    monkeypatch.setattr(module, "DENSE_PAIRS", -1)
    assert track() == dense


def test_memory_follows_the_boxes_and_not_their_pairs():
    def peak(count):
        side = int(np.ceil(np.sqrt(count)))
        k = np.arange(count)
        tracker = Tracker()
        tracemalloc.start()
        for n in range(3):
            boxes = np.column_stack(
                [k % side * 60.0 + n, k // side * 90.0, np.full(count, 30.0), np.full(count, 60.0)]
            )
            ids = tracker.update(n / 25, detections(boxes, np.full(count, 0.9)))
            assert len(set(ids.tolist())) == count
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = peak(2000), peak(8000)
    # A table of all pairs takes 512 MB at 8,000 boxes.
    assert large < 30_000_000
    assert large < 5 * small
