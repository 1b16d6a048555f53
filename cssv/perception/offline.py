"""Tracks of a whole clip: detection, association, linking and smoothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from cssv.frames import Frame
from cssv.perception.adaptation import adapted
from cssv.perception.clip_boxes import ClipBoxes
from cssv.perception.completion import complete, whole_boxes
from cssv.perception.cut_boxes import Size
from cssv.perception.detections import Detections
from cssv.perception.detectors.base import CheckedDetector, Detector
from cssv.perception.flow import Flow
from cssv.perception.given_boxes import BoxesAre, TruthDecision
from cssv.perception.ground_velocity import with_metres
from cssv.perception.key_frames import at_key_frames, with_covariances
from cssv.perception.left_out import LeftOut
from cssv.perception.linking import link
from cssv.perception.noise import estimate_noise
from cssv.perception.output_ids import output_ids
from cssv.perception.selection import FEWEST_BOXES, STEADY_SCORE, fewest_boxes, is_certain, is_steady
from cssv.perception.smoothing import Noise, Tracklet, as_truth, seen_rows, smooth
from cssv.perception.stillness import has_moved
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import Track, Tracks
from cssv.scene.ground import Plane


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
        self._boxes = ClipBoxes()

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
        ids = self._tracker.update(time_s, detections, None if flow is None else flow.camera())
        self._boxes.add(number, time_s, detections, ids, flow)

    def tracklets(self) -> list[Tracklet]:
        """Build one linked tracklet per object with enough certain boxes, ordered by id."""
        return self._tracklets(LeftOut())

    def _tracklets(self, left_out: LeftOut) -> list[Tracklet]:
        """The tracklets; ``left_out`` counts the objects whose boxes are enough but not certain enough."""
        self._associate_again()
        pieces, given = self._boxes.pieces(), self._boxes.given
        # Objects with a given id are complete: the detector already linked their boxes.
        loose = [piece for piece in pieces if piece.id not in given]
        # A single box has no velocity, so it can be linked to almost anything. Objects without a box of high
        # score are false alarms, unless they are steady; as parts of others they would only mislead.
        lowest = self._tracker.scale.score(self._tracker.high_share)
        firmer = [p for p in loose if _count(p) > 1 and (p.scores.max() >= lowest or self._is_steady(p))]
        noise = self._noise(loose)
        # The whole objects, since the centre of a box that the edge cuts does not move with its object.
        firmer = [replace(piece, cut=None) for piece in complete(firmer, noise, self._size)[0]]
        path, votes = self._boxes.camera_path, self._boxes.votes()
        names = {piece.id: votes[piece.id].names for piece in firmer}
        owner = link(firmer, noise, None if path.is_still else path.place_at, names, self._size)
        if any(identity != whole for identity, whole in owner.items()):
            pieces = self._boxes.pieces(owner)
        # After linking, since the parts of an occluded object can each have too few boxes.
        fewest, typical = self._fewest(), self._tracker.scale.typical
        wholes = []
        for piece in pieces:
            if piece.id in given:
                wholes.append(as_truth(piece) if self._truth.is_truth else piece)
                continue
            scores = piece.scores[seen_rows(piece.centres_px)]
            if len(scores) < fewest:
                continue
            if not (is_certain(scores, typical) or self._is_steady(piece)):
                left_out.add_object(len(scores), scores.min(), scores.max())
            elif self._only_moving and not has_moved(piece, path):
                left_out.add_still(len(scores))
            else:
                wholes.append(piece)
        wholes.sort(key=lambda tracklet: (float(tracklet.times_s[0]), tracklet.id))
        ids = output_ids([tracklet.id for tracklet in wholes], given)
        wholes = [replace(tracklet, id=ids[tracklet.id]) for tracklet in wholes]
        return sorted(wholes, key=lambda tracklet: tracklet.id)

    def _noise(self, tracklets: Sequence[Tracklet]) -> Noise:
        """Estimate the noise from the boxes that the picture's edge does not cut."""
        return estimate_noise(whole_boxes(tracklets, self._size))

    def _is_steady(self, piece: Tracklet) -> bool:
        """True if an object is seen in nearly every frame of a long time or of the whole clip."""
        is_whole = len(piece) == len(self._boxes.times_s)
        span_s = math.inf if is_whole else float(piece.times_s[-1] - piece.times_s[0])
        return is_steady(_count(piece), int((piece.scores >= STEADY_SCORE).sum()), len(piece), span_s)

    def _fewest(self) -> int:
        """Smallest number of boxes per object at the frame rate of this clip."""
        times = self._boxes.times_s
        # The median ignores single long gaps in a variable frame rate.
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return fewest_boxes(step_s, self._fewest_boxes)

    def _associate_again(self) -> None:
        """Repeat the association with the process noise of the whole clip."""
        # Given ids need no association.
        if self._boxes.has_better_ids or not self._boxes.has_anonymous:
            return
        given = self._boxes.given
        loose = [piece for piece in self._boxes.pieces() if piece.id not in given]
        tracker = self._tracker.repeated(self._noise(loose))
        ids = [tracker.update(*frame) for frame in self._boxes.frames()]
        self._boxes.set_ids(np.concatenate(ids))

    def finish(self, noise: Noise | None = None, plane: Plane | None = None) -> Tracks:
        """Compute the smoothed tracks of all added frames.

        Args:
            noise: noise of the typical object; estimated from the clip by default. Objects with a different
                motion can use multiples of it.
            plane: ground plane of the pictures; with it the tracks have velocities in metres per second too.
        """
        left_out = LeftOut()
        tracklets = self._tracklets(left_out)
        left_out.add_boxes(self._tracker.uncertain(self._boxes.scores_without_object()))
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
