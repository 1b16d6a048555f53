"""``cssv.room``: the glTF file read by a reader of its own, and by Khronos' validator."""

import json
import struct
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest

import cssv
from cssv.errors import ExistsError, OptionError
from cssv.interop.rows import ObjectRow
from cssv.pipeline.clip_rows import ClipRows, read_rows
from cssv.pipeline.decoder import Decoder
from cssv.scene import Scene
from cssv.scene.camera import place_of_camera, plane_of
from cssv.scene.ground import Plane, feet_of
from cssv.view.heat import to_rgb
from cssv.view.plot.tracks import group_tracks
from cssv.view.room import RoomContent, Space, make_room
from cssv.view.room.bodies import frustum, make_body
from cssv.view.room.space import FARTHEST_M, to_gltf
from cssv.view.units import speed_unit

SIZE = (192, 160)
POSE = {"position_m": [1, 2, 4], "pan_deg": 15, "tilt_deg": -20, "roll_deg": 3, "hfov_deg": 60}
VALIDATE = """
const { readFileSync } = require("node:fs");
require("gltf-validator").validateBytes(new Uint8Array(readFileSync(0)))
  .then((report) => console.log(JSON.stringify(report.issues)));
"""


class Glb:
    """A GLB file as a reader sees it who knows only the specification of glTF 2.0."""

    def __init__(self, data):
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        chunks, offset = {}, 12
        while offset < len(data):
            size, kind = struct.unpack_from("<I4s", data, offset)
            assert size % 4 == 0
            chunks[kind] = data[offset + 8 : offset + 8 + size]
            offset += 8 + size
        self.json = json.loads(chunks[b"JSON"])
        self.body = chunks[b"BIN\0"]

    def view(self, index):
        view = self.json["bufferViews"][index]
        return self.body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def array(self, index):
        of = self.json["accessors"][index]
        kind = {5126: "<f4", 5123: "<u2", 5121: "u1"}[of["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[of["type"]]
        values = np.frombuffer(self.view(of["bufferView"]), kind, of["count"] * width, of["byteOffset"])
        return values.reshape(-1, width) if width > 1 else values

    def node(self, name):
        (found,) = [index for index, node in enumerate(self.json["nodes"]) if node["name"] == name]
        return found

    def names(self):
        return [node["name"] for node in self.json.get("nodes", ())]

    def motion(self, name, path):
        """Times, values and interpolation."""
        (animation,) = self.json["animations"]
        target = {"node": self.node(name), "path": path}
        (sampler,) = [each["sampler"] for each in animation["channels"] if each["target"] == target]
        of = animation["samplers"][sampler]
        return self.array(of["input"]), self.array(of["output"]), of["interpolation"]

    def primitive(self, name):
        mesh = self.json["nodes"][self.node(name)]["mesh"]
        return self.json["meshes"][mesh]["primitives"][0]


def pose(**fields):
    return Scene.from_json({"cssv_scene": 1, "camera": POSE | fields}).camera


def space_of(camera):
    plane = plane_of(camera, SIZE)
    return Space(SIZE, plane, place_of_camera(camera, plane))


@pytest.fixture(scope="module")
def space():
    return space_of(pose())


def rows_of(track, boxes, label="person", step_s=0.1, **values):
    return [
        ObjectRow(number, number * step_s, track, label, *map(float, box), **values)
        for number, box in enumerate(boxes)
    ]


WALK = [(20 + 2 * number, 80, 10, 30) for number in range(10)]


def content(space, rows, count=20):
    tracks = group_tracks(rows, np.arange(count + 1) * 0.1)
    picture = np.random.default_rng(1).integers(0, 256, (160, 192, 3), np.uint8)
    unit = speed_unit(None, has_ground=space.plane is not None)
    return RoomContent(space, tracks, picture, (0, 0, *SIZE), 0.0, unit)


def made(space, rows, count=20):
    data, shown = make_room(content(space, rows, count))
    return Glb(data), shown


@pytest.fixture(scope="module")
def validate(node_package, tool):
    """``validate(data)``: errors and warnings of Khronos' validator."""
    environment = node_package("gltf-validator")

    def run(data):
        command = [tool("node"), "-e", VALIDATE]
        done = subprocess.run(command, input=data, capture_output=True, env=environment, check=True)
        issues = json.loads(done.stdout)
        return [each for each in issues["messages"] if each["severity"] < 2]

    return run


# ---- whole files


def test_a_file_without_a_camera(stego, tmp_path, validate):
    done = cssv.room(stego, tmp_path / "a.glb")
    data = done.path.read_bytes()
    assert (done.has_ground, done.has_camera, done.unit, done.bytes) == (False, False, "px/s", len(data))
    glb = Glb(data)
    assert "1000 px are 1 unit" in glb.json["scenes"][0]["extras"]["axes"]
    with Decoder(stego) as decoder:
        found = read_rows(decoder)
    for track in group_tracks(found.rows, found.times_s):
        times, places, how = glb.motion(track.name, "translation")
        assert how == "LINEAR"
        np.testing.assert_array_equal(times, track.times_s.astype(np.float32))
        expected = (track.feet_px * (1, -1) + (0, 160)) / 1000
        np.testing.assert_allclose(places[:, :2], expected, atol=1e-6)
        assert not places[:, 2].any()
    cssv.room(stego, tmp_path / "b.glb")
    assert (tmp_path / "b.glb").read_bytes() == data
    assert not validate(data)


def test_the_texture_is_the_frame_in_the_middle(stego, tmp_path):
    glb = Glb(cssv.room(stego, tmp_path / "a.glb").path.read_bytes())
    (image,) = glb.json["images"]
    shown = cv2.imdecode(np.frombuffer(glb.view(image["bufferView"]), np.uint8), 1)[..., ::-1]
    with cssv.open(stego) as clip:
        moment = clip[len(clip) // 2]
        frame = to_rgb(moment.frame.planes, moment.frame.layout)
    assert np.abs(shown.astype(int) - frame).mean() < 8
    primitive = glb.primitive("picture")["attributes"]
    places, texture = glb.array(primitive["POSITION"]), glb.array(primitive["TEXCOORD_0"])
    np.testing.assert_allclose(texture, places[:, :2] * (1, -1) / (0.192, 0.160) + (0, 1), atol=1e-5)


def test_a_file_that_exists_is_kept(stego, tmp_path):
    path = tmp_path / "a.glb"
    path.write_text("mine")
    with pytest.raises(ExistsError):
        cssv.room(stego, path)
    assert path.read_text() == "mine"
    cssv.room(stego, path, overwrite=True)
    assert path.read_bytes().startswith(b"glTF")


@pytest.mark.parametrize("name", ["a.gltf", "a", "a.obj"])
def test_another_extension(stego, name, tmp_path):
    with pytest.raises(OptionError, match=r"kind of file.*\.glb"):
        cssv.room(stego, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_without_objects(stego, tmp_path, monkeypatch, validate):
    monkeypatch.setattr("cssv.api.room.read_rows", lambda *_: ClipRows((), np.array([0.0, 1.0])))
    done = cssv.room(stego, tmp_path / "a.glb")
    assert (done.tracks, done.objects) == ((), 0)
    data = done.path.read_bytes()
    assert Glb(data).names() == ["picture"]
    assert not validate(data)


# ---- the ground


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"pan_deg": -160},
        {"position_m": [0, 0, 30], "tilt_deg": -90},
        # The same ground with z down: x and y turn clockwise, seen from above.
        {"homography": [[0.05, 0, -4.8], [0, 0.02, -1], [0, 0.001, 0.05]]},
        {"homography": [[0.05, 0, -4.8], [0, -0.02, 1], [0, 0.001, 0.05]]},
    ],
)
def test_the_ground_faces_up_and_shows_its_own_points(fields):
    space = space_of(pose(**fields))
    glb, _ = made(space, rows_of(3, WALK))
    primitive = glb.primitive("ground")
    places = glb.array(primitive["attributes"]["POSITION"])
    texture = glb.array(primitive["attributes"]["TEXCOORD_0"])
    triangles = places[glb.array(primitive["indices"]).reshape(-1, 3)].astype(float)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    # A mirrored ground would face down.
    assert (normals[:, 1] > 0).all()
    assert not places[:, 1].any()
    ground = np.stack([places[:, 0], -space.up * places[:, 2]], axis=-1)
    np.testing.assert_allclose(space.plane.to_picture(ground), texture * SIZE, atol=0.05)


def test_bodies_move_as_their_feet_on_the_ground(space, validate):
    boxes = np.array(WALK, float)
    rows = rows_of(3, WALK, speed_m_s=1.5, sigma_m_s=0.25)
    data, shown = make_room(content(space, rows))
    glb = Glb(data)
    assert shown == (3,)
    times, places, _ = glb.motion("person 3", "translation")
    ground = space.plane.to_ground(feet_of(boxes))
    np.testing.assert_allclose(places, np.stack([ground[:, 0], 0 * times, -ground[:, 1]], -1), rtol=1e-6)
    np.testing.assert_array_equal(times, (np.arange(10) * 0.1).astype(np.float32))
    _, radii, _ = glb.motion("uncertainty of person 3", "scale")
    width, _, depth = glb.json["nodes"][glb.node("body of person 3")]["scale"]
    radius = np.hypot(width, depth) / 2 + 0.25
    np.testing.assert_allclose(radii, np.tile([radius, 1, radius], (10, 1)), rtol=1e-6)
    extras = glb.json["nodes"][glb.node("person 3")]["extras"]
    assert (extras["track"], extras["label"], extras["first_s"]) == (3, "person", 0.0)
    assert extras["end_s"] == pytest.approx(1.0)
    assert not validate(data)


def test_objects_are_shown_only_while_they_are_there(space):
    rows = [row for row in rows_of(3, WALK) if row.frame not in (0, 1, 5)]
    glb, _ = made(space, rows)
    times, shown, how = glb.motion("person 3", "scale")
    assert how == "STEP"
    np.testing.assert_allclose(times, [0, 0.2, 0.5, 0.6, 1.0])
    np.testing.assert_array_equal(shown[:, 0], [0, 1, 0, 1, 0])
    # No line crosses the gap.
    mesh = glb.json["meshes"][glb.json["nodes"][glb.node("path of person 3")]["mesh"]]
    counts = [glb.json["accessors"][each["attributes"]["POSITION"]]["count"] for each in mesh["primitives"]]
    assert counts == [3, 4]


def test_height_is_measured_by_the_camera(space):
    ground = np.array([[2.0, 9.0], [2.5, 11.0]])
    feet = space.plane.to_picture(ground)
    # The camera's own projection of points 1.8 m above: along the line from its place.
    eye = np.array(space.camera_m)
    share = 1.8 / eye[2]
    tops = space.plane.to_picture(eye[:2] + (ground - eye[:2]) / (1 - share))
    boxes = [(x - 4, top, 8, y - top) for (x, y), (_, top) in zip(feet, tops, strict=True)]
    (track,) = group_tracks(rows_of(1, boxes))
    assert make_body(space, track).size[1] == pytest.approx(1.8, rel=0.02)


def test_bodies_are_as_wide_as_their_boxes_and_face_the_camera(space):
    glb, _ = made(space, rows_of(1, [(80, 90, 40, 20)]))
    node = glb.json["nodes"][glb.node("body of person 1")]
    left, right = space.places(np.array([[80, 110], [120, 110]]))
    half = np.arctan2(-(right - left)[2], (right - left)[0]) / 2
    np.testing.assert_allclose(node["rotation"], [0, np.sin(half), 0, np.cos(half)], atol=1e-9)
    width, height, depth = node["scale"]
    assert width == pytest.approx(np.linalg.norm(right - left))
    assert depth == height < width


def test_the_frustum_begins_at_the_camera(space):
    lines = frustum(space, 2.0)
    np.testing.assert_allclose(lines[:8:2], np.tile([1, 4, -2], (4, 1)))
    # Its corners are where the rays to the picture's corners are: the lower ones lead to the ground.
    eye, corner = lines[4], lines[5]
    hit = eye + (corner - eye) * eye[1] / (eye[1] - corner[1])
    expected = space.plane.to_ground(np.array([192.0, 160.0]))
    np.testing.assert_allclose([hit[0], -hit[2]], expected, rtol=1e-9)
    assert frustum(replace(space, camera_m=None), 2.0) is None


def test_what_is_above_the_horizon_is_not_shown(space, stego, tmp_path, monkeypatch):
    sky = rows_of(1, [(90, 0, 4, 5)] * 3)
    glb, shown = made(space, [*sky, *rows_of(2, WALK)])
    assert shown == (2,)
    assert not [name for name in glb.names() if name.endswith(" 1")]
    monkeypatch.setattr(Decoder, "plane", space.plane)
    monkeypatch.setattr(
        "cssv.api.room.read_rows", lambda *_: ClipRows(tuple(sky), np.array([0.0, 0.1, 0.2, 0.3]))
    )
    done = cssv.room(stego, tmp_path / "a.glb")
    assert (done.tracks, done.objects) == ((), 1)
    assert "1 of 1 objects are not shown" in done.notes[-1]


def test_points_just_below_the_horizon_do_not_stretch_the_room():
    # Its horizon is at y = 50.
    space = Space(SIZE, Plane(np.array([[0.05, 0, -4.8], [0, 0, 5], [0, 0.01, -0.5]]), SIZE))
    places = space.places(np.array([[96, 50.0001], [96, 49], [96, 100]]))
    assert np.isfinite(places).all(axis=-1).tolist() == [False, False, True]
    glb, _ = made(space, rows_of(1, WALK))
    of = glb.json["accessors"][glb.primitive("ground")["attributes"]["POSITION"]]
    assert np.ptp([of["min"], of["max"]], axis=0).max() < FARTHEST_M / 10


@pytest.mark.parametrize("has_ground", [True, False])
def test_a_track_of_one_frame(space, has_ground, validate):
    where = space if has_ground else Space(SIZE)
    data, shown = make_room(content(where, rows_of(7, WALK[:1], label=None, sigma_px_s=5, sigma_m_s=1)))
    glb = Glb(data)
    assert shown == (7,)
    assert "object 7" in glb.names()
    assert "path of object 7" not in glb.names()
    assert not validate(data)


@pytest.mark.parametrize("label", ["Füße", "人 🚶", 'a"b\\c', "\u202e\x01", "e\u0301" * 200, "\ud800"])
def test_labels_of_any_unicode(space, label, validate):
    data, _ = make_room(content(space, rows_of(1, WALK, label=label)))
    written = label.encode("utf-8", errors="replace").decode()
    assert f"{written} 1" in Glb(data).names()
    assert not validate(data)


def test_many_objects(space, validate):
    rows = [row for track in range(2000) for row in rows_of(track, WALK, speed_m_s=1, sigma_m_s=1)]
    data, shown = make_room(content(space, rows))
    assert len(shown) == 2000
    assert len(data) < 8_000_000
    assert not validate(data)


def test_a_ground_that_the_picture_does_not_show(validate):
    camera = pose(tilt_deg=60)
    data, shown = make_room(content(space_of(camera), rows_of(1, WALK)))
    assert shown == ()
    assert not validate(data)


def test_times_before_zero_are_moved(space):
    rows = [replace(row, time_s=row.time_s - 5) for row in rows_of(1, WALK)]
    moved = replace(content(space, rows), tracks=group_tracks(rows), start_s=-5.0)
    glb = Glb(make_room(moved)[0])
    assert glb.motion("person 1", "translation")[0][0] == 0
    assert glb.json["scenes"][0]["extras"]["time_offset_s"] == -5.0


def test_axes_are_right_handed():
    turned = to_gltf(np.eye(3), 1), to_gltf(np.eye(3), -1)
    for axes, up in zip(turned, (1, -1), strict=True):
        assert np.linalg.det(axes) == pytest.approx(1)
        assert axes[2].tolist() == [0, up, 0]
