"""Coded packet with exact time, and the form that MP4 gives to its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

#: How the bytes of an encoder's packet differ from those of a sample in an MP4. Units of x265 follow start
#: codes instead of their lengths (ITU-T H.265, annex B). Packets of SVT-AV1 begin with a temporal delimiter,
#: which samples leave out (AV1 Codec ISO Media File Format Binding, 2.4).
PacketForm = Literal["as_stored", "start_codes", "delimited"]

_START_CODE = b"\0\0\1"
#: Flag of an open bitstream unit (OBU) of AV1: a size follows (AV1 specification, 5.3.2).
_HAS_SIZE = 0x02
#: A temporal delimiter with its size, which is 0 (AV1 Bitstream and Decoding Process, 5.3 and 5.6).
_DELIMITER = b"\x12\0"


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded frame, or a run of coded audio samples, as MP4 holds them.

    Attributes:
        data: the bytes. H.264 is in the form of MP4: NAL units, each after its length in 4 bytes; HEVC too.
        pts: presentation time in units of ``time_base``.
        dts: decoding time in units of ``time_base``: for the n-th packet that CSSV encodes, the ``pts`` of
            the n-th frame.
        duration: in units of ``time_base``; 0 when unknown.
        time_base: seconds per unit, exact.
        is_key: whether decoding can start here.
    """

    data: bytes
    pts: int
    dts: int
    duration: int
    time_base: Fraction
    is_key: bool


def packet_to_sample(data: bytes, form: PacketForm) -> bytes:
    """Return the bytes of an encoder's packet as MP4 holds them."""
    if form == "start_codes":
        # No unit contains the bytes 0, 0, 1, and none ends with 0: such bytes belong to the next start code.
        units = [unit.rstrip(b"\0") for unit in data.split(_START_CODE)]
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit)
    if form == "delimited":
        return data.removeprefix(_DELIMITER)
    return data


def start_of_packet(data: bytes, form: PacketForm, most: int) -> bytes:
    """The first bytes of an encoder's packet, at most ``most``, with the settings of the decoder.

    They end where FFmpeg's muxer accepts an end: after a whole unit in AV1, anywhere in other codecs.
    """
    if form != "delimited" or len(data) <= most:
        return data[:most]
    end = 0
    while (after := _end_of_obu(data, end)) is not None and after <= most:
        end = after
    return data[:end]


def _end_of_obu(data: bytes, at: int) -> int | None:
    """Where the unit at ``at`` ends; None if it does not state its size."""
    if at >= len(data) or not data[at] & _HAS_SIZE:
        return None
    # An extension byte may follow the first one; then the size, seven bits a byte, the lowest first.
    at += 2 if data[at] & 0x04 else 1
    size = shift = 0
    for place in range(at, min(at + 8, len(data))):
        size |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return place + 1 + size
        shift += 7
    return None
