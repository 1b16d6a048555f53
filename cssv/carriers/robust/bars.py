"""Bars at the sides of a received picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Largest difference of the pixels of a bar, in all its frames. A codec adds ripples beside the picture.
_EVEN = 10
#: Frames that are looked at.
_FRAMES = 8


def find_content(lumas: Sequence[U8]) -> tuple[int, int, int, int]:
    """Left, top, width, height of what is no bar; a picture that is even everywhere is whole.

    Args:
        lumas: frames of one size.
    """
    some = [lumas[i] for i in np.unique(np.linspace(0, len(lumas) - 1, _FRAMES).astype(int))]
    low, high = some[0].copy(), some[0].copy()
    for luma in some[1:]:
        np.minimum(low, luma, out=low)
        np.maximum(high, luma, out=high)
    top, bottom = _uneven(low.min(1), high.max(1))
    left, right = _uneven(low[top:bottom].min(0), high[top:bottom].max(0))
    return left, top, right - left, bottom - top


def _uneven(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> tuple[int, int]:
    """First line with a difference beyond _EVEN, and the one behind the last; all lines if there is none."""
    lines = np.flatnonzero(high.astype(int) - low > _EVEN)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, len(low))
