"""The sample clip agrees with its truth, its scene and its detections."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest

from cssv.scene import Scene, Value
from cssv.scene.matching import Sighting, given_sightings, resolve, unmatched

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def script():
    return importlib.import_module("make_sample")


@pytest.fixture(scope="module")
def truth():
    with (SAMPLES / "truth.csv").open(newline="") as file:
        return [{k: v if k == "label" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def sightings(truth):
    """Tracks as from a detector without labels; the boat is given by the scene."""
    found = []
    for track in sorted({row["id"] for row in truth if row["label"] != "boat"}):
        rows = [row for row in truth if row["id"] == track]
        boxes = np.array([[row[k] for k in "xywh"] for row in rows])
        found.append(Sighting(int(track), "object", np.array([row["frame"] / 25 for row in rows]), boxes))
    return found


@pytest.mark.parametrize("name", ["truth", "boxes", "scene", "scene2"])
def test_the_script_writes_the_committed_texts(script, name):
    (path,) = [p for p in SAMPLES.iterdir() if p.stem == name]
    assert path.read_bytes().decode() == getattr(script, f"{name}_text")()


def test_the_clip_has_the_properties_of_the_script(script):
    import av

    path = SAMPLES / "harbour.mp4"
    assert path.stat().st_size <= 400 * 1024
    with av.open(str(path)) as clip:
        (video,), (audio,) = clip.streams.video, clip.streams.audio
        frames = [frame.pts * frame.time_base for frame in clip.decode(video)]
        assert (video.width, video.height) == (script.WIDTH, script.HEIGHT)
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert audio.codec_context.name == "aac"
    assert [float(time) for time in frames] == [n / script.RATE for n in range(script.FRAMES)]


def test_the_clip_shows_what_the_script_draws(script):
    import av

    pictures = script.pictures()
    with av.open(str(SAMPLES / "harbour.mp4")) as clip:
        for _, frame in zip(range(3), clip.decode(video=0), strict=False):
            shown = frame.to_ndarray(format="rgb24").astype(float)
            assert np.sqrt(np.mean((shown - next(pictures)) ** 2)) < 6


def test_velocities_are_the_slopes_of_the_boxes(truth):
    for track in {row["id"] for row in truth}:
        rows = [row for row in truth if row["id"] == track]
        for before, row, after in zip(rows, rows[1:], rows[2:], strict=False):
            for place, speed in (("x", "vx_px_s"), ("y", "vy_px_s")):
                # Central differences of an oscillation at 2.2 rad/s are off by 0.13 % of its 20 px/s.
                assert (after[place] - before[place]) * 12.5 == pytest.approx(row[speed], abs=0.03)


def test_objects_cross_accelerate_and_leave(truth):
    def column(track, key):
        return np.array([row[key] for row in truth if row["id"] == track])

    assert np.any(np.diff(np.sign(column(2, "x") - column(3, "x"))))
    speeds = column(5, "vx_px_s")
    assert np.all(np.diff(speeds) > 0)
    assert speeds[-1] > 5 * speeds[0]
    assert max(row["frame"] for row in truth if row["id"] == 6) < 99


def test_every_entry_of_the_scene_finds_its_object(sightings):
    scene = Scene.read(SAMPLES / "scene.json")
    found = resolve(scene, [*sightings, *given_sightings(scene, 100)])
    assert unmatched(scene, found) == ()
    assert {track: facts.label for track, facts in found.items()} == {
        2: "person",
        3: "person",
        4: "person",
        5: "cart",
        6: "gull",
        100: "boat",
    }
    assert {2: "docker", 3: "sailor", 4: "visitor", 5: "luggage cart"}.items() <= {
        track: facts.name for track, facts in found.items()
    }.items()
    assert found[2].temperature_c == Value(36.8, 0.5)
    assert found[4].temperature_c == Value(38.6, 0.2)
    assert found[4].extra == {"x_note": "sent to the first-aid post"}
    assert found[5].template == "comet"


def test_the_scene_agrees_with_the_truth(sightings, truth):
    scene = Scene.read(SAMPLES / "scene.json")
    facts = resolve(scene, [*sightings, *given_sightings(scene, 1)])
    for row in truth:
        told = facts[int(row["id"])]
        assert abs(told.temperature_c.value - row["temperature_c"]) <= 3 * told.temperature_c.sigma
        assert told.density_kg_m3.value == row["density_kg_m3"]
        speed = np.hypot(row["vx_px_s"], row["vy_px_s"])
        assert scene.ranges.speed_px_s[0] <= speed <= scene.ranges.speed_px_s[1]
        assert scene.ranges.temperature_c[0] < row["temperature_c"] < scene.ranges.temperature_c[1]


def test_the_given_boat_moves_as_in_truth(truth):
    ((_, boat),) = Scene.read(SAMPLES / "scene.json").given_tracks()
    for row in truth:
        if row["label"] == "boat":
            box, past, future = boat.state_at(row["frame"] / 25)
            assert box == pytest.approx([row[k] for k in "xywh"], abs=1e-5)
            assert past == future == pytest.approx((row["vx_px_s"], row["vy_px_s"]), abs=1e-9)


def test_the_homography_agrees_with_the_camera():
    camera = Scene.read(SAMPLES / "scene.json").camera
    matrix = np.array(camera.homography)

    def ground(x, y):
        point = matrix @ (x, y, 1)
        return point[:2] / point[2]

    focal = 192 / np.tan(np.radians(camera.hfov_deg.value / 2))
    height, down = camera.position_m.value[2], np.radians(-camera.tilt_deg.value)
    assert ground(192, 144) == pytest.approx((0, height / np.tan(down)), abs=1e-6)
    bottom = down + np.arctan(144 / focal)
    assert ground(192, 288) == pytest.approx((0, height / np.tan(bottom)), abs=1e-6)
    left, right = ground(0, 200), ground(384, 200)
    assert left[0] == pytest.approx(-right[0], abs=1e-6)
    assert left[1] == pytest.approx(right[1], abs=1e-6)


def test_detections_lie_on_the_truth(truth):
    places = {}
    for row in truth:
        places.setdefault(int(row["frame"]), []).append([row[k] for k in "xywh"])
    rows = np.loadtxt(SAMPLES / "boxes.txt", delimiter=",")
    assert 0.9 < len(rows) / sum(row["label"] != "boat" for row in truth) < 1
    for row in rows:
        offsets = np.abs(np.array(places[int(row[0]) - 1]) - row[2:6]).max(axis=1)
        assert offsets.min() < 3
