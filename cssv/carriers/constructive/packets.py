"""Packets: the payload of a window, split and erasure-coded; each packet is sealed by magic and CRC.

A short header serves windows of few packets, as most are: each byte of it is one byte less of payload. The
last packet ends where the payload ends, so that nothing need be embedded behind it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from cssv.carriers.constructive import erasure
from cssv.errors import FramingError

#: Two bytes that begin a packet; the second is the version of the format.
MAGIC = b"\xc5\x01"
#: Largest payload of a window in bytes.
PAYLOAD_LIMIT = (1 << 16) - 1
#: Bytes of a packet that are not data, with a short and with a long header; one more in wide packets.
OVERHEAD, LONG_OVERHEAD = 9, 11
#: Windows that need more packets than the first number, or have more than the second, have long headers.
SHORT_NEEDED, SHORT_COUNT = 7, 16

_HEADER = struct.Struct(">2sHB")
_CRC_BYTES = 3
#: Packets of more bytes state the length of the last symbol in two bytes.
_NARROW = 255


@dataclass(frozen=True, slots=True)
class Shape:
    """How a payload is split, the same in all packets of its window.

    Attributes:
        size: bytes of a packet; the last one can be shorter.
        needed: how many different packets give the payload, 1 to 255.
        last: bytes of the payload in the last of these.
        long: whether the packets have long headers.
    """

    size: int
    needed: int
    last: int
    long: bool

    @property
    def width(self) -> int:
        """Bytes that state the length of the last symbol."""
        return 1 + (self.size > _NARROW)

    @property
    def overhead(self) -> int:
        """Bytes of a packet that are not data."""
        return (LONG_OVERHEAD if self.long else OVERHEAD) + self.width - 1

    @property
    def each(self) -> int:
        """Bytes of a symbol."""
        return self.size - self.overhead

    def used(self, index: int) -> int:
        """Bytes of a symbol that are stored."""
        return self.last if index == self.needed - 1 else self.each


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        digest: checksum of the window's payload, 16 bits; windows differ in it.
        shape: how the payload is split.
        index: number of the packet in the window, which is also that of its slot.
        data: symbol ``index`` of the erasure code, ``shape.each`` bytes.
    """

    digest: int
    shape: Shape
    index: int
    data: bytes

    def write(self) -> bytes:
        """The packet as stored. Inverse of :func:`read_packet`."""
        shape = self.shape
        needed, index = (SHORT_NEEDED + 1, 0) if shape.long else (shape.needed, self.index)
        head = _HEADER.pack(MAGIC, self.digest, needed - 1 << 4 | index)
        head += bytes([shape.needed, self.index]) if shape.long else b""
        head += shape.last.to_bytes(shape.width, "big")
        data = self.data[: shape.used(self.index)]
        return head + _checksum(head + data) + data


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")[-_CRC_BYTES:]


def payload_digest(payload: bytes) -> int:
    """Checksum that all packets of a payload carry, 16 bits."""
    return zlib.crc32(payload) & 0xFFFF


def read_packet(block: bytes) -> Packet | None:
    """The packet in a block of the full size, whatever lies behind it; None if there is no sound one."""
    # A block that has no room for a long header can hold no packet.
    if len(block) < LONG_OVERHEAD + 2 or block[:2] != MAGIC:
        return None
    _, digest, code = _HEADER.unpack_from(block)
    needed, index, at = (code >> 4) + 1, code & 15, _HEADER.size
    long = needed == SHORT_NEEDED + 1
    if long:
        needed, index, at = block[at], block[at + 1], at + 2
    width = Shape(len(block), needed, 0, long).width
    shape, at = Shape(len(block), needed, int.from_bytes(block[at : at + width], "big"), long), at + width
    # Anybody can write a checksum, so the values must be possible as well.
    if needed > SHORT_NEEDED + 1 and not long:
        return None
    if not 1 <= needed <= erasure.SYMBOLS or index >= erasure.SYMBOLS or shape.used(index) > shape.each:
        return None
    data = block[shape.overhead : shape.overhead + shape.used(index)]
    if _checksum(block[:at] + data) != block[at : at + _CRC_BYTES]:
        return None
    return Packet(digest, shape, index, data.ljust(shape.each, b"\0"))


def shape_of(length: int, size: int, repair: int = 0) -> Shape:
    """How a payload is split.

    Args:
        length: its length in bytes.
        size: bytes of each packet.
        repair: packets beyond those that are needed.
    """
    short = _shape(length, size, long=False)
    if short.needed <= SHORT_NEEDED and short.needed + repair <= SHORT_COUNT:
        return short
    return _shape(length, size, long=True)


def _shape(length: int, size: int, *, long: bool) -> Shape:
    each = Shape(size, 1, 0, long).each
    needed = max(1, -(-length // each))
    return Shape(size, needed, length - (needed - 1) * each, long)


def split_payload(payload: bytes, size: int, repair: int = 0) -> list[Packet]:
    """The packets of a payload, each of ``size`` bytes. Inverse of :func:`join_packets`.

    Raises:
        FramingError: the payload needs too many packets, or is too long.
    """
    shape = shape_of(len(payload), size, repair)
    count = shape.needed + repair
    if len(payload) > PAYLOAD_LIMIT or count > erasure.SYMBOLS:
        raise FramingError(
            "the payload of a window does not fit in its packets",
            found=f"{len(payload)} bytes, {count} packets of {size} bytes",
            bound=f"{PAYLOAD_LIMIT} bytes and {erasure.SYMBOLS} packets",
        )
    padded = payload.ljust(shape.needed * shape.each, b"\0")
    data = [padded[i * shape.each : (i + 1) * shape.each] for i in range(shape.needed)]
    digest = payload_digest(payload)
    return [Packet(digest, shape, i, symbol) for i, symbol in enumerate(erasure.encode(data, count))]


def join_packets(packets: Mapping[int, Packet]) -> bytes:
    """The payload from any packets of one window, by index.

    Raises:
        FramingError: there are too few packets, or they are of different windows.
    """
    kinds = {(packet.digest, packet.shape) for packet in packets.values()}
    if len(kinds) != 1:
        raise FramingError("packets of different windows", found=len(kinds), bound="one window")
    digest, shape = kinds.pop()
    symbols = {i: packet.data for i, packet in packets.items()}
    whole = b"".join(erasure.decode(symbols, shape.needed))
    payload = whole[: len(whole) - shape.each + shape.used(shape.needed - 1)]
    # Packets of two windows with the same digest and shape can follow each other in a clip that was cut.
    if payload_digest(payload) != digest:
        raise FramingError("packets of different windows, or damaged ones", bound="one window")
    return payload
