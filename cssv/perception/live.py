"""Tracks of a stream with a fixed lag: every frame comes back some time later with its objects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from cssv.errors import OptionError
from cssv.ground import Plane
from cssv.perception.adaptation import adapted
from cssv.perception.clip import FEWEST_BOXES
from cssv.perception.detections import F64, UNKNOWN_ID, Detections, to_centres
from cssv.perception.metres import by_jacobian
from cssv.perception.smoothing import Noise, State, Tracklet, final_states, smooth, spread
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import FrameStates, Track, Tracks

#: Frames wait this long for their future, in seconds.
LAG_S = 1.0
#: Bounds of the lag.
LAG_RANGE_S = (0.0, 60.0)
#: Frames are smoothed together in groups spanning this share of the lag, which makes a frame cheap.
_HOP_SHARE = 0.25


@dataclass(slots=True)
class _Object:
    """One object's detections within the window, and what the frames before the window said of it."""

    label: str
    count: int = 0
    steps: list[int] = field(default_factory=list)
    centres_px: list[F64] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    start: State | None = None
    scales: F64 | None = None


class LiveTracker:
    """Detections go in frame by frame; each frame's objects come out once ``lag_s`` of its future is known.

    Memory is bounded by the lag: objects that have left are dropped.

    Args:
        lag_s: see :data:`LAG_S`; 0 gives every frame back at once, without future.
        tracker: follows the objects; a new :class:`Tracker` by default.
        noise: of the typical object and its detections; the defaults unless given. An object takes a multiple
            of it when the window, the lag and the frames emitted together, is better foretold by that.
        plane: the ground of the pictures; with it, objects have velocities in metres per second too: those in
            the picture, taken to the ground frame by frame.

    Raises:
        OptionError: the lag is outside :data:`LAG_RANGE_S`.
    """

    def __init__(
        self,
        *,
        lag_s: float = LAG_S,
        tracker: Tracker | None = None,
        noise: Noise | None = None,
        plane: Plane | None = None,
    ) -> None:
        low, high = LAG_RANGE_S
        if not low <= lag_s <= high:
            raise OptionError("lag is out of range", found=lag_s, bound=f"{low} to {high} s")
        self.lag_s = lag_s
        self._tracker = Tracker() if tracker is None else tracker
        self._noise = Noise() if noise is None else noise
        self._plane = plane
        self._numbers: list[int] = []
        self._times_s: list[float] = []
        self._objects: dict[int, _Object] = {}

    def update(self, number: int, time_s: Fraction | float, detections: Detections) -> list[FrameStates]:
        """Take in frame ``number``; returns the frames that are ready, in order, often none.

        Raises:
            InputError: time does not rise.
        """
        ids = self._tracker.update(time_s, detections)
        step = len(self._numbers)
        self._numbers.append(number)
        self._times_s.append(float(time_s))
        centres = to_centres(detections.boxes_px)
        for k in np.flatnonzero(ids != UNKNOWN_ID).tolist():
            seen = self._objects.setdefault(int(ids[k]), _Object(detections.labels[k]))
            # A given id is believed at once; others must be seen a few times.
            seen.count += FEWEST_BOXES if detections.ids[k] >= 0 else 1
            seen.steps.append(step)
            seen.centres_px.append(centres[k])
            seen.scores.append(float(detections.scores[k]))
        ready = int(np.searchsorted(self._times_s, self._times_s[-1] - self.lag_s, side="right"))
        hop_s = self._times_s[ready - 1] - self._times_s[0] if ready else 0.0
        if ready == 0 or hop_s < _HOP_SHARE * self.lag_s - 1e-9:
            return []
        return self._emit(ready)

    def finish(self) -> list[FrameStates]:
        """Give the frames still waiting, at the end of the stream."""
        return self._emit(len(self._numbers))

    def _emit(self, ready: int) -> list[FrameStates]:
        confirmed = {
            k: seen for k, seen in self._objects.items() if seen.steps and seen.count >= FEWEST_BOXES
        }
        window = adapted([self._tracklet(k, seen) for k, seen in confirmed.items()], self._noise)
        for tracklet in window:
            self._objects[tracklet.id].scales = tracklet.scales
        tracks = Tracks([self._standing(track) for track in smooth(window, self._noise)])
        states = [tracks.at(number) for number in self._numbers[:ready]]
        self._drop(ready)
        return states

    def _standing(self, track: Track) -> Track:
        return track if self._plane is None else by_jacobian(track, self._plane)

    def _tracklet(self, identity: int, seen: _Object, stop: int | None = None) -> Tracklet:
        """Gather the detections in the window's frames before ``stop``."""
        at = np.array([step for step in seen.steps if stop is None or step < stop], dtype=np.int64)
        first = 0 if seen.start is not None else int(at[0])
        span = slice(first, int(at[-1]) + 1)
        numbers, times = np.array(self._numbers[span], dtype=np.int64), np.array(self._times_s[span])
        centres, scores = np.array(seen.centres_px[: len(at)]), np.array(seen.scores[: len(at)])
        at -= first
        whole = spread(identity, seen.label, numbers, times, at, centres, scores, start=seen.start)
        return replace(whole, scales=seen.scales)

    def _drop(self, ready: int) -> None:
        """Forget the first ``ready`` frames, but for what they say of each object's state."""
        leaving = {k: seen for k, seen in self._objects.items() if seen.steps and seen.steps[0] < ready}
        ends = final_states([self._tracklet(k, seen, ready) for k, seen in leaving.items()], self._noise)
        for seen, state in zip(leaving.values(), ends, strict=True):
            seen.start = state
            gone = sum(step < ready for step in seen.steps)
            del seen.steps[:gone], seen.centres_px[:gone], seen.scores[:gone]
        for seen in self._objects.values():
            seen.steps = [step - ready for step in seen.steps]
        alive = set(self._tracker.alive.tolist())
        self._objects = {k: seen for k, seen in self._objects.items() if seen.steps or k in alive}
        del self._numbers[:ready], self._times_s[:ready]
