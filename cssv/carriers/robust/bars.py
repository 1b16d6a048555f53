"""Bars at the sides of a received picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Largest difference of the pixels of a bar, in all its frames.
_EVEN = 10
#: Codecs add ripples to a bar, on so many lines beside the picture. The first line of the picture has a
#: larger range than the last one of the ripples, by this factor.
_RIPPLES, _JUMP = 6, 1.8
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
    """First line of the picture, and the one behind the last; all lines if there is none."""
    ranges = high.astype(np.int64) - low
    lines = np.flatnonzero(ranges > _EVEN)
    if not len(lines):
        return 0, len(low)
    first, last = int(lines[0]), int(lines[-1]) + 1
    return first + _ripples(ranges[first:last], first), last - _ripples(
        ranges[first:last][::-1], len(low) - last
    )


def _ripples(ranges: NDArray[np.int64], bar: int) -> int:
    """Number of lines at the beginning that belong to a bar of so many lines."""
    beside = ranges[: _RIPPLES + 1]
    if not bar or len(beside) < 2:
        return 0
    jumps = beside[1:] / np.maximum(beside[:-1], _EVEN)
    most = int(jumps.argmax())
    return most + 1 if jumps[most] >= _JUMP else 0
