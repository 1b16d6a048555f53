"""Objects that a scene gives by equations, through files and versions."""

from __future__ import annotations

import math

import pytest

import cssv

BUOY = {
    "name": "buoy",
    "label": "buoy",
    "temperature_c": 12,
    "trajectory": {
        "from_s": 0.2,
        "to_s": 0.8,
        "centre_x_px": "96 + 30*cos(2*pi*t)",
        "foot_y_px": "60 + 20*sin(2*pi*t)",
        "width_px": 24,
        "height_px": 30,
    },
}


def scene_of(*objects, **parts):
    return {"cssv_scene": 1, "objects": list(objects), **parts}


@pytest.fixture(scope="module")
def encoded(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("equations") / "clip.cssv"
    cssv.encode(
        clips / "clip.mkv", path, scene=scene_of(BUOY), boxes=clips / "boxes.txt", created_s=1, lossless=True
    )
    return path


def buoy_in(moment):
    return next((row for row in moment.objects if row.label == "buoy"), None)


def test_an_object_by_equations_is_drawn_with_exact_velocities(encoded):
    with cssv.open(encoded) as clip:
        assert clip.scene == cssv.Scene.from_json(scene_of(BUOY))
        for number in range(len(clip)):
            row, t = buoy_in(clip[number]), number / 25 - 0.2
            if not 5 <= number <= 20:
                assert row is None
                continue
            turn = 2 * math.pi * t
            assert row.x_px + row.w_px / 2 == pytest.approx(96 + 30 * math.cos(turn), abs=1e-3)
            assert row.y_px + row.h_px == pytest.approx(60 + 20 * math.sin(turn), abs=1e-3)
            assert row.vx_px_s == pytest.approx(-60 * math.pi * math.sin(turn), abs=1e-3)
            assert row.vy_px_s == pytest.approx(40 * math.pi * math.cos(turn), abs=1e-3)
            assert row.temperature_c == 12
        # The pixels carry it too: 190 px/s are drawn, and read back roughly.
        seen = [row for row in clip[12].objects_in_pixels if row.label == "buoy"]
        assert seen[0].speed_px_s == pytest.approx(buoy_in(clip[12]).speed_px_s, rel=0.15)


def test_a_commit_changes_an_equation(encoded, tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(encoded.read_bytes())
    slower = BUOY | {"trajectory": BUOY["trajectory"] | {"foot_y_px": 70}}
    cssv.commit(path, scene_of(slower), created_s=2)
    with cssv.open(path) as clip:
        assert buoy_in(clip[12]).y_px == pytest.approx(40)
    words = [change.words for change in cssv.diff(path, 1, 2).scene]
    assert words == ['object "buoy" (given): trajectory: foot y 60 + 20*sin(2*pi*t) -> 70']


def test_a_part_of_a_clip_keeps_the_times_of_the_clip(clips, tmp_path):
    path = tmp_path / "part.cssv"
    cssv.encode(
        clips / "clip.mkv", path, scene=scene_of(BUOY), boxes=clips / "boxes.txt", start=0.4, lossless=True
    )
    with cssv.open(path) as clip:
        assert buoy_in(clip[0]).x_px == pytest.approx(96 + 30 * math.cos(0.4 * math.pi) - 12, abs=1e-3)


def test_equations_of_tracks_are_no_input(clips, tmp_path):
    tracks = [{"track": 1, "trajectory": {"from_s": 0, "to_s": 1, "centre_x_px": "t"}}]
    path = tmp_path / "clip.cssv"
    cssv.encode(
        clips / "clip.mkv", path, scene=scene_of(tracks=tracks), boxes=clips / "boxes.txt", lossless=True
    )
    with cssv.open(path) as clip:
        assert clip.scene.tracks == ()
