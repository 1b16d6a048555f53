"""Sealed records: exact to the byte, or refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.framing import is_sealed, seal, unseal
from cssv.errors import FramingError


@given(st.binary(min_size=1, max_size=60), st.integers(0, 20))
def test_unseal_undoes_seal(record, room):
    size = len(record) + 4 + room
    block = seal(record, size)
    assert len(block) == size
    assert is_sealed(block)
    assert unseal(block, size) == record + bytes(room)


@given(st.binary(max_size=40), st.data())
def test_every_flipped_bit_of_a_sealed_block_is_noticed(record, data):
    block = bytearray(seal(record, 64))
    bit = data.draw(st.integers(0, 511))
    block[bit // 8] ^= 1 << bit % 8
    assert not is_sealed(bytes(block))
    with pytest.raises(FramingError, match="checksum"):
        unseal(bytes(block), 64)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_bursts_up_to_32_bits_are_noticed(record, data):
    block = seal(record, 64)
    start = data.draw(st.integers(0, 60))
    burst = data.draw(st.binary(min_size=4, max_size=4).filter(any))
    damaged = bytearray(block)
    for i, byte in enumerate(burst):
        damaged[start + i] ^= byte
    assert not is_sealed(bytes(damaged))


@pytest.mark.parametrize("length", range(64))
def test_every_truncation_of_a_sealed_block_is_refused(length):
    block = seal(b"some record", 64)
    with pytest.raises(FramingError, match="size"):
        unseal(block[:length], 64)


def test_longer_records_than_blocks_are_refused():
    assert len(seal(bytes(60), 64)) == 64
    with pytest.raises(FramingError, match="too long"):
        seal(bytes(61), 64)


@pytest.mark.parametrize("block", [b"", b"1", b"1234"])
def test_a_checksum_alone_seals_nothing(block):
    assert not is_sealed(block)
