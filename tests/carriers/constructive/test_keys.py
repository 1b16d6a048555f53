"""Key schedule: streams, orders and masks."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pytest

from cssv.carriers.constructive.keys import (
    PUBLIC_KEY,
    check_key,
    keystream,
    packet_mask,
    place_order,
    sign_bits,
)
from cssv.errors import OptionError


def test_a_stream_is_blocks_of_hmac_with_a_counter(studio):
    blocks = [hmac.new(studio.key, b"x" + bytes(7) + bytes([i]), hashlib.sha256).digest() for i in range(4)]
    assert keystream(studio.key, b"x", 100) == b"".join(blocks)[:100]
    assert keystream(studio.key, b"x", 0) == b""


def test_an_order_names_each_place_once(studio):
    order = place_order(studio.key, 600, 512)
    assert len(set(order.tolist())) == 512
    assert order.min() >= 0
    assert order.max() < 600
    assert set(place_order(studio.key, 600, 600).tolist()) == set(range(600))


def test_keys_and_labels_give_different_streams(studio):
    other = hashlib.sha256(b"other").digest()
    assert not np.array_equal(place_order(studio.key, 600, 512), place_order(other, 600, 512))
    assert not np.array_equal(packet_mask(studio.key, 9, 441), packet_mask(other, 9, 441))
    assert not np.array_equal(packet_mask(studio.key, 9, 441), packet_mask(studio.key, 10, 441))
    assert not np.array_equal(sign_bits(studio.key, 0, 0, 400), sign_bits(studio.key, 0, 1, 400))


def test_shared_arrays_cannot_be_changed(studio):
    for array in (place_order(studio.key, 600, 512), packet_mask(studio.key, 9, 441)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_key_has_32_bytes():
    check_key(PUBLIC_KEY)
    with pytest.raises(OptionError, match="found '31 bytes'; allowed: 32 bytes"):
        check_key(bytes(31))
