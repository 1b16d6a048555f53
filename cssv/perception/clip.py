"""A whole clip -> tracks: detect, associate, smooth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from cssv.frames import Frame
from cssv.ground import Plane
from cssv.perception.adaptation import adapted
from cssv.perception.detections import ANY_OBJECT, F64, I64, UNKNOWN_ID, Detections, to_centres
from cssv.perception.detectors import Detector, Finder, meter_of
from cssv.perception.detectors.boxes import BoxesDetector
from cssv.perception.evidence import evidence
from cssv.perception.flow import Flow
from cssv.perception.linking import link
from cssv.perception.metres import with_metres
from cssv.perception.noise import estimate_noise
from cssv.perception.scenery import Scenery
from cssv.perception.smoothing import Noise, Tracklet, seen_rows, smooth, spread
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import Tracks

#: Objects seen in fewer frames than this are taken for false alarms, unless their detections bring ids; ...
FEWEST_BOXES = 5
#: ... so are those of whose boxes hardly any has this share of the evidence that is typical of the clip. It
#: is the surest boxes that count: what stands half hidden is often seen with a low score.
LEAST_EVIDENCE = 0.78
#: Share of an object's boxes whose evidence is below the one that counts.
EVIDENCE_QUANTILE = 0.85
#: Optical flow is asked for the first boxes of an object; for longer tracks it adds nothing.
FLOW_BOXES = 20


class Clip:
    """Collects the detections of a clip frame by frame and turns them into tracks at its end.

    Memory: the boxes of all frames, packed, and how the camera moved.

    Args:
        tracker: follows the objects; a new :class:`Tracker` by default.
        fewest_boxes: see :data:`FEWEST_BOXES`.
    """

    def __init__(self, tracker: Tracker | None = None, *, fewest_boxes: int = FEWEST_BOXES) -> None:
        self._tracker = Tracker() if tracker is None else tracker
        self._fewest_boxes = fewest_boxes
        self._numbers: list[int] = []
        self._times_s: list[float] = []
        self._steps: list[I64] = []
        self._ids: list[I64] = []
        self._centres_px: list[F64] = []
        self._scores: list[F64] = []
        self._flows_px_s: list[F64] = []
        self._given: set[int] = set()
        self._labels: dict[int, Counter[str]] = {}
        self._seen: Counter[int] = Counter()
        self._scenery = Scenery()

    def add(
        self, number: int, time_s: Fraction | float, detections: Detections, flow: Flow | None = None
    ) -> None:
        """Take in the next frame.

        Args:
            number: of the frame.
            time_s: when it is shown, later than the one before.
            detections: what was seen.
            flow: of the picture since the frame before; None where there is no picture.

        Raises:
            InputError: time does not rise.
        """
        camera = None if flow is None else flow.camera()
        ids = self._tracker.update(time_s, detections, camera)
        self._scenery.add(float(time_s), camera)
        kept = ids != UNKNOWN_ID
        self._seen.update(ids[kept].tolist())
        self._flows_px_s.append(self._flow_of(ids[kept], detections.boxes_px[kept], float(time_s), flow))
        for k in np.flatnonzero(kept).tolist():
            self._labels.setdefault(int(ids[k]), Counter())[detections.labels[k]] += 1
        self._given.update(ids[kept & (detections.ids >= 0)].tolist())
        self._steps.append(np.full(int(kept.sum()), len(self._numbers)))
        self._numbers.append(number)
        self._times_s.append(float(time_s))
        self._ids.append(ids[kept])
        self._centres_px.append(to_centres(detections.boxes_px[kept]))
        self._scores.append(detections.scores[kept])

    def _flow_of(self, ids: I64, boxes_px: F64, time_s: float, flow: Flow | None) -> F64:
        """(n, 3) velocity by optical flow, and its sigma; NaN but for objects hardly seen so far."""
        velocities = np.full((len(ids), 3), np.nan)
        young = np.array([self._seen[k] <= FLOW_BOXES for k in ids.tolist()], dtype=np.bool_)
        if flow is not None and self._times_s and young.any():
            velocities[young] = flow.of_boxes(boxes_px[young]) / (time_s - self._times_s[-1])
        return velocities

    def tracklets(self) -> list[Tracklet]:
        """One per object that was seen often enough, ordered by id; broken ones linked."""
        pieces = self._pieces()
        firm = [piece for piece in pieces if piece.id in self._given]
        loose = [piece for piece in pieces if piece.id not in self._given]
        firmer = [piece for piece in loose if _boxes(piece) > 1]
        owner = link(firmer, estimate_noise(loose), None if self._scenery.is_still else self._scenery.at)
        groups: dict[int, list[Tracklet]] = {}
        for piece in loose:
            groups.setdefault(owner.get(piece.id, piece.id), []).append(piece)
        wholes = [self._joined(identity, parts) for identity, parts in groups.items()]
        wholes = [whole for whole in wholes if self._is_believed(whole)]
        return sorted(firm + wholes, key=lambda tracklet: tracklet.id)

    def _is_believed(self, tracklet: Tracklet) -> bool:
        """Whether the boxes are many and certain enough for an object."""
        seen = seen_rows(tracklet.centres_px)
        if seen.sum() < self._fewest_boxes:
            return False
        surest = np.quantile(evidence(tracklet.scores[seen]), EVIDENCE_QUANTILE)
        return bool(surest >= LEAST_EVIDENCE * self._tracker.scale.typical)

    def _pieces(self) -> list[Tracklet]:
        """All boxes to which the tracker gave the same id, as one tracklet."""
        if not self._ids:
            return []
        ids, steps = np.concatenate(self._ids), np.concatenate(self._steps)
        centres, scores = np.concatenate(self._centres_px), np.concatenate(self._scores)
        flows = np.concatenate(self._flows_px_s)
        numbers, times = np.array(self._numbers, dtype=np.int64), np.array(self._times_s)
        order = np.argsort(ids, kind="stable")
        borders = np.flatnonzero(np.diff(ids[order])) + 1
        found = []
        for rows in np.split(order, borders) if len(order) else ():
            identity = int(ids[rows[0]])
            span = slice(int(steps[rows[0]]), int(steps[rows[-1]]) + 1)
            label = self._labels[identity].most_common(1)[0][0]
            at = steps[rows] - span.start
            found.append(
                spread(
                    identity,
                    label,
                    numbers[span],
                    times[span],
                    at,
                    centres[rows],
                    scores[rows],
                    flow_px_s=flows[rows] if np.isfinite(flows[rows]).any() else None,
                )
            )
        return found

    def _joined(self, identity: int, parts: Sequence[Tracklet]) -> Tracklet:
        """One tracklet of an object's parts, which do not overlap in time."""
        if len(parts) == 1:
            return replace(parts[0], id=identity)
        parts = sorted(parts, key=lambda part: float(part.times_s[0]))
        numbers, times = np.array(self._numbers, dtype=np.int64), np.array(self._times_s)
        low, high = np.searchsorted(times, (parts[0].times_s[0], parts[-1].times_s[-1]))
        span = slice(int(low), int(high) + 1)
        at = np.concatenate([np.searchsorted(times[span], part.times_s) for part in parts])
        centres = np.concatenate([part.centres_px for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        flows = [part.flow_px_s for part in parts]
        flow = None
        if any(own is not None for own in flows):
            unknown = [np.full((len(part), 3), np.nan) for part in parts]
            flow = np.concatenate([u if own is None else own for own, u in zip(flows, unknown, strict=True)])
        return spread(
            identity, parts[0].label, numbers[span], times[span], at, centres, scores, flow_px_s=flow
        )

    def finish(self, noise: Noise | None = None, plane: Plane | None = None) -> Tracks:
        """Smoothed tracks of everything added; the noise is estimated from them unless given.

        Either way it is the noise of the typical object, from which those that move otherwise may differ.
        With the ground ``plane`` of the pictures the tracks have velocities in metres per second too.
        """
        tracklets = self.tracklets()
        noise = estimate_noise(tracklets) if noise is None else noise
        tracks = smooth(adapted(tracklets, noise), noise)
        return Tracks(tracks if plane is None else with_metres(tracks, tracklets, plane))


def _boxes(tracklet: Tracklet) -> int:
    return int(seen_rows(tracklet.centres_px).sum())


    detector = Finder.of(detector)
def perceive(frames: Iterable[Frame], detector: Detector, plane: Plane | None = None) -> Tracks:
    """Tracks of a clip whose frames are given one by one; they are not kept. ``plane`` as for a Clip.

    Raises:
        InputError: frame times do not rise, or what the detector gives is no detections.
    """
    clip = Clip()
    meter = meter_of(detector)
    for frame in frames:
        flow = meter.measure(frame)
        clip.add(frame.number, frame.time, detector.detect(frame), flow)
    return clip.finish(plane=plane)


def track_boxes(
    detector: BoxesDetector,
    times_s: Sequence[Fraction | float],
    first: int = 0,
    plane: Plane | None = None,
) -> Tracks:
    """Tracks of a clip from its detection file and the times of its frames; no picture is looked at.

    ``plane`` as for a Clip.

    Raises:
        InputError: frame times do not rise.
    """
    clip = Clip()
    for number, time_s in enumerate(times_s):
        clip.add(number, time_s, detector.in_frame(first + number))
    return clip.finish(plane=plane)
