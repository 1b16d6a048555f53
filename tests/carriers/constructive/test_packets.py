"""Packets of a window."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive.packets import (
    OVERHEAD,
    Packet,
    join_packets,
    packets_needed,
    read_packet,
    split_payload,
)
from cssv.errors import FramingError


@given(st.integers(0, 255), st.integers(0, 254), st.integers(0, 255), st.binary(min_size=1, max_size=90))
def test_read_is_the_inverse_of_write(window, index, length, data):
    packet = Packet(window, index, length, data)
    assert len(packet.write()) == len(data) + OVERHEAD
    assert read_packet(packet.write()) == packet


@given(st.binary(max_size=120))
def test_other_bytes_are_no_packet(block):
    assert read_packet(block) is None


def test_every_flipped_bit_is_noticed():
    block = Packet(7, 3, 40, bytes(range(20))).write()
    for bit in range(8 * len(block)):
        spoilt = bytearray(block)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert read_packet(bytes(spoilt)) is None
    assert all(read_packet(block[:size]) is None for size in range(len(block)))


@pytest.mark.parametrize(("index", "length"), [(255, 1), (0, 65535)])
def test_values_that_no_writer_writes_are_no_packet(index, length):
    body = b"\xc5\x01" + bytes([0, index]) + length.to_bytes(2, "big") + b"d"
    assert read_packet(body + zlib.crc32(body).to_bytes(4, "big")) is None


@settings(deadline=None)
@given(st.data())
def test_join_is_the_inverse_of_split(data):
    payload = data.draw(st.binary(max_size=300))
    size = data.draw(st.integers(10, 80))
    needed = packets_needed(len(payload), size)
    count = needed + data.draw(st.integers(0, 5))
    packets = split_payload(payload, 300, size, count)
    assert [packet.index for packet in packets] == list(range(count))
    assert {packet.window for packet in packets} == {300 % 256}
    assert {packet.needed for packet in packets} == {needed}
    kept = data.draw(st.permutations(packets))[:needed]
    assert join_packets({packet.index: packet for packet in kept}) == payload


@pytest.mark.parametrize(("size", "count"), [(100, 1), (1, 256)])
def test_a_payload_that_does_not_fit(size, count):
    with pytest.raises(FramingError, match="does not fit"):
        split_payload(bytes(200), 0, size, count)


def test_a_payload_that_is_too_long():
    with pytest.raises(FramingError, match="allowed: 65535 bytes"):
        split_payload(bytes(65536), 0, 1000, 100)


def test_packets_of_different_windows():
    with pytest.raises(FramingError, match="different windows"):
        join_packets({0: Packet(0, 0, 5, b"abc"), 1: Packet(1, 1, 5, b"abc")})
    with pytest.raises(FramingError, match="different windows"):
        join_packets({})
