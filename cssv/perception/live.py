"""Fixed-lag tracking of a stream: the objects of each frame are returned after a constant delay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from cssv.boxes import ANY_OBJECT, F64, UNKNOWN_ID, to_centres
from cssv.errors import OptionError
from cssv.perception.adaptation import ScaleBank, adapted, advanced
from cssv.perception.camera import CameraMotion
from cssv.perception.completion import complete, until
from cssv.perception.cut_boxes import Size, cut_sides
from cssv.perception.detections import Detections
from cssv.perception.disturbances import Disturbances
from cssv.perception.evidence import evidence
from cssv.perception.flow import Flow
from cssv.perception.given_boxes import BoxesAre, TruthDecision
from cssv.perception.ground_velocity import LiveMetres
from cssv.perception.labels import LabelVotes
from cssv.perception.left_out import LeftOut
from cssv.perception.output_ids import OutputIds
from cssv.perception.recent import RecentNoise
from cssv.perception.selection import (
    EVIDENCE_QUANTILE,
    LEAST_EVIDENCE,
    STEADY_SCORE,
    fewest_boxes,
    is_steady,
)
from cssv.perception.smoothing import FLOW_BOXES, HEIGHT_WINDOW_S, Noise, Tracklet, as_truth, smooth, spread
from cssv.perception.stillness import Place
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import FrameStates, Track, Tracks
from cssv.scene.ground import Plane

#: Delay of the results in seconds; the smoother uses the frames within it.
LAG_S = 1.0
#: Bounds of the lag.
LAG_RANGE_S = (0.0, 60.0)
#: Ids that a note lists.
MOST_LISTED = 20
#: Frames are smoothed in groups that span this share of the lag, which reduces the cost per frame.
_HOP_SHARE = 0.25


def check_lag(lag_s: float) -> None:
    """Raise OptionError unless a lag lies in :data:`LAG_RANGE_S`."""
    low, high = LAG_RANGE_S
    if not low <= lag_s <= high:
        raise OptionError("lag is out of range", found=lag_s, bound=f"{low} to {high} s")


@dataclass(slots=True)
class _Object:
    """The detections of one object in the window, and its state from the frames before the window."""

    label: str = ANY_OBJECT
    labels: LabelVotes = field(default_factory=LabelVotes)
    given: int | None = None
    sure: int = 0
    scored: int = 0
    first_frame: int = 0
    first_s: float = 0.0
    is_weak: bool = False
    is_still: bool = False
    lowest: float = 1.0
    highest: float = 0.0
    is_confirmed: bool = False
    boxes: int = 0
    steps: list[int] = field(default_factory=list)
    centres_px: list[F64] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    flow_px_s: list[F64] = field(default_factory=list)
    heights_px: list[float] = field(default_factory=list)
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    bank: ScaleBank | None = None
    last_height_px: float = 0.0
    disturbances: Disturbances | None = None
    place: Place | None = None

    def add(self, step: int, time_s: float, centre_px: F64, score: float, flow_px_s: F64) -> None:
        """Append a detection of the frame at position ``step`` of the window."""
        self.boxes += 1
        self.steps.append(step)
        self.centres_px.append(centre_px)
        self.scores.append(score)
        self.lowest, self.highest = min(self.lowest, score), max(self.highest, score)
        self.flow_px_s.append(flow_px_s)
        # Heights of past boxes only, as in local_heights, so that stream and clip give the same numbers.
        self.recent.append((time_s, float(centre_px[3])))
        while self.recent[0][0] <= time_s - HEIGHT_WINDOW_S:
            self.recent.popleft()
        self.heights_px.append(sum(height for _, height in self.recent) / len(self.recent))

    def store_findings(self, tracklet: Tracklet) -> None:
        """Store the disturbances and the checked flow of this object, found in the current window."""
        self.disturbances = tracklet.disturbances
        if tracklet.flow_px_s is not None:
            # With a scale bank the tracklet starts at the window's first frame, otherwise at the first box.
            first = 0 if self.bank is not None else self.steps[0]
            self.flow_px_s = list(tracklet.flow_px_s[np.array(self.steps) - first])

    def put(self, centre_px: F64, number: int, *, only_moving: bool) -> None:
        """Add a box to the place of the object; other detectors' boxes show objects that may stand still."""
        if not only_moving:
            self.place = None
        if self.place is not None and not self.is_confirmed:
            self.place.add(centre_px[None], np.array([number]))

    def confirm(self, fewest: int, frame: int, time_s: float, *, is_given: bool, is_sure: bool) -> None:
        """Count the newest detection, in frame ``frame`` of the stream; it stays confirmed once it is."""
        # The tests of is_certain as counts, because the scores before the window are gone.
        self.sure += is_sure
        self.scored += self.scores[-1] >= STEADY_SCORE
        is_certain = self.sure >= (1 - EVIDENCE_QUANTILE) * self.boxes
        is_certain |= is_steady(self.boxes, self.scored, frame - self.first_frame + 1, time_s - self.first_s)
        # An object that stands for a while is confirmed as soon as it moves.
        enough = self.boxes >= fewest and is_certain and (self.place is None or self.place.was_left)
        self.is_weak = self.boxes >= fewest and not is_certain
        # Frames already returned cannot be changed, so a confirmed object is never withdrawn.
        self.is_confirmed |= is_given or enough
        self.is_still = self.boxes >= fewest and is_certain and not self.is_confirmed

    def forget(self, ready: int) -> None:
        """Remove the detections of the first ``ready`` frames of the window."""
        gone = sum(step < ready for step in self.steps)
        # The next window may start with frames without a detection, which still need a height.
        if gone:
            self.last_height_px = self.heights_px[gone - 1]
        for rows in (self.steps, self.centres_px, self.scores, self.flow_px_s, self.heights_px):
            del rows[:gone]
        self.steps = [step - ready for step in self.steps]


class LiveTracker:
    """Fixed-lag tracker: it returns the objects of a frame after ``lag_s`` seconds of later frames.

    With the same noise, the numbers equal those of the offline smoother over all frames up to the newest one,
    which is ahead by the lag or a little more. For this, each object keeps its filter state before the window
    under each scale of its noise. Disturbances are detected within the window only.

    Memory use is bounded by the lag, because dropped objects are removed, and by the boxes stored for the
    noise estimate (:class:`~cssv.perception.recent.RecentNoise`).

    Args:
        lag_s: see :data:`LAG_S`; 0 returns each frame at once, without future frames.
        tracker: assigns the identities; a new :class:`Tracker` by default.
        noise: noise of the typical object and its detections; by default estimated from the last half minute.
            An object uses a multiple of it if that predicts its frames so far better.
        plane: ground plane of the pictures; with it, objects have velocities in metres per second too.
        size: width and height of the picture; None if they are not known, then no box counts as cut by the
            edge of the picture.
        boxes_are: what boxes with ids are: ``"truth"``, kept as given, or ``"detections"``; None decides by
            their scores (:class:`~cssv.perception.given_boxes.TruthDecision`).

    Raises:
        OptionError: ``boxes_are`` is unknown, or the lag is outside :data:`LAG_RANGE_S`.
    """

    def __init__(
        self,
        *,
        lag_s: float = LAG_S,
        tracker: Tracker | None = None,
        noise: Noise | None = None,
        plane: Plane | None = None,
        size: Size | None = None,
        boxes_are: BoxesAre | None = None,
    ) -> None:
        self._truth = TruthDecision(boxes_are)
        check_lag(lag_s)
        self.lag_s = lag_s
        self._tracker = Tracker(size=size) if tracker is None else tracker
        self._noise = noise
        self._size = size
        # Of detections and of the truth.
        self._recent = (RecentNoise(), RecentNoise())
        self._metres = None if plane is None else LiveMetres(plane)
        self._numbers: list[int] = []
        self._times_s: list[float] = []
        self._time_s: float | None = None
        self._count = 0
        self._objects: dict[int, _Object] = {}
        self._ids = OutputIds()
        self._left_out = LeftOut()
        self._renamed: dict[int, int] = {}
        self._window = Tracks()

    @property
    def window(self) -> Tracks:
        """The tracks at the last time that frames were finished: in these frames and all later ones."""
        return self._window

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out so far because of its scores, as sentences."""
        return self._left_out.notes

    @property
    def given_notes(self) -> tuple[str, ...]:
        """What boxes with ids are taken for, if they are kept as given so far, and ids that were in use."""
        if not self._renamed:
            return self._truth.notes
        listed = ", ".join(f"{given} is {own}" for given, own in self._renamed.items())
        return (*self._truth.notes, f"ids that objects without an id had before: {listed}")

    def update(
        self,
        number: int,
        time_s: Fraction | float,
        detections: Detections,
        flow: Flow | None = None,
        *,
        only_moving: bool = False,
    ) -> list[FrameStates]:
        """Add frame ``number`` and return the finished frames in order; often there are none.

        Args:
            number: frame number.
            time_s: presentation time, later than that of the previous frame.
            detections: the detections of the frame.
            flow: optical flow since the previous frame; None without a picture.
            only_moving: the detections are of moving objects, so that an object of this frame is returned
                only after it has moved.

        Raises:
            InputError: the time is not later than that of the previous frame.
        """
        self._truth.learn(number, detections)
        camera = None if flow is None else flow.camera()
        ids = self._tracker.update(time_s, detections, camera)
        if camera is not None:
            self._follow(camera)
        step, now = len(self._numbers), float(time_s)
        before, self._time_s = self._time_s, now
        self._numbers.append(number)
        self._times_s.append(now)
        centres = to_centres(detections.boxes_px)
        known, worth = np.flatnonzero(ids != UNKNOWN_ID), evidence(detections.scores)
        self._left_out.add_boxes(self._tracker.uncertain(detections.scores[ids == UNKNOWN_ID]))
        fewest = fewest_boxes(0.0 if before is None else now - before)
        sure = worth >= LEAST_EVIDENCE * self._tracker.scale.typical
        for k in known.tolist():
            seen = self._objects.get(int(ids[k]))
            if seen is None:
                place = Place() if only_moving else None
                seen = _Object(first_frame=self._count, first_s=now, place=place)
                self._objects[int(ids[k])] = seen
            seen.put(centres[k], number, only_moving=only_moving)
            seen.labels.add(detections.labels[k], float(worth[k]))
            # Frames already returned keep their label, so a label that changes to and fro would be visible.
            seen.label = seen.labels.settled(seen.label)
            moved = np.full(3, np.nan)
            # Flow is expensive, and later boxes determine the velocity well enough without it.
            if flow is not None and before is not None and seen.boxes < FLOW_BOXES:
                moved = flow.of_boxes(detections.boxes_px[k : k + 1])[0] / (now - before)
            seen.add(step, now, centres[k], float(detections.scores[k]), moved)
            # A given id confirms an object at once; others need several boxes with high evidence.
            if detections.ids[k] >= 0:
                seen.given = int(detections.ids[k])
            is_given = seen.given is not None
            seen.confirm(fewest, self._count, now, is_given=is_given, is_sure=bool(sure[k]))
        self._count += 1
        if self._noise is None:
            # The boxes that the edge cuts are no measure of the detector's errors.
            if self._size is not None:
                known = known[~cut_sides(detections.boxes_px[known], self._size).any(axis=1)]
            is_truth = (detections.ids[known] >= 0) & self._truth.is_truth
            for recent, own in zip(self._recent, (known[~is_truth], known[is_truth]), strict=True):
                recent.add(now, ids[own], centres[own])
        ready = int(np.searchsorted(self._times_s, self._times_s[-1] - self.lag_s, side="right"))
        # The tolerance covers the rounding of frame times, which would delay a group by one frame.
        hop_s = self._times_s[ready - 1] - self._times_s[0] if ready else 0.0
        if ready == 0 or hop_s < _HOP_SHARE * self.lag_s - 1e-9:
            return []
        return self._emit(ready)

    def _follow(self, camera: CameraMotion) -> None:
        """Move the places of the objects with the picture."""
        for seen in self._objects.values():
            if seen.place is not None and not seen.is_confirmed:
                seen.place.follow(camera)

    def finish(self) -> list[FrameStates]:
        """Return the remaining frames at the end of the stream."""
        states = self._emit(len(self._numbers))
        self._keep(set())
        return states

    def _emit(self, ready: int) -> list[FrameStates]:
        """Smooth the window, return its first ``ready`` frames and remove them."""
        confirmed = {k for k, seen in self._objects.items() if seen.steps and seen.is_confirmed}
        banks = {k: seen.bank for k, seen in self._objects.items() if seen.bank is not None}
        # Of objects without a box in the window, only those at the edge have more than a state to keep.
        tracklets = [
            self._tracklet(k, seen, None if seen.steps else len(self._numbers))
            for k, seen in self._objects.items()
            if seen.steps or (self._numbers and seen.bank is not None and seen.bank.cut.signs.any())
        ]
        found: list[Track] = []
        cut: dict[int, Tracklet] = {}
        for own, noise in self._with_noise(tracklets):
            inside, banks = complete(own, noise, self._size, banks)
            cut |= {tracklet.id: tracklet for tracklet in inside if tracklet.cut}
            window = adapted([t for t in inside if t.id in confirmed], noise, banks)
            for tracklet in window:
                self._objects[tracklet.id].store_findings(tracklet)
            smoothed = smooth(window, noise)
            if self._metres is not None and ready:
                smoothed = self._metres.standing(smoothed, window, noise, self._times_s[ready - 1])
            found += smoothed
        found.sort(key=lambda track: track.id)
        self._window = tracks = Tracks([self._numbered(track) for track in found])
        states = [tracks.in_frame(number) for number in self._numbers[:ready]]
        self._drop(ready, banks, cut)
        return states

    def _numbered(self, track: Track) -> Track:
        """The track with the id for the output."""
        given = self._objects[track.id].given
        own = self._ids.of(track.id, given)
        # What was returned under that id cannot be changed any more.
        if given is not None and own != given and len(self._renamed) < MOST_LISTED:
            self._renamed[given] = own
        return replace(track, id=own)

    def _with_noise(self, tracklets: Sequence[Tracklet]) -> Iterator[tuple[list[Tracklet], Noise]]:
        """Split tracklets into detections and the truth, each with its noise."""
        for is_truth, recent in enumerate(self._recent):
            noise = recent.noise() if self._noise is None else self._noise
            if not is_truth:
                self._tracker.set_noise(noise)
            yield [tracklet for tracklet in tracklets if tracklet.is_truth == is_truth], noise

    def _tracklet(self, identity: int, seen: _Object, stop: int | None = None) -> Tracklet:
        """Build the tracklet of an object: up to its last detection, or over all frames before ``stop``."""
        count = len(seen.steps) if stop is None else sum(step < stop for step in seen.steps)
        at = np.array(seen.steps[:count], dtype=np.int64)
        # A bank holds the state before the window, so the filter must cover the gap from there.
        first = 0 if seen.bank is not None else int(at[0])
        span = slice(first, int(at[-1]) + 1 if stop is None else stop)
        numbers, times = np.array(self._numbers[span], dtype=np.int64), np.array(self._times_s[span])
        centres, scores, flow = (
            np.array(rows[:count], dtype=np.float64).reshape(count, *shape)
            for rows, shape in ((seen.centres_px, (4,)), (seen.scores, ()), (seen.flow_px_s, (3,)))
        )
        at -= first
        whole = spread(identity, seen.label, numbers, times, at, centres, scores, flow_px_s=flow)
        heights = np.array([seen.last_height_px, *seen.heights_px[:count]])
        last = np.searchsorted(at, np.arange(len(numbers)), side="right")
        whole = replace(whole, heights_px=heights[last])
        return as_truth(whole) if seen.given is not None and self._truth.is_truth else whole

    def _drop(self, ready: int, banks: dict[int, ScaleBank], cut: dict[int, Tracklet]) -> None:
        """Remove the first ``ready`` frames after updating the scale banks of the objects with them.

        ``cut`` holds the completed tracklets of the objects that the edge cuts.
        """
        leaving = {
            k: seen
            for k, seen in self._objects.items()
            if ready and (seen.bank is not None or (seen.steps and seen.steps[0] < ready))
        }
        gone = []
        for k, seen in leaving.items():
            tracklet = self._tracklet(k, seen, ready)
            if k in cut:
                tracklet = until(cut[k], tracklet)
            # Without the disturbances found here, a false box would distort the state that is kept.
            wrong = seen.disturbances
            gone.append(replace(tracklet, disturbances=None if wrong is None else wrong.until(len(tracklet))))
        for own, noise in self._with_noise(gone):
            for k, bank in advanced(own, noise, banks).items():
                self._objects[k].bank = bank
        for seen in self._objects.values():
            seen.forget(ready)
            seen.disturbances = None
        # An object without boxes in the window can still be continued while the tracker holds it.
        self._keep(set(self._tracker.alive.tolist()))
        del self._numbers[:ready], self._times_s[:ready]

    def _keep(self, alive: set[int]) -> None:
        """Remove the objects without boxes in the window that are not ``alive``; count those left out."""
        gone = [k for k, seen in self._objects.items() if not seen.steps and k not in alive]
        for k in gone:
            seen = self._objects.pop(k)
            self._ids.forget(k)
            if seen.is_still:
                self._left_out.add_still(seen.boxes)
            elif seen.is_weak and not seen.is_confirmed:
                self._left_out.add_object(seen.boxes, seen.lowest, seen.highest)
