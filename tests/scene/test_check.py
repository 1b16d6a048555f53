"""Every fault of a scene is named: path, what was found, what is allowed; all at once."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import cssv.scene.check as checking
from cssv.errors import SceneError
from cssv.scene import Scene, schema
from cssv.scene.check import check, json_path
from cssv.scene.schema import is_plain_waypoint
from cssv.testing.cost import count_calls


def outcome(make, source):
    """The scene, or else the faults; any error but SceneError fails the test."""
    try:
        return make(source), ()
    except SceneError as error:
        return None, error.faults


def faults(tree):
    with pytest.raises(SceneError) as caught:
        Scene.from_json(tree)
    return caught.value.faults


def with_objects(*entries):
    return {"cssv_scene": 1, "objects": list(entries)}


def one(**entry):
    return with_objects({"match": {"label": "*"}, **entry})


CELSIUS = "a number from -273.15 to 1000000"
QUANTITY = ", or {value, sigma, source}"
NON_NEGATIVE = "a number from 0 to 1000000000"
BOX = "a list of 4 numbers: x, y of the top left corner, then width and height above 0"
START = {"time_s": 0, "box_px": [0, 0, 1, 1]}


def way(*points):
    return with_objects({"trajectory": list(points)})


SINGLE_FAULTS = [
    ({}, "$.cssv_scene: missing; allowed: 1"),
    ({"cssv_scene": 2}, "$.cssv_scene: found 2; allowed: 1"),
    ({"cssv_scene": True}, "$.cssv_scene: found true; allowed: 1"),
    ([], "$: found []; allowed: an object {...}"),
    ("scene", '$: found "scene"; allowed: an object {...}'),
    (None, "$: found null; allowed: an object {...}"),
    ({"cssv_scene": 1, "objects": {}}, "$.objects: found {}; allowed: a list of 0 to 10000 objects"),
    (with_objects(5), "$.objects[0]: found 5; allowed: an object {...}"),
    (with_objects({}), "$.objects[0]: found none of them; allowed: exactly one of match, trajectory"),
    (
        with_objects({"match": {"track": 1}, "trajectory": [START, {**START, "time_s": 1}]}),
        "$.objects[0]: found match and trajectory; allowed: exactly one of match, trajectory",
    ),
    (
        with_objects({"match": {}}),
        "$.objects[0].match: found none of them; allowed: at least one of "
        "label, track, near_px, at_s, from_s, to_s",
    ),
    (
        with_objects({"match": {"near_px": [1, 2]}}),
        "$.objects[0].match.at_s: missing; near_px stands only beside at_s",
    ),
    (
        with_objects({"match": {"at_s": 2}}),
        "$.objects[0].match.near_px: missing; at_s stands only beside near_px",
    ),
    (
        with_objects({"match": {"track": 1.5}}),
        "$.objects[0].match.track: found 1.5; allowed: a whole number from 0 to 2147483647",
    ),
    (
        with_objects({"match": {"from_s": 3, "to_s": 2}}),
        "$.objects[0].match.to_s: found 2; allowed: at least from_s, 3",
    ),
    (one(temperature_c=-300), f"$.objects[0].temperature_c: found -300; allowed: {CELSIUS}{QUANTITY}"),
    (one(temperature_c="36"), f'$.objects[0].temperature_c: found "36"; allowed: {CELSIUS}{QUANTITY}'),
    (one(temperature_c=None), f"$.objects[0].temperature_c: found null; allowed: {CELSIUS}{QUANTITY}"),
    (one(temperature_c=True), f"$.objects[0].temperature_c: found true; allowed: {CELSIUS}{QUANTITY}"),
    (one(temperature_c={"sigma": 1}), f"$.objects[0].temperature_c.value: missing; allowed: {CELSIUS}"),
    (one(temperature_c={"value": -274}), f"$.objects[0].temperature_c.value: found -274; allowed: {CELSIUS}"),
    (
        one(temperature_c={"value": 3, "sigma": -0.1}),
        f"$.objects[0].temperature_c.sigma: found -0.1; allowed: {NON_NEGATIVE}",
    ),
    (
        one(temperature_c={"value": 3, "source": "guess"}),
        '$.objects[0].temperature_c.source: found "guess"; allowed: measured, estimated, unknown',
    ),
    (
        one(temperature_c={"value": 3, "sgima": 1}),
        "$.objects[0].temperature_c.sgima: unknown key (did you mean sigma?); allowed: "
        "sigma, source, value, or a key that starts with x_",
    ),
    (
        one(density_kg_m3=-1),
        f"$.objects[0].density_kg_m3: found -1; allowed: a number from 0 to 1000000{QUANTITY}",
    ),
    (one(name=""), '$.objects[0].name: found ""; allowed: text of 1 to 1000 characters'),
    (one(template="ring"), '$.objects[0].template: found "ring"; allowed: auto, rings, comet, edges'),
    (
        one(goal_m=[1, 2, 3]),
        "$.objects[0].goal_m: found [1, 2, 3]; allowed: a list of 2, "
        f"each a number from -1000000000 to 1000000000{QUANTITY}",
    ),
    (
        one(goal_px=[1, "b"]),
        '$.objects[0].goal_px[1]: found "b"; allowed: a number from -1000000 to 1000000',
    ),
    (
        way(START),
        f"$.objects[0].trajectory: found {json.dumps([START])}; allowed: a list of 2 to 100000 objects, "
        "or {from_s, to_s, centre_x_px, foot_y_px, width_px, height_px}",
    ),
    (
        way(START, START),
        "$.objects[0].trajectory[1].time_s: found 0; allowed: a time after the waypoint before it, 0",
    ),
    (
        way(START, {"time_s": 1, "box_px": [0, 0, 0, 1]}),
        "$.objects[0].trajectory[1].box_px[2]: found 0; allowed: a number above 0 and at most 1000000",
    ),
    (way(START, {"time_s": 1}), f"$.objects[0].trajectory[1].box_px: missing; allowed: {BOX}"),
    (
        way(START, {"time_s": 1, "box_px": [1, 2, 3]}),
        f"$.objects[0].trajectory[1].box_px: found [1, 2, 3]; allowed: {BOX}",
    ),
    (
        {"cssv_scene": 1, "ranges": {"speed_px_s": [5, 5]}},
        "$.ranges.speed_px_s: found [5, 5]; allowed: [low, high] with low under high",
    ),
    (
        {"cssv_scene": 1, "camera": {"homography": [[1, 2, 3], [2, 4, 6], [0, 0, 1]]}},
        "$.camera.homography: found a singular matrix, [[1, 2, 3], [2, 4, 6], [0, 0, 1]]; "
        "allowed: one with an inverse",
    ),
    (
        {"cssv_scene": 1, "thermal": {"homography": [[1, 2, 3], [2, 4, 6], [0, 0, 1]]}},
        "$.thermal.homography: found a singular matrix, [[1, 2, 3], [2, 4, 6], [0, 0, 1]]; "
        "allowed: one with an inverse",
    ),
    (
        {"cssv_scene": 1, "thermal": {"scale": 0.01}},
        "$.thermal.offset_c: missing; scale stands only beside offset_c",
    ),
    (
        {"cssv_scene": 1, "thermal": {"rate": 0}},
        "$.thermal.rate: found 0; allowed: a number above 0 and at most 1000",
    ),
    (
        {"cssv_scene": 1, "thermal": {"scale": 1e-16, "offset_c": 0}},
        "$.thermal.scale: found 1e-16; allowed: at least 1e-15 °C a count",
    ),
    (
        {"cssv_scene": 1, "ranges": {"temperature_c": [20, 20.0000001]}},
        "$.ranges.temperature_c: found [20, 20.0000001]; allowed: [low, high] with low under high "
        "in single precision, which holds seven digits",
    ),
    (
        {"cssv_scene": 1, "ranges": {"speed_px_s": [0, 1e-46]}},
        "$.ranges.speed_px_s: found [0, 1e-46]; allowed: [low, high] with low under high "
        "in single precision, which holds seven digits",
    ),
    (
        {"cssv_scene": 1, "ranges": {"density_kg_m3": [999999.99, 1000000]}},
        "$.ranges.density_kg_m3: found [999999.99, 1000000]; allowed: [low, high] with low under high "
        "in single precision, which holds seven digits",
    ),
    (
        with_objects(
            {"trajectory": [{"time_s": t, "box_px": [x, 0, 1, 1]} for t, x in ((0, 0), (1e-9, 1e6))]}
        ),
        "$.objects[0].trajectory[1].time_s: found 1e-09; allowed: a box that changes by at most 1e+12 px/s "
        "after 0",
    ),
    (
        {"cssv_scene": 1, "thermal": {"scale": 0, "offset_c": 0}},
        "$.thermal.scale: found 0; allowed: a number above 0 and at most 1000",
    ),
    (
        {"cssv_scene": 1, "camera": {"homography": [[0, 0, 0]] * 3}},
        "$.camera.homography: found a singular matrix, [[0, 0, 0], [0, 0, 0], [0, 0, 0]]; "
        "allowed: one with an inverse",
    ),
    (
        {"cssv_scene": 1, "camera": {"hfov_deg": 0}},
        f"$.camera.hfov_deg: found 0; allowed: a number above 0 and at most 360{QUANTITY}",
    ),
    (
        {"cssv_scene": 1, "camrea": {}},
        "$.camrea: unknown key (did you mean camera?); allowed: camera, cssv_scene, environment, objects, "
        "ranges, textures, thermal, tracks, or a key that starts with x_",
    ),
    (
        {"cssv_scene": 1, "textures": {"the floor": 3}},
        '$.textures["the floor"]: found 3; allowed: text of 1 to 1000 characters',
    ),
    ({"cssv_scene": 1, 7: 1}, "$: found the key 7; allowed: Unicode text"),
    ({"cssv_scene": 1, "x_": {1}}, "$.x_: found {1}; allowed: JSON values"),
    (
        {"cssv_scene": 1, "x_": "\ud800"},
        '$.x_: found half a surrogate pair in "\\ud800"; allowed: Unicode text',
    ),
    (
        {"cssv_scene": 1, "x_": {"\udfff": 1}},
        '$.x_: found the key "\\udfff"; allowed: Unicode text',
    ),
    ({"cssv_scene": 1, "x_": 10**400}, "$.x_: found an integer of 1329 bits; allowed: finite numbers"),
    ({"cssv_scene": 1, "x_": 10**9000}, "$.x_: found an integer of 29898 bits; allowed: finite numbers"),
]


@pytest.mark.parametrize(("tree", "line"), SINGLE_FAULTS, ids=[line[:50] for _, line in SINGLE_FAULTS])
def test_a_fault_is_one_line_with_path_found_and_allowed(tree, line):
    assert faults(tree) == (line,)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("lighting_lux", (-1,)),
        ("humidity_pct", (-0.1, 100.1)),
        ("ambient_temperature_c", (-273.2,)),
        ("wind_m_s", (-1,)),
        ("wind_deg", (-1, 361)),
        ("pressure_hpa", (-1,)),
        ("weather", (5, "")),
    ],
)
def test_physical_bounds_of_the_environment(key, values):
    for value in values:
        (line,) = faults({"cssv_scene": 1, "environment": {key: value}})
        assert line.startswith(f"$.environment.{key}: found {json.dumps(value)}; allowed: ")


@pytest.mark.parametrize(
    ("number", "shown"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda n: one(temperature_c=n), "$.objects[0].temperature_c"),
        (lambda n: one(temperature_c={"value": 1, "sigma": n}), "$.objects[0].temperature_c.sigma"),
        (lambda n: one(goal_px=[n, 0]), "$.objects[0].goal_px[0]"),
        (lambda n: way(START, {"time_s": n, "box_px": [0, 0, 1, 1]}), "$.objects[0].trajectory[1].time_s"),
        (lambda n: {"cssv_scene": 1, "ranges": {"speed_px_s": [0, n]}}, "$.ranges.speed_px_s[1]"),
        (lambda n: {"cssv_scene": 1, "x_own": [[n]]}, "$.x_own[0][0]"),
    ],
)
def test_numbers_that_are_not_finite_are_found_everywhere(number, shown, make, path):
    tree = make(number)
    assert faults(tree) == (f"{path}: found {shown}; allowed: finite numbers",)
    with pytest.raises(SceneError) as caught:
        Scene.loads(json.dumps(tree))
    assert caught.value.faults == (f"{path}: found {shown}; allowed: finite numbers",)


def test_all_faults_come_at_once_in_the_order_of_paths():
    tree = {
        "cssv_scene": 1,
        "environment": {"humidity_pct": 130, "wind_deg": 400},
        "objects": [
            {"match": {"label": "*"}, "temperature_c": {"value": 1, "sigma": -1}},
            {"match": {"track": -1}, "density_kg_m3": -1},
            *({"match": {"track": i}} for i in range(8)),
            {"trajectory": [START, START]},
        ],
    }
    assert [line.split(": ")[0] for line in faults(tree)] == [
        "$.environment.humidity_pct",
        "$.environment.wind_deg",
        "$.objects[0].temperature_c.sigma",
        "$.objects[1].density_kg_m3",
        "$.objects[1].match.track",
        "$.objects[10].trajectory[1].time_s",
    ]


def test_the_message_shows_every_line_and_the_kind_is_stable():
    with pytest.raises(SceneError) as caught:
        Scene.from_json({"cssv_scene": 2, "objects": 3}, name="my.json")
    error = caught.value
    assert error.kind == "scene"
    assert str(error).splitlines()[0] == "my.json does not fit the scene schema"
    assert [line.strip() for line in str(error).splitlines()[1:]] == list(error.faults)


def test_many_faults_are_counted_not_shown():
    lines = faults(with_objects(*[{"match": {"track": -1}}] * 300))
    assert len(lines) == checking.FAULTS_SHOWN + 1
    assert lines[-1] == "and 100 more faults"
    assert "over" in faults(with_objects(*[{"match": {"track": -1}}] * 9000))[-1]


def test_what_was_found_is_cut_short():
    (line,) = faults({"cssv_scene": 1, "objects": "x" * 10_000})
    assert len(line) < 200


# ---- fast path equals plain path, and no fault escapes

odd_numbers = st.sampled_from(
    [0, -1, 1, 1e6, 1e6 + 1, -1e6, -1e6 - 1, 1e9, 1e9 + 1, 0.0, 5e-324, True, None, "1"]
)
odd_waypoints = st.fixed_dictionaries(
    {"time_s": odd_numbers, "box_px": st.lists(odd_numbers, min_size=3, max_size=5) | odd_numbers},
    optional={"x_own": odd_numbers, "extra": odd_numbers},
)


@settings(max_examples=300)
@given(odd_waypoints)
def test_a_plain_waypoint_is_one_the_schema_accepts(node):
    definitions = schema()["$defs"]
    valid = Draft202012Validator({"$defs": definitions, "$ref": "#/$defs/waypoint"}).is_valid(node)
    assert not is_plain_waypoint(node) or valid
    if valid and "x_own" not in node:
        assert is_plain_waypoint(node)


VALID = {
    "cssv_scene": 1,
    "camera": {"position_m": [0, 0, 3], "hfov_deg": 60, "homography": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
    "environment": {"weather": "fog", "wind_deg": {"value": 3, "sigma": 1, "source": "estimated"}},
    "textures": {"ground": "sand"},
    "objects": [
        {"match": {"near_px": [1, 2], "at_s": 0}, "goal_px": [1, 2], "template": "comet"},
        {"match": {"from_s": 0, "to_s": 1, "label": "cart", "track": 3}, "name": "b"},
        {"label": "cart", "trajectory": [START, {**START, "time_s": 1}]},
    ],
    "ranges": {"speed_px_s": [0, 1]},
}


def places(node, path=()):
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from places(child, (*path, key))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200)
@given(st.sampled_from(list(places(VALID))), junk)
def test_whatever_stands_anywhere_gives_a_scene_or_named_faults(path, value):
    tree = copy.deepcopy(VALID)
    if path:
        parent = tree
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = value
    else:
        tree = value
    plain = Draft202012Validator(schema())
    scene, lines = outcome(Scene.from_json, tree)
    if scene is None:
        assert lines
        assert all(line.startswith(("$", "and ")) for line in lines)
    else:
        assert plain.is_valid(tree)
        assert Scene.loads(scene.dumps()) == scene


@settings(max_examples=100)
@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:01eE-xNaInfty\\u d8', max_size=40))
def test_no_text_escapes_the_error_tree(data):
    scene, lines = outcome(Scene.loads, data)
    assert scene is not None or lines


def test_check_gives_back_a_plain_copy():
    copied = check(VALID)
    assert copied == VALID
    assert copied["objects"][0] is not VALID["objects"][0]


def test_the_check_of_a_trajectory_grows_with_its_length():
    points = [{"time_s": i / 25, "box_px": [i % 700, 10.5, 30, 60]} for i in range(20_000)]
    short, long = (count_calls(lambda n=n: check(way(*points[:n]))) for n in (1000, 2000))
    assert long < 2.1 * short
    check(way(*points))
    points[15_000]["box_px"][2] = 0
    assert faults(way(*points))[0].startswith("$.objects[0].trajectory[15000].box_px[2]: found 0")


@pytest.mark.parametrize(
    ("path", "text"),
    [((), "$"), (("a", 0, "b"), "$.a[0].b"), (("a b",), '$["a b"]'), (("ü", '"'), '$.ü["\\""]')],
)
def test_json_paths(path, text):
    assert json_path(path) == text


def test_a_homography_in_metres_is_not_called_singular():
    # a real camera's: centimetres per pixel, and a strong perspective
    matrix = [[0.011, 0.0006, -4.2], [0.0002, -0.013, 9.1], [1e-6, 1.8e-3, 1]]
    assert check({"cssv_scene": 1, "camera": {"homography": matrix}})
    huge = [[value * 1e9 for value in row] for row in matrix]
    assert check({"cssv_scene": 1, "camera": {"homography": huge}})
