"""PSNR and brightness shift, for benchmarks and tests; the codec does not use them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cssv.errors import FrameError
from cssv.frames import Frame

_PEAK = 255.0


@dataclass(slots=True)
class Comparison:
    """Difference between stego frames and their covers, summed over frames.

    Attributes:
        frames: frames compared.
        squares: sum of squared differences over all planes.
        samples: bytes compared.
        shifts: sum of mean brightness differences, stego minus cover, one per frame.
    """

    frames: int = 0
    squares: float = 0.0
    samples: int = 0
    shifts: float = 0.0

    def add(self, cover: Frame, stego: Frame) -> None:
        """Add one pair. Raises FrameError if layout or shape differ."""
        if cover.planes.shape != stego.planes.shape or cover.layout != stego.layout:
            raise FrameError(
                "frames of different shape cannot be compared",
                found=f"{cover.layout} {cover.planes.shape} and {stego.layout} {stego.planes.shape}",
            )
        difference = stego.planes.astype(np.int32) - cover.planes
        self.frames += 1
        self.squares += float(np.sum(difference * difference, dtype=np.int64))
        self.samples += difference.size
        self.shifts += float(
            np.mean(stego.luma(), dtype=np.float64) - np.mean(cover.luma(), dtype=np.float64)
        )

    @property
    def psnr_db(self) -> float:
        """Peak signal-to-noise ratio over all planes and frames in dB; infinite for equal frames."""
        if not self.squares:
            return math.inf
        return 10 * math.log10(_PEAK**2 * self.samples / self.squares)

    @property
    def brightness_shift(self) -> float:
        """Mean change of brightness in levels."""
        return self.shifts / max(self.frames, 1)
