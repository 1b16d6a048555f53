"""Samples that differ by one level in one frame only."""

from __future__ import annotations

import numpy as np
import pytest
from meters.flicker import flicker_share
from rivals.bits import match_bits


@pytest.mark.parametrize("rate", [0.0001, 0.003, 0.02])
def test_flicker_follows_the_rate_of_embedding_in_a_still_clip(rate, cover, seed):
    rng = np.random.default_rng(seed)
    stegos = tuple(match_bits(cover, rate, rng) for _ in range(3))
    # Of the samples with still neighbours, those flicker that change in the middle frame and in no other.
    expected = rate / 2 * (1 - rate / 2) ** 2
    samples = cover.size * (1 - rate / 2) ** 24
    noise = 4 * np.sqrt(expected / samples)
    assert flicker_share([stegos]) == pytest.approx(expected, abs=noise)


def test_a_still_cover_has_no_flicker(cover):
    assert flicker_share([(cover, cover, cover)]) == 0


def test_a_clip_with_noise_has_nothing_that_is_still(cover):
    rng = np.random.default_rng(2)
    noisy = tuple((cover ^ rng.integers(1, 4, cover.shape, np.uint8)) + 8 * k for k in range(3))
    assert flicker_share([noisy]) == 0


@pytest.mark.parametrize(
    ("before", "now", "after", "flickers"),
    [(9, 10, 9, 1), (9, 8, 9, 1), (9, 10, 10, 0), (9, 9, 10, 0), (9, 11, 9, 0), (255, 0, 255, 0)],
)
def test_a_sample_flickers_if_it_returns_after_one_level(before, now, after, flickers):
    planes = np.full((3, 10, 10), 7, np.uint8)
    planes[:, 4, 4] = before, now, after
    # Where the sample moves, its eight neighbours are not still.
    still = 100 - 8 * (len({before, now, after}) > 1)
    assert flicker_share([tuple(planes)]) == flickers / still


def test_two_flickering_neighbours_may_be_the_movement_of_an_object():
    planes = np.full((3, 10, 10), 7, np.uint8)
    planes[1, 4, 4:6] = 8
    assert flicker_share([tuple(planes)]) == 0


def test_planes_count_by_their_still_samples():
    still = np.full((3, 10, 10), 7, np.uint8)
    moving = np.stack([still[0], still[0] + 1, still[0] + 2])
    flickering = still.copy()
    flickering[1, 4, 4] = 8
    assert flicker_share([tuple(flickering), tuple(still), tuple(moving)]) == 1 / 192
