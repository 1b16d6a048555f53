"""Polar code: encoder, list decoder, bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.polar import PolarCode, polar_code
from cssv.errors import FramingError

CODES = [(96, 512), (288, 2048)]


def random_bits(count, seed):
    return np.random.default_rng(seed).integers(0, 2, count, dtype=np.uint8)


def noisy(word, sigma, seed):
    received = 1 - 2.0 * word + np.random.default_rng(seed).normal(0, sigma, len(word))
    return (2 * received / sigma**2).astype(np.float32)


def generator(length):
    """The power of the kernel, by its definition."""
    found = np.ones((1, 1), int)
    while len(found) < length:
        found = np.kron(found, [[1, 0], [1, 1]])
    return found


@pytest.mark.parametrize(("bits", "length"), [(5, 16), (96, 512)])
def test_codewords_are_those_of_the_definition(bits, length):
    code = PolarCode(bits, length)
    values = random_bits(bits, 1)
    u = np.zeros(length, int)
    u[code.information] = values
    np.testing.assert_array_equal(code.encode(values), u @ generator(length) % 2)


@pytest.mark.parametrize(("bits", "length"), CODES)
def test_information_has_the_largest_weights(bits, length):
    weights = [sum(2 ** (j / 4) for j in range(12) if i >> j & 1) for i in range(length)]
    assert len(set(np.round(weights, 9))) == length, "equal weights leave a choice"
    information = polar_code(bits, length).information
    assert information.sum() == bits
    assert np.array(weights)[information].min() > np.array(weights)[~information].max()


@settings(max_examples=40)
@given(st.sampled_from(CODES), st.integers(0, 2**32 - 1), st.sampled_from([1, 8, 32]))
def test_decode_inverts_encode(size, seed, paths):
    values = random_bits(size[0], seed)
    code = polar_code(*size)
    found = code.decode(noisy(code.encode(values), 0.3, seed), paths)
    np.testing.assert_array_equal(found[0], values)
    assert found.shape == (paths, size[0])


@pytest.mark.parametrize(("bits", "length"), CODES)
def test_erasures_and_strong_noise(bits, length):
    """Half of the bits are missing; of the others 1.4 times the least information is left."""
    code, values = polar_code(bits, length), random_bits(bits, 7)
    soft = noisy(code.encode(values), 1.0, 3)
    soft[np.random.default_rng(0).permutation(length)[: length * 45 // 100]] = 0
    assert (code.decode(soft, 32) == values).all(axis=1).any()


def test_longer_lists_find_more():
    code = polar_code(96, 512)
    found = {1: 0, 32: 0}
    for seed in range(20):
        values = random_bits(96, seed)
        soft = noisy(code.encode(values), 1.78, seed)
        for paths in found:
            found[paths] += bool((code.decode(soft, paths) == values).all(axis=1).any())
    assert found[1] + 3 < found[32]


def test_candidates_differ_and_the_likeliest_is_first():
    code = polar_code(96, 512)
    soft = noisy(code.encode(random_bits(96, 2)), 1.6, 5)
    found = code.decode(soft, 64)
    assert len(np.unique(found, axis=0)) == 64
    scores = [float(((1 - 2.0 * code.encode(bits)) * soft).sum()) for bits in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -np.inf, 1e38])
def test_any_soft_values_are_decoded(value):
    found = polar_code(96, 512).decode(np.full(512, value, np.float32), 8)
    assert found.shape == (8, 96)
    assert set(np.unique(found)) <= {0, 1}


@pytest.mark.parametrize("size", [(5, 12), (16, 16), (0, 16), (1, 1), (3, 0)])
def test_codes_that_there_are_not(size):
    with pytest.raises(FramingError, match="no such polar code"):
        PolarCode(*size)


def test_a_wrong_number_of_soft_values():
    with pytest.raises(FramingError, match="512"):
        polar_code(96, 512).decode(np.zeros(511, np.float32), 8)
