"""Differences of scenes: none between equal ones, one for one edit, and the same ones backwards."""

from __future__ import annotations

import copy
import json
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cssv.scene import Scene
from cssv.scene.diff import SceneChange, compare_scenes

SCENE = {
    "cssv_scene": 1,
    "camera": {"tilt_deg": -25, "position_m": [0, 0, 3.2]},
    "environment": {"weather": "light rain", "ambient_temperature_c": 17.5, "pressure_hpa": 1012},
    "textures": {"ground": "asphalt"},
    "objects": [
        {"match": {"label": "person"}, "temperature_c": 36.6, "density_kg_m3": 985},
        {"match": {"track": 3}, "goal_m": [4.0, 12.5]},
        {
            "match": {"near_px": [400, 300], "at_s": 2.0},
            "name": "courier",
            "temperature_c": {"value": 36.2, "sigma": 0.5, "source": "measured"},
        },
        {
            "name": "cart",
            "trajectory": [
                {"time_s": 0.0, "box_px": [10, 20, 40, 30]},
                {"time_s": 4.0, "box_px": [210, 30, 40, 30]},
                {"time_s": 5.5, "box_px": [230, 30, 40, 30]},
            ],
        },
    ],
    "ranges": {"temperature_c": [20, 50], "speed_px_s": [0, 200]},
}


def edited(*path, to=None):
    """SCENE with another value at a path; None deletes it."""
    tree = copy.deepcopy(SCENE)
    *way, last = path
    node = tree
    for step in way:
        node = node[step]
    if to is None:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(to)
    else:
        node[last] = to
    return tree


def words(before, after):
    return [c.words for c in compare_scenes(Scene.from_json(before), Scene.from_json(after))]


CART = 'object "cart" (given): trajectory'


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (edited("environment", "weather", to="fog"), 'environment: weather "light rain" -> "fog"'),
        (
            edited("environment", "ambient_temperature_c", to=18.2),
            "environment: ambient temperature 17.5 °C -> 18.2 °C",
        ),
        (edited("environment", "pressure_hpa"), "environment: pressure 1012 hPa -> not given"),
        (edited("environment", "wind_m_s", to=3.0), "environment: wind not given -> 3 m/s"),
        (edited("environment", "wind_deg", to=270), "environment: wind not given -> 270°"),
        (edited("environment", "humidity_pct", to=61), "environment: humidity not given -> 61 %"),
        (edited("environment", "lighting_lux", to=450), "environment: lighting not given -> 450 lux"),
        (edited("camera", "tilt_deg", to=-30), "camera: tilt -25° -> -30°"),
        (edited("camera", "position_m", 2, to=4), "camera: position (0, 0, 3.2) m -> (0, 0, 4) m"),
        (edited("ranges", "temperature_c"), "ranges: temperature 20 to 50 °C -> not given"),
        (edited("ranges", "speed_px_s", 1, to=150), "ranges: speed 0 to 200 px/s -> 0 to 150 px/s"),
        (edited("textures", "density_kg_m3", to="oak"), 'textures: density_kg_m3 not given -> "oak"'),
        (edited("textures", "match", to="oak"), 'textures: match not given -> "oak"'),
        (edited("x_site", to={"a": [1]}), 'scene: x_site not given -> {"a": [1]}'),
        (edited("environment", "x_a_c", to=2.0), "environment: x_a_c not given -> 2.0"),
        (
            edited("objects", 2, "temperature_c", to=37.9),
            'object "courier" (near (400, 300) px at 2 s): temperature 36.2 ± 0.5 °C (measured) -> 37.9 °C',
        ),
        (
            edited("objects", 1, "match", "track", to=4),
            "object with id 3: match with id 3 -> with id 4",
        ),
        (
            edited("objects", 0, "match", "from_s", to=1.5),
            'objects with label "person": match with label "person" -> with label "person", from 1.5 s',
        ),
        (
            edited("objects", 0),
            'objects with label "person": removed, temperature 36.6 °C, density 985 kg/m³',
        ),
        (
            edited("objects", 4, to={"match": {"label": "*"}, "temperature_c": 30, "x_a": 1}),
            "all objects: added, temperature 30 °C, x_a 1",
        ),
        (
            edited("objects", 4, to={"label": "boat", "trajectory": SCENE["objects"][3]["trajectory"]}),
            'object with label "boat" (given): added, trajectory of 3 points from 0 s to 5.5 s',
        ),
        (
            edited("objects", 3, "trajectory", 1, "box_px", 0, to=215),
            f"{CART} moved at 4 s, (210, 30, 40, 30) px -> (215, 30, 40, 30) px",
        ),
        (edited("objects", 3, "trajectory", 1), f"{CART} removed at 4 s"),
        (edited("objects", 3, "trajectory", 1, "time_s", to=3), f"{CART} added at 3 s, removed at 4 s"),
        (edited("objects", 3, "trajectory", 1, "x_a", to=3), f"{CART} changed at 4 s"),
    ],
)
def test_one_edit_in_words_and_back(after, line):
    assert words(SCENE, after) == [line]
    back = words(after, SCENE)
    assert len(back) == 1
    assert back != [line] or "changed" in line


def test_many_moved_waypoints_are_counted():
    after = copy.deepcopy(SCENE)
    before = copy.deepcopy(SCENE)
    for tree, x in ((before, 0), (after, 5)):
        tree["objects"][3]["trajectory"] = [
            {"time_s": t / 4, "box_px": [x + t, 0, 40, 30]} for t in range(1, 100)
        ]
    assert words(before, after) == [f"{CART} moved at 99 points from 0.25 s to 24.75 s"]


def test_a_swap_is_reported_because_later_entries_override_earlier():
    after = copy.deepcopy(SCENE)
    after["objects"][0], after["objects"][1] = after["objects"][1], after["objects"][0]
    lines = words(SCENE, after)
    assert len(lines) == 1
    assert "order" in lines[0]
    assert "first" in lines[0]


def test_one_entry_moved_to_the_end_is_one_move():
    after = copy.deepcopy(SCENE)
    after["objects"].append(after["objects"].pop(0))
    assert words(SCENE, after) == ['objects with label "person": order first -> after object "cart" (given)']


def test_an_entry_that_is_nothing_but_its_match_is_found_again():
    trees = [{"cssv_scene": 1, "objects": [{"match": {"track": track}}]} for track in (1, 2)]
    assert words(*trees) == ["object with id 1: match with id 1 -> with id 2"]


def test_entries_with_little_in_common_are_not_paired():
    before, after = copy.deepcopy(SCENE), copy.deepcopy(SCENE)
    after["objects"][0] = {"match": {"label": "dog"}, "temperature_c": 38.5, "density_kg_m3": 985}
    assert words(before, after) == [
        'objects with label "person": removed, temperature 36.6 °C, density 985 kg/m³',
        'objects with label "dog": added, temperature 38.5 °C, density 985 kg/m³',
    ]


def test_a_name_is_kept_when_its_match_changes():
    after = edited("objects", 2, to={"match": {"track": 5}, "name": "courier", "density_kg_m3": 900})
    assert [line.partition(": ")[2] for line in words(SCENE, after)] == [
        "match near (400, 300) px at 2 s -> with id 5",
        "temperature 36.2 ± 0.5 °C (measured) -> not given",
        "density not given -> 900 kg/m³",
    ]


def test_entries_with_equal_titles_are_numbered():
    before, after = copy.deepcopy(SCENE), copy.deepcopy(SCENE)
    for tree, value in ((before, 30), (after, 31)):
        tree["objects"].append({"match": {"label": "person"}, "temperature_c": value})
    assert words(before, after) == ['objects with label "person", entry 5: temperature 30 °C -> 31 °C']


def test_the_same_said_otherwise_is_no_change():
    after = edited("objects", 0, "temperature_c", to={"value": 36.6, "source": "measured"})
    after["camera"]["tilt_deg"] = {"value": -25.0}
    assert words(SCENE, after) == []


def test_textures_are_names_not_fields():
    before, after = edited("textures", "value", to="oak"), edited("textures", "value", to="oak")
    after["textures"]["source"] = "measured"
    assert words(before, after) == ['textures: source not given -> "measured"']


def test_a_line_is_a_line_and_shows_where_long_texts_differ():
    long = "y" * 900
    lines = words(SCENE, edited("environment", "weather", to=f"light rain\u2028{long}\n1"))
    assert len(lines[0].splitlines()) == 1
    assert len(lines[0]) < 300
    one, other = (edited("environment", "weather", to=long + end) for end in "12")
    (line,) = words(one, other)
    assert '1" -> …' in line
    assert line.endswith('2"')


def test_json_holds_the_values_and_the_words():
    after = edited("objects", 2, "temperature_c", to=37.9)
    (change,) = compare_scenes(Scene.from_json(SCENE), Scene.from_json(after))
    node = json.loads(json.dumps(change.to_json()))
    assert node == {
        "where": 'object "courier" (near (400, 300) px at 2 s)',
        "attribute": "temperature_c",
        "before": {"value": 36.2, "sigma": 0.5, "source": "measured"},
        "after": 37.9,
        "unit": "°C",
        "words": change.words,
    }


def test_many_entries_without_partners_take_no_quadratic_time():
    """3,000 against 3,000 with nothing in common but a few values."""
    scenes = [
        Scene.from_json({"cssv_scene": 1, "objects": [entry(kind, k) for k in range(3_000)]})
        for kind in ("from_s", "to_s")
    ]
    changes = compare_scenes(*scenes)
    assert len(changes) == 3_000
    assert {change.attribute for change in changes} == {"match"}


def entry(kind, k):
    return {"match": {kind: k}, "temperature_c": k % 7}


# ---- properties: few values, so that entries are often alike


small = st.integers(0, 2)
texts = st.sampled_from(["a", "b", "c\n"])
sensed = small | st.fixed_dictionaries(
    {"value": small},
    optional={"sigma": small, "source": st.sampled_from(["measured", "unknown"]), "x_n": small},
)
own = st.none() | small | texts | st.lists(small, max_size=2) | st.fixed_dictionaries({"value": small})
match_fields = {"label": texts, "track": small, "from_s": small, "to_s": st.integers(2, 4), "x_m": own}
matches = st.fixed_dictionaries({}, optional=match_fields).filter(lambda m: set(m) - {"x_m"})
pairs = st.tuples(small, small).map(list)
moments = st.lists(small, min_size=2, max_size=3, unique=True).map(sorted)
boxes = st.tuples(small, small, st.just(9), st.just(9)).map(list)
waypoints = st.fixed_dictionaries({"box_px": boxes}, optional={"x_w": own})
trajectories = moments.flatmap(
    lambda times: st.tuples(*(waypoints.map(lambda w, t=t: {"time_s": t, **w}) for t in times)).map(list)
)
facts = {
    "name": texts,
    "label": texts,
    "temperature_c": sensed,
    "density_kg_m3": sensed,
    "goal_px": pairs,
    "template": st.sampled_from(["rings", "comet"]),
    "x_o": own,
}
PARTS = {
    "camera": {
        "tilt_deg": sensed,
        "homography": st.just([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]]),
        "x_camera": own,
    },
    "environment": {"weather": texts, "ambient_temperature_c": sensed, "wind_m_s": sensed, "x_e": own},
    "textures": {"a": texts, "value": texts, "source": st.just("measured")},
    "ranges": {"speed_px_s": pairs.map(lambda p: [p[0], p[1] + 3]), "x_r": own},
}
objects = st.fixed_dictionaries({"match": matches}, optional=facts) | st.fixed_dictionaries(
    {"trajectory": trajectories}, optional=facts
)
TOP = {"x_one": own, "x_two": own}
trees = st.fixed_dictionaries(
    {"cssv_scene": st.just(1), "objects": st.lists(objects, max_size=5)},
    optional=TOP | {name: st.fixed_dictionaries({}, optional=fields) for name, fields in PARTS.items()},
)


@given(trees)
def test_equal_scenes_have_no_changes(tree):
    scene = Scene.from_json(tree)
    assert compare_scenes(scene, Scene.from_json(copy.deepcopy(tree))) == ()
    assert compare_scenes(scene, Scene.from_json(as_floats(tree))) == ()


def as_floats(node):
    if isinstance(node, list):
        return [as_floats(item) for item in node]
    if isinstance(node, dict):
        return {k: v if k in ("cssv_scene", "track") else as_floats(v) for k, v in reversed(node.items())}
    return float(node) if isinstance(node, int) else node


@given(trees, trees)
def test_no_changes_mean_equal_scenes(one, other):
    before, after = Scene.from_json(one), Scene.from_json(other)
    assert (compare_scenes(before, after) == ()) == (before == after)


def frozen(change: SceneChange, *, swapped: bool):
    sides = (change.after, change.before) if swapped else (change.before, change.after)
    return change.attribute, change.unit, *(json.dumps(side, sort_keys=True) for side in sides)


A, B = ({"match": {"label": text}} for text in "ab")


@given(trees, trees)
@example({"cssv_scene": 1, "objects": [A, B]}, {"cssv_scene": 1, "objects": [B, A]})
@example({"cssv_scene": 1, "objects": [A, B, A]}, {"cssv_scene": 1, "objects": [B, A]})
def test_backwards_is_the_mirror(one, other):
    before, after = Scene.from_json(one), Scene.from_json(other)
    forth, back = compare_scenes(before, after), compare_scenes(after, before)
    assert Counter(frozen(c, swapped=False) for c in forth) == Counter(frozen(c, swapped=True) for c in back)
    for change in (*forth, *back):
        assert len(change.words.splitlines()) == 1
        json.dumps(change.to_json(), allow_nan=False)


@given(st.data(), trees)
def test_one_edit_is_one_change_that_names_it(data, tree):
    after = copy.deepcopy(tree)
    name, where = edit(data, after)
    before, changed = Scene.from_json(tree), Scene.from_json(after)
    changes = compare_scenes(before, changed)
    if before == changed:
        assert changes == ()
        return
    assert len(changes) == 1
    assert changes[0].attribute == name
    assert where in changes[0].where
    # a key of the user's that is null on one side reads as not given on both
    assert changes[0].before != changes[0].after or name.startswith("x_")


def edit(data, tree):
    """Change, add or remove one field in place; its name, and what the change's ``where`` must hold."""
    places = [(TOP, tree, "scene"), *((fields, tree.setdefault(p, {}), p) for p, fields in PARTS.items())]
    for node in tree["objects"]:
        kind = {"match": matches} if "match" in node else {"trajectory": trajectories}
        places.append((facts | kind, node, "object"))
    fields, node, where = data.draw(st.sampled_from(places))
    name = data.draw(st.sampled_from(sorted(fields)))
    if name in node and name not in ("match", "trajectory") and data.draw(st.booleans()):
        del node[name]
    else:
        node[name] = data.draw(fields[name])
    return name, where
