"""A scene moved in time, for a clip of which only a later part is used."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from cssv.scene.model import Scene, SceneObject
from cssv.scene.trajectory import earlier
from cssv.scene.values import time_earlier


def shift_times(scene: Scene, back_s: Fraction) -> Scene:
    """The scene for a clip that begins ``back_s`` seconds later: every time is that much earlier."""
    # Most clips begin at 0, and a new scene would be checked again.
    if not back_s:
        return scene
    thermal, offset_s = scene.thermal, scene.thermal.time_offset_s
    if offset_s is not None:
        thermal = replace(thermal, time_offset_s=time_earlier(offset_s, back_s))
    objects = tuple(_shifted(entry, back_s) for entry in scene.objects)
    tracks = tuple(replace(each, trajectory=each.trajectory.earlier(back_s)) for each in scene.tracks)
    return replace(scene, objects=objects, thermal=thermal, tracks=tracks)


def _shifted(entry: SceneObject, back_s: Fraction) -> SceneObject:
    match, trajectory = entry.match, entry.trajectory
    if match is not None:
        at_s, from_s, to_s = (
            None if time_s is None else time_earlier(time_s, back_s)
            for time_s in (match.at_s, match.from_s, match.to_s)
        )
        match = replace(match, at_s=at_s, from_s=from_s, to_s=to_s)
    if trajectory is not None:
        trajectory = earlier(trajectory, back_s)
    return replace(entry, match=match, trajectory=trajectory)
