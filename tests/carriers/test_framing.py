"""Framed and sealed payloads: true to the byte, or refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.framing import BODY_LIMIT, is_sealed, seal, unseal, unwrap, wrap
from cssv.errors import FramingError

MAGICS = st.binary(min_size=2, max_size=2)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 20))
@settings(deadline=None)
def test_unseal_undoes_seal(record, room):
    size = len(record) + 4 + room
    block = seal(record, size)
    assert len(block) == size
    assert is_sealed(block)
    assert unseal(block, size) == record + bytes(room)


@given(st.binary(max_size=40), st.data())
@settings(deadline=None)
def test_every_flipped_bit_of_a_sealed_block_is_noticed(record, data):
    block = bytearray(seal(record, 64))
    bit = data.draw(st.integers(0, 511))
    block[bit // 8] ^= 1 << bit % 8
    assert not is_sealed(bytes(block))
    with pytest.raises(FramingError, match="checksum"):
        unseal(bytes(block), 64)


@given(st.binary(min_size=1, max_size=40), st.data())
@settings(deadline=None)
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


@given(MAGICS, st.integers(0, 255), st.binary(max_size=300), st.binary(max_size=20))
@settings(deadline=None)
def test_unwrap_undoes_wrap(magic, version, body, after):
    framed = wrap(magic, version, body)
    assert len(framed) == len(body) + 9
    assert unwrap(magic, version, framed + after) == body


def test_the_longest_body_fits_and_one_more_byte_does_not():
    assert len(unwrap(b"ab", 1, wrap(b"ab", 1, bytes(BODY_LIMIT)))) == BODY_LIMIT
    with pytest.raises(FramingError, match="cannot be framed"):
        wrap(b"ab", 1, bytes(BODY_LIMIT + 1))


@pytest.mark.parametrize(("magic", "version"), [(b"a", 1), (b"abc", 1), (b"ab", -1), (b"ab", 256)])
def test_what_cannot_be_framed_is_refused(magic, version):
    with pytest.raises(FramingError, match="cannot be framed"):
        wrap(magic, version, b"")


@given(st.binary(max_size=60), st.data())
@settings(deadline=None)
def test_every_flipped_bit_of_a_frame_is_noticed(body, data):
    framed = bytearray(wrap(b"ab", 3, body))
    bit = data.draw(st.integers(0, len(framed) * 8 - 1))
    framed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FramingError):
        unwrap(b"ab", 3, bytes(framed))


@given(st.binary(max_size=60), st.data())
@settings(deadline=None)
def test_every_truncation_of_a_frame_is_noticed(body, data):
    framed = wrap(b"ab", 3, body)
    with pytest.raises(FramingError, match="breaks off"):
        unwrap(b"ab", 3, framed[: data.draw(st.integers(0, len(framed) - 1))])


@pytest.mark.parametrize(
    ("magic", "version", "word"), [(b"ac", 3, "another magic"), (b"ab", 4, "another version")]
)
def test_the_error_says_what_differs(magic, version, word):
    with pytest.raises(FramingError, match=word):
        unwrap(magic, version, wrap(b"ab", 3, b"body"))
