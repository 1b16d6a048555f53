"""Objects of each frame: tracks annotated with the scene's attributes."""

from __future__ import annotations

import math
from copy import copy
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.perception.tracks import FrameStates, Tracks
from cssv.pipeline.frame_objects import FIRST_GIVEN_TRACK, FrameObjects, GivenObjects, merge_objects
from cssv.pipeline.scene_track import quantise
from cssv.scene import Scene
from cssv.scene.ground import Plane
from cssv.scene.matching import LiveMatcher, Sighting, given_sightings, resolve, unmatched
from cssv.scene.values import ImageBox, Pair
from cssv.template.state import ObjectState

#: A track of a stream that is gone for this long is forgotten; if it comes back, it is matched again.
FORGET_S = 60
#: Share of all speeds that the default speed range must hold; the rest are jumps of the tracker.
SPEED_SHARE = 0.995


class TrackAnnotator:
    """Annotates the tracks of a whole clip.

    Args:
        scene: the scene.
        tracks: all tracks of the clip.
        plane: the ground of the picture; None if unknown.

    Attributes:
        scene: as given.
        facts: of each track.
    """

    def __init__(self, scene: Scene, tracks: Tracks, plane: Plane | None = None) -> None:
        self.scene = scene
        self._tracks = tracks
        highest = max((track.id for track in tracks), default=0)
        given = given_sightings(scene, max(FIRST_GIVEN_TRACK, highest + 1))
        sightings = [Sighting(t.id, t.label or None, t.times_s, t.boxes_px) for t in tracks]
        self.facts = resolve(scene, [*sightings, *given])
        self._given = GivenObjects(scene, [sighting.track for sighting in given], plane)
        self._first = 0

    def from_frame(self, first: int) -> TrackAnnotator:
        """The same for a part of the clip, whose frame 0 is frame ``first`` here."""
        part = copy(self)
        part._first += first
        return part

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about objects that tracking left out, and about scene entries that match no track."""
        return (*self._tracks.notes, *unmatched(self.scene, self.facts))

    def fastest_px_s(self) -> float | None:
        """The speed below which SPEED_SHARE of all drawn speeds lie; None without tracks."""
        speeds = [
            np.hypot(*half.T)
            for track in self._tracks
            for half in _drawn_halves(
                track.velocity_px_s, track.velocity_past_px_s, track.velocity_future_px_s
            )
        ]
        return float(np.quantile(np.concatenate(speeds), SPEED_SHARE)) if speeds else None

    def annotate(self, number: int, time: Fraction) -> FrameObjects:
        """The objects of frame ``number``, shown at ``time`` seconds."""
        given = self._given.states(time, self.facts.__getitem__)
        return merge_objects(
            perceived(self._tracks.in_frame(self._first + number)), given, self.facts.__getitem__
        )


class LiveAnnotator:
    """Annotates the tracks of a stream, frame by frame."""

    def __init__(self, scene: Scene, plane: Plane | None = None) -> None:
        self.scene = scene
        self._matcher = LiveMatcher(scene)
        given = given_sightings(scene, FIRST_GIVEN_TRACK)
        self._matcher.begin_given(given)
        self._given_ids = {sighting.track for sighting in given}
        self._given = GivenObjects(scene, [sighting.track for sighting in given], plane)
        self._last_seen: dict[int, Fraction] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about scene entries that match no track so far."""
        return self._matcher.unmatched()

    def annotate(self, states: FrameStates, time: Fraction) -> FrameObjects:
        """The objects of the next frame.

        Raises:
            InputError: a detector gives an id that belongs to a given object.
        """
        # A stream's ids are not known beforehand, so the given objects cannot be numbered above them.
        ids = states.ids.tolist()
        if taken := self._given_ids.intersection(ids):
            raise InputError(
                "an object of the stream has the id of one that the scene gives",
                found=min(taken),
                bound=f"ids below {FIRST_GIVEN_TRACK}",
            )
        rows = zip(ids, states.labels, states.boxes_px, strict=True)
        self._matcher.update(float(time), [(track, label or None, box) for track, label, box in rows])
        self._forget(ids, time)
        given = self._given.states(time, self._matcher.facts)
        return merge_objects(perceived(states), given, self._matcher.facts)

    def _forget(self, ids: list[int], time: Fraction) -> None:
        """Forget tracks that have been gone for FORGET_S, so that memory stays constant."""
        self._last_seen |= dict.fromkeys(ids, time)
        gone = [track for track, seen in self._last_seen.items() if time - seen > FORGET_S]
        for track in gone:
            self._matcher.forget(track)
            del self._last_seen[track]


def perceived(states: FrameStates) -> list[ObjectState]:
    """The tracked objects of a frame, without facts of the scene."""
    return [_state_of_row(states, row) for row in range(len(states))]


def _state_of_row(states: FrameStates, row: int) -> ObjectState:
    velocity = states.velocity_px_s[row]
    past, future = _drawn_halves(velocity, states.velocity_past_px_s[row], states.velocity_future_px_s[row])
    on_ground = states.velocity_m_s[row]
    is_on_ground = bool(np.isfinite(on_ground).all() and np.isfinite(states.velocity_m_cov[row]).all())
    state = ObjectState(
        track=int(states.ids[row]),
        label=states.labels[row],
        score=float(states.scores[row]),
        box_px=_four(states.boxes_px[row]),
        velocity_px_s=_pair(velocity),
        past_px_s=_pair(past),
        future_px_s=_pair(future),
        sigma_px_s=math.sqrt(float(np.trace(states.velocity_cov[row])) / 2),
        velocity_m_s=_pair(on_ground) if is_on_ground else None,
        sigma_m_s=math.sqrt(float(np.trace(states.velocity_m_cov[row])) / 2) if is_on_ground else math.inf,
    )
    return quantise(state)


def _drawn_halves(velocity: F64, past: F64, future: F64) -> tuple[F64, F64]:
    """Past and future velocity as the two halves of a ring show them; all are (..., 2)."""
    # Without one of the two velocities the change between them is not known.
    is_known = np.asarray(past.any(axis=-1) & future.any(axis=-1))[..., None]
    change = np.where(is_known, (future - past) / 2, 0.0)
    # The two halves lie symmetrically around the smoothed velocity, so that their mean is the best estimate.
    speed, most = (np.hypot(each[..., 0], each[..., 1]) for each in (velocity, change))
    change *= np.minimum(1.0, speed / np.maximum(most, 1e-9))[..., None]
    return velocity - change, velocity + change


def _pair(vector: NDArray[np.float64]) -> Pair:
    return float(vector[0]), float(vector[1])


def _four(box: NDArray[np.float64]) -> ImageBox:
    x, y, w, h = box.tolist()
    return x, y, w, h
