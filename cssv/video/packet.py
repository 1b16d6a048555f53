"""Coded packet with exact time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded frame, or a run of coded audio samples, as MP4 holds them.

    Attributes:
        data: the bytes. H.264 is in MP4 form: NAL units, each after its length in 4 bytes.
        pts: presentation time in units of ``time_base``.
        dts: decoding time in units of ``time_base``; equal to ``pts`` in packets that CSSV encodes.
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
