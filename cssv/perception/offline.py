"""Tracks of a whole clip: detection, association, linking and smoothing."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from cssv.boxes import F64, I64, UNKNOWN_ID, to_centres
from cssv.frames import Frame
from cssv.perception.adaptation import adapted
from cssv.perception.camera_path import CameraPath
from cssv.perception.completion import complete, whole_boxes
from cssv.perception.cut_boxes import Size
from cssv.perception.detections import Detections
from cssv.perception.detectors.base import CheckedDetector, Detector
from cssv.perception.evidence import evidence
from cssv.perception.flow import Flow
from cssv.perception.given_boxes import BoxesAre, TruthDecision
from cssv.perception.ground_velocity import with_metres
from cssv.perception.key_frames import at_key_frames, with_covariances
from cssv.perception.labels import LabelVotes
from cssv.perception.left_out import LeftOut
from cssv.perception.linking import link
from cssv.perception.noise import estimate_noise
from cssv.perception.record import BOX, FRAME, Record
from cssv.perception.smoothing import FLOW_BOXES, Noise, Tracklet, as_truth, seen_rows, smooth, spread
from cssv.perception.stillness import has_moved
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import Track, Tracks
from cssv.scene.ground import Plane

#: Objects with fewer boxes than this are discarded as false alarms, unless their detections have ids.
FEWEST_BOXES = 5
#: At low frame rates fewer boxes are enough: the number of frames in this time, but at least the second.
SHORTEST_S = 0.7
LOWEST_BOXES = 3
#: Objects are discarded, too, if hardly any of their boxes has this share of the clip's typical evidence. The
#: most certain boxes count, because the score of an object is often low while it is half occluded.
LEAST_EVIDENCE = 0.8
#: Quantile of the evidence of an object's boxes that is compared with that bound.
EVIDENCE_QUANTILE = 0.85


class ClipTracker:
    """Offline tracker: it collects the detections of a clip frame by frame and computes tracks at the end.

    Memory use: the boxes of all frames, packed, and the camera motions.

    Args:
        tracker: assigns the identities; a new :class:`Tracker` by default.
        fewest_boxes: see :data:`FEWEST_BOXES`.
        size: width and height of the picture; None if they are not known, then no box counts as cut by the
            edge of the picture.
        boxes_are: what boxes with ids are: ``"truth"``, kept as given, or ``"detections"``; None decides by
            their scores (:class:`~cssv.perception.given_boxes.TruthDecision`).
        only_moving: leave out objects that never moved; for detectors of moving objects.
    """

    def __init__(
        self,
        tracker: Tracker | None = None,
        *,
        fewest_boxes: int = FEWEST_BOXES,
        size: Size | None = None,
        boxes_are: BoxesAre | None = None,
        only_moving: bool = False,
    ) -> None:
        self._tracker = Tracker(size=size) if tracker is None else tracker
        self._truth = TruthDecision(boxes_are)
        self._fewest_boxes = fewest_boxes
        self._size = size
        self._only_moving = only_moving
        self._frames, self._boxes = Record(FRAME), Record(BOX)
        self._given: dict[int, int] = {}
        self._labels: dict[int, LabelVotes] = {}
        self._counts: Counter[int] = Counter()
        self._camera_path = CameraPath()
        self._single = LeftOut()

    def add(
        self, number: int, time_s: Fraction | float, detections: Detections, flow: Flow | None = None
    ) -> None:
        """Add the next frame.

        Args:
            number: frame number.
            time_s: presentation time, later than that of the previous frame.
            detections: the detections of the frame.
            flow: optical flow since the previous frame; None without a picture.

        Raises:
            InputError: the time is not later than that of the previous frame.
        """
        self._truth.learn(number, detections)
        camera = None if flow is None else flow.camera()
        ids = self._tracker.update(time_s, detections, camera)
        self._camera_path.add(float(time_s), camera)
        # Detections without identity are uncertain ones that continue no object, or duplicates of one.
        kept = np.flatnonzero(ids != UNKNOWN_ID)
        self._single.add_boxes(self._tracker.uncertain(detections.scores[ids == UNKNOWN_ID]))
        rows = self._boxes.extend(len(kept))
        rows["step"], rows["id"] = len(self._frames), ids[kept]
        rows["centre_px"], rows["score"] = to_centres(detections.boxes_px[kept]), detections.scores[kept]
        for k, worth in zip(kept.tolist(), evidence(detections.scores[kept]).tolist(), strict=True):
            self._labels.setdefault(int(ids[k]), LabelVotes()).add(detections.labels[k], worth)
        self._counts.update(ids[kept].tolist())
        rows["flow_px_s"] = self._flow_of(ids[kept], detections.boxes_px[kept], float(time_s), flow)
        given = kept[detections.ids[kept] >= 0]
        self._given.update(zip(ids[given].tolist(), detections.ids[given].tolist(), strict=True))
        self._frames.extend(1)[0] = number, float(time_s)

    def _flow_of(self, ids: I64, boxes_px: F64, time_s: float, flow: Flow | None) -> F64:
        """(n, 3) velocity by optical flow and its standard deviation; NaN except for new objects."""
        velocities = np.full((len(ids), 3), np.nan)
        # Flow is expensive, and later boxes determine the velocity well enough without it.
        young = np.array([self._counts[k] <= FLOW_BOXES for k in ids.tolist()], dtype=np.bool_)
        if flow is not None and len(self._frames) and young.any():
            step_s = time_s - float(self._frames.rows["time_s"][-1])
            velocities[young] = flow.of_boxes(boxes_px[young]) / step_s
        return velocities

    def tracklets(self) -> list[Tracklet]:
        """Build one linked tracklet per object with enough certain boxes, ordered by id."""
        return self._tracklets(LeftOut())

    def _tracklets(self, left_out: LeftOut) -> list[Tracklet]:
        """The tracklets; ``left_out`` counts the objects whose boxes are enough but not certain enough."""
        pieces = self._pieces()
        # Objects with a given id are complete: the detector already linked their boxes.
        loose = [piece for piece in pieces if piece.id not in self._given]
        # A single box has no velocity, so it can be linked to almost anything.
        firmer = [piece for piece in loose if _count(piece) > 1]
        noise = self._noise(loose)
        # The whole objects, since the centre of a box that the edge cuts does not move with its object.
        firmer = [replace(piece, cut=None) for piece in complete(firmer, noise, self._size)[0]]
        owner = link(
            firmer,
            noise,
            None if self._camera_path.is_still else self._camera_path.place_at,
            {piece.id: self._labels[piece.id].names for piece in firmer},
        )
        if any(identity != whole for identity, whole in owner.items()):
            pieces = self._pieces(owner)
        # After linking, since the parts of an occluded object can each have too few boxes.
        fewest = self._fewest()
        wholes = []
        for piece in pieces:
            if piece.id in self._given:
                wholes.append(as_truth(piece) if self._truth.is_truth else piece)
                continue
            scores = piece.scores[seen_rows(piece.centres_px)]
            if len(scores) < fewest:
                continue
            if not self._is_certain(scores):
                left_out.add_object(len(scores), scores.min(), scores.max())
            elif self._only_moving and not has_moved(piece, self._camera_path):
                left_out.add_still(len(scores))
            else:
                wholes.append(piece)
        return sorted(self._with_given_ids(wholes), key=lambda tracklet: tracklet.id)

    def _with_given_ids(self, tracklets: Sequence[Tracklet]) -> list[Tracklet]:
        """Give objects the ids that came with their boxes; others with such an id get new numbers."""
        taken = set(self._given.values())
        others = {tracklet.id for tracklet in tracklets if tracklet.id not in self._given}
        free = (number for number in itertools.count(1) if number not in taken and number not in others)
        new = self._given | {identity: next(free) for identity in sorted(others & taken)}
        return [replace(tracklet, id=new.get(tracklet.id, tracklet.id)) for tracklet in tracklets]

    def _noise(self, tracklets: Sequence[Tracklet]) -> Noise:
        """Estimate the noise from the boxes that the picture's edge does not cut."""
        return estimate_noise(whole_boxes(tracklets, self._size))

    def _fewest(self) -> int:
        """Smallest number of boxes per object at the frame rate of this clip."""
        times = self._frames.rows["time_s"]
        # The median ignores single long gaps in a variable frame rate.
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return fewest_boxes(step_s, self._fewest_boxes)

    def _is_certain(self, scores: F64) -> bool:
        """True if boxes with these scores are certain enough to be an object."""
        # A high quantile instead of the mean: long occlusions must not remove a real object.
        surest = np.quantile(evidence(scores), EVIDENCE_QUANTILE)
        return bool(surest >= LEAST_EVIDENCE * self._tracker.scale.typical)

    def _pieces(self, owner: Mapping[int, int] = MappingProxyType({})) -> list[Tracklet]:
        """Build one tracklet per id from all its boxes; ``owner`` maps ids to the id of their object."""
        boxes, frames = self._boxes.rows, self._frames.rows
        known, place = np.unique(boxes["id"], return_inverse=True)
        ids = np.array([owner.get(k, k) for k in known.tolist()], dtype=np.int64)[place]
        labels: dict[int, LabelVotes] = {}
        # Linked parts vote together for the label of their object.
        for k, votes in self._labels.items():
            labels.setdefault(owner.get(k, k), LabelVotes()).merge(votes)
        # Stable, so that the boxes of an object stay in order of time.
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
                    labels[identity].best,
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
        """Compute the smoothed tracks of all added frames.

        Args:
            noise: noise of the typical object; estimated from the clip by default. Objects with a different
                motion can use multiples of it.
            plane: ground plane of the pictures; with it the tracks have velocities in metres per second too.
        """
        left_out = self._single.copy()
        tracklets = self._tracklets(left_out)
        tracks: list[Track] = []
        # Annotations are far more accurate than a detector, so that the two have no noise in common.
        for is_truth in (True, False):
            group = [tracklet for tracklet in tracklets if tracklet.is_truth == is_truth]
            own = self._noise(group) if noise is None else noise
            completed, _ = complete(group, own, self._size)
            found = _smoothed(completed, own, plane)
            # The boxes between key frames show the motion, but are no measurements of it.
            if is_truth and (keys := at_key_frames(completed, own)) is not None:
                found = with_covariances(found, _smoothed(*keys, plane))
            tracks += found
        return Tracks(tracks, notes=(*self._truth.notes, *left_out.notes))


def _smoothed(tracklets: Sequence[Tracklet], noise: Noise, plane: Plane | None) -> list[Track]:
    """Smooth tracklets, each with its own multiple of the noise; in metres too, where the ground is known."""
    tracks = smooth(adapted(tracklets, noise), noise)
    return tracks if plane is None else with_metres(tracks, tracklets, plane)


def _count(tracklet: Tracklet) -> int:
    return int(seen_rows(tracklet.centres_px).sum())


def fewest_boxes(step_s: float, most: int = FEWEST_BOXES) -> int:
    """Smallest number of boxes per object for a frame interval of ``step_s`` seconds."""
    # At a low frame rate an object can leave the picture before it has the usual number.
    return min(most, max(LOWEST_BOXES, math.ceil(SHORTEST_S / step_s))) if step_s > 0 else most


def perceive(frames: Iterable[Frame], detector: Detector, plane: Plane | None = None) -> Tracks:
    """Compute the tracks of a clip from its frames, without storing the frames.

    Args:
        frames: the frames in order of time.
        detector: finds the objects.
        plane: as in :meth:`ClipTracker.finish`.

    Raises:
        InputError: frame times do not increase, or a result of the detector is not Detections.
    """
    clip: ClipTracker | None = None
    checked = CheckedDetector.from_detector(detector)
    for frame in frames:
        # The size of the picture is known with its first frame.
        size = (frame.width, frame.height)
        if clip is None:
            clip = ClipTracker(size=size, boxes_are=checked.boxes_are, only_moving=checked.only_moving)
        flow = checked.flow.measure(frame)
        clip.add(frame.number, frame.time, checked.detect(frame), flow)
    return Tracks() if clip is None else clip.finish(plane=plane)


def track_boxes(
    detector: Detector,
    times_s: Sequence[Fraction | float],
    first: int = 0,
    plane: Plane | None = None,
    size: Size | None = None,
) -> Tracks:
    """Compute the tracks of a clip without decoding a frame, by a detector such as a box file.

    Args:
        detector: a detector whose ``needs_pixels`` is False.
        times_s: presentation time of each frame.
        first: number of the first frame in the whole clip.
        plane: as in :meth:`ClipTracker.finish`.
        size: of the picture, as in :class:`ClipTracker`.

    Raises:
        InputError: frame times do not increase, or a result of the detector is not Detections.
    """
    checked = CheckedDetector.from_detector(detector)
    clip = ClipTracker(size=size, boxes_are=checked.boxes_are, only_moving=checked.only_moving)
    for number, time_s in enumerate(times_s):
        clip.add(number, time_s, checked.in_frame(first + number))
    return clip.finish(plane=plane)
