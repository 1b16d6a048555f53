"""``cssv info --equations`` and ``cssv decode --equations``: formulas that people read, and JSON."""

from __future__ import annotations

import json

import pytest

import cssv

BUOY = {
    "name": "buoy\u202e\n  track 9",
    "trajectory": {
        "from_s": 0,
        "to_s": 2,
        "centre_x_px": "96 + 40*cos(3*t)",
        "foot_y_px": "60 + 10*t",
        "width_px": 24,
        "height_px": 30,
    },
}


@pytest.fixture(scope="module")
def given(material, tmp_path_factory):
    path = tmp_path_factory.mktemp("equations") / "given.cssv"
    scene = {"cssv_scene": 1, "objects": [BUOY]}
    return cssv.encode(material / "clip.mkv", path, scene=scene, boxes=material / "boxes.txt").path


def test_formulas_in_words(run, given):
    result = run("info", given, "--equations")
    assert (result.code, result.err) == (0, "")
    assert "x: middle of the box, y: its lower edge" in result.out
    assert "t: seconds since the first frame of the track" in result.out
    assert "x(t) = 96 + 40 cos(3 t) px, " in result.out
    assert "y(t) = 60 + 10 t px, exactly" in result.out
    assert "w(t) = 24 px, exactly" in result.out
    assert "numbers     bytes" in result.out
    assert "as numbers of 16 bits" in result.out
    # A name of somebody else cannot begin a line.
    titles = [line for line in result.out.splitlines() if line.startswith("  track ")]
    assert len(titles) == 2
    assert "buoy" in titles[1]
    assert "given by the scene" in titles[1]
    assert "\u202e" not in result.out


def test_the_same_as_json(run, given):
    data = json.loads(run("info", given, "--equations", "--json").out)
    tracked, buoy = data["trajectories"]
    assert tracked["is_given"] is False
    assert buoy["centre_x"]["expression"] == "96 + 40*cos(3*t)"
    assert buoy["centre_x"]["method"] == "expression"
    assert buoy["centre_x"]["error_px"] <= 1
    assert "trajectories" not in json.loads(run("info", given, "--json").out)


def test_a_plain_clip_in_words(run, material):
    result = run("info", material / "clip.mkv", "--equations")
    assert result.code == 0
    assert "tracks    none" in result.out


def test_options_that_do_not_fit(run, given, tmp_path):
    result = run("info", given, "--equations", "--bound", 0)
    assert result.code
    assert "Give another --bound" in result.err
    result = run("info", given, "--symbolic", "pyoperon")
    assert result.code == 2
    assert "give --equations too" in result.err
    result = run("decode", given, "-o", tmp_path / "h.mkv", "--equations")
    assert result.code
    assert "--scene" in result.err


def test_a_scene_with_equations(run, given, tmp_path):
    result = run("decode", given, "--scene", tmp_path / "s.json", "--equations")
    assert result.code == 0
    (track,) = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["tracks"]
    assert track["trajectory"]["centre_x_px"]["expression"] == "40 + 50*t"
