"""Difference between the pictures of two clips: PSNR in RGB, and the median colour difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FrameError
from cssv.frames import Frame
from cssv.template.drawing import Outline
from cssv.template.footprint import footprint
from cssv.view.colour_difference import ciede2000, rgb_to_lab
from cssv.view.heat import to_rgb

_PEAK = 255
#: Most pixels of a frame whose colour difference is computed: one in a regular grid of the counted pixels.
COLOUR_SAMPLES = 20_000
#: Colour differences are counted in classes of this width, the last one without an upper end.
_STEP_DE, _CLASSES = 0.01, 10_001


def undrawn_pixels(outlines: Sequence[Outline], width: int, height: int) -> NDArray[np.bool_]:
    """(H, W) bool: the pixels of a frame on which no drawing of an outline lies."""
    found = np.ones((height, width), np.bool_)
    for outline in outlines:
        place = footprint(outline, width, height)
        if place is not None:
            found[place.window] &= place.index < 0
    return found


@dataclass(slots=True)
class PictureDifference:
    """Difference of pictures, summed over frames in bounded memory.

    PSNR is over the R, G and B of all counted pixels. Frames in yuv420p are converted as players show them:
    BT.601, limited range, chroma of a pixel from its own sample.

    Attributes:
        frames: frames compared.
        pixels: pixels counted.
    """

    frames: int = 0
    pixels: int = 0
    _squares: int = 0
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_CLASSES, np.int64))

    def add(self, one: Frame, other: Frame, counted: NDArray[np.bool_] | None = None) -> None:
        """Add a pair of frames.

        Args:
            one: a frame.
            other: the same frame of the other clip.
            counted: (H, W) bool, the pixels that count; None for all.

        Raises:
            FrameError: layout, size or mask differ.
        """
        if one.planes.shape != other.planes.shape or one.layout != other.layout:
            raise FrameError(
                "frames of different shape cannot be compared",
                found=f"{one.layout} {one.planes.shape} and {other.layout} {other.planes.shape}",
            )
        if counted is not None and counted.shape != (one.height, one.width):
            raise FrameError(
                "the mask has another size than the frames",
                found=str(counted.shape),
                bound=str((one.height, one.width)),
            )
        first, second = (to_rgb(frame.planes, frame.layout).reshape(-1, 3) for frame in (one, other))
        if counted is not None:
            first, second = first[counted.reshape(-1)], second[counted.reshape(-1)]
        self.frames += 1
        self.pixels += len(first)
        change = first.astype(np.int32) - second
        self._squares += int(np.sum(change * change, dtype=np.int64))
        step = max(1, math.ceil(len(first) / COLOUR_SAMPLES))
        differences = ciede2000(rgb_to_lab(first[::step]), rgb_to_lab(second[::step]))
        classes = np.minimum(np.round(differences / _STEP_DE), _CLASSES - 1).astype(np.int64)
        # A sample stands for all pixels up to the next one.
        self._counts += step * np.bincount(classes, minlength=_CLASSES)

    @property
    def psnr_db(self) -> float | None:
        """PSNR over R, G and B in dB; infinite for equal pictures, None if no pixel was counted."""
        if not self.pixels:
            return None
        if not self._squares:
            return math.inf
        return 10 * math.log10(_PEAK**2 * 3 * self.pixels / self._squares)

    @property
    def median_de(self) -> float | None:
        """Median of CIEDE2000 over the pixels, to 0.01; None if no pixel was counted."""
        if not self.pixels:
            return None
        reached = np.cumsum(self._counts)
        return round(int(np.searchsorted(reached, (reached[-1] + 1) // 2)) * _STEP_DE, 2)
