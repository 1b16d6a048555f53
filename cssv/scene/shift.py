"""A scene moved in time, for a clip of which only a later part is used."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from cssv.scene.model import Scene, SceneObject


def shift_times(scene: Scene, back_s: Fraction) -> Scene:
    """The scene for a clip that begins ``back_s`` seconds later: every time is that much earlier."""
    # Most clips begin at 0, and a new scene would be checked again.
    if not back_s:
        return scene
    thermal, offset_s = scene.thermal, scene.thermal.time_offset_s
    if offset_s is not None:
        thermal = replace(thermal, time_offset_s=_earlier(offset_s, back_s))
    objects = tuple(_shifted(entry, back_s) for entry in scene.objects)
    return replace(scene, objects=objects, thermal=thermal)


def _earlier(time_s: float, back_s: Fraction) -> float:
    # The decimal number that the user wrote, not the nearest float: 0.3 - 0.1 is 0.2 exactly.
    return float(Fraction(str(time_s)) - back_s)


def _shifted(entry: SceneObject, back_s: Fraction) -> SceneObject:
    match, points = entry.match, entry.trajectory
    if match is not None:
        at_s, from_s, to_s = (
            None if time_s is None else _earlier(time_s, back_s)
            for time_s in (match.at_s, match.from_s, match.to_s)
        )
        match = replace(match, at_s=at_s, from_s=from_s, to_s=to_s)
    if points is not None:
        points = tuple(replace(point, time_s=_earlier(point.time_s, back_s)) for point in points)
    return replace(entry, match=match, trajectory=points)
