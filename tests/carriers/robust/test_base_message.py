"""Codewords of the base layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.base_message import (
    CODEWORD_BITS,
    message_bytes,
    read_base_codeword,
    write_base_codeword,
)
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.errors import FramingError

KEY = bytes(range(32))


def soft_of(word, sigma=0.5, seed=0):
    received = 1 - 2.0 * word + np.random.default_rng(seed).normal(0, sigma, len(word))
    return (2 * received / sigma**2).astype(np.float32)


@settings(max_examples=20)
@given(st.binary(min_size=8, max_size=8) | st.binary(min_size=32, max_size=32), st.integers(0, 99))
def test_read_inverts_write(message, seed):
    word = write_base_codeword(message, KEY)
    assert len(word) == CODEWORD_BITS[len(message)]
    assert read_base_codeword(soft_of(word, 0.5, seed), len(message), KEY) == message


def test_another_key_reads_nothing():
    word = write_base_codeword(b"identity", KEY)
    assert read_base_codeword(soft_of(word), 8, PUBLIC_KEY) is None


@pytest.mark.parametrize("size", [8, 32])
def test_plain_pictures_are_no_message(size):
    for value in (-20, 0, 20):
        assert read_base_codeword(np.full(CODEWORD_BITS[size], value, np.float32), size, KEY) is None


@pytest.mark.parametrize("size", [8, 32])
def test_noise_is_no_message(size):
    """Also noise that the calibration takes for good values."""
    rng = np.random.default_rng(size)
    for sigma in (0.8, 1.5):
        for _ in range(96 // size):
            values = rng.choice([-1.0, 1.0], CODEWORD_BITS[size])
            soft = (2 * (values + rng.normal(0, sigma, len(values))) / sigma**2).astype(np.float32)
            assert read_base_codeword(soft, size, KEY) is None


def test_sizes_of_messages():
    found = [
        message_bytes(*size) for size in [(768, 576), (1280, 720), (1918, 1080), (1920, 1080), (1080, 1920)]
    ]
    assert found == [8, 8, 8, 32, 32]


@pytest.mark.parametrize("message", [b"", bytes(7), bytes(9), bytes(33)])
def test_messages_of_a_wrong_length(message):
    with pytest.raises(FramingError, match="8 or 32"):
        write_base_codeword(message, KEY)
    with pytest.raises(FramingError, match="8 or 32"):
        read_base_codeword(np.zeros(512, np.float32), len(message), KEY)


def test_a_wrong_number_of_soft_values():
    with pytest.raises(FramingError, match="soft values"):
        read_base_codeword(np.ones(100, np.float32), 8, KEY)
