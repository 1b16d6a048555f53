"""Presentation times of frames and of thermal pictures."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Presentation times of the frames of a clip.

    Attributes:
        pts: (n,) int64.
        time_base: seconds per unit of ``pts``.
    """

    pts: NDArray[np.int64]
    time_base: Fraction

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.pts)

    def __getitem__(self, number: int) -> Fraction:
        """Presentation time of a frame, seconds, exact."""
        return int(self.pts[number]) * self.time_base


@dataclass(frozen=True, slots=True)
class Clock:
    """Time span of the pictures of a file.

    Attributes:
        first_s, last_s: times of the first and the last picture, seconds, exact.
        count: number of pictures, at least one.
    """

    first_s: Fraction
    last_s: Fraction
    count: int

    @property
    def step_s(self) -> Fraction:
        """Mean time between pictures; 0 for a single picture."""
        # A single picture has no interval; the bound avoids a division by zero.
        return (self.last_s - self.first_s) / max(self.count - 1, 1)

    @property
    def length_s(self) -> Fraction:
        """Time from the first picture to the end of the last one."""
        # The last picture is shown for one more step.
        return self.last_s - self.first_s + self.step_s
