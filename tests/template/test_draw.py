"""States to bytes and back: certainties, ranges, selectors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.scene import Ranges, Source, Value
from cssv.template.certainty import planar_certainty, planar_sigma, value_certainty, value_sigma
from cssv.template.draw import clip_box, draw, readings_of, to_state
from cssv.template.drawing import Outline, Readings, Selector
from cssv.template.read import Reading
from cssv.template.state import ObjectState

RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SPAN = (-20.0, 60.0)
STATE = ObjectState(
    3, "person", 0.9, (100.4, 50.6, 40.0, 60.0), (30.0, 40.0), (28.0, 38.0), (32.0, 42.0), 5.0,
    temperature_c=Value(36.6, 0.5), density_kg_m3=Value(985.0),
)  # fmt: skip


@given(st.floats(0.001, 0.998))
def test_sigma_undoes_certainty(certainty):
    assert planar_certainty(planar_sigma(certainty, SPAN), SPAN) == pytest.approx(certainty)
    sigma = value_sigma(certainty, SPAN)
    assert value_certainty(Value(0.0, sigma), SPAN) == pytest.approx(certainty)


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6))
def test_the_less_sigma_the_more_certain(a, b):
    low, high = sorted((a, b))
    for certainty in (lambda s: planar_certainty(s, SPAN), lambda s: value_certainty(Value(0.0, s), SPAN)):
        assert 0 <= certainty(high) <= certainty(low) <= 1


def test_certainty_is_the_probability_of_a_hit():
    """Drawn at random, as often within an eighth of the range as the byte says."""
    rng = np.random.default_rng(0)
    bound = (SPAN[1] - SPAN[0]) / 8
    for sigma in (3.0, 10.0, 25.0):
        errors = rng.normal(0, sigma, (200_000, 2))
        assert planar_certainty(sigma, SPAN) == pytest.approx(np.mean(np.hypot(*errors.T) < bound), abs=0.005)
        hit = np.mean(np.abs(errors[:, 0]) < bound)
        assert value_certainty(Value(0.0, sigma), SPAN) == pytest.approx(hit, abs=0.005)


@pytest.mark.parametrize(
    ("value", "certainty"),
    [
        (None, 0.0),
        (Value(1.0, 0.1, Source.UNKNOWN), 0.0),
        (Value(1.0), 1.0),
        (Value(1.0, None, Source.ESTIMATED), 0.5),
        (Value(1.0, 0.0), 1.0),
    ],
)
def test_certainty_without_a_deviation_is_the_source(value, certainty):
    assert value_certainty(value, SPAN) == certainty


def test_the_ends_of_certainty():
    assert planar_certainty(math.inf, SPAN) == planar_certainty(math.nan, SPAN) == 0
    assert planar_certainty(0.0, SPAN) == 1
    assert planar_sigma(0.0, SPAN) == value_sigma(0.0, SPAN) == math.inf
    for sigma, back in ((planar_sigma(1.0, SPAN), planar_certainty), (value_sigma(1.0, SPAN), None)):
        certainty = back(sigma, SPAN) if back else value_certainty(Value(0.0, sigma), SPAN)
        assert 0 < sigma < math.inf
        assert certainty * 255 == pytest.approx(254.5)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(-100, 100), st.floats(-500, 3000))
def test_bytes_hold_what_is_in_range_and_clip_the_rest(vx, vy, temperature, density):
    state = replace(
        STATE, velocity_px_s=(vx, vy), past_px_s=(vx, vy), future_px_s=(vx, vy),
        temperature_c=Value(temperature), density_kg_m3=Value(density),
    )  # fmt: skip
    readings = readings_of(state, RANGES)
    assert readings.past_speed == readings.future_speed
    assert readings.past_speed / 255 * 200 == pytest.approx(min(math.hypot(vx, vy), 200), abs=0.4)
    assert -20 + readings.temperature / 255 * 80 == pytest.approx(min(max(temperature, -20), 60), abs=0.16)
    assert readings.density / 255 * 2000 == pytest.approx(min(max(density, 0), 2000), abs=4)
    if math.hypot(vx, vy) > 1e-6:
        turn = (readings.future_heading - math.atan2(vy, vx) * 128 / math.pi + 128) % 256 - 128
        assert abs(turn) <= 0.501


def reading_of(drawing, readings="own"):
    return Reading(drawing.outline, drawing.readings if readings == "own" else readings, 1.0)


@given(st.floats(0, 199), st.floats(-3, 3), st.floats(-20, 60), st.floats(0, 2000), st.floats(0.1, 0.99))
def test_to_state_is_the_inverse_of_draw_up_to_the_bytes(speed, turn, temperature, density, certainty):
    velocity = (speed * math.cos(turn), speed * math.sin(turn))
    state = replace(
        STATE, velocity_px_s=velocity, past_px_s=velocity, future_px_s=velocity,
        sigma_px_s=planar_sigma(certainty, RANGES.speed_px_s),
        temperature_c=Value(temperature, value_sigma(certainty, RANGES.temperature_c)),
        density_kg_m3=Value(density, value_sigma(certainty, RANGES.density_kg_m3)),
    )  # fmt: skip
    back = to_state(reading_of(draw(state, RANGES, None, (320, 240))), RANGES)
    assert math.dist(back.velocity_px_s, velocity) <= 0.4 + speed * math.pi / 255
    assert back.past_px_s == back.future_px_s
    assert back.temperature_c.value == pytest.approx(temperature, abs=0.16)
    assert back.density_kg_m3.value == pytest.approx(density, abs=4)
    assert back.temperature_c.source is Source.ESTIMATED
    assert value_certainty(back.temperature_c, RANGES.temperature_c) == pytest.approx(certainty, abs=1 / 255)
    assert planar_certainty(back.sigma_px_s, RANGES.speed_px_s) == pytest.approx(certainty, abs=1 / 255)
    assert (back.track, back.label, back.box_px) == (3, "person", (100, 51, 40, 60))
    assert back.score == pytest.approx(0.9, abs=1 / 255)


def test_unknown_values_read_back_as_unknown():
    state = replace(STATE, sigma_px_s=math.inf, temperature_c=None, density_kg_m3=None)
    drawing = draw(state, RANGES, None, (320, 240))
    assert drawing.outline.selector is Selector.EDGES
    for readings in (Readings(), None):
        back = to_state(reading_of(drawing, readings), RANGES)
        assert back.sigma_px_s == math.inf
        assert back.temperature_c is back.density_kg_m3 is None


@pytest.mark.parametrize("certainty", [1, 10, 15])
def test_almost_grey_is_unknown(certainty):
    drawing = draw(STATE, RANGES, None, (320, 240))
    back = to_state(reading_of(drawing, replace(drawing.readings, temperature_certainty=certainty)), RANGES)
    assert back.temperature_c is None
    assert back.density_kg_m3 is not None


@pytest.mark.parametrize(
    ("change", "selector"),
    [
        ({}, Selector.RINGS),
        ({"past_px_s": (160, 0), "future_px_s": (160, 0)}, Selector.COMET),
        ({"past_px_s": (160, 0), "future_px_s": (160, 0), "sigma_px_s": math.inf}, Selector.RINGS),
        ({"sigma_px_s": math.inf, "temperature_c": None, "density_kg_m3": None}, Selector.EDGES),
        ({"sigma_px_s": math.inf, "density_kg_m3": None}, Selector.RINGS),
        ({"selector": Selector.EDGES}, Selector.EDGES),
        ({"sigma_px_s": math.inf, "selector": Selector.COMET}, Selector.COMET),
    ],
)  # fmt: skip
def test_the_selector_follows_what_is_known(change, selector):
    assert draw(replace(STATE, **change), RANGES, None, (320, 240)).outline.selector is selector


@pytest.mark.parametrize(
    ("box", "visible"),
    [
        ((10.4, 10.6, 20, 20), (10, 11, 20, 20)),
        ((-5, -5, 20, 20), (0, 0, 15, 15)),
        ((90, 40, 30, 30), (90, 40, 10, 10)),
        ((-30, 0, 20, 20), None),
        ((100, 0, 20, 20), None),
        ((0, 50, 20, 20), None),
        # A box of less than a pixel is drawn as one pixel.
        ((5, 5, 0.2, 20), (5, 5, 1, 20)),
        ((1.5, 5, 1, 20), (2, 5, 1, 20)),
        ((-3, 5, 3.3, 20), None),
    ],
)
def test_boxes_are_cut_at_the_frame(box, visible):
    assert clip_box(box, 100, 50) == visible
    drawn = draw(replace(STATE, box_px=box), RANGES, None, (100, 50))
    assert (drawn is None) == (visible is None)
    assert drawn is None or drawn.outline.box == visible


def test_the_outline_is_looked_for_in_the_picture(shapes):
    picture = shapes.textured(np.random.default_rng(1), shapes.mask("ellipse", 50, 70, 200), 90, 5)
    state = replace(STATE, box_px=(75, 65, 50, 70))
    explored = draw(state, RANGES, picture, (200, 200)).outline
    blind = draw(state, RANGES, None, (200, 200)).outline
    assert explored.radii != blind.radii
    # At 45 degrees an ellipse is well inside the superellipse.
    assert explored.radii[4] < blind.radii[4]


@pytest.mark.parametrize(
    "change",
    [{"radii": bytes(31)}, {"shift": 7}, {"shift": -1}, {"box": (0, 0, 0, 5)}, {"box": (0, 0, 5, 0)}],
)
def test_impossible_outlines_are_refused(change):
    good = {"track": 1, "label": "", "score": 1, "box": (0, 0, 5, 5), "radii": bytes(32), "shift": 0}
    Outline(**good, selector=Selector.RINGS, axis=0)
    with pytest.raises(InputError):
        Outline(**(good | change), selector=Selector.RINGS, axis=0)
