"""Times of the audio packets of one stream: growing, and exact to the sample where the source is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Final

from av import Packet
from av.stream import Stream

# A packet so much earlier than the one before belongs to another recording; less is jitter.
_FALL_S = Fraction(1, 5)
# FFmpeg's side data: samples to skip at the start, samples to leave out at the end.
_SKIP: Final = "skip_samples"
_SKIP_FORMAT = struct.Struct("<II")


def _padding(packet: Packet[Stream]) -> int:
    """Samples at the end of a packet that are decoded and not played; 0 where PyAV does not show it."""
    if not packet.has_sidedata(_SKIP):
        return 0
    try:
        # Only newer versions of PyAV give the bytes.
        found = bytes(memoryview(packet.get_sidedata(_SKIP)))
        return int(_SKIP_FORMAT.unpack_from(found)[1])
    except (TypeError, struct.error):
        return 0


class AudioClock:
    """Times of the packets of one audio stream, in the order of the file.

    Args:
        source: seconds per unit in the file.
        time_base: seconds per unit of the times given; one sample if that is finer.
        frame_samples: samples of each packet; 0 if they differ or are unknown.
        delay: samples at the beginning that are decoded and not played.
        shifts_s: for each time that the clip's clock falls back, the seconds by which later frames are moved.
    """

    def __init__(
        self,
        source: Fraction,
        time_base: Fraction,
        frame_samples: int = 0,
        delay: int = 0,
        shifts_s: Sequence[Fraction] = (),
    ) -> None:
        self._source, self._time_base = source, time_base
        self._frame_samples, self._delay = frame_samples, delay
        self._shifts = [round(shift / time_base) for shift in shifts_s]
        self._shift = 0
        self._raw: int | None = None
        self._last: int | None = None
        self._duration = 0

    def place(self, packet: Packet[Stream]) -> tuple[int, int] | None:
        """Pts and duration of the next packet; None for one that the packet before covers."""
        pts = packet.pts if packet.pts is not None else (packet.dts or 0)
        duration = packet.duration or 0
        if self._time_base != self._source:
            pts, duration = self._in_samples(packet, pts, duration)
        if self._raw is not None and pts < self._raw - _FALL_S / self._time_base:
            self._shift = self._next_shift(pts)
        self._raw, self._duration = pts, duration
        placed = pts + self._shift
        # Only whole packets can be kept or left out.
        if self._last is not None and placed <= self._last:
            return None
        self._last = placed
        return placed, duration

    def _next_shift(self, pts: int) -> int:
        """The shift behind a fall of the clock: the clip's, or one that makes the audio go on."""
        assert self._last is not None
        end = self._last + self._duration
        if not self._shifts:
            return end - pts
        # A part without audio has a fall of the clip's clock, and none of the audio's.
        nearest = min(range(len(self._shifts)), key=lambda n: abs(pts + self._shifts[n] - end))
        chosen = self._shifts[nearest]
        del self._shifts[: nearest + 1]
        return chosen

    def _in_samples(self, packet: Packet[Stream], pts: int, duration: int) -> tuple[int, int]:
        """Time and duration in samples; the file rounds them to its coarser unit."""
        scale = self._source / self._time_base
        samples = self._frame_samples or round(duration * scale)
        if self._raw is None:
            # The file holds the time of the first sample that is played, rounded, less the rounded delay.
            played = (pts + floor(self._delay / scale + Fraction(1, 2))) * scale
            exact = round(played) - self._delay
        else:
            exact = round(pts * scale)
            expected = self._raw + self._duration
            # Packets follow each other to the sample, unless the file says that there is a gap.
            exact = expected if abs(expected - exact) <= scale else exact
        return exact, max(samples - _padding(packet), 1)
