"""SPAM features, the discriminant and the area under the curve."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meters.discriminant import train_discriminant
from meters.roc import area_under_curve
from meters.spam import FEATURES, LARGEST_DIFFERENCE, spam_features
from rivals.bits import match_bits

from tests.benchmarks.meters.conftest import smooth_cover

SIZE = (160, 128)


def plain_transitions(plane, down, right):
    """The definition, sample by sample."""
    counts = {}
    height, width = plane.shape
    for y in range(height):
        for x in range(width):
            line = [(y + step * down, x + step * right) for step in range(4)]
            if not all(0 <= a < height and 0 <= b < width for a, b in line):
                continue
            values = [int(plane[place]) for place in line]
            key = tuple(
                min(max(a - b, -LARGEST_DIFFERENCE), LARGEST_DIFFERENCE) + LARGEST_DIFFERENCE
                for a, b in pairwise(values)
            )
            counts[key] = counts.get(key, 0) + 1
    found = np.zeros((7, 7, 7))
    for (first, second, third), count in counts.items():
        found[first, second, third] = count / sum(counts.get((first, second, last), 0) for last in range(7))
    return found


def test_features_are_those_of_the_definition():
    plane = smooth_cover(1, (24, 18))
    straight = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    diagonal = [(1, 1), (-1, -1), (1, -1), (-1, 1)]
    expected = [
        sum(plain_transitions(plane, *way) for way in ways).ravel() / 4 for ways in (straight, diagonal)
    ]
    assert spam_features(plane) == pytest.approx(np.concatenate(expected))


def test_features_do_not_depend_on_mirroring_and_brightness(cover):
    features = spam_features(cover)
    assert features.shape == (FEATURES,)
    assert spam_features(cover[::-1]) == pytest.approx(features)
    assert spam_features(cover.T) == pytest.approx(features)
    assert spam_features(cover // 2 + 64) == pytest.approx(spam_features(cover // 2))


def classes(seeds, rate):
    covers = [smooth_cover(seed, SIZE) for seed in seeds]
    stegos = [match_bits(cover, rate, np.random.default_rng(i)) for i, cover in enumerate(covers)]
    return tuple(np.array([spam_features(each) for each in group]) for group in (covers, stegos))


def judged(rate):
    trained = train_discriminant(*classes(range(20), rate))
    covers, stegos = classes(range(100, 120), rate)
    return area_under_curve(trained.scores(covers), trained.scores(stegos))


def test_the_discriminant_finds_matching_in_pictures_it_has_not_seen():
    assert judged(0.5) > 0.95


def test_nothing_embedded_is_guessing():
    assert judged(0) == 0.5


def test_two_halves_of_one_class_are_guessing():
    # Two classes of covers: what the discriminant learns from the one set of pictures is no use in another.
    covers, _ = classes(range(60), 0)
    trained = train_discriminant(covers[:15], covers[15:30])
    found = area_under_curve(trained.scores(covers[30:45]), trained.scores(covers[45:]))
    assert 0.2 < found < 0.8


def test_the_lemma_gives_the_solution_of_the_whole_system():
    rng = np.random.default_rng(2)
    covers, stegos = rng.normal(0, 1, (9, 30)), rng.normal(0.3, 2, (11, 30))
    trained = train_discriminant(covers, stegos, shrinkage=0.2)
    within = np.concatenate([covers - covers.mean(0), stegos - stegos.mean(0)])
    spread = np.sqrt((within**2).mean(0))
    standard = within / spread
    covariance = standard.T @ standard / 20 + 0.2 * np.eye(30)
    direct = np.linalg.solve(covariance, (stegos.mean(0) - covers.mean(0)) / spread) / spread
    assert trained.weights / np.linalg.norm(trained.weights) == pytest.approx(direct / np.linalg.norm(direct))


def test_a_feature_that_never_varies_is_left_out():
    rng = np.random.default_rng(4)
    covers, stegos = rng.normal(0, 1, (5, 3)), rng.normal(1, 1, (5, 3))
    covers[:, 1], stegos[:, 1] = 2, 3
    assert train_discriminant(covers, stegos).weights[1] == 0


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.integers(0, 5), min_size=1, max_size=12)
)
def test_the_area_is_the_share_of_ordered_pairs(covers, stegos):
    pairs = [(low < high) + (low == high) / 2 for low in covers for high in stegos]
    assert area_under_curve(covers, stegos) == pytest.approx(sum(pairs) / len(pairs))
    assert area_under_curve(stegos, covers) == pytest.approx(1 - sum(pairs) / len(pairs))
