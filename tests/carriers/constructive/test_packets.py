"""Packets of a window."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.carriers.constructive.packets import (
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
    st.tuples(st.integers(1, 7), st.just(False), st.integers(0, 15)),
    st.tuples(st.integers(1, 255), st.just(True), st.integers(0, 254)),
)


@given(st.integers(0, 65535), SHAPES, st.integers(20, 300), st.data())
def test_read_is_the_inverse_of_write(digest, form, size, data):
    needed, long, index = form
    last = data.draw(st.integers(0, size - 15))
    shape = Shape(size, needed, last, long)
    used = shape.used(index)
    symbol = data.draw(st.binary(min_size=used, max_size=used)).ljust(shape.each, b"\0")
    packet = Packet(digest, shape, index, symbol)
    written = packet.write()
    assert len(written) == shape.overhead + used
    # What lies behind the packet is not part of it.
    assert read_packet(written.ljust(size, b"\xa5")) == packet


@given(st.binary(max_size=120))
def test_other_bytes_are_no_packet(block):
    assert read_packet(block) is None


@pytest.mark.parametrize("shape", [Shape(40, 2, 9, False), Shape(40, 4, 29, True), Shape(300, 4, 280, True)])
def test_every_flipped_bit_is_noticed(shape):
    symbol = bytes(range(shape.used(3) % 256)).ljust(shape.used(3), b"x").ljust(shape.each, b"\0")
    block = Packet(7, shape, 3, symbol).write()
    for bit in range(8 * len(block)):
        spoilt = bytearray(block.ljust(shape.size, b"\0"))
        spoilt[bit // 8] ^= 1 << bit % 8
        assert read_packet(bytes(spoilt)) is None
    assert all(read_packet(block[:size]) is None for size in range(len(block)))


@pytest.mark.parametrize(("needed", "index"), [(1, 255), (0, 0)])
def test_values_that_no_writer_writes_are_no_packet(needed, index):
    head = b"\xc5\x01" + bytes([0, 0, 0x70, needed, index])
    crc = zlib.crc32(head + b"data").to_bytes(4, "big")[1:]
    assert read_packet(head + crc + b"data") is None


def test_a_last_symbol_longer_than_its_packet_is_no_packet():
    head = b"\xc5\x01" + bytes([0, 0, 0, 200])
    crc = zlib.crc32(head + b"data").to_bytes(4, "big")[1:]
    assert read_packet(head + crc + b"data") is None


@given(st.data())
def test_join_is_the_inverse_of_split(data):
    payload = data.draw(st.binary(max_size=700))
    size = data.draw(st.integers(13, 80))
    shape = shape_of(len(payload), size)
    # There is no code for more than 255 packets.
    repair = data.draw(st.integers(0, min(12, 255 - shape.needed)))
    packets = split_payload(payload, size, repair)
    count = packets[0].shape.needed + repair
    assert [packet.index for packet in packets] == list(range(count))
    assert {packet.digest for packet in packets} == {payload_digest(payload)}
    shape = packets[0].shape
    assert [len(packet.write()) for packet in packets] == [
        shape.overhead + shape.used(index) for index in range(count)
    ]
    kept = data.draw(st.permutations(packets))[: packets[0].shape.needed]
    read = [read_packet(packet.write().ljust(size, b"?")) for packet in kept]
    assert join_packets({packet.index: packet for packet in read}) == payload


def test_the_header_is_as_short_as_it_can_be():
    assert shape_of(0, 73) == Shape(73, 1, 0, False)
    assert shape_of(64, 73) == Shape(73, 1, 64, False)
    assert shape_of(65, 73) == Shape(73, 2, 1, False)
    assert shape_of(7 * 64, 73) == Shape(73, 7, 64, False)
    assert shape_of(7 * 64 + 1, 73) == Shape(73, 8, 15, True)
    assert shape_of(64, 73, 15) == Shape(73, 1, 64, False)
    assert shape_of(62, 73, 16) == Shape(73, 1, 62, True)
    assert shape_of(64, 73, 16) == Shape(73, 2, 2, True)
    assert [shape_of(100, size).overhead for size in (255, 256)] == [9, 10]


@pytest.mark.parametrize("payload", [b"", b"\0", b"\x80", b"\x80\0\0", bytes(65)])
def test_bytes_that_look_like_padding(payload):
    packets = split_payload(payload, 73)
    assert join_packets(dict(enumerate(packets))) == payload


@pytest.mark.parametrize(("length", "size", "repair"), [(200, 100, 253), (257, 12, 0), (65536, 1000, 0)])
def test_a_payload_that_does_not_fit(length, size, repair):
    with pytest.raises(FramingError, match="allowed: 65535 bytes and 255 packets"):
        split_payload(bytes(length), size, repair)


def test_packets_of_different_windows():
    first, second = (split_payload(bytes([fill]) * 8, 13) for fill in (1, 2))
    with pytest.raises(FramingError, match="different windows"):
        join_packets({0: first[0], 1: second[1]})
    with pytest.raises(FramingError, match="different windows"):
        join_packets({})
    # The same digest and shape, as one pair of windows in 65536 has.
    alike = Packet(first[0].digest, first[0].shape, 1, second[1].data)
    with pytest.raises(FramingError, match="different windows"):
        join_packets({0: first[0], 1: alike})
