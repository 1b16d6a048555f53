"""Packets of a window."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.constructive.packets import (
    LONG_OVERHEAD,
    OVERHEAD,
    Packet,
    Shape,
    join_packets,
    payload_digest,
    read_packet,
    shape_of,
    split_payload,
)
from cssv.errors import FramingError

SHAPES = st.one_of(
    st.tuples(st.builds(Shape, st.integers(1, 7), st.booleans(), st.just(False)), st.integers(0, 15)),
    st.tuples(st.builds(Shape, st.integers(1, 255), st.booleans(), st.just(True)), st.integers(0, 254)),
)


@given(st.integers(0, 65535), SHAPES, st.binary(min_size=3, max_size=90))
def test_read_is_the_inverse_of_write(digest, shape, data):
    packet = Packet(digest, shape[0], shape[1], data)
    assert len(packet.write()) == len(data) + (LONG_OVERHEAD if shape[0].long else OVERHEAD)
    assert read_packet(packet.write()) == packet


@given(st.binary(max_size=120))
def test_other_bytes_are_no_packet(block):
    assert read_packet(block) is None


@pytest.mark.parametrize("shape", [Shape(2, True, False), Shape(2, True, True)])
def test_every_flipped_bit_is_noticed(shape):
    block = Packet(7, shape, 3, bytes(range(20))).write()
    for bit in range(8 * len(block)):
        spoilt = bytearray(block)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert read_packet(bytes(spoilt)) is None
    assert all(read_packet(block[:size]) is None for size in range(len(block)))


@pytest.mark.parametrize(("needed", "index"), [(1, 255), (0, 0)])
def test_values_that_no_writer_writes_are_no_packet(needed, index):
    body = b"\xc5\x01" + bytes([0, 0, 0x70, needed, index]) + b"data"
    assert read_packet(body + zlib.crc32(body).to_bytes(4, "big")[1:]) is None


@settings(deadline=None)
@given(st.data())
def test_join_is_the_inverse_of_split(data):
    payload = data.draw(st.binary(max_size=700))
    size = data.draw(st.integers(12, 80))
    shape = shape_of(len(payload), size)
    # There is no code for more than 255 packets.
    repair = data.draw(st.integers(0, min(12, 255 - shape.needed)))
    packets = split_payload(payload, size, repair)
    count = packets[0].shape.needed + repair
    assert [packet.index for packet in packets] == list(range(count))
    assert {packet.digest for packet in packets} == {payload_digest(payload)}
    assert {len(packet.write()) for packet in packets} == {size}
    kept = data.draw(st.permutations(packets))[: packets[0].shape.needed]
    read = [read_packet(packet.write()) for packet in kept]
    assert join_packets({packet.index: packet for packet in read}) == payload


def test_the_header_is_as_short_as_it_can_be():
    assert shape_of(0, 73) == Shape(1, True, False)
    assert shape_of(65, 73) == Shape(1, False, False)
    assert shape_of(66, 73) == Shape(2, True, False)
    assert shape_of(7 * 65, 73) == Shape(7, False, False)
    assert shape_of(7 * 65 + 1, 73) == Shape(8, True, True)
    assert shape_of(65, 73, 15) == Shape(1, False, False)
    assert shape_of(63, 73, 16) == Shape(1, False, True)
    assert shape_of(65, 73, 16) == Shape(2, True, True)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\x80", b"\x80\0\0", bytes(65)])
def test_bytes_that_look_like_padding(payload):
    packets = split_payload(payload, 73)
    assert join_packets(dict(enumerate(packets))) == payload


@pytest.mark.parametrize(("length", "size", "repair"), [(200, 100, 253), (256, 11, 0), (65536, 1000, 0)])
def test_a_payload_that_does_not_fit(length, size, repair):
    with pytest.raises(FramingError, match="allowed: 65535 bytes and 255 packets"):
        split_payload(bytes(length), size, repair)


def test_packets_of_different_windows():
    first, second = (split_payload(bytes([fill]) * 9, 13) for fill in (1, 2))
    with pytest.raises(FramingError, match="different windows"):
        join_packets({0: first[0], 1: second[1]})
    with pytest.raises(FramingError, match="different windows"):
        join_packets({})
    # The same digest and shape, as one pair of windows in 65536 has.
    alike = Packet(first[0].digest, first[0].shape, 1, second[1].data)
    with pytest.raises(FramingError, match="different windows"):
        join_packets({0: first[0], 1: alike})
    endless = Packet(0, Shape(1, True, False), 0, bytes(5))
    with pytest.raises(FramingError, match="has no end"):
        join_packets({0: endless})
