"""The cast of a clip: what every frame shows, once tracks and scene have met."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.errors import InputError
from cssv.matching import Facts, LiveMatcher, Sighting, given_sightings, resolve, unmatched
from cssv.payload.sample import SceneSample, settle
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


@dataclass(frozen=True, slots=True)
class Shown:
    """Who is in a frame.

    Attributes:
        objects: what is drawn: the perceived objects by id, then the given ones.
        replaced: perceived objects that the scene gives outright; they are not drawn.
    """

    objects: tuple[ObjectState, ...]
    replaced: tuple[ObjectState, ...] = ()


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

    def at(self, number: int, time: Fraction) -> Shown:
        """The objects of frame ``number``, shown at ``time`` seconds."""
        given = _given_states(self.scene, self._given, time, self.facts.__getitem__)
        return _line_up(_perceived(self._tracks.at(number)), given, self.facts.__getitem__)


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

    def at(self, states: FrameStates, time: Fraction) -> Shown:
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
        return _line_up(_perceived(states), given, self._matcher.facts)

    def _forget(self, ids: list[int], time: Fraction) -> None:
        """Let go of tracks that have been gone for long."""
        self._last_seen |= dict.fromkeys(ids, time)
        gone = [track for track, seen in self._last_seen.items() if time - seen > FORGET_S]
        for track in gone:
            self._matcher.forget(track)
            del self._last_seen[track]


class Recast:
    """The cast of a clip whose frames are on file, under another scene: who was perceived stays.

    Args:
        scene: the other scene, in the file's own time.
        frames: the samples of all frames with their times in seconds, in order; gone through once.
    """

    def __init__(self, scene: Scene, frames: Iterable[tuple[SceneSample, Fraction]]) -> None:
        self.scene = scene
        seen: dict[int, _Record] = {}
        for sample, time in frames:
            for state in perceived_in(sample):
                seen.setdefault(state.track, _Record(state.label)).add(float(time), state.box_px)
        given = given_sightings(scene, max(FIRST_GIVEN_TRACK, max(seen, default=0) + 1))
        sightings = [record.sighting(track) for track, record in sorted(seen.items())]
        self.facts = resolve(scene, [*sightings, *given])
        self._given = [sighting.track for sighting in given]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that speak of no track, in words."""
        return unmatched(self.scene, self.facts)

    def at(self, sample: SceneSample, time: Fraction) -> Shown:
        """The objects of the frame that ``sample`` is about, shown at ``time`` seconds."""
        given = _given_states(self.scene, self._given, time, self.facts.__getitem__)
        return _line_up(perceived_in(sample), given, self.facts.__getitem__)


class _Record:
    """Where a track was, packed: 40 bytes a frame."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._times, self._boxes = array("d"), array("d")

    def add(self, time_s: float, box_px: Iterable[float]) -> None:
        self._times.append(time_s)
        self._boxes.extend(box_px)

    def sighting(self, track: int) -> Sighting:
        boxes = np.array(self._boxes).reshape(-1, 4)
        return Sighting(track, self._label or None, np.array(self._times), boxes)


def perceived_in(sample: SceneSample) -> list[ObjectState]:
    """Whom the perception saw in a frame, by id, without anything that a scene has said."""
    plain = [_without_facts(state) for state in (*sample.objects, *sample.replaced) if not state.is_given]
    return sorted(plain, key=lambda state: state.track)


def _without_facts(state: ObjectState) -> ObjectState:
    return replace(
        state,
        label=state.label if state.detected is None else state.detected,
        temperature_c=None,
        density_kg_m3=None,
        name=None,
        selector=None,
        detected=None,
    )


def _line_up(
    perceived: list[ObjectState], given: list[ObjectState], facts_of: Callable[[int], Facts]
) -> Shown:
    """Put the perceived objects of a frame and the given ones together."""
    keep = _not_given(np.array([state.box_px for state in perceived]).reshape(-1, 4), given)
    drawn = (_with_facts(s, facts_of(s.track)) for s, kept in zip(perceived, keep, strict=True) if kept)
    replaced = (state for state, kept in zip(perceived, keep, strict=True) if not kept)
    return Shown((*drawn, *given), tuple(replaced))


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


def _perceived(states: FrameStates) -> list[ObjectState]:
    """The tracked objects of a frame."""
    return [_of_row(states, row) for row in range(len(states))]


def _of_row(states: FrameStates, row: int) -> ObjectState:
    velocity = states.velocity_px_s[row]
    past, future = states.velocity_past_px_s[row], states.velocity_future_px_s[row]
    change = (future - past) / 2 if past.any() and future.any() else np.zeros(2)
    # The halves are drawn around the smoothed velocity, so that their mean is what is known best.
    change *= min(1.0, float(np.hypot(*velocity)) / max(float(np.hypot(*change)), 1e-9))
    state = ObjectState(
        track=int(states.ids[row]),
        label=states.labels[row],
        score=float(states.scores[row]),
        box_px=_four(states.boxes_px[row]),
        velocity_px_s=_pair(velocity),
        past_px_s=_pair(velocity - change),
        future_px_s=_pair(velocity + change),
        sigma_px_s=math.sqrt(float(np.trace(states.velocity_cov[row])) / 2),
    )
    return settle(state)


def _given_states(
    scene: Scene, given: Iterable[int], time: Fraction, facts_of: Callable[[int], Facts]
) -> list[ObjectState]:
    """The given objects that are in the picture at ``time``."""
    found = []
    for track, (_, entry) in zip(given, scene.given_tracks(), strict=True):
        # Scenes give times in decimals: 0.2 s means the frame at 1/5 s, which only floats make equal.
        place = entry.at(float(time))
        if place is None:
            continue
        past, future = place.velocity_past_px_s, place.velocity_future_px_s
        state = ObjectState(
            track=track,
            label="",
            score=1.0,
            box_px=place.box_px,
            velocity_px_s=((past[0] + future[0]) / 2, (past[1] + future[1]) / 2),
            past_px_s=past,
            future_px_s=future,
            sigma_px_s=0.0,
            is_given=True,
        )
        found.append(_with_facts(settle(state), facts_of(track)))
    return found


def _with_facts(state: ObjectState, facts: Facts) -> ObjectState:
    label = facts.label or state.label
    return replace(
        state,
        label=label,
        temperature_c=facts.temperature_c,
        density_kg_m3=facts.density_kg_m3,
        name=facts.name,
        selector=None if facts.template == "auto" else Selector[facts.template.upper()],
        detected=None if label == state.label or state.is_given else state.label,
    )


def _pair(vector: NDArray[np.float64]) -> Pair:
    return float(vector[0]), float(vector[1])


def _four(box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y, w, h = box.tolist()
    return x, y, w, h
