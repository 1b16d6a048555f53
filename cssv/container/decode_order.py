"""The order in which the frames of a track are decoded, where it is not the order in which they are shown.

Codecs with B-frames decode a frame before others that are shown earlier. The tables of an MP4 list samples in
the order of decoding; everything else in CSSV counts frames in that of presentation (SPEC.md, section 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ContainerError

U32s = NDArray[np.uint32]
I64s = NDArray[np.int64]


def read_order(times: I64s, shown: I64s) -> U32s | None:
    """The frame of each sample, in the order of decoding; None if that is the order of presentation.

    Args:
        times: (n,) int64, ascending: when each frame is shown.
        shown: (n,) int64: when each sample is shown, in the order of decoding.

    Raises:
        ContainerError: a sample is shown at no time of a frame, or two are shown at the same time.
    """
    if np.array_equal(times, shown):
        return None
    order = np.searchsorted(times, shown)
    known = np.append(times, -1)[order] == shown
    if not known.all():
        at = int(np.argmin(known))
        raise ContainerError("ctts shows a sample when no frame begins", found=f"sample {at}")
    counts = np.bincount(order, minlength=len(times))
    if (counts != 1).any():
        raise ContainerError("ctts shows two samples at once", found=f"frame {int(np.argmax(counts))}")
    return order.astype(np.uint32)


def check_groups(order: U32s, syncs: U32s | None) -> None:
    """Raise ContainerError unless the groups of pictures are closed.

    Each group then has the same frames in both orders, and begins with its key frame in both.

    Args:
        order: (n,) uint32, the frame of each sample, in the order of decoding.
        syncs: samples at which decoding can start, counted from 1; None for all.
    """
    keys = np.arange(len(order)) if syncs is None else syncs.astype(np.int64) - 1
    # Where the samples before each key are the frames before it, no frame is decoded outside its group.
    is_open = (order[keys] != keys) | ((keys > 0) & ~_ends_prefix(order)[keys - 1])
    if is_open.any():
        raise ContainerError(
            "a group of pictures is not closed: frames around its key frame are decoded out of order",
            found=f"key frame at sample {int(keys[np.argmax(is_open)])}",
        )


def _ends_prefix(order: U32s) -> NDArray[np.bool_]:
    """(n,) whether the samples up to this one are the frames up to this number."""
    return np.asarray(np.maximum.accumulate(order) == np.arange(len(order)))


def breaks_of(order: U32s | None, count: int) -> I64s:
    """Ascending numbers, 0 to ``count``: with so many samples, the same number of frames is decoded.

    Frames before such a number do not depend on those behind it.
    """
    if order is None:
        return np.arange(count + 1)
    return np.concatenate((np.zeros(1, np.int64), np.flatnonzero(_ends_prefix(order)) + 1))


def composition_offsets(order: U32s, times: I64s) -> I64s:
    """(n,) int64: from the time of decoding of each sample to that of its frame, in the order of decoding.

    Sample i is decoded at the time of frame i, and everything is shown later by the least time with which no
    offset is negative. That is the offset of the first sample.
    """
    ahead = times[order] - times
    return np.asarray(ahead - min(int(ahead.min(initial=0)), 0))


def to_frames(column: NDArray[Any], order: U32s | None) -> NDArray[Any]:
    """A column with one value a sample, in the order of decoding, put in the order of frames."""
    if order is None:
        return column
    found = np.empty_like(column)
    found[order] = column
    return found
