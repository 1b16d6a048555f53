"""Scene samples: read as written, and hostile JSON refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import ContainerError, SceneError
from cssv.pipeline.scene_track import SceneSample, quantise, read_sample, write_sample
from cssv.scene import Ranges, Scene, Source, Value
from cssv.template.drawing import Selector
from cssv.template.state import ObjectState


def thousandths(low, high):
    """Numbers that rounding to three places leaves alone."""
    return st.integers(int(low * 1000), int(high * 1000)).map(lambda n: round(n / 1000, 3))


PAIRS = st.tuples(thousandths(-5000, 5000), thousandths(-5000, 5000))
VALUES = st.builds(
    Value,
    st.floats(-1e6, 1e6),
    st.none() | st.floats(0, 1e6),
    st.sampled_from(Source),
    st.dictionaries(st.text(max_size=5).map("x_".__add__), st.integers() | st.text(max_size=5), max_size=2),
)
STATES = st.builds(
    ObjectState,
    track=st.integers(0, 2**32 - 1),
    label=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    score=thousandths(0, 1),
    box_px=st.tuples(*[thousandths(-20000, 20000)] * 4),
    velocity_px_s=PAIRS,
    past_px_s=PAIRS,
    future_px_s=PAIRS,
    sigma_px_s=thousandths(0, 5000) | st.just(math.inf),
    temperature_c=st.none() | VALUES,
    density_kg_m3=st.none() | VALUES,
    name=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    selector=st.none() | st.sampled_from(Selector),
    velocity_m_s=st.none() | PAIRS,
    sigma_m_s=thousandths(0, 5000) | st.just(math.inf),
).map(lambda state: replace(state, sigma_m_s=math.inf) if state.velocity_m_s is None else state)
SCENE = Scene.from_json(
    {
        "cssv_scene": 1,
        "environment": {"ambient_temperature_c": {"value": 17.5, "sigma": 0.5}},
        "objects": [{"match": {"label": "*"}, "density_kg_m3": 985, "x_note": "é"}],
    }
)
SAMPLES = st.builds(
    SceneSample,
    frame=st.integers(0, 2**32 - 1),
    objects=st.lists(STATES, max_size=3).map(tuple),
    scene=st.none() | st.just(SCENE),
    ranges=st.none() | st.just(Ranges((0.0, 120.0), (-20.0, 60.5), (0.0, 2000.0))),
)


@given(SAMPLES)
def test_samples_are_read_as_written(sample):
    data = write_sample(sample)
    assert read_sample(data) == sample
    assert write_sample(read_sample(data)) == data


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_numbers_are_rounded_to_thousandths(x, y):
    state = ObjectState(1, "", 0.5, (x, y, 1.0, 1.0), (x, y), (x, y), (x, y), 1.0)
    back = read_sample(write_sample(SceneSample(0, (state,)))).objects[0]
    assert back.box_px[:2] == pytest.approx((x, y), abs=0.00051)
    assert back.velocity_px_s == pytest.approx((x, y), abs=0.00051)


def test_an_unknown_velocity_on_the_ground_is_not_written():
    state = ObjectState(1, "", 1.0, (0, 0, 1, 1), (0, 0), (0, 0), (0, 0), 1.0)
    assert b"_m_s" not in write_sample(SceneSample(0, (state, quantise(state))))
    moving = quantise(replace(state, velocity_m_s=(1.23456, -2), sigma_m_s=0.12345))
    assert (moving.velocity_m_s, moving.sigma_m_s) == ((1.235, -2.0), 0.123)
    assert read_sample(write_sample(SceneSample(0, (moving,)))).objects == (moving,)
    wrong = {"frame": 0, "objects": [GOOD["objects"][0] | {"velocity_m_s": [0, 1], "sigma_m_s": -1}]}
    with pytest.raises(ContainerError, match="scene sample"):
        read_sample(json.dumps(wrong).encode())


def test_samples_are_compact_strict_json():
    state = ObjectState(1, "é", 1.0, (0, 0, 1, 1), (0, 0), (0, 0), (0, 0), math.inf)
    data = write_sample(SceneSample(3, (state,)))
    assert "é".encode() in data
    assert b" " not in data

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(data, parse_constant=refuse)["frame"] == 3


GOOD = {
    "frame": 0,
    "objects": [
        {
            "track": 1,
            "label": "a",
            "score": 0.5,
            "box_px": [1, 2, 3, 4],
            "velocity_px_s": [0, 0],
            "past_px_s": [0, 0],
            "future_px_s": [0, 0],
        }
    ],
}
VECTORS = ["box_px", "velocity_px_s", "past_px_s", "future_px_s", "velocity_m_s"]
WRONG = (
    [("track", v) for v in (None, "1", -1, [], math.inf, math.nan, 1e999, True)]
    + [("label", v) for v in (None, 3, [])]
    + [("score", v) for v in (None, "x", math.nan, 10**400)]
    + [
        (key, v)
        for key in VECTORS
        for v in (None, 3, [1], [1] * 9, [1, math.nan], [1, 2, 3, "4"], {}, "ab", "abcd")
    ]
    + [("sigma_px_s", v) for v in (-1, "x", math.nan)]
    + [("name", v) for v in (3, [])]
    + [("template", v) for v in ("circle", 1, [], "")]
    + [
        (key, v)
        for key in ("temperature_c", "density_kg_m3")
        for v in (
            "x",
            [],
            {},
            {"value": None},
            {"value": 1, "sigma": -1},
            {"value": 1, "source": "guess"},
            math.inf,
            True,
        )
    ]
)


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_field_is_refused_by_name(key, value):
    node = {"frame": 0, "objects": [GOOD["objects"][0] | {key: value}]}
    read_sample(json.dumps(GOOD).encode())
    with pytest.raises(ContainerError, match="scene sample"):
        read_sample(json.dumps(node).encode())


@pytest.mark.parametrize("key", list(GOOD["objects"][0]))
def test_a_missing_field_is_refused_by_name(key):
    node = {"frame": 0, "objects": [{k: v for k, v in GOOD["objects"][0].items() if k != key}]}
    with pytest.raises(ContainerError, match=key):
        read_sample(json.dumps(node).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"nul",
        b"null",
        b"3",
        b"[]",
        b'"frame"',
        b"{}",
        b'{"frame":0}',
        b'{"frame":-1,"objects":[]}',
        b'{"frame":1e999,"objects":[]}',
        b'{"frame":"0","objects":[]}',
        b'{"frame":0,"objects":3}',
        b'{"frame":0,"objects":[3]}',
        b'{"frame":0,"objects":{"a":1}}',
        b'{"frame":0,"objects":[],"ranges":{}}',
        b'{"frame":0,"objects":[],"ranges":[]}',
        b'{"frame":0,"objects":[],"ranges":{"speed_px_s":[1,0],"temperature_c":[0,1],"density_kg_m3":[0,1]}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"frame":' + b"9" * 5000 + b',"objects":[]}',
    ],
)
def test_hostile_json_is_refused_by_name(data):
    with pytest.raises(ContainerError, match="scene sample"):
        read_sample(data)


@pytest.mark.parametrize("scene", [3, [], {}, {"cssv_scene": 1, "camera": 3}, {"cssv_scene": 99}])
def test_a_faulty_scene_is_a_scene_error(scene):
    with pytest.raises(SceneError):
        read_sample(json.dumps({"frame": 0, "objects": [], "scene": scene}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(list(GOOD["objects"][0])), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["frame", "objects", "ranges", "scene"]), JSON) | JSON)
def test_any_json_is_read_or_refused_by_name(node):
    try:
        sample = read_sample(json.dumps(node).encode())
    except (ContainerError, SceneError):
        return
    assert sample.frame >= 0


@given(SAMPLES, st.data())
def test_any_truncation_is_refused_by_name(sample, data):
    written = write_sample(sample)
    with pytest.raises(ContainerError):
        read_sample(written[: data.draw(st.integers(0, len(written) - 1))])
