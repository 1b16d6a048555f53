"""RS analysis, sample pairs analysis and the chi-square attack on covers with a known rate of embedding."""

from __future__ import annotations

import numpy as np
import pytest
from meters.chi_square import chi_square_score
from meters.quadratic import smaller_root
from meters.rs import rs_rate
from meters.sample_pairs import sample_pairs_rate
from rivals.bits import match_bits, replace_bits

ESTIMATORS = [rs_rate, sample_pairs_rate]


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.25, 0.5, 0.75])
def test_the_estimate_follows_the_rate_of_replacement(estimate, rate, cover, seed):
    stego = replace_bits(cover, rate, np.random.default_rng(seed))
    # Near full embedding the two roots of both equations meet, and the variance of the estimate grows.
    assert estimate(stego) == pytest.approx(rate, abs=0.03 if rate <= 0.5 else 0.07)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_a_cover_has_no_rate(estimate, cover):
    assert estimate(cover) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_matching_is_not_mistaken_for_replacement(estimate, cover, seed):
    stego = match_bits(cover, 0.5, np.random.default_rng(seed))
    assert estimate(stego) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_plane_of_one_value_has_no_rate(estimate, value):
    assert estimate(np.full((64, 64), value, np.uint8)) == 0


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_rows_and_columns_count_alike(estimate, cover):
    assert estimate(cover.T) == pytest.approx(estimate(cover))


def test_full_replacement_has_a_standard_normal_chi_square_score():
    rng = np.random.default_rng(5)
    scores = [
        chi_square_score(replace_bits(smooth, 1, rng))
        for smooth in rng.normal(128, 20, (60, 96, 96)).astype(np.uint8)
    ]
    assert np.mean(scores) == pytest.approx(0, abs=4 / np.sqrt(60))
    assert 0.7 < np.std(scores) < 1.4


def test_the_chi_square_score_grows_with_the_rate():
    # The histogram of the smooth covers has no steps between 2k and 2k + 1; this one has.
    rng = np.random.default_rng(3)
    cover = (rng.normal(64, 10, (256, 256)).astype(np.uint8) & 0x7F) * 2
    scores = [chi_square_score(replace_bits(cover, rate, rng)) for rate in (0, 0.25, 0.5, 0.75, 1)]
    assert scores == sorted(scores)
    assert scores[0] < -10
    assert scores[-1] > -4


def test_a_plane_without_enough_samples_is_refused_by_the_chi_square_attack():
    with pytest.raises(ValueError, match="a plane of 4 samples"):
        chi_square_score(np.arange(4, dtype=np.uint8).reshape(2, 2))


@pytest.mark.parametrize(
    ("terms", "root"),
    [
        ((1, -3, 2), 1),
        ((1, 3, 2), -1),
        ((1, 0, -4), -2),
        ((2, 5, 0), 0),
        ((1, 0, 0), 0),
        ((0, 2, -1), 0.5),
        ((1, -2, 2), 1),
    ],
)
def test_the_smaller_root(terms, root):
    assert abs(smaller_root(*terms)) == pytest.approx(abs(root))


def test_an_equation_without_unknown_has_no_root():
    assert smaller_root(0, 0, 1) is None
