"""Batches of the smoother: bounded memory, and results that do not depend on them."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.perception import smoothing
from cssv.perception.smoothing import Noise, Tracklet, batches, smooth
from cssv.testing.cost import count_calls


def pieces(count, length, seed=0):
    rng = np.random.default_rng(seed)
    numbers = np.arange(length)
    found = []
    for k in range(count):
        centres = np.column_stack(
            [50 * k + 2.0 * numbers, 100 + 0 * numbers, 30 + 0 * numbers, 60 + 0 * numbers]
        )
        centres += rng.normal(0, 0.5, centres.shape)
        found.append(Tracklet(k, "", numbers, numbers / 25, centres, np.ones(length)))
    return found


def test_a_batch_has_few_rows_or_few_tracks(monkeypatch):
    monkeypatch.setattr(smoothing, "_BATCH_ROWS", 1000)
    monkeypatch.setattr(smoothing, "_LONG_BATCH_ROWS", 10_000)
    assert [len(group) for group in batches(pieces(45, 10))] == [45]
    assert [len(group) for group in batches(pieces(45, 40))] == [25, 20]
    assert [len(group) for group in batches(pieces(45, 500))] == [16, 16, 13]
    assert [len(group) for group in batches(pieces(10, 1500))] == [6, 4]
    assert [len(group) for group in batches(pieces(10, 9000))] == [4, 4, 2]


@pytest.mark.parametrize(("rows", "tracks"), [(1, 1), (300, 4), (10**6, 16)])
def test_results_do_not_depend_on_batches(monkeypatch, rows, tracks):
    own = pieces(9, 60)
    before = smooth(own, Noise())
    monkeypatch.setattr(smoothing, "_BATCH_ROWS", rows)
    monkeypatch.setattr(smoothing, "_BATCH_TRACKS", tracks)
    monkeypatch.setattr(smoothing, "_FEWEST_TRACKS", 1)
    for one, other in zip(before, smooth(own, Noise()), strict=True):
        np.testing.assert_allclose(one.boxes_px, other.boxes_px, rtol=1e-12)
        np.testing.assert_allclose(one.velocity_px_s, other.velocity_px_s, rtol=1e-9, atol=1e-9)


def test_calls_grow_with_the_length_and_not_with_its_square(monkeypatch):
    monkeypatch.setattr(smoothing, "_BATCH_ROWS", 200)
    short, long = (count_calls(lambda n=n: smooth(pieces(16, n), Noise())) for n in (100, 400))
    assert long < 4.5 * short
