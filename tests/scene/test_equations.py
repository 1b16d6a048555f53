"""Trajectories by equations: what is drawn, exact velocities, faults with their paths, bounded checks."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from cssv.errors import SceneError
from cssv.scene import Equations, Scene
from cssv.scene.diff import compare_scenes
from cssv.scene.equations import is_whole
from cssv.scene.matching import given_sightings, resolve
from cssv.scene.shift import shift_times
from cssv.testing.strategies import equation_trajectories

CIRCLE = {
    "from_s": 2,
    "to_s": 10,
    "centre_x_px": "320 + 96*cos(1.57*t)",
    "foot_y_px": "200 + 96 sin(1.57 t)",
    "width_px": 40,
    "height_px": "30 + 2*t",
}


def scene_of(trajectory: object, **attributes: object) -> Scene:
    return Scene.from_json({"cssv_scene": 1, "objects": [{"trajectory": trajectory, **attributes}]})


def faults(trajectory: object) -> tuple[str, ...]:
    with pytest.raises(SceneError) as caught:
        scene_of(trajectory)
    return caught.value.faults


def test_boxes_and_velocities_are_those_of_the_equations():
    (entry,) = scene_of(CIRCLE).objects
    for time_s in (2, 3.25, 7.0, 10, Fraction(17, 5)):
        t = float(time_s) - 2
        box, past, future = entry.state_at(time_s)
        height = 30 + 2 * t
        x, foot = 320 + 96 * math.cos(1.57 * t), 200 + 96 * math.sin(1.57 * t)
        assert box == pytest.approx((x - 20, foot - height, 40, height))
        wanted = (-96 * 1.57 * math.sin(1.57 * t), 96 * 1.57 * math.cos(1.57 * t) - 1)
        assert past == future == pytest.approx(wanted, abs=1e-9)
        assert entry.foot_velocity(time_s) == pytest.approx((wanted[0], wanted[1] + 1), abs=1e-9)
    assert entry.state_at(1.999) is None
    assert entry.state_at(10.001) is None


def test_speeds_cover_the_fastest_moment():
    (entry,) = scene_of(CIRCLE | {"height_px": 30}).objects
    assert max(entry.speeds_px_s()) == pytest.approx(96 * 1.57, rel=1e-3)


@given(equation_trajectories())
def test_reading_and_writing_are_inverse(node):
    equations = Equations.from_json(node)
    assert is_whole(equations)
    assert scene_of(node).to_json()["objects"] == [{"trajectory": node}]
    times, boxes, speeds = equations.samples()
    assert (np.diff(times) > 0).all()
    assert np.isfinite(boxes).all()
    assert np.isfinite(speeds).all()
    assert (boxes[:, 2:] > 0).all()


def test_a_part_of_a_clip_has_the_same_object_earlier():
    moved = shift_times(scene_of(CIRCLE), Fraction(1, 2))
    for time_s in (2, 4.5, 10):
        before, after = (
            s.objects[0].state_at(t) for s, t in ((scene_of(CIRCLE), time_s), (moved, time_s - 0.5))
        )
        assert before == after


def test_equations_match_by_place_and_time():
    scene = Scene.from_json(
        {
            "cssv_scene": 1,
            "objects": [
                {"trajectory": CIRCLE, "label": "buoy"},
                {"match": {"near_px": [320, 280], "at_s": 3}, "temperature_c": 12},
            ],
        }
    )
    facts = resolve(scene, given_sightings(scene, 7))
    assert facts[7].temperature_c.value == 12
    assert facts[7].label == "buoy"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"to_s": 2}, "$.objects[0].trajectory.to_s: found 2; allowed: above from_s, 2"),
        (
            {"centre_x_px": "320 + 96*tan(t)"},
            '$.objects[0].trajectory.centre_x_px: found "320 + 96*tan(t)"; unknown name at character 10: '
            "found 'tan'; allowed: t, pi, exp, sin, cos",
        ),
        (
            {"width_px": "40 - 10*t"},
            '$.objects[0].trajectory.width_px: found "40 - 10*t"; it is 0 at t = 4 s; '
            "allowed: 0.001 to 1e+06 px, at most 1e+12 px/s",
        ),
        (
            {"width_px": "1/t"},
            '$.objects[0].trajectory.width_px: found "1/t"; it is inf at t = 0 s; '
            "allowed: 0.001 to 1e+06 px, at most 1e+12 px/s",
        ),
        (
            {"foot_y_px": {"expression": "exp(99*t)", "bound_px": 1}},
            '$.objects[0].trajectory.foot_y_px.expression: found "exp(99*t)"; it is 1.15237e+08 at '
            "t = 0.1875 s; allowed: -1e+06 to 1e+06 px, at most 1e+12 px/s",
        ),
        (
            {"foot_y_px": {"expression": "t"}},
            "$.objects[0].trajectory.foot_y_px.bound_px: missing; allowed: a number from 0 to 1000000",
        ),
        (
            {"foot_y_px": None},
            "$.objects[0].trajectory.foot_y_px: found null; allowed: a number from -1000000 to 1000000, or "
            "text of 1 to 2000 characters, or {expression, bound_px}",
        ),
        (
            {"foot_y": "t"},
            "$.objects[0].trajectory.foot_y: unknown key (did you mean foot_y_px?); allowed: centre_x_px, "
            "foot_y_px, from_s, height_px, to_s, width_px, or a key that starts with x_",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_fault_is_one_line(change, line):
    assert faults(CIRCLE | change) == (line,)


def test_a_missing_equation_is_a_fault_of_an_object_but_not_of_a_track():
    node = {key: value for key, value in CIRCLE.items() if key != "width_px"}
    (line,) = faults(node)
    assert line.startswith("$.objects[0].trajectory.width_px: missing; allowed: a number")
    scene = Scene.from_json({"cssv_scene": 1, "tracks": [{"track": 3, "trajectory": node}]})
    assert not is_whole(scene.tracks[0].trajectory)
    assert scene.to_json()["tracks"] == [{"track": 3, "trajectory": node}]


@pytest.mark.parametrize(
    "formula",
    [
        "1/(t - 1.23456789)",
        "exp(exp(exp(t)))",
        "sin(1e9*t*1e9*t)*1e6",
        "exp(700*sin(1e6*t))",
        "1e9*1e9*t - 1e9*1e9*t + 1/0",
        "1/(sin(1e6*t) + 1.0000000001)",
    ],
)
def test_no_time_between_samples_can_hold_a_value_out_of_bounds(formula):
    (line,) = faults(CIRCLE | {"centre_x_px": formula})
    assert line.startswith("$.objects[0].trajectory.centre_x_px: found")


def test_hostile_scenes_end_soon():
    slow = "sin(1e6*t)" + " + sin(1e6*t)" * 11
    node = CIRCLE | dict.fromkeys(("centre_x_px", "foot_y_px"), slow)
    tree = {"cssv_scene": 1, "objects": [{"trajectory": node}] * 1500}
    with pytest.raises(SceneError, match="too long together"):
        Scene.from_json(tree)


def test_changes_in_words():
    before = scene_of(CIRCLE, name="buoy")
    after = scene_of(
        CIRCLE | {"to_s": 12, "centre_x_px": {"expression": "320 + t", "bound_px": 0.5}}, name="buoy"
    )
    (change,) = compare_scenes(before, after)
    assert change.what == (
        "trajectory: to 10 s -> 12 s; centre x 320 + 96*cos(1.57*t) -> 320 + t, within 0.5 px"
    )
    points = [{"time_s": 0, "box_px": [0, 0, 9, 9]}, {"time_s": 4, "box_px": [9, 0, 9, 9]}]
    (change,) = compare_scenes(before, scene_of(points, name="buoy"))
    assert change.what == ("trajectory by equations from 2 s to 10 s -> of 2 points from 0 s to 4 s")
    (change,) = compare_scenes(Scene(), before)
    assert change.what == "added, trajectory by equations from 2 s to 10 s"
    assert compare_scenes(before, before) == ()
