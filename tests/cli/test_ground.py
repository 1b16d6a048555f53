"""``cssv ground``: a scene on stdout or in a file, a report for people, and the forms of points."""

from __future__ import annotations

import json

import pytest

from cssv.scene import Scene
from tests.cli.conftest import write_clip

POINTS = "20,130=0,0 170,130=4,0; 130,40=4,8 60,40=0,8"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("ground") / "clip.mkv", 3)


def test_the_scene_is_printed_and_the_report_is_beside_it(run, clip):
    result = run("ground", clip, "--points", POINTS)
    assert result.code == 0
    assert Scene.loads(result.out).camera.homography is not None
    assert "Ground by 4 points" in result.err
    assert "one standard deviation" in result.err


def test_a_written_scene_is_reported(run, clip, tmp_path):
    scene, grid = tmp_path / "scene.json", tmp_path / "grid.png"
    result = run("ground", clip, "--points", POINTS, "-o", scene, "--picture", grid, "--frame", 2)
    assert result.code == 0
    assert f"Wrote {scene}." in result.out
    assert "Scene" not in result.out
    assert Scene.read(scene).camera.homography is not None
    # Points can also be given one by one.
    again = [word for entry in POINTS.replace(";", "").split() for word in ("--points", entry)]
    found = run("ground", clip, *again, "--json").json()
    assert found["homography"] == json.loads(scene.read_text())["camera"]["homography"]
    assert [point["px"] for point in found["points"]][:2] == [[20, 130], [170, 130]]


def test_lengths_from_above(run, clip):
    found = run("ground", clip, "--top-view", "--length", "10,10,60,10=5", "--json").json()
    assert (found["method"], found["lengths"][0]["measured_m"]) == ("top view", 5)


def test_errors_speak_of_options(run, clip):
    result = run("ground", clip, "--length", "10,10,60,10=5")
    assert result.code != 0
    assert "--top-view" in result.err
    assert "--meta" in result.err
    assert "--points" in result.err


@pytest.mark.parametrize(
    "words", [("--points", "1,2,3=4"), ("--points", "1,2=3,x"), ("--points", "1,2"), ("--length", "1,2=3")]
)
def test_other_forms_are_usage_errors(run, clip, words):
    result = run("ground", clip, *words)
    assert result.code == 2
    assert "is not of the form" in result.err
