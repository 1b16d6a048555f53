from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.climb import climb
from cssv.carriers.robust.geometry import Geometry


class Hill:
    """A score with its top at the true sides; half a pixel off, most of it is lost, as with known bits."""

    def __init__(self, truth):
        self.truth, self.calls = truth, 0

    def __call__(self, geometry):
        self.calls += 1
        off = np.subtract(geometry.content_sides, self.truth)
        return float(np.exp(-np.square(off).mean() / 0.3))


def geometry_at(sides):
    return Geometry((300, 240), (0, 0, 300, 240), (0, 20, 300, 200)).with_content_sides(sides)


@settings(max_examples=30)
@given(st.lists(st.floats(-0.9, 0.9), min_size=4, max_size=4), st.tuples(*[st.integers(-2, 2)] * 4))
def test_whole_sides_are_found_exactly(errors, by):
    truth = tuple(float(a + b) for a, b in zip((17, 33, 417, 300), by, strict=True))
    hill = Hill(truth)
    found, score = climb(geometry_at(np.add(truth, errors)), hill)
    assert found.content_sides == pytest.approx(truth)
    assert score == pytest.approx(1)
    assert hill.calls <= 120


def test_fractions_are_found_where_whole_sides_are_wrong():
    truth = 17.4, 33.5, 417.45, 300.4
    found, score = climb(geometry_at((17.9, 33.0, 417.0, 300.9)), Hill(truth))
    assert found.content_sides == pytest.approx(truth, abs=0.07)
    assert score > 0.97


@pytest.mark.parametrize("most", [1, 5, 40])
def test_the_score_is_not_called_more_often(most):
    hill = Hill((17, 33, 417, 300))
    start = geometry_at((17.6, 33, 417, 300.7))
    found, score = climb(start, hill, most_calls=most)
    assert hill.calls == most
    assert score == hill(found) >= hill(start)


def test_a_score_without_a_hill_leaves_the_geometry_nearby():
    start = geometry_at((17.2, 33.1, 417.3, 300.4))
    found, _ = climb(start, lambda _: 0.0)
    assert np.abs(np.subtract(found.content_sides, start.content_sides)).max() <= 1


def test_where_the_score_cannot_decide_the_nearest_whole_sides_win():
    truth = (17.0, 33.0, 417.0, 300.0)

    def score(geometry):
        """One side a pixel off is as good as none."""
        off = np.subtract(geometry.content_sides, (17.1, 33.1, 417.6, 299.7))
        return 0.3 + 0.02 * float(np.exp(-np.square(off).mean()))

    found, _ = climb(geometry_at((17.1, 33.1, 417.2, 300.2)), score, noise=0.05)
    assert found.content_sides == truth
    unsure, _ = climb(geometry_at((17.1, 33.1, 417.2, 300.2)), score)
    assert score(unsure) >= score(found)
