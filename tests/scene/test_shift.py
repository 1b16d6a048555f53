"""Scenes moved in time."""

from __future__ import annotations

from fractions import Fraction

from cssv.scene import Scene, Thermal
from cssv.scene.shift import shift_times


def test_a_trimmed_clip_gets_its_scene_in_its_own_time():
    whole = Scene.from_json(
        {
            "cssv_scene": 1,
            "thermal": {"time_offset_s": -0.7, "rate": 9},
            "objects": [
                {"match": {"near_px": [5, 5], "at_s": 2.1}, "name": "a"},
                {"match": {"label": "*", "from_s": 1.0, "to_s": 4.5}, "temperature_c": 20},
                {
                    "trajectory": [
                        {"time_s": 0.5, "box_px": [0, 0, 9, 9]},
                        {"time_s": 3, "box_px": [9, 0, 9, 9]},
                    ]
                },
            ],
        }
    )
    moved = shift_times(whole, Fraction(1, 10))
    first, second, third = moved.objects
    assert (first.match.at_s, second.match.from_s, second.match.to_s) == (2.0, 0.9, 4.4)
    assert [point.time_s for point in third.trajectory] == [0.4, 2.9]
    assert third.state_at(0.4).box_px == whole.objects[2].state_at(0.5).box_px
    assert second.temperature_c == whole.objects[1].temperature_c
    assert moved.thermal == Thermal(time_offset_s=-0.8, rate=9)
    assert shift_times(whole, Fraction(0)) is whole
    assert shift_times(moved, Fraction(-1, 10)) == whole
