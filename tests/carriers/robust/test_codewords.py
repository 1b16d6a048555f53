"""Codewords: payloads come back exactly, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust import codewords
from cssv.carriers.robust.codewords import (
    OVERHEAD,
    PAYLOAD_CLASSES,
    class_for,
    codeword_length,
    information_bits,
    read_codeword,
    write_codeword,
)
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.ldpc import code_of
from cssv.errors import CarrierError, FramingError

OTHER_KEY = bytes(range(32))


def certain(codeword):
    return (10 - 20.0 * codeword).astype(np.float32)


def noisy(codeword, sigma, seed):
    received = 1 - 2.0 * codeword + np.random.default_rng(seed).normal(0, sigma, len(codeword))
    return (2 * received / sigma**2).astype(np.float32)


@given(st.binary(max_size=59))
def test_payloads_come_back_with_their_length(payload):
    codeword = write_codeword(payload, 64, PUBLIC_KEY)
    assert read_codeword(certain(codeword), 64, PUBLIC_KEY) == payload


@settings(max_examples=20)
@given(
    st.sampled_from(PAYLOAD_CLASSES),
    st.integers(0, 2**32 - 1),
    st.sampled_from([b"", b"\0", b"\x80", b"\x80\0"]),
)
def test_round_trip_in_noise_and_with_erasures(class_bytes, seed, tail):
    rng = np.random.default_rng(seed)
    payload = rng.bytes(class_bytes - OVERHEAD - len(tail)) + tail
    codeword = write_codeword(payload, class_bytes, PUBLIC_KEY)
    assert codeword.shape == (codeword_length(class_bytes),)
    soft = noisy(codeword, 0.7, seed)
    soft[rng.random(len(soft)) < 0.2] = 0
    assert read_codeword(soft, class_bytes, PUBLIC_KEY) == payload


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3))
def test_never_another_payload(seed, sigma):
    """Through the waterfall of the code and beyond: the payload or nothing."""
    payload = np.random.default_rng(seed).bytes(59)
    soft = noisy(write_codeword(payload, 64, PUBLIC_KEY), sigma, seed)
    assert read_codeword(soft, 64, PUBLIC_KEY, 20) in (payload, None)


def test_noise_is_no_payload():
    rng = np.random.default_rng(0)
    for _ in range(50):
        soft = rng.normal(0, rng.uniform(0.1, 20), codeword_length(64)).astype(np.float32)
        assert read_codeword(soft, 64, PUBLIC_KEY, 10) is None


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, np.nan, np.inf, -np.inf])
def test_constant_values_are_no_payload(value):
    """All zeros, and all ones, would satisfy codes without a mask."""
    assert read_codeword(np.full(codeword_length(64), value, np.float32), 64, PUBLIC_KEY) is None


def test_information_is_that_of_the_binary_channels():
    """Erasures have none, certain values one bit; a flip of 11 % costs half a bit."""
    assert information_bits(np.array([0, np.nan, np.inf, -np.inf, 50], np.float32)) == pytest.approx(3)
    flip = 0.11002786
    odds = np.full(1000, np.log((1 - flip) / flip), np.float32)
    assert information_bits(odds) == pytest.approx(500, abs=0.1)


def test_windows_without_information_are_not_decoded(monkeypatch):
    """A failure of the decoder is what takes time."""
    monkeypatch.setattr(codewords, "code_of", None)
    rng = np.random.default_rng(0)
    for class_bytes in PAYLOAD_CLASSES:
        soft = rng.normal(0, 0.5, codeword_length(class_bytes)).astype(np.float32)
        assert read_codeword(soft, class_bytes, PUBLIC_KEY) is None


def test_a_wrong_key_is_no_payload():
    codeword = write_codeword(b"the room", 64, PUBLIC_KEY)
    assert read_codeword(certain(codeword), 64, OTHER_KEY) is None
    # Half of the bits differ.
    assert abs(np.mean(codeword ^ write_codeword(b"the room", 64, OTHER_KEY)) - 0.5) < 0.07


@pytest.mark.parametrize("bit", [0, 100, 470, 480, 511])
def test_a_codeword_whose_checksum_is_wrong_is_no_payload(bit):
    """All checks of the code hold; one bit of the payload, the padding or the CRC is wrong."""
    change = np.zeros(512, np.uint8)
    change[bit] = 1
    codeword = write_codeword(b"the room", 64, PUBLIC_KEY)
    assert read_codeword(certain(codeword), 64, PUBLIC_KEY) == b"the room"
    assert read_codeword(certain(codeword ^ code_of(512).encode(change)), 64, PUBLIC_KEY) is None


def test_classes():
    assert class_for(0) == 64
    assert class_for(59) == 64
    assert class_for(60) == 96
    assert class_for(635) == 640
    with pytest.raises(CarrierError, match="does not fit"):
        class_for(636)


def test_payloads_and_classes_that_do_not_fit():
    with pytest.raises(CarrierError, match="does not fit in its class"):
        write_codeword(bytes(60), 64, PUBLIC_KEY)
    with pytest.raises(FramingError, match="no such payload class"):
        write_codeword(b"", 65, PUBLIC_KEY)
    with pytest.raises(FramingError, match="no such payload class"):
        read_codeword(np.ones(24 * 65, np.float32), 65, PUBLIC_KEY)
