"""Packets: the payload of a window, split and erasure-coded; each packet is sealed by magic and CRC.

A short header serves windows of few packets, as most are: each byte of it is one byte less of payload.
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
#: Bytes of a packet that are not data, with a short and with a long header.
OVERHEAD, LONG_OVERHEAD = 8, 10
#: Windows that need more packets than the first number, or have more than the second, have long headers.
SHORT_NEEDED, SHORT_COUNT = 7, 16

_HEADER = struct.Struct(">2sHB")
_PADDED = 0x80
#: Ends a payload that does not fill its symbols.
_END = b"\x80"
_CRC_BYTES = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """How a payload is split, the same in all packets of its window.

    Attributes:
        needed: how many different packets give the payload, 1 to 255.
        padded: whether the payload does not fill the symbols.
        long: whether the packets have long headers.
    """

    needed: int
    padded: bool
    long: bool

    @property
    def overhead(self) -> int:
        """Bytes of a packet that are not data."""
        return LONG_OVERHEAD if self.long else OVERHEAD


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        digest: checksum of the window's payload, 16 bits; windows differ in it.
        shape: how the payload is split.
        index: number of the packet in the window, which is also that of its slot.
        data: symbol ``index`` of the erasure code.
    """

    digest: int
    shape: Shape
    index: int
    data: bytes

    def write(self) -> bytes:
        """The packet as stored. Inverse of :func:`read_packet`."""
        needed, index = (SHORT_NEEDED + 1, 0) if self.shape.long else (self.shape.needed, self.index)
        code = _PADDED * self.shape.padded | needed - 1 << 4 | index
        body = _HEADER.pack(MAGIC, self.digest, code)
        body += bytes([self.shape.needed, self.index]) if self.shape.long else b""
        body += self.data
        return body + _checksum(body)


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")[-_CRC_BYTES:]


def payload_digest(payload: bytes) -> int:
    """Checksum that all packets of a payload carry, 16 bits."""
    return zlib.crc32(payload) & 0xFFFF


def read_packet(block: bytes) -> Packet | None:
    """The packet in a block; None if the block is not a sound packet."""
    if len(block) <= LONG_OVERHEAD or block[:2] != MAGIC:
        return None
    if _checksum(block[:-_CRC_BYTES]) != block[-_CRC_BYTES:]:
        return None
    _, digest, code = _HEADER.unpack_from(block)
    needed, index = (code >> 4 & 7) + 1, code & 15
    long = needed > SHORT_NEEDED
    if long:
        needed, index = block[_HEADER.size], block[_HEADER.size + 1]
    shape = Shape(needed, bool(code & _PADDED), long)
    # Anybody can write a checksum, so the values must be possible as well.
    if not 1 <= needed <= erasure.SYMBOLS or index >= erasure.SYMBOLS:
        return None
    return Packet(digest, shape, index, block[shape.overhead - _CRC_BYTES : -_CRC_BYTES])


def shape_of(length: int, size: int, repair: int = 0) -> Shape:
    """How a payload is split.

    Args:
        length: its length in bytes.
        size: bytes of each packet.
        repair: packets beyond those that are needed.
    """
    long = False
    needed = max(1, -(-length // (size - OVERHEAD)))
    if needed > SHORT_NEEDED or needed + repair > SHORT_COUNT:
        needed, long = max(1, -(-length // (size - LONG_OVERHEAD))), True
    data = size - (LONG_OVERHEAD if long else OVERHEAD)
    return Shape(needed, length < needed * data, long)


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
    each = size - shape.overhead
    padded = (payload + _END * shape.padded).ljust(shape.needed * each, b"\0")
    data = [padded[i * each : (i + 1) * each] for i in range(shape.needed)]
    digest = payload_digest(payload)
    return [Packet(digest, shape, i, symbol) for i, symbol in enumerate(erasure.encode(data, count))]


def join_packets(packets: Mapping[int, Packet]) -> bytes:
    """The payload from any packets of one window, by index.

    Raises:
        FramingError: there are too few packets, or they are of different windows.
    """
    kinds = {(packet.digest, packet.shape, len(packet.data)) for packet in packets.values()}
    if len(kinds) != 1:
        raise FramingError("packets of different windows", found=len(kinds), bound="one window")
    digest, shape, _ = kinds.pop()
    symbols = {i: packet.data for i, packet in packets.items()}
    payload = b"".join(erasure.decode(symbols, shape.needed))
    if shape.padded:
        payload, end = payload.rstrip(b"\0")[:-1], payload.rstrip(b"\0")[-1:]
        if end != _END:
            raise FramingError("a payload has no end")
    # Packets of two windows with the same digest and shape can follow each other in a clip that was cut.
    if payload_digest(payload) != digest:
        raise FramingError("packets of different windows, or damaged ones", bound="one window")
    return payload
