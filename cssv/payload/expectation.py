"""What the first value of a curve is expected to be, from what the window holds already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.payload.channels import BOX, VELOCITIES
from cssv.payload.goals import Goals

I64 = NDArray[np.int64]
#: An object without a neighbour is expected to have this width for its height: that of a standing person.
_WIDTH, _HEIGHT = 2, 5


class Expectation:
    """The facts and the first and last values of the segments so far.

    The size of an object is expected from the segment whose foot is nearest: objects at the same place on the
    ground have about the same size. An attribute is expected to be that of the segment before. A segment that
    continues the track before it is expected to begin with the last values of that one.
    """

    def __init__(self) -> None:
        self.track, self.reach, self.has_outline = 0, 0, 2
        self.flags: dict[str, int] = {}
        self.goals = Goals()
        self._is_first, self._continues = True, False
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._sizes: list[tuple[int, int, int]] = []

    @property
    def track_model(self) -> str:
        """The model of the next track, counted from the one before."""
        return "track.first" if self._is_first else "track"

    def begin(self, track: int) -> None:
        """Begin a segment of a track."""
        self._continues = track == self.track and not self._is_first
        self.track, self._is_first = track, False

    def of(self, channel: str) -> int:
        """The expected first value of a channel of the present segment, in its units."""
        if channel in VELOCITIES:
            return 0
        if self._continues:
            return self._last.get(channel, 0)
        if channel == "height":
            return self._neighbour()[1]
        if channel == "width":
            _, height, width = self._neighbour()
            if height < 1:
                height, width = _HEIGHT, _WIDTH
            return self._first["height"] * width // height
        return 0 if channel in BOX else self._first.get(channel, 0)

    def note(self, channel: str, values: I64) -> None:
        """Note the values of a channel; a segment's channels come in the order of the segment."""
        self._first[channel], self._last[channel] = int(values[0]), int(values[-1])
        if channel == "width":
            self._sizes.append((self._first["foot"], self._first["height"], self._first["width"]))

    def _neighbour(self) -> tuple[int, int, int]:
        """Foot, height and width of the segment with the nearest foot; the earliest of equally near ones."""
        foot = self._first["foot"]
        if not self._sizes:
            return foot, 0, 0
        return min(self._sizes, key=lambda size: abs(size[0] - foot))
