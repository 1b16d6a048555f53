"""Packets: the payload of a window, split and erasure-coded; each packet is sealed by magic and CRC."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from cssv.carriers.constructive import erasure
from cssv.errors import FramingError

#: Two bytes that begin a packet; the second is the version of the format.
MAGIC = b"\xc5\x01"
#: Largest payload of a window; its length is stored in two bytes.
PAYLOAD_LIMIT = (1 << 16) - 1

_HEADER = struct.Struct(">2sBBH")
_CRC = struct.Struct(">I")
OVERHEAD = _HEADER.size + _CRC.size


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        window: number of the window, modulo 256.
        index: number of the packet in the window, which is also that of its slot.
        length: length of the window's payload in bytes.
        data: symbol ``index`` of the erasure code.
    """

    window: int
    index: int
    length: int
    data: bytes

    @property
    def needed(self) -> int:
        """How many different packets of the window give its payload."""
        return packets_needed(self.length, len(self.data))

    def write(self) -> bytes:
        """The packet as stored. Inverse of :func:`read_packet`."""
        body = _HEADER.pack(MAGIC, self.window, self.index, self.length) + self.data
        return body + _CRC.pack(zlib.crc32(body))


def read_packet(block: bytes) -> Packet | None:
    """The packet in a block; None if the block is not a sound packet."""
    if len(block) <= OVERHEAD or block[:2] != MAGIC:
        return None
    if zlib.crc32(block[:-4]) != _CRC.unpack_from(block, len(block) - 4)[0]:
        return None
    _, window, index, length = _HEADER.unpack_from(block)
    packet = Packet(window, index, length, block[_HEADER.size : -4])
    # A checksum is right by chance now and then, and anybody can write one: values must fit as well.
    return packet if max(packet.index + 1, packet.needed) <= erasure.SYMBOLS else None


def packets_needed(length: int, size: int) -> int:
    """How many packets with ``size`` bytes of data hold a payload; one even for an empty payload."""
    return max(1, -(-length // size))


def split_payload(payload: bytes, window: int, size: int, count: int) -> list[Packet]:
    """``count`` packets of a payload, each with ``size`` bytes of data. Inverse of :func:`join_packets`.

    Raises:
        FramingError: the payload needs more packets than ``count``, or is too long.
    """
    needed = packets_needed(len(payload), size)
    if len(payload) > PAYLOAD_LIMIT or not needed <= count <= erasure.SYMBOLS:
        raise FramingError(
            "the payload of a window does not fit in its packets",
            found=f"{len(payload)} bytes, {count} packets of {size} bytes",
            bound=f"{PAYLOAD_LIMIT} bytes and {erasure.SYMBOLS} packets",
        )
    padded = payload.ljust(needed * size, b"\0")
    data = [padded[i * size : (i + 1) * size] for i in range(needed)]
    symbols = erasure.encode(data, count)
    return [Packet(window % 256, i, len(payload), symbol) for i, symbol in enumerate(symbols)]


def join_packets(packets: Mapping[int, Packet]) -> bytes:
    """The payload from any packets of one window, by index.

    Raises:
        FramingError: there are too few packets, or they are of different windows.
    """
    kinds = {(packet.window, packet.length, len(packet.data)) for packet in packets.values()}
    if len(kinds) != 1:
        raise FramingError("packets of different windows", found=len(kinds), bound="one window")
    first = next(iter(packets.values()))
    data = erasure.decode({i: packet.data for i, packet in packets.items()}, first.needed)
    return b"".join(data)[: first.length]
