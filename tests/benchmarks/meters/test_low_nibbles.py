"""The histogram of low nibbles."""

from __future__ import annotations

import numpy as np
import pytest
from meters.low_nibbles import low_nibble_histogram, zero_low_nibbles
from rivals.bits import match_bits


def test_the_histogram_is_that_of_counting():
    planes = np.array([[0x10, 0x21], [0x2F, 0xF0]], np.uint8)
    shares = low_nibble_histogram(planes)
    assert shares.sum() == 1
    assert {nibble: share for nibble, share in enumerate(shares) if share} == {0: 0.5, 1: 0.25, 15: 0.25}


def test_a_cover_has_a_sixteenth_of_zeros(cover):
    assert zero_low_nibbles(cover) == pytest.approx(1 / 16, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.79, 1.0])
def test_zeros_follow_the_share_of_an_empty_template(share, cover):
    empty = np.random.default_rng(1).random(cover.shape) < share
    stego = np.where(empty, cover & 0xF0, cover)
    assert zero_low_nibbles(stego) == pytest.approx(share + (1 - share) / 16, abs=0.01)


def test_matching_leaves_the_share_of_zeros(cover, seed):
    stego = match_bits(cover, 0.5, np.random.default_rng(seed))
    assert zero_low_nibbles(stego) == pytest.approx(zero_low_nibbles(cover), abs=0.005)
