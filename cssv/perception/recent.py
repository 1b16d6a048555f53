"""Noise estimate of a stream, updated from the boxes of the last half minute."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64, I64
from cssv.perception.noise import estimate_noise
from cssv.perception.smoothing import Noise, Tracklet, spread

#: Boxes older than this many seconds are removed ...
MEMORY_S = 30.0
#: ... and so are the oldest frames if there are more boxes than this.
MEMORY_BOXES = 10_000
#: Time in seconds after which the estimate is computed again.
RENEWAL_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The boxes of one frame that belong to known objects."""

    time_s: float
    ids: I64
    centres_px: F64


class RecentNoise:
    """Noise estimate for the typical object of a stream, from its recent boxes."""

    def __init__(self) -> None:
        self._frames: deque[_Seen] = deque()
        self._boxes = 0
        self._renewed_s: float | None = None
        self._noise = Noise()

    def add(self, time_s: float, ids: I64, centres_px: F64) -> None:
        """Add the boxes of the next frame: ids (n,) and centre x, centre y, w, h (n, 4)."""
        # Both bounds are needed: crowded scenes reach the number of boxes long before the time.
        self._frames.append(_Seen(time_s, ids, centres_px))
        self._boxes += len(ids)
        # The newest frame always stays, because alone it can have more boxes than the bound.
        while len(self._frames) > 1 and (
            self._boxes > MEMORY_BOXES or self._frames[0].time_s < time_s - MEMORY_S
        ):
            self._boxes -= len(self._frames.popleft().ids)

    def noise(self) -> Noise:
        """Return the current estimate; the defaults while there are too few boxes."""
        if not self._frames:
            return self._noise
        now = self._frames[-1].time_s
        # The estimate changes slowly and is expensive, so it is not computed for each frame.
        if self._renewed_s is None or now >= self._renewed_s + RENEWAL_S:
            self._renewed_s, self._noise = now, estimate_noise(self._tracklets())
        return self._noise

    def _tracklets(self) -> list[Tracklet]:
        """Build one tracklet per id from the stored boxes."""
        times = np.array([frame.time_s for frame in self._frames])
        steps = np.repeat(np.arange(len(times)), [len(frame.ids) for frame in self._frames])
        ids = np.concatenate([frame.ids for frame in self._frames])
        centres = np.concatenate([frame.centres_px for frame in self._frames])
        order = np.argsort(ids, kind="stable")
        found = []
        for rows in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1) if len(order) else ():
            span = slice(int(steps[rows[0]]), int(steps[rows[-1]]) + 1)
            numbers = np.arange(span.start, span.stop)
            at, known = steps[rows] - span.start, np.ones(len(rows))
            found.append(spread(int(ids[rows[0]]), "", numbers, times[span], at, centres[rows], known))
        return found
