"""The error-correcting code: structure, round trips in noise and with erasures, what cannot be decoded."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.codewords import PAYLOAD_CLASSES
from cssv.carriers.robust.ldpc import (
    GROUPS,
    INFORMATION_BITS_OF_CHECK,
    STRONG_DEGREE,
    STRONG_GROUPS,
    WEAK_DEGREE,
    code_of,
    group_checks,
)
from cssv.errors import FramingError

SIZES = [8 * class_bytes for class_bytes in PAYLOAD_CLASSES]


def word(bits, seed):
    return np.random.default_rng(seed).integers(0, 2, bits, dtype=np.uint8)


def noisy(codeword, snr_db, seed):
    """Logarithms of likelihood ratios after white noise; Eb/N0 of rate 1/3."""
    sigma = np.sqrt(1 / (2 / 3 * 10 ** (snr_db / 10)))
    received = 1 - 2.0 * codeword + np.random.default_rng(seed).normal(0, sigma, len(codeword))
    return (2 * received / sigma**2).astype(np.float32)


@pytest.mark.parametrize("bits", SIZES)
def test_degrees(bits):
    code = code_of(bits)
    assert code.members.shape == (2 * bits, INFORMATION_BITS_OF_CHECK)
    degrees = np.bincount(code.members.ravel(), minlength=bits)
    strong = STRONG_GROUPS * bits // GROUPS
    assert (degrees[:strong] == STRONG_DEGREE).all()
    assert (degrees[strong:] == WEAK_DEGREE).all()


@pytest.mark.parametrize("bits", SIZES)
def test_no_short_cycles(bits):
    """No two information bits share two checks, and none is in two checks that are near each other."""
    code = code_of(bits)
    pairs = Counter(pair for row in code.members.tolist() for pair in combinations(sorted(row), 2))
    assert max(pairs.values()) == 1
    assert all(left != right for left, right in pairs)
    order = np.argsort(code.members.ravel(), kind="stable") // INFORMATION_BITS_OF_CHECK
    owners = np.sort(code.members.ravel())
    steps = np.diff(order)[np.diff(owners) == 0]
    assert steps.min() > 3


@pytest.mark.parametrize("bits", SIZES)
def test_codewords_satisfy_the_checks_of_the_page(bits):
    """Computed bit by bit from the numbers of the groups."""
    size, checks = bits // GROUPS, 2 * bits
    given_bits = word(bits, bits)
    sums = np.zeros(checks, np.uint8)
    for group, row in enumerate(group_checks(bits)):
        for x, j in product(row, range(size)):
            sums[(x + j * 2 * GROUPS) % checks] ^= given_bits[group * size + j]
    parity = code_of(bits).encode(given_bits)[bits:]
    np.testing.assert_array_equal(parity[0], sums[0])
    np.testing.assert_array_equal(parity[1:] ^ parity[:-1], sums[1:])


@settings(max_examples=15)
@given(st.sampled_from(SIZES[:4]), st.integers(0, 2**32 - 1))
def test_round_trip_in_noise(bits, seed):
    """3.5 dB above the limit of Shannon no block fails."""
    given_bits = word(bits, seed)
    found = code_of(bits).decode(noisy(code_of(bits).encode(given_bits), 3.0, seed))
    assert found.is_codeword
    np.testing.assert_array_equal(found.bits, given_bits)


@settings(max_examples=15)
@given(st.sampled_from(SIZES[:4]), st.integers(0, 2**32 - 1))
def test_round_trip_with_half_of_the_bits_erased(bits, seed):
    given_bits = word(bits, seed)
    soft = (8 - 16.0 * code_of(bits).encode(given_bits)).astype(np.float32)
    soft[np.random.default_rng(seed).random(len(soft)) < 0.5] = 0
    found = code_of(bits).decode(soft)
    assert found.is_codeword
    np.testing.assert_array_equal(found.bits, given_bits)


def test_most_blocks_decode_near_the_limit():
    """1 dB Eb/N0, 1.5 dB above the limit of Shannon for this rate."""
    code, good = code_of(1536), 0
    for seed in range(30):
        given_bits = word(1536, seed)
        found = code.decode(noisy(code.encode(given_bits), 1.0, seed))
        good += found.is_codeword and bool((found.bits == given_bits).all())
    assert good >= 28


def test_without_iterations_only_whole_codewords():
    code = code_of(512)
    given_bits = word(512, 0)
    soft = (1 - 2.0 * code.encode(given_bits)).astype(np.float32)
    assert code.decode(soft, 0).is_codeword
    soft[100] *= -1
    assert not code.decode(soft, 0).is_codeword
    found = code.decode(soft)
    assert found.is_codeword
    np.testing.assert_array_equal(found.bits, given_bits)


def test_noise_is_no_codeword_and_ends():
    soft = np.random.default_rng(0).normal(0, 4, 3 * 512).astype(np.float32)
    found = code_of(512).decode(soft, 10)
    assert not found.is_codeword
    assert found.iterations == 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_are_no_numbers(value):
    """Infinity is a certain bit, NaN an erasure; nothing overflows."""
    code = code_of(512)
    given_bits = word(512, 1)
    codeword = code.encode(given_bits)
    soft = (6 - 12.0 * codeword).astype(np.float32)
    soft[::5] = value
    code.decode(soft, 5)
    if not np.isfinite(value):
        # With the sign of the bit, or as an erasure, such values do no harm.
        soft[::5] = np.where(codeword[::5], -value, value) * np.sign(value) if value == value else value
        found = code.decode(soft)
        np.testing.assert_array_equal(found.bits, given_bits)


@pytest.mark.parametrize("bits", [0, 448, 513, 1 << 17])
def test_lengths_without_a_code(bits):
    with pytest.raises(FramingError, match="no code has so many"):
        group_checks(bits)


def test_wrong_lengths():
    with pytest.raises(FramingError, match="wrong number of bits"):
        code_of(512).encode(np.zeros(511, np.uint8))
    with pytest.raises(FramingError, match="wrong number of soft values"):
        code_of(512).decode(np.zeros(512, np.float32))
