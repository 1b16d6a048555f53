"""The ground plane of pages: the same places as the library's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cssv.scene import Scene
from cssv.scene.camera import plane_of

#: Reads cases of a scene, a size and points; writes where the points are on the ground, and from there back.
PROGRAM = """
import { readFileSync } from "node:fs";
const { groundPlane } = await import(process.argv[1]);
const found = JSON.parse(readFileSync(0, "utf-8")).map(([scene, [width, height], points]) => {
  const plane = groundPlane(scene, { width, height });
  if (!plane) return null;
  const ground = points.map((point) => plane.toGround(...point));
  const back = ground.map((point) => point && plane.toPicture(...point));
  return { ground, back, camera: plane.camera };
});
process.stdout.write(JSON.stringify(found));
"""
MODULE = Path(__file__).resolve().parents[2] / "cssv" / "view" / "html" / "ground_plane.js"
SIZE = (768, 576)
POSE = {"position_m": [2, -3, 6.5], "tilt_deg": -25, "hfov_deg": 55}
TSAI = {
    "size_px": [768, 576],
    "centre_px": [324.2, 282.6],
    "pixel_mm": [0.00513, 0.00465],
    "sx": 1.0937855,
    "focal_mm": 5.5549183,
    "kappa1_per_mm2": 0.0051113043639,
    "translation_mm": [829.08, -3175.84, 35469.66],
    "rotation_rad": [2.0405458, -0.893382, -0.4312662],
}
HOMOGRAPHY = [[0.0194, 0.001, -3.73], [0.0, -0.0066, 8.47], [0.0, 0.00228, -0.2]]
CAMERAS = [
    POSE,
    {**POSE, "pan_deg": 130, "roll_deg": {"value": 7, "sigma": 1, "source": "estimated"}},
    {**POSE, "tilt_deg": {"value": -3, "source": "measured"}},
    {"homography": HOMOGRAPHY},
    {"homography": [[-value for value in row] for row in HOMOGRAPHY], **POSE},
    {"tsai": TSAI},
    {"tsai": {**TSAI, "kappa1_per_mm2": 0}, "homography": HOMOGRAPHY},
    {"tsai": {**TSAI, "kappa1_per_mm2": -0.02}},
]
WITHOUT_GROUND = [
    {},
    {**POSE, "tilt_deg": {"source": "unknown"}},
    {**POSE, "position_m": [0, 0, 0]},
    {**POSE, "hfov_deg": 180},
    # No writer makes these, but a file may hold them.
    {**POSE, "position_m": "high"},
    {"homography": [1, 2, 3]},
    {"homography": [[0, 0, 0]] * 3},
    {"tsai": {"focal_mm": 5}},
]


def points():
    return np.random.default_rng(3).uniform((0, 0), SIZE, (60, 2)).round(2)


def scene_of(camera):
    return {"cssv_scene": 1, "camera": camera}


@pytest.fixture(scope="module")
def planes(ask_node):
    """The results of the module for all cameras, by one run of node."""
    cases = [[scene_of(camera), SIZE, points().tolist()] for camera in (*CAMERAS, *WITHOUT_GROUND)]
    return ask_node(PROGRAM, MODULE, cases)


def as_array(found):
    return np.array([point or [np.nan, np.nan] for point in found], dtype=np.float64)


@pytest.mark.parametrize("number", range(len(CAMERAS)))
def test_places_are_those_of_the_library(planes, number):
    plane = plane_of(Scene.loads(json.dumps(scene_of(CAMERAS[number]))).camera, SIZE)
    expected = plane.to_ground(points())
    found = as_array(planes[number]["ground"])
    # The horizon is where it is in the library.
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    back = as_array(planes[number]["back"])
    np.testing.assert_allclose(back, plane.to_picture(expected), rtol=1e-6, atol=1e-6)


def test_the_camera_stands_where_its_pose_says(planes):
    for found in planes[:3]:
        assert found["camera"]["position"] == pytest.approx(POSE["position_m"])


def test_without_a_ground_there_is_no_plane(planes):
    assert planes[len(CAMERAS) :] == [None] * len(WITHOUT_GROUND)


def test_a_homography_tells_where_its_camera_stands(ask_node):
    plane = plane_of(Scene.loads(json.dumps(scene_of(POSE))).camera, SIZE)
    (found,) = ask_node(PROGRAM, MODULE, [[scene_of({"homography": plane.matrix.tolist()}), SIZE, []]])
    assert found["camera"]["position"] == pytest.approx(POSE["position_m"])
