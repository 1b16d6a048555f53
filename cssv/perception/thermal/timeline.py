"""When frames and thermal pictures are shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """When the frames of a clip are shown.

    Attributes:
        pts: (n,) int64.
        time_base: seconds per unit of ``pts``.
    """

    pts: NDArray[np.int64]
    time_base: Fraction

    def __len__(self) -> int:
        """Frames."""
        return len(self.pts)

    def __getitem__(self, number: int) -> Fraction:
        """Time of a frame, seconds, exact."""
        return int(self.pts[number]) * self.time_base


@dataclass(frozen=True, slots=True)
class Clock:
    """When the pictures of a file are shown.

    Attributes:
        first_s, last_s: times of the first and the last one, seconds, exact.
        count: pictures, at least one.
    """

    first_s: Fraction
    last_s: Fraction
    count: int

    @property
    def step_s(self) -> Fraction:
        """Mean time from one picture to the next; 0 for one alone."""
        return (self.last_s - self.first_s) / max(self.count - 1, 1)

    @property
    def length_s(self) -> Fraction:
        """Time from the first picture to the end of the last one."""
        return self.last_s - self.first_s + self.step_s
