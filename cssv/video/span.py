"""The part of a clip that is read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from cssv.errors import OptionError, VideoError


@dataclass(frozen=True, slots=True)
class Span:
    """A range of presentation times in seconds: from ``start``, up to but without ``stop``.

    Attributes:
        start: first time of the range, exact and at least 0; None for the beginning of the clip.
        stop: first time after the range, exact and above ``start``; None for the end of the clip.

    Raises:
        OptionError: a negative start, or a stop that is not after the start.
    """

    start: Fraction | None = None
    stop: Fraction | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.start < 0:
            raise OptionError(
                "start must not be negative", found=f"{self.start} s", remedy="Give `start=` 0 or more."
            )
        if self.stop is not None and self.stop <= (self.start or 0):
            raise OptionError(
                "stop must be later than start",
                found=f"{self.stop} s",
                bound=f"above {self.start or 0} s",
                remedy="Give a later `stop=`, or an earlier `start=`.",
            )

    @property
    def is_whole(self) -> bool:
        """Whether the range has no limit."""
        return self.start is None and self.stop is None

    def first_pts(self, time_base: Fraction) -> int | None:
        """Smallest pts inside, in units of ``time_base`` seconds; None without a start."""
        return None if self.start is None else ceil(self.start / time_base)

    def stop_pts(self, time_base: Fraction) -> int | None:
        """Smallest pts after the range, in units of ``time_base`` seconds; None without a stop."""
        return None if self.stop is None else ceil(self.stop / time_base)

    def contains(self, pts: int, time_base: Fraction) -> bool:
        """Whether ``pts``, in units of ``time_base`` seconds, lies in the range."""
        first, stop = self.first_pts(time_base), self.stop_pts(time_base)
        return (first is None or pts >= first) and (stop is None or pts < stop)


def no_frame(source: object, first_s: Fraction, last_s: Fraction) -> VideoError:
    """The error for a span that holds no frame of a clip, whose first and last frame have these times."""
    return VideoError(
        "no frame lies between start and stop",
        found=str(source),
        bound=f"its frames have times from {_decimal(first_s)} s to {_decimal(last_s)} s",
        remedy="Give `start=` and `stop=` as times of the clip's own clock.",
    )


def _decimal(seconds: Fraction) -> str:
    """Seconds with up to three decimal places."""
    return f"{float(seconds):.3f}".rstrip("0").rstrip(".")


#: All of a clip.
WHOLE_CLIP = Span()
