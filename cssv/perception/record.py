"""Growable arrays of structured rows, for the boxes and frames of a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A box: position of the frame in the clip, identity, id given by the detector, code of the label, centre x,
#: centre y, w and h, score, and velocity by optical flow with its standard deviation. Ids are -1 for none.
BOX = np.dtype(
    [
        ("step", np.int64),
        ("id", np.int64),
        ("given", np.int64),
        ("label", np.int64),
        ("centre_px", np.float64, (4,)),
        ("score", np.float64),
        ("flow_px_s", np.float64, (3,)),
    ]
)
#: Number and time of a frame.
FRAME = np.dtype([("number", np.int64), ("time_s", np.float64)])

#: A camera motion: position of the frame in the clip, and the transform from the previous frame.
MOVE = np.dtype([("step", np.int64), ("A", np.float64, (2, 3))])

_FIRST_ROWS = 64


class Record:
    """Growable array of rows of one structured dtype; its capacity doubles when it is full."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._rows = np.empty(_FIRST_ROWS, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, count: int) -> NDArray[Any]:
        """Add ``count`` rows and return a view of them; the caller fills it."""
        first, self._count = self._count, self._count + count
        if self._count > len(self._rows):
            # Doubling keeps the mean cost of a row constant.
            grown = np.empty(max(self._count, 2 * len(self._rows)), self._rows.dtype)
            grown[:first] = self._rows[:first]
            self._rows = grown
        return self._rows[first : self._count]

    @property
    def rows(self) -> NDArray[Any]:
        """View of all rows, valid until the next call of :meth:`extend`."""
        return self._rows[: self._count]
