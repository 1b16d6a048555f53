"""Golden vectors of the payload: bytes, and the integers that they hold.

``CSSV_REGENERATE_VECTORS=1`` writes them anew; only together with a change of cssv/payload/SPEC.md.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cssv.payload
from cssv.errors import FramingError
from cssv.payload.curves import Curve, Method
from cssv.payload.envelope import open_payload, seal_payload
from cssv.payload.goals import round_goal
from cssv.payload.motion import slopes
from cssv.payload.outlines import outline_shares
from cssv.payload.window import Segment, Window
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_scene import scene_parts
from cssv.payload.window_states import segment_values
from cssv.scene import Point, Ranges, Scene, Source
from cssv.template.drawing import Selector
from cssv.testing.payload_reader import PayloadError, read_payload

PATH = Path(__file__).parent.parent / "vectors" / "payload_v1.json"
REGENERATE = os.environ.get("CSSV_REGENERATE_VECTORS") == "1"
PRIORS = json.loads(Path(cssv.payload.__file__).with_name("priors.json").read_text(encoding="utf-8"))
PAYLOADS = {
    "empty",
    "one object",
    "all methods",
    "uneven times",
    "texts",
    "many objects",
    "goals",
    "outlines",
}
#: A scene with every part, each of which has a vector.
SCENE = {
    "cssv_scene": 1,
    "camera": {
        "position_m": {"value": [1.5, -20.25, 6.4], "sigma": 0.3, "source": "estimated"},
        "pan_deg": -12.7,
        "tilt_deg": {"value": -18.0, "source": "unknown"},
        "hfov_deg": 61.8,
        "homography": [[0.031, 0.0042, -9.8], [-0.0011, -0.052, 31.4], [0, 0.0061, -0.94]],
        "tsai": {
            "size_px": [768, 577],
            "centre_px": [324.2, 282.6],
            "pixel_mm": [0.0051, 0.0046],
            "focal_mm": 5.55,
            "translation_mm": [-5.2, 4.4e4, 6.1e4],
            "rotation_rad": [1.9, 0.18, -1.1e-20],
            "sx": 1.0937,
            "kappa1_per_mm2": 0.0051,
        },
    },
    "environment": {
        "lighting_lux": 1e9,
        "weather": "a kind of rain \u00fc",
        "humidity_pct": 0,
        "ambient_temperature_c": {"value": -273.15, "sigma": 0.52},
        "wind_deg": 359.9,
        "pressure_hpa": 1012.3,
    },
    "textures": {"ground": "asphalt", "sign": "brick"},
}
PARTS = ("pose", "homography", "calibration", "air", "weather", "known texture", "new texture")
PAYLOADS |= set(PARTS)


def level(value=0):
    return Curve(Method.CONSTANT, (value,), coarse=True)


def segment(track, count, *curves, **facts):
    """A segment; channels without a curve are constant."""
    bare = Segment(track=track, start=facts.pop("start", 0), count=count, **facts)
    more = tuple(level(k % 3) for k in range(len(bare.channels) - len(curves)))
    return Segment(**{name: getattr(bare, name) for name in bare.__slots__} | {"curves": (*curves, *more)})


def windows():
    """The windows of the vectors by name. Curves are given, because fitting may differ between machines."""
    tick, size, plain = Fraction(1, 25), (768, 576), Ranges()
    known = {"has_motion": True, "has_turn": True, "has_temperature": True, "has_density": True}
    person = segment(
        3, 50, Curve(Method.LINE, (301, 288)), Curve(Method.CONSTANT, (92,)), level(18),
        Curve(Method.LINE, (420, 513)), label="person", score=13, **known,
    )  # fmt: skip
    splines = [Curve(Method.SPLINE, tuple(range(40, 40 + 7 * m, 7))) for m in (3, 4, 9, 32)]
    kinds = [Curve(Method.PIECEWISE, (7, -9, 131072, -131072)), Curve(Method.DELTAS, (5, 5, 6, 4, -70, 9))]
    by_frame = [
        Curve(method, (9, 2, -70, -71, 0, 131072), coarse)
        for method in (Method.DELTAS, Method.BENDS)
        for coarse in (False, True)
    ]
    every = [
        segment(0, 6, *splines),
        segment(1, 6, *kinds, Curve(Method.LINE, (0, 0)), Curve(Method.CONSTANT, (-1,))),
        segment(2, 6, *by_frame, has_motion=True, reach=1),
        segment(7, 6, *by_frame[2:], has_motion=True, reach=3),
        segment(4294967294, 1, level(-65536), start=5, has_motion=True),
    ]
    texts = [
        segment(1, 1, label="person", name="courier"),
        segment(1, 1, start=1, label="a label that is in no list", name="courier", selector=Selector.COMET),
        segment(9, 2, label="a label that is in no list", name="\u00fc\u6f22", is_given=True),
    ]
    crowd = tuple(
        segment(k, 50 - k, Curve(Method.LINE, (100 + 9 * k, 101 + 8 * k)), level(20 + k), **known)
        for k in range(20)
    )
    goals = [
        segment(1, 1, goal_m=round_goal("goal_m", Point((4.0, 12.5)))),
        segment(
            2,
            1,
            goal_m=round_goal("goal_m", Point((4.0, 12.5))),
            goal_px=round_goal("goal_px", Point((0.0, -1e6), 2.0)),
        ),
        segment(3, 1, goal_px=round_goal("goal_px", Point((301.7, 55.0), None, Source.ESTIMATED))),
    ]
    shapes = [
        segment(1, 1, outline=(15, 0, 0, 0, 0, 0, 0, 0)),
        segment(2, 1),
        segment(3, 1, outline=(32, -32, 7, -3, 0, 1, -1, 2)),
        segment(4, 1, outline=(-32, 3, -2, 9, 0, 0, 32, 1)),
    ]
    parts = scene_parts(Scene.from_json(SCENE))
    odd = Ranges((0.0, 1.5), (36.125, 37.0), (0.0, 1.0))
    jitter = (-7, 33, 34, 1000, 2000, 2001)
    return {
        "empty": Window(0, (0,), tick, (32, 16384), plain),
        "one object": Window(250, tuple(range(250, 300)), tick, size, plain, segments=(person,)),
        "all methods": Window(12, tuple(range(12, 18)), tick, size, plain, 5, tuple(every)),
        "uneven times": Window(
            1, jitter, Fraction(1, 1000), size, odd, 8, (segment(2, 6, *splines, **known),)
        ),
        "texts": Window(99, (2**62, 2**62 + 3003), Fraction(1, 90000), size, plain, segments=tuple(texts)),
        "many objects": Window(0, tuple(range(50)), tick, size, plain, segments=crowd),
        "outlines": Window(0, (0,), tick, size, plain, segments=tuple(shapes)),
        "goals": Window(0, (0,), tick, size, plain, segments=tuple(goals)),
    } | {name: Window(0, (0,), tick, size, plain, part=part) for name, part in zip(PARTS, parts, strict=True)}


def plain_scene(scene):
    """The parts of a scene file."""
    return {name: value for name, value in scene.to_json().items() if name != "cssv_scene"}


def described(window):
    """The payload of a window, and the integers that a reader must find."""
    found = []
    for each in window.segments:
        values = segment_values(window, each)
        entry = {
            name: getattr(each, name) for name in Segment.__slots__ if name not in ("curves", "selector")
        }
        for goal in ("goal_m", "goal_px"):
            entry[goal] = None if entry[goal] is None else entry[goal].to_json()
        if each.outline is not None:
            entry["outline"] = list(each.outline)
        entry["shares"] = None if each.outline is None else outline_shares(each.outline).tolist()
        entry["selector"] = None if each.selector is None else each.selector.name.lower()
        entry["values"] = {channel: values[channel].tolist() for channel in each.channels}
        entry["slopes"] = slopes(window, each, values).tolist()
        found.append(entry)
    return {
        "payload": seal_payload(write_window(window)).hex(),
        "number": window.number,
        "pts": list(window.pts),
        "time_base": str(window.time_base),
        "size": list(window.size),
        "ranges": window.ranges.to_json(),
        "bound": window.bound,
        "scene": None if window.part is None else plain_scene(window.part.facts),
        "segments": found,
    }


def test_vectors_are_written_only_on_demand():
    if REGENERATE:
        made = {name: described(window) for name, window in windows().items()}
        rows = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in made.items())
        PATH.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    assert not REGENERATE, "run the tests again without CSSV_REGENERATE_VECTORS"


def vectors():
    return json.loads(PATH.read_text(encoding="utf-8"))


def test_every_vector_is_there():
    assert set(vectors()) == set(windows()) == PAYLOADS


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_a_vector_reads_and_writes_as_it_always_did(name):
    vector, window = vectors()[name], windows()[name]
    data = bytes.fromhex(vector["payload"])
    assert read_window(open_payload(data)) == window
    assert described(window) == vector


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_a_reader_written_from_the_specification_reads_a_vector(name):
    vector = vectors()[name]
    assert read_payload(bytes.fromhex(vector["payload"]), PRIORS) == {
        key: value for key, value in vector.items() if key != "payload"
    }


@settings(max_examples=60)
@given(st.binary(max_size=120), st.sampled_from(sorted(PAYLOADS)), st.data())
def test_both_readers_agree_on_damaged_contents(noise, name, data):
    content = bytearray(open_payload(bytes.fromhex(vectors()[name]["payload"])))
    at = data.draw(st.integers(0, len(content)))
    content[at:] = noise
    sealed, mine, theirs = seal_payload(bytes(content)), None, None
    with suppress(FramingError):
        mine = described(read_window(open_payload(sealed)))
        del mine["payload"]
    with suppress(PayloadError):
        theirs = read_payload(sealed, PRIORS)
    assert mine == theirs
