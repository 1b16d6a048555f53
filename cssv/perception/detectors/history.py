"""What became of the blobs of the frames before: how long they stayed, and whether anything moves in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.overlap import overlaps
from cssv.perception.detections import F64

#: Boxes that overlap by more than this are of one object.
CONTINUED = 0.2
#: A blob this old in which a smaller share of the pixels differs from half a second ago, averaged over the
#: time constant, is a ghost: what stood there when the background was learned has gone.
GHOST_AGE_S = 1.0
GHOST_STIR = 0.05
STIR_S = 3.0


class History:
    """Follows boxes from frame to frame by their overlap.

    Attributes:
        persistence: (n,) of the boxes given last: 0 where there was none before, towards 1 as they stay.
    """

    def __init__(self) -> None:
        self.persistence: F64 = np.empty(0)
        self._boxes_px: F64 = np.empty((0, 4))
        self._age_s: F64 = np.empty(0)
        self._stir: F64 = np.empty(0)

    def add(self, boxes_px: F64, stirred: F64, step_s: float) -> NDArray[np.bool_]:
        """Take in the boxes of the next frame; True for those that are ghosts.

        Args:
            boxes_px: (n, 4) x, y, w, h.
            stirred: (n,) share of each box's moving pixels that differ from half a second ago.
            step_s: seconds since the frame before.
        """
        count = len(boxes_px)
        persistence, age_s, stir = np.zeros(count), np.zeros(count), np.full(count, np.nan)
        if count and len(self._boxes_px):
            shared = overlaps(boxes_px, self._boxes_px)
            nearest = shared.argmax(axis=1)
            stayed = shared[np.arange(count), nearest] > CONTINUED
            persistence = stayed * (0.5 + 0.5 * self.persistence[nearest])
            # Of two that were one, the history goes to the one more like it.
            heir = stayed & (shared.argmax(axis=0)[nearest] == np.arange(count))
            age_s = heir * (self._age_s[nearest] + step_s)
            stir = np.where(heir, self._stir[nearest], np.nan)
        keep = np.exp(-step_s / STIR_S)
        averaged = np.where(np.isnan(stir), stirred, keep * stir + (1 - keep) * stirred)
        self._stir = np.where(age_s >= GHOST_AGE_S, averaged, np.nan)
        self._boxes_px, self.persistence, self._age_s = boxes_px, persistence, age_s
        return np.asarray(self._stir < GHOST_STIR)


def shares(part: U8, whole: U8, boxes_px: F64) -> F64:
    """(n,) share of the pixels of ``whole`` within each box that ``part`` has, too."""
    counted = []
    for x, y, w, h in boxes_px.astype(int).tolist():
        inside = slice(max(y, 0), y + h), slice(max(x, 0), x + w)
        both = np.count_nonzero(part[inside] & whole[inside])
        counted.append(both / max(int(np.count_nonzero(whole[inside])), 1))
    return np.array(counted, dtype=np.float64)
