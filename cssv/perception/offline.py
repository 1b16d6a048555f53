"""A whole clip -> tracks: detect, associate, smooth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from cssv.boxes import F64, I64, UNKNOWN_ID, to_centres
from cssv.frames import Frame
from cssv.perception.adaptation import adapted
from cssv.perception.camera_path import CameraPath
from cssv.perception.detections import ANY_OBJECT, Detections
from cssv.perception.detectors.base import CheckedDetector, Detector
from cssv.perception.evidence import evidence
from cssv.perception.flow import Flow
from cssv.perception.ground_velocity import with_metres
from cssv.perception.linking import link
from cssv.perception.noise import estimate_noise
from cssv.perception.record import BOX, FRAME, Record
from cssv.perception.smoothing import FLOW_BOXES, Noise, Tracklet, seen_rows, smooth, spread
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import Tracks
from cssv.scene.ground import Plane

#: Objects seen in fewer frames than this are taken for false alarms, unless their detections bring ids.
FEWEST_BOXES = 5
#: At low frame rates fewer will do, as many as this time holds, but not fewer than this.
SHORTEST_S = 0.7
LOWEST_BOXES = 3
#: So are those of whose boxes hardly any has this share of the evidence that is typical of the clip. It
#: is the surest boxes that count: what stands half hidden is often seen with a low score.
LEAST_EVIDENCE = 0.8
#: Share of an object's boxes whose evidence is below the one that counts.
EVIDENCE_QUANTILE = 0.85


class ClipTracker:
    """Collects the detections of a clip frame by frame and turns them into tracks at its end.

    Memory: the boxes of all frames, packed, and how the camera moved.

    Args:
        tracker: follows the objects; a new :class:`Tracker` by default.
        fewest_boxes: see :data:`FEWEST_BOXES`.
    """

    def __init__(self, tracker: Tracker | None = None, *, fewest_boxes: int = FEWEST_BOXES) -> None:
        self._tracker = Tracker() if tracker is None else tracker
        self._fewest_boxes = fewest_boxes
        self._frames, self._boxes = Record(FRAME), Record(BOX)
        self._given: set[int] = set()
        self._labels: dict[int, Counter[str]] = {}
        self._camera_path = CameraPath()

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
        self._camera_path.add(float(time_s), camera)
        kept = np.flatnonzero(ids != UNKNOWN_ID)
        rows = self._boxes.extend(len(kept))
        rows["step"], rows["id"] = len(self._frames), ids[kept]
        rows["centre_px"], rows["score"] = to_centres(detections.boxes_px[kept]), detections.scores[kept]
        for k in kept.tolist():
            self._labels.setdefault(int(ids[k]), Counter())[detections.labels[k]] += 1
        rows["flow_px_s"] = self._flow_of(ids[kept], detections.boxes_px[kept], float(time_s), flow)
        self._given.update(ids[kept[detections.ids[kept] >= 0]].tolist())
        self._frames.extend(1)[0] = number, float(time_s)

    def _flow_of(self, ids: I64, boxes_px: F64, time_s: float, flow: Flow | None) -> F64:
        """(n, 3) velocity by optical flow, and its sigma; NaN but for objects hardly seen so far."""
        velocities = np.full((len(ids), 3), np.nan)
        young = np.array([self._labels[k].total() <= FLOW_BOXES for k in ids.tolist()], dtype=np.bool_)
        if flow is not None and len(self._frames) and young.any():
            step_s = time_s - float(self._frames.rows["time_s"][-1])
            velocities[young] = flow.of_boxes(boxes_px[young]) / step_s
        return velocities

    def tracklets(self) -> list[Tracklet]:
        """One per object that was seen often and well enough, ordered by id; broken ones linked."""
        pieces = self._pieces()
        loose = [piece for piece in pieces if piece.id not in self._given]
        firmer = [piece for piece in loose if _count(piece) > 1]
        owner = link(
            firmer, estimate_noise(loose), None if self._camera_path.is_still else self._camera_path.place_at
        )
        if any(identity != whole for identity, whole in owner.items()):
            pieces = self._pieces(owner)
        fewest = self._fewest()
        wholes = [piece for piece in pieces if piece.id in self._given or self._is_believed(piece, fewest)]
        return sorted(wholes, key=lambda tracklet: tracklet.id)

    def _fewest(self) -> int:
        """Boxes that an object must have at this clip's frame rate."""
        times = self._frames.rows["time_s"]
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return fewest_boxes(step_s, self._fewest_boxes)

    def _is_believed(self, tracklet: Tracklet, fewest: int) -> bool:
        """Whether the boxes are many and certain enough for an object."""
        seen = seen_rows(tracklet.centres_px)
        if seen.sum() < fewest:
            return False
        surest = np.quantile(evidence(tracklet.scores[seen]), EVIDENCE_QUANTILE)
        return bool(surest >= LEAST_EVIDENCE * self._tracker.scale.typical)

    def _pieces(self, owner: Mapping[int, int] = MappingProxyType({})) -> list[Tracklet]:
        """All boxes of the same id as one tracklet; an id with an owner counts as that."""
        boxes, frames = self._boxes.rows, self._frames.rows
        known, place = np.unique(boxes["id"], return_inverse=True)
        ids = np.array([owner.get(k, k) for k in known.tolist()], dtype=np.int64)[place]
        labels: dict[int, Counter[str]] = {}
        for k, counts in self._labels.items():
            labels.setdefault(owner.get(k, k), Counter()).update(counts)
        order = np.argsort(ids, kind="stable")
        borders = np.flatnonzero(np.diff(ids[order])) + 1
        found = []
        for own in np.split(order, borders) if len(order) else ():
            identity, rows = int(ids[own[0]]), boxes[own]
            span = slice(int(rows["step"][0]), int(rows["step"][-1]) + 1)
            flow = rows["flow_px_s"]
            found.append(
                spread(
                    identity,
                    _label_of(labels[identity]),
                    frames["number"][span].copy(),
                    frames["time_s"][span].copy(),
                    rows["step"] - span.start,
                    rows["centre_px"],
                    rows["score"],
                    flow_px_s=flow if np.isfinite(flow).any() else None,
                )
            )
        return found

    def finish(self, noise: Noise | None = None, plane: Plane | None = None) -> Tracks:
        """Smoothed tracks of everything added; the noise is estimated from them unless given.

        Either way it is the noise of the typical object, from which those that move otherwise may differ.
        With the ground ``plane`` of the pictures the tracks have velocities in metres per second too.
        """
        tracklets = self.tracklets()
        noise = estimate_noise(tracklets) if noise is None else noise
        tracks = smooth(adapted(tracklets, noise), noise)
        return Tracks(tracks if plane is None else with_metres(tracks, tracklets, plane))


def _label_of(counts: Counter[str]) -> str:
    """What an object was called most often, by a name if there is one."""
    names = [label for label, _ in counts.most_common() if label != ANY_OBJECT]
    return names[0] if names else ANY_OBJECT


def _count(tracklet: Tracklet) -> int:
    return int(seen_rows(tracklet.centres_px).sum())


def fewest_boxes(step_s: float, most: int = FEWEST_BOXES) -> int:
    """Boxes that an object must have where frames are ``step_s`` seconds apart."""
    return min(most, max(LOWEST_BOXES, math.ceil(SHORTEST_S / step_s))) if step_s > 0 else most


def perceive(frames: Iterable[Frame], detector: Detector, plane: Plane | None = None) -> Tracks:
    """Tracks of a clip whose frames are given one by one; they are not kept. ``plane`` as for a ClipTracker.

    Raises:
        InputError: frame times do not rise, or what the detector gives is no detections.
    """
    clip = ClipTracker()
    checked = CheckedDetector.from_detector(detector)
    for frame in frames:
        flow = checked.flow.measure(frame)
        clip.add(frame.number, frame.time, checked.detect(frame), flow)
    return clip.finish(plane=plane)


def track_boxes(
    detector: Detector,
    times_s: Sequence[Fraction | float],
    first: int = 0,
    plane: Plane | None = None,
) -> Tracks:
    """Tracks of a clip by a detector that needs no pixels, such as a box file, without decoding a frame.

    Args:
        detector: one whose ``needs_pixels`` is False.
        times_s: when each frame is shown.
        first: number of the first frame in the whole clip.
        plane: as for a ClipTracker.

    Raises:
        InputError: frame times do not rise, or a result of the detector is not Detections.
    """
    clip = ClipTracker()
    checked = CheckedDetector.from_detector(detector)
    for number, time_s in enumerate(times_s):
        clip.add(number, time_s, checked.in_frame(first + number))
    return clip.finish(plane=plane)
