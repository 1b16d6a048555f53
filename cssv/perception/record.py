"""What a clip's frames held, packed: rows of numbers that are appended and never moved one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A box that belongs to an object: the frame's position in the clip, the object's id, centre x, centre y, w
#: and h, score, and the velocity that optical flow saw with its standard deviation.
BOX = np.dtype(
    [
        ("step", np.int64),
        ("id", np.int64),
        ("centre_px", np.float64, (4,)),
        ("score", np.float64),
        ("flow_px_s", np.float64, (3,)),
    ]
)
#: A frame.
FRAME = np.dtype([("number", np.int64), ("time_s", np.float64)])

_FIRST_ROWS = 64


class Record:
    """Rows of one structured dtype in one block of memory, which doubles when it is full."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._rows = np.empty(_FIRST_ROWS, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, count: int) -> NDArray[Any]:
        """Add ``count`` rows, to be filled by the caller."""
        first, self._count = self._count, self._count + count
        if self._count > len(self._rows):
            grown = np.empty(max(self._count, 2 * len(self._rows)), self._rows.dtype)
            grown[:first] = self._rows[:first]
            self._rows = grown
        return self._rows[first : self._count]

    @property
    def rows(self) -> NDArray[Any]:
        """All rows, as a view that holds until the next one is added."""
        return self._rows[: self._count]
