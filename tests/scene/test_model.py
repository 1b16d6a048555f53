"""The typed scene: inverse pairs, given objects, ranges."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cssv.scene.model as model
from cssv.errors import OutputError, SceneError
from cssv.scene import (
    Camera,
    Environment,
    GivenRanges,
    Match,
    Point,
    Ranges,
    Scene,
    SceneObject,
    Source,
    Tsai,
    Value,
    Waypoint,
    schema,
)
from cssv.scene.check import is_span
from cssv.scene.ranges import SPEED_LEAST_TOP_PX_S, default_ranges
from cssv.scene.text import LINE_CHARS
from cssv.testing.strategies import scenes

# The example of the design document, word for word: it is the format's contract.
EXAMPLE = """
{ "cssv_scene": 1,
  "camera": {"position_m": [0, 0, 3.2], "pan_deg": 0, "tilt_deg": -25, "roll_deg": 0, "hfov_deg": 60,
             "homography": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
  "environment": {"lighting_lux": 450, "weather": "light rain", "humidity_pct": 61,
                  "ambient_temperature_c": 17.5, "wind_m_s": 3.0, "wind_deg": 270, "pressure_hpa": 1012},
  "textures": {"ground": "asphalt", "walls": "brick"},
  "objects": [
    {"match": {"label": "*"}, "temperature_c": {"value": 36.2, "sigma": 0.5, "source": "measured"},
     "density_kg_m3": 985},
    {"match": {"track": 3}, "goal_m": [4.0, 12.5]},
    {"match": {"near_px": [400, 300], "at_s": 2.0}, "name": "courier", "temperature_c": 37.9},
    {"name": "cart", "label": "cart", "trajectory": [{"time_s": 0.0, "box_px": [10, 20, 40, 30]},
                                                      {"time_s": 4.0, "box_px": [210, 30, 40, 30]}]} ],
  "ranges": {"speed_px_s": [0, 200], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]} }
"""


def same_json(a, b):
    """Equal in value and in kind: 3 is not 3.0 here, because the user's file says which."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


@settings(max_examples=60)
@given(scenes)
def test_json_comes_back_as_it_was(tree):
    before = copy.deepcopy(tree)
    scene = Scene.from_json(tree)
    assert same_json(scene.to_json(), tree)
    assert same_json(tree, before)
    assert Scene.from_json(scene.to_json()) == scene
    assert Scene.loads(scene.dumps()) == scene
    assert same_json(json.loads(scene.dumps()), tree)


def test_the_documented_example_is_typed(tmp_path):
    path = tmp_path / "scene.json"
    path.write_text(EXAMPLE)
    scene = Scene.read(path)
    assert scene.camera.position_m == Point((0, 0, 3.2))
    assert scene.camera.tilt_deg == Value(-25)
    assert scene.camera.homography == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert scene.environment.weather == "light rain"
    assert scene.environment.pressure_hpa == Value(1012)
    assert scene.textures == {"ground": "asphalt", "walls": "brick"}
    everyone, third, courier, cart = scene.objects
    assert everyone.match == Match(label="*")
    assert everyone.temperature_c == Value(36.2, 0.5, Source.MEASURED)
    assert everyone.density_kg_m3 == Value(985)
    assert third.match == Match(track=3)
    assert third.goal_m == Point((4.0, 12.5))
    assert courier.match == Match(near_px=(400, 300), at_s=2.0)
    assert (courier.name, courier.temperature_c) == ("courier", Value(37.9))
    assert cart.trajectory == (Waypoint(0.0, (10, 20, 40, 30)), Waypoint(4.0, (210, 30, 40, 30)))
    assert scene.ranges == GivenRanges((0, 200), (-20, 60), (0, 2000))
    assert same_json(scene.to_json(), json.loads(EXAMPLE))


def test_a_file_is_written_whole_and_read_back(tmp_path):
    scene = Scene.loads(EXAMPLE)
    scene.write(tmp_path / "a.json")
    assert Scene.read(tmp_path / "a.json") == scene
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(OutputError):
        scene.write(tmp_path / "missing" / "a.json")


def test_written_text_is_for_people():
    text = Scene.loads(EXAMPLE).dumps()
    assert '"temperature_c": {"value": 36.2, "sigma": 0.5, "source": "measured"}' in text
    assert '    {"match": {"track": 3}, "goal_m": [4.0, 12.5]},\n' in text
    assert max(len(line) for line in text.splitlines()) <= LINE_CHARS + 40
    assert Scene.loads('{"cssv_scene": 1, "textures": {"Straße": "Öl"}}').dumps().count("Straße") == 1


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.encode())
    assert Scene.read(path) == Scene.loads(EXAMPLE)


def test_empty_parts_are_left_out():
    tree = {"cssv_scene": 1, "camera": {}, "environment": {}, "textures": {}, "objects": [], "ranges": {}}
    assert Scene.from_json(tree) == Scene()
    assert Scene().to_json() == {"cssv_scene": 1}


def test_own_keys_of_any_value_stay():
    tree = {"cssv_scene": 1, "x_zero": 0, "x_none": None, "camera": {"x_list": []}}
    assert Scene.from_json(tree).to_json() == tree


def test_a_scene_shares_nothing_with_its_json():
    tree = {"cssv_scene": 1, "x_a": {"b": [1]}, "textures": {"ground": "sand"}}
    scene = Scene.from_json(tree)
    tree["x_a"]["b"].append(2)
    tree["textures"]["ground"] = "mud"
    given_back = scene.to_json()
    given_back["x_a"]["b"].append(3)
    assert scene.to_json() == {"cssv_scene": 1, "x_a": {"b": [1]}, "textures": {"ground": "sand"}}


@pytest.mark.parametrize(
    "node",
    [
        3,
        3.0,
        {"value": 3},
        {"value": 3, "source": "measured"},
        {"value": 3, "source": "estimated"},
        {"value": 3, "sigma": 0},
        {"value": 3, "sigma": 0.5, "source": "measured"},
        {"value": 3, "x_by": "Ada"},
    ],
)
def test_a_value_keeps_its_form(node):
    tree = {"cssv_scene": 1, "environment": {"wind_m_s": node}}
    assert same_json(Scene.from_json(tree).to_json(), tree)


def test_the_form_of_a_value_is_not_part_of_what_it_says():
    values = [
        Scene.from_json({"cssv_scene": 1, "environment": {"wind_m_s": node}}).environment.wind_m_s
        for node in (3, {"value": 3}, {"value": 3, "source": "measured"})
    ]
    assert values == [Value(3)] * 3
    assert len({hash(value) for value in values}) == 1


def test_values_made_in_python_take_the_shortest_form():
    assert Value(3).to_json() == 3
    assert Value(3, 0.5).to_json() == {"value": 3, "sigma": 0.5}
    assert Value(3, source=Source.UNKNOWN).to_json() == {"value": 3, "source": "unknown"}
    assert Point((1, 2)).to_json() == [1, 2]
    changed = dataclasses.replace(Value(3, 0.5), sigma=None)
    assert changed.to_json() == 3


def test_a_scene_made_in_python_is_checked_too():
    with pytest.raises(SceneError) as caught:
        Scene(
            camera=Camera(hfov_deg=Value(0)),
            environment=Environment(humidity_pct=Value(101, -1)),
            objects=(SceneObject(match=Match(near_px=(1, 2))), SceneObject()),
        )
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "$.camera.hfov_deg",
        "$.environment.humidity_pct.sigma",
        "$.environment.humidity_pct.value",
        "$.objects[0].match.at_s",
        "$.objects[1]",
    ]
    with pytest.raises(SceneError):
        dataclasses.replace(Scene(), ranges=GivenRanges(speed_px_s=(5, 5)))


def test_numpy_numbers_and_tuples_are_taken():
    import numpy as np

    tree = {"cssv_scene": 1, "objects": [{"match": {"track": np.int64(3)}, "temperature_c": np.float32(1.5)}]}
    entry = Scene.from_json(tree).objects[0]
    assert (entry.match.track, entry.temperature_c) == (3, Value(1.5))
    assert type(entry.match.track) is int
    near = {"cssv_scene": 1, "objects": ({"match": {"near_px": (1, 2), "at_s": 0}},)}
    assert Scene.from_json(near).objects[0].match.near_px == (1, 2)


def test_a_scene_is_a_value():
    scene = Scene.loads(EXAMPLE)
    assert hash(scene) == hash(Scene.loads(EXAMPLE))
    assert pickle.loads(pickle.dumps(scene)) == scene
    assert scene != dataclasses.replace(scene, textures={})
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.textures = {}


def test_schema_is_a_fresh_valid_copy():
    from jsonschema import Draft202012Validator

    first = schema()
    Draft202012Validator.check_schema(first)
    Draft202012Validator(first).validate(json.loads(EXAMPLE))
    first.clear()
    assert schema()["$schema"].endswith("2020-12/schema")
    assert schema()["$defs"]["object"]["properties"]["template"]["enum"] == list(model.TEMPLATE_NAMES)
    assert schema()["$defs"]["source"]["enum"] == [s.value for s in Source]
    assert schema()["properties"]["cssv_scene"]["const"] == model.SCENE_VERSION


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("camera", Camera),
        ("tsai", Tsai),
        ("environment", Environment),
        ("ranges", GivenRanges),
        ("match", Match),
        ("object", SceneObject),
        ("waypoint", Waypoint),
    ],
)
def test_fields_are_the_keys_of_the_schema(name, part):
    # A calibration is read into tsai, and never part of a scene.
    keys = set(schema()["$defs"][name]["properties"]) - {"calibration"}
    assert keys == {f.name for f in dataclasses.fields(part)} - {"extra"}


# ---- given objects

PATH = SceneObject(
    trajectory=(
        Waypoint(1, (0, 0, 10, 20)),
        Waypoint(2, (10, 0, 10, 20)),
        Waypoint(4.0, (10, 40, 20, 20)),
    )
)


def test_a_given_object_moves_in_straight_lines():
    state = PATH.state_at(1.5)
    assert state == ((5, 0, 10, 20), (10, 0), (10, 0))
    assert state.box_px == (5, 0, 10, 20)
    box, past, future = PATH.state_at(3)
    assert box == (10, 20, 15, 20)
    assert past == future == (2.5, 20)  # the centre also moves as the box widens


def test_velocity_turns_at_a_waypoint():
    assert PATH.state_at(2) == ((10, 0, 10, 20), (10, 0), (2.5, 20))
    assert PATH.state_at(1) == ((0, 0, 10, 20), (10, 0), (10, 0))
    assert PATH.state_at(4) == ((10, 40, 20, 20), (2.5, 20), (2.5, 20))


@pytest.mark.parametrize("time_s", [0.999, 4.001, -1, Fraction(401, 100)])
def test_a_given_object_is_absent_outside_its_span(time_s):
    assert PATH.state_at(time_s) is None


def test_an_object_without_trajectory_is_nowhere():
    assert SceneObject(match=Match(label="*")).state_at(0) is None


def test_rational_times_are_taken_exactly():
    assert PATH.state_at(Fraction(4, 3)).box_px[0] == pytest.approx(10 / 3, abs=1e-12)
    assert PATH.state_at(Fraction(2)) == PATH.state_at(2)


@given(st.floats(1, 4), st.floats(1e-6, 1e-3))
def test_velocities_are_the_slopes_of_the_centre(time_s, step):
    def centre(t):
        x, y, w, h = PATH.state_at(t).box_px
        return x + w / 2, y + h / 2

    state = PATH.state_at(time_s)
    if PATH.state_at(time_s + step) and not time_s < 2 < time_s + step:
        for a, b, v in zip(centre(time_s), centre(time_s + step), state.velocity_future_px_s, strict=True):
            assert (b - a) / step == pytest.approx(v, abs=1e-6)
    if PATH.state_at(time_s - step) and not time_s - step < 2 < time_s:
        for a, b, v in zip(centre(time_s - step), centre(time_s), state.velocity_past_px_s, strict=True):
            assert (b - a) / step == pytest.approx(v, abs=1e-6)


def test_given_tracks_are_listed_with_their_places():
    scene = Scene.loads(EXAMPLE)
    assert scene.given_tracks() == ((3, scene.objects[3]),)


# ---- ranges


def scene_of(*entries):
    return Scene(objects=tuple(SceneObject(match=Match(label="*"), **entry) for entry in entries))


def test_ranges_fall_back_where_nothing_is_known():
    assert default_ranges(Scene()) == Ranges()
    assert Ranges() == Ranges((0, 200), (-20, 60), (0, 2000))
    assert default_ranges(Scene(), 0.0) == default_ranges(Scene(), math.inf) == Ranges()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([36.2], (30, 45)),
        ([35], (30, 40)),
        ([-3.1, 12], (-10, 20)),
        ([-273.15], (-273.15, -265)),
        ([0], (-5, 5)),
    ],
)
def test_temperature_range_leaves_room(values, expected):
    scene = scene_of(*({"temperature_c": Value(v)} for v in values))
    assert default_ranges(scene).temperature_c == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([985], (900, 1050)), ([0], (0, 50)), ([1.2, 7850], (0, 7900))],
)
def test_density_range_leaves_room_above_nothing(values, expected):
    scene = scene_of(*({"density_kg_m3": Value(v)} for v in values))
    assert default_ranges(scene).density_kg_m3 == expected


@pytest.mark.parametrize(
    ("fastest", "top"),
    [(1, 1), (1.01, 1.5), (7, 8), (8.5, 10), (10, 10), (99, 100), (231, 300), (0.07, 1), (0.3, 1)],
)
def test_speed_range_ends_at_a_friendly_number(fastest, top):
    assert default_ranges(Scene(), fastest).speed_px_s == (0, pytest.approx(top, rel=1e-12))


def test_the_users_ranges_win_one_by_one():
    scene = Scene(
        objects=scene_of({"temperature_c": Value(36)}, {"density_kg_m3": Value(985)}).objects,
        ranges=GivenRanges(temperature_c=(0, 100)),
    )
    assert default_ranges(scene, 12) == Ranges((0, 15), (0, 100), (900, 1050))


def test_given_trajectories_count_as_speed():
    assert default_ranges(Scene(objects=(PATH,))).speed_px_s == (0, 30)
    assert default_ranges(Scene(objects=(PATH,)), 44).speed_px_s == (0, 50)
    # Unlike the perceived ones they hold no noise.
    points = (dataclasses.replace(point, time_s=1000 * point.time_s) for point in PATH.trajectory)
    slow = dataclasses.replace(PATH, trajectory=tuple(points))
    assert default_ranges(Scene(objects=(slow,))).speed_px_s[1] < SPEED_LEAST_TOP_PX_S


@pytest.mark.parametrize(("step_s", "top"), [(1e-7, 1e6), (1e8, 30e-8)])
def test_the_range_of_speeds_fits_single_precision(step_s, top):
    points = [dataclasses.replace(point, time_s=step_s * point.time_s) for point in PATH.trajectory]
    found = default_ranges(Scene(objects=(dataclasses.replace(PATH, trajectory=tuple(points)),)))
    assert found.speed_px_s == (0, pytest.approx(top))
    box = points[0].box_px
    after = dataclasses.replace(points[1], box_px=(box[0] + 1e-41, *box[1:]), time_s=points[0].time_s + 1e6)
    crawling = dataclasses.replace(
        PATH, trajectory=(dataclasses.replace(points[0], box_px=(0, *box[1:])), after)
    )
    assert is_span(default_ranges(Scene(objects=(crawling,))).speed_px_s)


@given(st.lists(st.floats(-273.15, 1e6), min_size=1), st.floats(1e-12, 1e6))
def test_ranges_hold_all_there_is(temperatures, speed):
    scene = scene_of(*({"temperature_c": Value(v)} for v in temperatures[:3]))
    found = default_ranges(scene, speed)
    low, high = found.temperature_c
    assert low <= min(temperatures[:3])
    # One step is to spare, up to the largest value that an attribute can have.
    assert max(temperatures[:3]) < high or high == 1e6
    assert speed <= found.speed_px_s[1] <= max(speed, SPEED_LEAST_TOP_PX_S) * 1.5 + 1e-12


def test_a_scene_is_checked_once(monkeypatch, tmp_path):
    calls = []
    check = model.check
    monkeypatch.setattr(model, "check", lambda *given: (calls.append(given), check(*given))[1])
    tree = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 20}]}
    scene = Scene.from_json(tree)
    assert len(calls) == 1
    scene.write(tmp_path / "scene.json")
    assert Scene.read(tmp_path / "scene.json") == scene
    assert len(calls) == 2
    assert Scene(objects=scene.objects) == scene
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("name", "value"), [("temperature_c", 1e6), ("density_kg_m3", 1e6), ("density_kg_m3", 0)]
)
def test_default_ranges_stay_within_what_a_scene_may_give(name, value):
    entry = {"match": {"label": "*"}, name: value}
    ranges = default_ranges(Scene.from_json({"cssv_scene": 1, "objects": [entry]}))
    low, high = getattr(ranges, name)
    assert low <= value <= high
    # A copy carries them in its pixels, and they become those of its scene.
    assert (
        Scene.from_json({"cssv_scene": 1, "ranges": ranges.to_json()}).to_json()["ranges"] == ranges.to_json()
    )
