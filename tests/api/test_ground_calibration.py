"""``cssv.ground``: scenes with a homography from points or lengths, and the picture of the grid."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cssv
from cssv.errors import ExistsError, InputError, OptionError, OptionTypeError, VideoError
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.video import open_frames

#: Corners of a field of 4 m by 8 m in the synthetic clip of 160x96.
POINTS = [((20, 90), (0, 0)), ((140, 90), (4, 0)), ((110, 30), (4, 8)), ((50, 30), (0, 8))]
OWN = {
    "cssv_scene": 1,
    "camera": {"tilt_deg": {"value": -30, "sigma": 1}, "hfov_deg": 70, "x_maker": "unknown"},
    "environment": {"lighting_lux": 100},
    "objects": [{"match": {"label": "*"}, "temperature_c": 36.6, "x_note": [1, 2]}],
    "x_place": {"name": "yard"},
}


@pytest.fixture(scope="module")
def clip(clips):
    return clips / "clip.mkv"


@pytest.fixture(scope="module")
def size(clip):
    with open_frames(clip) as reader:
        return reader.info.width, reader.info.height


def test_points_become_the_homography_of_a_scene(clip, size, tmp_path):
    found = cssv.ground(clip, points=POINTS, output=tmp_path / "scene.json")
    assert found.method == "points"
    assert found.size_px == size
    scene = Scene.read(tmp_path / "scene.json")
    assert scene == found.scene
    assert scene.camera.homography == found.homography
    plane = plane_of(scene.camera, size)
    for px, m in POINTS:
        assert plane.to_ground(np.array(px, float)) == pytest.approx(m, abs=1e-6)
    assert max(found.residuals_px) < 1e-6
    assert 0 < found.speed_sigma < 0.1
    assert any("always fit" in note for note in found.notes)


def test_everything_else_in_a_scene_is_kept(clip, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(OWN))
    cssv.ground(clip, points=POINTS, scene=path, output=path, overwrite=True)
    written = json.loads(path.read_text())
    assert len(written["camera"].pop("homography")) == 3
    assert written == OWN


def test_a_wrong_point_shows(clip):
    points = [*POINTS, ((80, 60), (2, 2.5)), ((90, 60), (3.2, 2.0))]
    found = cssv.ground(clip, points=points)
    assert max(found.residuals_px) > 5
    assert any("do not agree" in note for note in found.notes)
    assert json.loads(json.dumps(found.to_json()))["points"][0]["m"] == [0, 0]


def test_a_mirrored_ground_gives_a_note(clip):
    mirrored = [(px, (x, -y)) for px, (x, y) in POINTS]
    assert any("mirrored" in note for note in cssv.ground(clip, points=mirrored).notes)
    assert not any("mirrored" in note for note in cssv.ground(clip, points=POINTS).notes)


def test_lengths_check_points(clip):
    found = cssv.ground(clip, points=POINTS, lengths=[((20, 90), (140, 90), 4.4)])
    assert found.method == "points"
    assert found.measured_m == pytest.approx([4.0])


def test_a_length_and_a_tilt_become_the_homography(clip, size):
    found = cssv.ground(clip, lengths=[((20, 80), (120, 80), 3.0)], scene=OWN)
    assert found.method == "lengths"
    assert found.measured_m == pytest.approx([3.0])
    plane = plane_of(found.scene.camera, size)
    ends = plane.to_ground(np.array([[20.0, 80], [120, 80]]))
    assert np.hypot(*(ends[1] - ends[0])) == pytest.approx(3.0)
    assert any("above the ground by these lengths" in note for note in found.notes)


def test_a_homography_in_another_unit_is_scaled(clip):
    first = cssv.ground(clip, points=POINTS)
    feet = cssv.ground(clip, lengths=[((20, 90), (140, 90), 4 / 0.3048)], scene=first.scene)
    assert np.array(feet.homography)[:2] / feet.homography[2][1] == pytest.approx(
        np.array(first.homography)[:2] / 0.3048 / first.homography[2][1], rel=1e-9
    )


def test_from_above_a_length_is_enough(clip, size):
    found = cssv.ground(clip, lengths=[((20, 20), (70, 20), 5.0)], top_view=True)
    assert found.method == "top view"
    assert found.ground_share == 1
    assert plane_of(found.scene.camera, size).to_ground(np.array([10.0, size[1]])) == pytest.approx([1, 0])


def test_the_grid_is_drawn_over_a_frame(clip, size, tmp_path):
    for name, options in (("a", {"frame": 3}), ("b", {"at": "0.1"}), ("c", {})):
        cssv.ground(clip, points=POINTS, picture=tmp_path / f"{name}.png", **options)
        with open_frames(tmp_path / f"{name}.png") as reader:
            assert next(iter(reader)).planes.shape == (size[1], size[0], 3)


def test_a_given_ground_is_drawn(clip, tmp_path):
    first = cssv.ground(clip, points=POINTS)
    again = cssv.ground(clip, scene=first.scene, picture=tmp_path / "grid.png")
    assert again.method == "scene"
    assert again.scene == first.scene
    assert (tmp_path / "grid.png").stat().st_size


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, OptionError, "nothing determines the ground"),
        ({"lengths": [((0, 0), (9, 9), 3)]}, OptionError, "lengths alone do not determine"),
        ({"points": [*POINTS[:3], ((50, 3000), (0, 8))]}, InputError, "outside of the picture"),
        ({"points": POINTS, "top_view": True}, OptionError, "determine the ground already"),
        ({"points": POINTS, "frame": 1, "at": 1}, OptionError, "given twice"),
        ({"points": POINTS, "picture": "grid.jpg"}, OptionError, r"\.png"),
        ({"points": POINTS, "frame": 10**6}, VideoError, "no such frame"),
        ({"points": POINTS, "at": 10**6}, VideoError, "no frame at this time"),
        ({"points": 7}, OptionTypeError, "no list"),
        ({"points": [(1, 2, 3)]}, OptionError, "incomplete"),
        ({"points": [((1, 2), "x")]}, OptionTypeError, "no pair"),
        ({"lengths": [((0, 0), (9, 9), "x")]}, OptionTypeError, "no number of metres"),
        # Upside down: the lower edge of the picture would be sky.
        (
            {"points": [((20, 10), (0, 0)), ((140, 10), (4, 0)), ((90, 70), (4, 8)), ((70, 70), (0, 8))]},
            InputError,
            "lower edge",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(clip, tmp_path, monkeypatch, options, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        cssv.ground(clip, **options)
    assert not list(tmp_path.iterdir())


def test_a_calibration_counts_before_points(clip, size):
    tsai = {
        "size_px": size, "centre_px": [80, 48], "pixel_mm": [0.01, 0.01], "focal_mm": 2,
        "translation_mm": [0, 0, 9000], "rotation_rad": [2.4, 0, 0],
    }  # fmt: skip
    scene = {"cssv_scene": 1, "camera": {"tsai": tsai}}
    with pytest.raises(OptionError, match="Tsai"):
        cssv.ground(clip, points=POINTS, scene=scene)
    assert cssv.ground(clip, scene=scene).method == "scene"


def test_existing_files_are_kept(clip, tmp_path):
    (tmp_path / "scene.json").write_text("mine")
    with pytest.raises(ExistsError):
        cssv.ground(clip, points=POINTS, output=tmp_path / "scene.json", picture=tmp_path / "grid.png")
    assert (tmp_path / "scene.json").read_text() == "mine"
    assert not (tmp_path / "grid.png").exists()
