"""Bounds of the time stamps of a stream, checked before a frame is accepted: a stream cannot be repeated."""

from __future__ import annotations

from fractions import Fraction

from cssv.container.limits import DURATION_LIMIT, SAMPLES_LIMIT, TIMESCALE_LIMIT, ticks_limit
from cssv.errors import FrameError, OptionError
from cssv.frames import Frame
from cssv.pipeline.time_origin import TimeOrigin
from cssv.video.info import nominal_step

#: Samples that a frame has in the file: its picture and its scene sample.
_SAMPLES_PER_FRAME = 2
_COARSER = "Give `time_base=` a larger unit, such as 1/90000 s."


class StreamBounds:
    """Bounds of the time stamps that the container can hold.

    Args:
        time_base: seconds per unit of the stamps.
        rate: frames per second; the last frame lasts as long as one frame at this rate.

    Raises:
        OptionError: the container cannot hold such a time base, or a frame of this duration.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self._time_base = time_base
        if max(time_base.numerator, time_base.denominator) > TIMESCALE_LIMIT:
            raise OptionError(
                "the time base is out of range",
                found=str(time_base),
                bound=f"a numerator and a denominator up to {TIMESCALE_LIMIT}",
                remedy=_COARSER,
            )
        step = nominal_step(time_base, rate)
        if step > self._longest:
            raise OptionError(
                "one frame lasts too long for the time base",
                found=f"{step} units of {time_base} s",
                bound=f"up to {self._longest} units",
                remedy=_COARSER,
            )

    @property
    def _longest(self) -> int:
        """Units between two frames at most."""
        return DURATION_LIMIT // self._time_base.numerator

    def check(self, frame: Frame, last: Frame | None, count: int, origin: TimeOrigin) -> None:
        """Raise FrameError unless a frame can follow.

        Args:
            frame: the new frame.
            last: the frame before; None at the beginning.
            count: frames so far.
            origin: time of the stream that is time 0 of the file.
        """
        if (count + 1) * _SAMPLES_PER_FRAME > SAMPLES_LIMIT:
            raise FrameError(
                "the stream has too many frames", found=count + 1,
                bound=f"up to {SAMPLES_LIMIT // _SAMPLES_PER_FRAME}", remedy="Begin another file.",
            )  # fmt: skip
        latest = ticks_limit(self._time_base.denominator) // self._time_base.numerator
        if not 0 <= frame.pts - origin.pts <= latest:
            raise FrameError(
                "pts is out of range", found=frame.pts, bound=f"{origin.pts} to {origin.pts + latest}",
                remedy="Count from the first frame: subtract its pts from every pts.",
            )  # fmt: skip
        # The last frame of a stream keeps its duration, and any frame can be the last.
        if frame.duration > self._longest:
            raise FrameError(
                "a frame lasts too long for the time base", found=frame.duration,
                bound=f"up to {self._longest} units", remedy=_COARSER,
            )  # fmt: skip
        if last is not None:
            self._check_step(frame, last)

    def _check_step(self, frame: Frame, last: Frame) -> None:
        if frame.pts <= last.pts:
            raise FrameError("pts must grow", found=frame.pts, bound=f"above {last.pts}")
        if frame.pts - last.pts > self._longest:
            gap_s, longest_s = (
                float(units * self._time_base) for units in (frame.pts - last.pts, self._longest)
            )
            raise FrameError(
                "the gap between two frames is too long for the time base",
                found=f"{gap_s:.6g} s, from pts {last.pts} to {frame.pts}",
                bound=f"up to {self._longest} units, {longest_s:.6g} s",
                remedy=f"Close this file and begin another, or begin with a coarser time base. {_COARSER}",
            )
        # Velocities are computed with times in double precision.
        if float(frame.time) <= float(last.time):
            raise FrameError(
                "two frames are too close in time", found=f"pts {last.pts} and {frame.pts}", remedy=_COARSER
            )
