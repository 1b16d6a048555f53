"""The scene in payloads: parts take turns, come back rounded, and make up the scene again."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import FramingError
from cssv.payload.head import write_head
from cssv.payload.models import Models
from cssv.payload.range_coder import UNIT, LengthMeter
from cssv.payload.reals import Real, round_real
from cssv.payload.scene_part import AIR, POSE, TSAI, TSAI_OPTIONAL, PartKind
from cssv.payload.window_bytes import read_window, write_window
from cssv.payload.window_fit import fit_window
from cssv.payload.window_scene import MOST_TEXT_BYTES, MOST_TEXTURES, merge_scene, part_of, scene_parts
from cssv.payload.window_states import window_states
from cssv.scene import Camera, Environment, Point, Ranges, Scene, Source
from cssv.scene.camera import plane_of
from cssv.template.state import ObjectState
from cssv.testing.strategies import scenes

SIZE, TICK = (768, 576), Fraction(1, 25)
STREET = Scene.from_json(
    {
        "cssv_scene": 1,
        "camera": {"position_m": [0, 0, 3.2], "pan_deg": 0, "tilt_deg": -25, "roll_deg": 0, "hfov_deg": 60},
        "environment": {
            "lighting_lux": 450,
            "weather": "light rain",
            "humidity_pct": 61,
            "pressure_hpa": 1012,
        },
        "textures": {"ground": "asphalt", "walls": "brick"},
    }
)
#: Tsai's calibration of a street camera of 768x576 pixels.
CALIBRATED = Scene.from_json(
    {
        "cssv_scene": 1,
        "camera": {
            "tsai": {
                "size_px": [768, 576],
                "centre_px": [324.22, 282.56],
                "pixel_mm": [0.0051273, 0.0046],
                "focal_mm": 5.5549,
                "translation_mm": [-0.05, 44.49, 61123.4],
                "rotation_rad": [1.9007, 0.1832, 0.0321],
                "sx": 1.0937,
                "kappa1_per_mm2": 0.0051,
            }
        },
    }
)


def carried(scene, turn):
    """The window of this turn, without objects, after reading it back."""
    window = fit_window(0, [0, 1], TICK, SIZE, Ranges(), [[], []], scene=scene, turn=turn)
    again = read_window(write_window(window))
    assert again == window
    return again


def merged(scene, turns):
    known = Scene()
    for turn in turns:
        known = merge_scene(known, carried(scene, turn))
    return known


def part_bytes(window):
    """Bytes of a window's part."""
    lengths = []
    for each in (window, replace(window, part=None)):
        meter = LengthMeter(Models())
        write_head(meter, each)
        lengths.append(meter.length / UNIT / 8)
    return lengths[0] - lengths[1]


@settings(max_examples=60)
@given(scenes, st.integers(0, 50))
def test_each_window_carries_one_part_and_all_of_them_the_scene(tree, first):
    scene = Scene.from_json(tree)
    count = len(scene_parts(scene))
    known = merged(scene, range(first, first + max(count, 1)))
    # What comes back is all that a payload holds, and it is carried again without any change.
    assert scene_parts(known) == scene_parts(scene)
    assert known == Scene(known.camera, known.environment, known.textures)
    assert merged(known, range(count)) == known


@given(scenes)
def test_numbers_come_back_within_their_precision(tree):
    scene = Scene.from_json(tree)
    known = merged(scene, range(max(len(scene_parts(scene)), 1)))
    for part, formats in (("camera", POSE), ("environment", AIR)):
        for name, reals in formats.items():
            true, got = (getattr(getattr(each, part), name) for each in (scene, known))
            assert (true is None) == (got is None)
            if true is not None:
                assert true.source == got.source
                assert (true.sigma is None) == (got.sigma is None)
                assert np.allclose(got.value, true.value, rtol=2.0 ** -(reals[0].bits + 1), atol=1e-12)
                if true.sigma is not None:
                    assert got.sigma == pytest.approx(true.sigma, rel=1 / 64, abs=1e-12)
    if scene.camera.tsai is not None and known.camera.tsai is not None:
        for name, reals in (TSAI | TSAI_OPTIONAL).items():
            true, got = (getattr(each.camera.tsai, name) for each in (scene, known))
            if true is not None:
                assert np.allclose(got, true, rtol=2.0 ** -(reals[0].bits + 1), atol=1e-12)
    if scene.camera.homography is not None:
        assert np.allclose(known.camera.homography, scene.camera.homography, rtol=2.0**-17, atol=1e-12)


@given(st.floats(-1e12, 1e12), st.integers(2, 20))
def test_a_number_is_rounded_once(value, bits):
    real = Real(-1e12, 1e12, bits)
    once = round_real(value, real)
    assert round_real(once, real) == once
    assert abs(once - value) <= max(abs(value) * 2.0 ** -(bits + 1), 2.0**-64)


def test_parts_take_turns():
    kinds = [carried(STREET, turn).part.kind for turn in range(6)]
    assert kinds == [PartKind.POSE, PartKind.AIR, PartKind.WEATHER, *[PartKind.TEXTURE] * 2, PartKind.POSE]


def test_the_parts_of_a_common_scene_come_back_in_few_bytes():
    known = merged(STREET, range(5))
    assert known.camera.position_m.value == pytest.approx((0, 0, 3.2), rel=2.0**-11)
    assert known.camera == replace(STREET.camera, position_m=known.camera.position_m)
    assert known.environment.weather == "light rain"
    assert known.textures == STREET.textures
    sizes = [part_bytes(carried(STREET, turn)) for turn in range(5)]
    assert sizes[0] <= 16
    assert sizes[1] <= 8
    assert max(sizes[2:]) <= 2.5


def test_windows_without_a_scene_cost_one_cheap_decision():
    bare = carried(None, 3)
    assert bare.part is None
    assert carried(Scene(), 3) == bare
    assert merge_scene(STREET, bare) == STREET
    with_none, without = LengthMeter(Models()), LengthMeter(Models())
    with_none.put_bit("scene", 0, 0)
    assert (with_none.length - without.length) / UNIT <= 1.1


@pytest.mark.parametrize("scene", [STREET, CALIBRATED])
def test_the_ground_plane_comes_back(scene):
    known = merged(scene, range(len(scene_parts(scene))))
    true, got = (plane_of(each.camera, SIZE) for each in (scene, known))
    pixels = np.array([[x, y] for x in (50, 400, 700) for y in (420, 500, 570)], float)
    places, found = true.to_ground(pixels), got.to_ground(pixels)
    distance = np.linalg.norm(places, axis=1)
    assert (np.linalg.norm(places - found, axis=1) <= 0.002 * distance + 0.005).all()


def test_a_homography_comes_back_with_its_ground():
    matrix = ((0.031, 0.0042, -9.8), (-0.0011, -0.052, 31.4), (1.2e-5, 0.0061, -0.94))
    got = np.array(merged(Scene(camera=Camera(homography=matrix)), [0]).camera.homography)
    for x, y in ((0, 300), (400, 400), (767, 575)):
        true, found = (m @ (x, y, 1) for m in (np.array(matrix), got))
        assert np.linalg.norm(true[:2] / true[2] - found[:2] / found[2]) <= 0.001


def test_a_homography_that_rounding_makes_singular_is_left_out():
    near = 1 + 2.0**-30
    scene = Scene(camera=Camera(homography=((1.0, 1.0, 0.0), (1.0, near, 0.0), (0.0, 0.0, 1.0))))
    assert part_of(scene, 0) is None


def test_long_texts_are_cut_and_many_textures_left_out():
    scene = Scene(
        environment=Environment(weather="\u00fc" * 200),
        textures={f"surface {k:02}": "w" * 900 for k in range(50)},
    )
    known = merged(scene, range(1 + MOST_TEXTURES))
    assert known.environment.weather == "\u00fc" * (MOST_TEXT_BYTES // 2)
    assert list(known.textures.items()) == [
        (f"surface {k:02}", "w" * MOST_TEXT_BYTES) for k in range(MOST_TEXTURES)
    ]


def test_a_part_replaces_the_fields_of_its_kind_alone():
    known = merge_scene(CALIBRATED, carried(STREET, 0))
    assert known.camera.tsai == CALIBRATED.camera.tsai
    assert known.camera.hfov_deg == STREET.camera.hfov_deg
    turned = Scene(camera=Camera(pan_deg=STREET.camera.tilt_deg))
    assert merge_scene(known, carried(turned, 0)).camera.hfov_deg is None


# The goal of an object.


def standing(track, **goals):
    return ObjectState(
        track=track,
        label="person",
        score=1.0,
        box_px=(10.0, 20.0, 30.0, 80.0),
        velocity_px_s=(0.0, 0.0),
        past_px_s=(0.0, 0.0),
        future_px_s=(0.0, 0.0),
        sigma_px_s=math.inf,
        **goals,
    )


def goals_of(objects):
    window = fit_window(0, range(len(objects)), TICK, SIZE, Ranges(), objects)
    again = read_window(write_window(window))
    assert again == window
    return [[(state.goal_m, state.goal_px) for state in states] for states in window_states(again)]


def test_goals_come_back():
    gate, sign = Point((4.0, 12.5), 0.5, Source.ESTIMATED), Point((301.7, 55.2))
    objects = [[standing(1, goal_m=gate), standing(2, goal_m=gate, goal_px=sign), standing(3)]] * 4
    for found in goals_of(objects):
        assert [goal for goal, _ in found] == [gate, gate, None]
        assert found[1][1].value == pytest.approx(sign.value, rel=2.0**-11)
        assert [found[0][1], found[2][1]] == [None, None]


def test_a_goal_that_changes_begins_a_segment():
    there, back = Point((4.0, 12.5)), Point((0.0, 0.0))
    objects = [[standing(1, goal_m=goal)] for goal in (there, there, back, None)]
    assert goals_of(objects) == [[(goal, None)] for goal in (there, there, back, None)]


def test_a_goal_that_is_not_finite_is_refused():
    for number in (math.inf, math.nan):
        with pytest.raises(FramingError, match="does not fit"):
            goals_of([[standing(1, goal_px=Point((number, 0.0)))]])
