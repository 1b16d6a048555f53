"""The geometry of a received clip: which part of the sender's picture it shows, how large, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssv.carriers.robust.pilot import SLOT_S
from cssv.errors import OptionError

F64 = NDArray[np.float64]

#: Left, top, right and bottom side in sender pixels.
Sides = tuple[float, float, float, float]

#: Time after which the pilot repeats.
PERIOD_S = 2 * SLOT_S
#: Sender pixels that a side may lie within a block and the block still counts as whole.
_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Geometry:
    """Map between the pixels and times of a received clip and those of the sender.

    Coordinates are those of edges: the first pixel of a picture reaches from 0 to 1.

    Attributes:
        received: width and height of the received pictures in pixels.
        sides: where the sides of the received picture lie in the sender's, in sender pixels. A side outside
            of the sender's picture, such as a negative left side, means that there is a bar.
        content: left, top, width, height of what is no bar, in received pixels.
        sent: width and height of the sender's picture; None if they are not known yet.
        time_scale: seconds of the sender per received second.
        phase_s: sender time at received time 0, modulo :data:`PERIOD_S`.
    """

    received: tuple[int, int]
    sides: Sides
    content: tuple[int, int, int, int]
    sent: tuple[int, int] | None = None
    time_scale: Fraction = Fraction(1)
    phase_s: float = 0.0

    def __post_init__(self) -> None:
        left, top, right, bottom = self.sides
        if not all(map(math.isfinite, self.sides)) or right <= left or bottom <= top:
            raise OptionError("the sides of a geometry are out of order", found=str(self.sides))
        x, y, width, height = self.content
        if not (0 <= x < x + width <= self.received[0] and 0 <= y < y + height <= self.received[1]):
            raise OptionError(
                "the content of a geometry lies outside of its picture",
                found=str(self.content),
                bound=f"within {self.received[0]}x{self.received[1]}",
            )
        if self.time_scale <= 0:
            raise OptionError("a time scale is not positive", found=str(self.time_scale))

    @classmethod
    def identity(cls, width: int, height: int) -> Geometry:
        """The geometry of a clip of the sender's own size and times."""
        whole = (0, 0, width, height)
        return cls((width, height), (0.0, 0.0, float(width), float(height)), whole, (width, height))

    @property
    def scale(self) -> tuple[float, float]:
        """Received pixels per sender pixel, horizontal and vertical."""
        left, top, right, bottom = self.sides
        return self.received[0] / (right - left), self.received[1] / (bottom - top)

    @property
    def content_sides(self) -> Sides:
        """The sides of the content, in sender pixels."""
        x, y, width, height = self.content
        left, top = self.to_sent(x, y)
        right, bottom = self.to_sent(x + width, y + height)
        return float(left), float(top), float(right), float(bottom)

    @property
    def is_whole(self) -> bool:
        """Whether every received pixel is one sender pixel, so that nothing has to be resampled."""
        left, top, right, bottom = self.sides
        same = (right - left, bottom - top) == self.received
        return same and float(left).is_integer() and float(top).is_integer()

    def to_sent(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Sender coordinates of received ones. Inverse of :meth:`to_received`."""
        (left, top), (across, down) = self.sides[:2], self.scale
        return left + np.asarray(x) / across, top + np.asarray(y) / down

    def to_received(self, x: ArrayLike, y: ArrayLike) -> tuple[F64, F64]:
        """Received coordinates of sender ones. Inverse of :meth:`to_sent`."""
        (left, top), (across, down) = self.sides[:2], self.scale
        return (np.asarray(x) - left) * across, (np.asarray(y) - top) * down

    def sent_time(self, time: Fraction | float) -> float:
        """Sender time of a received time, up to a multiple of :data:`PERIOD_S`. Slots are exact."""
        return float(time) * float(self.time_scale) + self.phase_s

    def slot_of(self, time: Fraction | float) -> int:
        """Number of the slot of a received time, up to an even number."""
        return math.floor(self.sent_time(time) / float(SLOT_S) + 1e-9)

    def with_content_sides(self, sides: Sides) -> Geometry:
        """The same clip with the content elsewhere in the sender's picture."""
        x, y, width, height = self.content
        left, top, right, bottom = sides
        across, down = (right - left) / width, (bottom - top) / height
        moved = left - x * across, top - y * down
        ends = moved[0] + self.received[0] * across, moved[1] + self.received[1] * down
        if (across, down) == (1.0, 1.0):
            # Differences of fractions such as 0.1 + 0.2 would make a resampling necessary.
            ends = moved[0] + self.received[0], moved[1] + self.received[1]
        return replace(self, sides=(*moved, *ends))

    def blocks(self, side: int) -> tuple[int, int, int, int]:
        """Whole blocks of the sender's picture that the content shows: left, top, columns, rows.

        Args:
            side: of a block in pixels.
        """
        left, top, right, bottom = self.content_sides
        if self.sent is not None:
            right, bottom = min(right, self.sent[0]), min(bottom, self.sent[1])
        first = [max(math.ceil((edge - _TOLERANCE) / side), 0) for edge in (left, top)]
        last = [math.floor((edge + _TOLERANCE) / side) for edge in (right, bottom)]
        return first[0], first[1], max(last[0] - first[0], 0), max(last[1] - first[1], 0)
