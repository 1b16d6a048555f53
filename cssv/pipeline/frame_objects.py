"""The objects of a frame: detected objects merged with those that the scene gives as trajectories."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import overlaps
from cssv.pipeline.scene_track import quantise
from cssv.scene import Scene, SceneObject, Source, Value
from cssv.scene.attributes import carried_by
from cssv.scene.ground import Plane
from cssv.scene.matching import Facts
from cssv.scene.trajectory import span_of
from cssv.template.drawing import Selector
from cssv.template.state import ObjectState, grounded

#: Ids of objects that the scene gives outright start here, or above the clip's highest id.
FIRST_GIVEN_TRACK = 1_000_000
#: A perceived object that overlaps a given one by more than this IoU is the same object.
SAME_OBJECT_IOU = 0.5
#: It is also the same object if more than this share of its box lies in the given one's (a part of it), or if
#: its box holds more than this share of the given one's (a boat with its wake) ...
SAME_OBJECT_SHARE = 0.7
#: ... and its area is at most this many times the given one's: a larger one is something behind it.
SAME_OBJECT_AREAS = 4


@dataclass(frozen=True, slots=True)
class FrameObjects:
    """The objects of a frame.

    Attributes:
        objects: drawn objects: the perceived ones by id, then the given ones.
        replaced: perceived objects that the scene gives as trajectories; they are not drawn.
    """

    objects: tuple[ObjectState, ...]
    replaced: tuple[ObjectState, ...] = ()


def merge_objects(
    perceived: list[ObjectState], given: list[ObjectState], facts_of: Callable[[int], Facts]
) -> FrameObjects:
    """Merge the perceived objects of a frame with the given ones, and add the scene's facts."""
    keep = _not_given(np.array([state.box_px for state in perceived]).reshape(-1, 4), given)
    drawn = (_with_facts(s, facts_of(s.track)) for s, kept in zip(perceived, keep, strict=True) if kept)
    replaced = (state for state, kept in zip(perceived, keep, strict=True) if not kept)
    return FrameObjects((*drawn, *given), tuple(replaced))


def _not_given(boxes_px: NDArray[np.float64], given: Iterable[ObjectState]) -> NDArray[np.bool_]:
    """Rows of boxes that are not one of the given objects: (n,) bool."""
    given_boxes = np.array([state.box_px for state in given]).reshape(-1, 4)
    if not len(given_boxes) or not len(boxes_px):
        return np.ones(len(boxes_px), bool)
    iou = overlaps(boxes_px, given_boxes)
    areas, given_areas = boxes_px[:, 2:].prod(axis=1)[:, None], given_boxes[:, 2:].prod(axis=1)
    common = iou / (1 + iou) * (areas + given_areas)
    is_part = common > SAME_OBJECT_SHARE * areas
    is_whole = (common > SAME_OBJECT_SHARE * given_areas) & (areas <= SAME_OBJECT_AREAS * given_areas)
    return np.asarray(~((iou > SAME_OBJECT_IOU) | is_part | is_whole).any(axis=1))


class GivenObjects:
    """The objects that a scene gives as trajectories, found by time.

    Args:
        scene: the scene.
        tracks: their ids, in the order of the scene.
        plane: the ground of the picture; None if unknown.
    """

    def __init__(self, scene: Scene, tracks: Iterable[int], plane: Plane | None = None) -> None:
        self._plane = plane
        self._entries = [
            (track, entry) for track, (_, entry) in zip(tracks, scene.given_tracks(), strict=True)
        ]
        ends = [span_of(entry.trajectory) for _, entry in self._entries if entry.trajectory is not None]
        self._ends_s = np.array(ends, dtype=np.float64).reshape(-1, 2)

    def states(self, time: Fraction, facts_of: Callable[[int], Facts]) -> list[ObjectState]:
        """The objects at ``time`` seconds, with the scene's facts."""
        # Scenes give times in decimals: 0.2 s means the frame at 1/5 s, and only as floats are they equal.
        time_s = float(time)
        # A scene can give thousands of objects; few of them are present in one frame.
        is_present = (self._ends_s[:, 0] <= time_s) & (time_s <= self._ends_s[:, 1])
        return [
            _given_state(*self._entries[row], time_s, facts_of, self._plane)
            for row in np.flatnonzero(is_present).tolist()
        ]


def _given_state(
    track: int, entry: SceneObject, time_s: float, facts_of: Callable[[int], Facts], plane: Plane | None
) -> ObjectState:
    at_time = entry.state_at(time_s)
    assert at_time is not None
    past, future = at_time.velocity_past_px_s, at_time.velocity_future_px_s
    state = ObjectState(
        track=track,
        label="",
        score=1.0,
        box_px=at_time.box_px,
        velocity_px_s=((past[0] + future[0]) / 2, (past[1] + future[1]) / 2),
        past_px_s=past,
        future_px_s=future,
        sigma_px_s=0.0,
        is_given=True,
    )
    state = grounded(state, plane, entry.foot_velocity(time_s))
    return _with_facts(quantise(state), facts_of(track))


def drawn_temperature(given: Value | None, reading: Value | None) -> Value | None:
    """The temperature to draw: the scene's if measured, else the camera's, else the scene's estimate."""
    if reading is None or (given is not None and given.source is Source.MEASURED):
        return given
    return reading


def with_reading(state: ObjectState, reading: Value | None) -> ObjectState:
    """The object with the reading of a thermal camera; until now its temperature is the scene's."""
    drawn = drawn_temperature(state.temperature_c, reading)
    return replace(state, thermal_c=reading, temperature_c=drawn)


def _with_facts(state: ObjectState, facts: Facts) -> ObjectState:
    label = facts.label or state.label
    known = carried_by(facts)
    known["temperature_c"] = drawn_temperature(facts.temperature_c, state.thermal_c)
    return replace(
        state,
        **known,
        label=label,
        name=facts.name,
        selector=None if facts.template == "auto" else Selector[facts.template.upper()],
        detected=None if label == state.label or state.is_given else state.label,
    )
