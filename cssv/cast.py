"""The cast of a clip: what every frame shows, once tracks and scene have met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.errors import InputError
from cssv.matching import Facts, LiveMatcher, Sighting, given_sightings, resolve, unmatched
from cssv.perception.detections import overlaps
from cssv.perception.tracks import FrameStates, Tracks
from cssv.scene import Scene
from cssv.template.drawing import Selector
from cssv.template.state import ObjectState

#: Ids of objects that the scene gives outright start here, or above the clip's highest id.
FIRST_GIVEN_TRACK = 1_000_000
#: A stream's track that was not seen for this long is forgotten; if it comes back it is matched anew.
FORGET_S = 60
#: A perceived object that overlaps a given one by more than this IoU is the same object ...
SAME_OBJECT_IOU = 0.5
#: ... so is one of whose box more than this share lies in a given one's, a part of it, and one that
#: holds more than this share of a given one's box, as a boat with its wake does ...
SAME_OBJECT_SHARE = 0.7
#: ... unless its area is more than this many times the given one's: then it is something behind it.
SAME_OBJECT_AREAS = 4
#: Share of all speeds that the default speed range must hold; the rest are jumps of the tracker.
SPEED_SHARE = 0.995

Pair = tuple[float, float]


class Cast:
    """The cast of a whole clip whose tracks are known.

    Attributes:
        scene: as given.
        facts: what the scene says of each track.
    """

    def __init__(self, scene: Scene, tracks: Tracks) -> None:
        self.scene = scene
        self._tracks = tracks
        highest = max((track.id for track in tracks), default=0)
        given = given_sightings(scene, max(FIRST_GIVEN_TRACK, highest + 1))
        sightings = [Sighting(t.id, t.label or None, t.times_s, t.boxes_px) for t in tracks]
        self.facts = resolve(scene, [*sightings, *given])
        self._given = [sighting.track for sighting in given]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that speak of no track, in words."""
        return unmatched(self.scene, self.facts)

    def fastest_px_s(self) -> float | None:
        """The speed that SPEED_SHARE of all rows stay below, or None without tracks."""
        speeds = [np.hypot(*track.velocity_px_s.T) for track in self._tracks]
        return float(np.quantile(np.concatenate(speeds), SPEED_SHARE)) if speeds else None

    def at(self, number: int, time: Fraction) -> list[ObjectState]:
        """The objects of frame ``number``, shown at ``time`` seconds."""
        given = _given_states(self.scene, self._given, time, self.facts.__getitem__)
        return _perceived_states(self._tracks.at(number), given, self.facts.__getitem__) + given


class LiveCast:
    """The cast of a stream: the same, frame by frame."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._matcher = LiveMatcher(scene)
        given = given_sightings(scene, FIRST_GIVEN_TRACK)
        self._matcher.begin_given(given)
        self._given = [sighting.track for sighting in given]
        self._last_seen: dict[int, Fraction] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have spoken of no track so far, in words."""
        return self._matcher.unmatched()

    def at(self, states: FrameStates, time: Fraction) -> list[ObjectState]:
        """The objects of the next frame.

        Raises:
            InputError: a detector gives an id that belongs to a given object.
        """
        ids = states.ids.tolist()
        if taken := set(ids).intersection(self._given):
            raise InputError(
                "an object of the stream has the id of one that the scene gives",
                found=min(taken),
                bound=f"ids below {FIRST_GIVEN_TRACK}",
            )
        rows = zip(ids, states.labels, states.boxes_px, strict=True)
        self._matcher.update(float(time), [(track, label or None, box) for track, label, box in rows])
        self._forget(ids, time)
        given = _given_states(self.scene, self._given, time, self._matcher.facts)
        return _perceived_states(states, given, self._matcher.facts) + given

    def _forget(self, ids: list[int], time: Fraction) -> None:
        """Let go of tracks that have been gone for long."""
        self._last_seen |= dict.fromkeys(ids, time)
        gone = [track for track, seen in self._last_seen.items() if time - seen > FORGET_S]
        for track in gone:
            self._matcher.forget(track)
            del self._last_seen[track]


def _perceived_states(
    states: FrameStates, given: list[ObjectState], facts_of: Callable[[int], Facts]
) -> list[ObjectState]:
    """The tracked objects of a frame, without those that are given outright."""
    keep = _not_given(states.boxes_px, given)
    return [_perceived(states, int(row), facts_of(int(states.ids[row]))) for row in np.flatnonzero(keep)]


def _not_given(boxes_px: NDArray[np.float64], given: Iterable[ObjectState]) -> NDArray[np.bool_]:
    """Rows whose box is none of the given objects'."""
    places = np.array([state.box_px for state in given]).reshape(-1, 4)
    if not len(places) or not len(boxes_px):
        return np.ones(len(boxes_px), bool)
    iou = overlaps(boxes_px, places)
    areas, given_areas = boxes_px[:, 2:].prod(axis=1)[:, None], places[:, 2:].prod(axis=1)
    common = iou / (1 + iou) * (areas + given_areas)
    is_part = common > SAME_OBJECT_SHARE * areas
    is_whole = (common > SAME_OBJECT_SHARE * given_areas) & (areas <= SAME_OBJECT_AREAS * given_areas)
    return np.asarray(~((iou > SAME_OBJECT_IOU) | is_part | is_whole).any(axis=1))


def _perceived(states: FrameStates, row: int, facts: Facts) -> ObjectState:
    velocity = states.velocity_px_s[row]
    past, future = states.velocity_past_px_s[row], states.velocity_future_px_s[row]
    change = (future - past) / 2 if past.any() and future.any() else np.zeros(2)
    # The halves are drawn around the smoothed velocity, so that their mean is what is known best.
    change *= min(1.0, float(np.hypot(*velocity)) / max(float(np.hypot(*change)), 1e-9))
    return _with_facts(
        facts,
        track=int(states.ids[row]),
        label=states.labels[row],
        score=float(states.scores[row]),
        box_px=_four(states.boxes_px[row]),
        velocity=_pair(velocity),
        past=_pair(velocity - change),
        future=_pair(velocity + change),
        sigma_px_s=math.sqrt(float(np.trace(states.velocity_cov[row])) / 2),
    )


def _given_states(
    scene: Scene, given: Iterable[int], time: Fraction, facts_of: Callable[[int], Facts]
) -> list[ObjectState]:
    """The given objects that are in the picture at ``time``."""
    found = []
    for track, (_, entry) in zip(given, scene.given_tracks(), strict=True):
        # Scenes give times in decimals: 0.2 s means the frame at 1/5 s, which only floats make equal.
        state = entry.at(float(time))
        if state is None:
            continue
        past, future = state.velocity_past_px_s, state.velocity_future_px_s
        mean = ((past[0] + future[0]) / 2, (past[1] + future[1]) / 2)
        facts = facts_of(track)
        found.append(
            _with_facts(
                facts,
                track=track,
                label=facts.label or "",
                score=1.0,
                box_px=state.box_px,
                velocity=mean,
                past=past,
                future=future,
                sigma_px_s=0.0,
            )
        )
    return found


def _with_facts(
    facts: Facts, *, track: int, label: str, score: float, box_px: tuple[float, float, float, float],
    velocity: Pair, past: Pair, future: Pair, sigma_px_s: float,
) -> ObjectState:  # fmt: skip
    return ObjectState(
        track=track,
        label=facts.label or label,
        score=score,
        box_px=box_px,
        velocity_px_s=velocity,
        past_px_s=past,
        future_px_s=future,
        sigma_px_s=sigma_px_s,
        temperature_c=facts.temperature_c,
        density_kg_m3=facts.density_kg_m3,
        name=facts.name,
        selector=None if facts.template == "auto" else Selector[facts.template.upper()],
    )


def _pair(vector: NDArray[np.float64]) -> Pair:
    return float(vector[0]), float(vector[1])


def _four(box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y, w, h = box.tolist()
    return x, y, w, h
