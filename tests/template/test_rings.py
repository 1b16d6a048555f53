"""Drawings with some of the rings: from states to pixels and back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import InputError
from cssv.frames import LAYOUTS, split_planes
from cssv.scene import Ranges, Value
from cssv.template.certainty import planar_sigma, value_sigma
from cssv.template.draw import draw, readings_of, to_state
from cssv.template.drawing import Drawing, Outline, Readings, Rings, Selector
from cssv.template.footprint import footprint
from cssv.template.read import read
from cssv.template.render import interior, render, ring_pixels, with_edges
from cssv.template.state import ObjectState

RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SIZE = (200, 160)
SETS = [Rings(number) for number in range(1, 8)]
UNMARKED = np.zeros((SIZE[1], SIZE[0]), np.bool_)
#: Every row of pixels has other edges.
LUMA = (np.add.outer(np.arange(SIZE[1]) * 7, np.arange(SIZE[0]) * 3) % 251).astype(np.uint8)

shares = st.floats(0, 1)
#: A reading of less certainty is almost grey.
certainties = st.floats(0.3, 1)


@st.composite
def objects(pick):
    w, h = pick(st.integers(2, 90)), pick(st.integers(2, 70))
    x, y = pick(st.integers(30, 60)), pick(st.integers(30, 50))
    speed, angle = 200 * pick(shares), 2 * math.pi * pick(shares)
    velocity = speed * math.cos(angle), speed * math.sin(angle)
    return ObjectState(
        7, "", 1.0, (float(x), float(y), float(w), float(h)), velocity, velocity, velocity,
        planar_sigma(pick(certainties), RANGES.speed_px_s),
        temperature_c=Value(80 * pick(shares) - 20, value_sigma(pick(certainties), RANGES.temperature_c)),
        density_kg_m3=Value(2000 * pick(shares), value_sigma(pick(certainties), RANGES.density_kg_m3)),
        selector=pick(st.sampled_from([Selector.RINGS, Selector.COMET, None])),
    )  # fmt: skip


def read_back(drawing, layout):
    template = render([drawing], LUMA, layout, interior=False)
    (reading,) = read(template, layout, [drawing.outline], UNMARKED)
    return reading


@given(state=objects(), rings=st.sampled_from(SETS), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=250)
def test_every_set_of_rings_reads_back(state, rings, layout):
    drawing = draw(state, RANGES, None, SIZE, rings=rings)
    reading = read_back(drawing, layout)
    back, seen, shown = to_state(reading, RANGES), reading.readings, drawing.readings
    assert reading.outline.rings == rings
    if rings & Rings.VELOCITY:
        assert math.dist(back.velocity_px_s, state.velocity_px_s) <= 200 / 16
        assert abs(seen.motion - shown.motion) <= 32
    else:
        assert (seen.motion, back.sigma_px_s) == (0, math.inf)
    for ring, name, span in (
        (Rings.TEMPERATURE, "temperature_c", 80),
        (Rings.DENSITY, "density_kg_m3", 2000),
    ):
        certainty = f"{name.split('_')[0]}_certainty"
        if rings & ring:
            assert abs(getattr(back, name).value - getattr(state, name).value) <= span / 16
            assert abs(getattr(seen, certainty) - getattr(shown, certainty)) <= 32
        else:
            assert getattr(back, name) is None
            assert getattr(seen, certainty) == 0


@pytest.mark.parametrize("rings", SETS)
@pytest.mark.parametrize("selector", [Selector.RINGS, Selector.COMET])
def test_rings_follow_each_other_without_gaps(shapes, rings, selector):
    outline = replace(shapes.outline(np.random.default_rng(3), (80, 60, 40, 40), selector), rings=rings)
    place = footprint(outline, *SIZE)
    count, width = rings.bit_count(), outline.ring_width
    assert place.span == count * width + 1
    rows, columns = np.nonzero(place.index >= 0)
    cx, cy = outline.centre
    farthest = max(np.abs(rows + place.top - cy).max(), np.abs(columns + place.left - cx).max())
    assert count * width <= farthest <= outline.reach
    readings = Readings(255, 0, 255, 0, 255, 255, 255, 255, 255)
    luma = split_planes(render([Drawing(outline, readings)], LUMA, "rgb24", interior=False), "rgb24")[0]
    distance = np.where(place.index > place.span, place.index - place.span, place.index)
    for number in range(count):
        ring = (distance > number * width) & (distance <= (number + 1) * width)
        assert luma[place.window][ring].min() >= 0xA0
    beyond = np.ones_like(luma, dtype=bool)
    beyond[place.window] = place.index < 0
    assert not luma[beyond].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_inside_can_stay_empty(shapes, layout):
    """It hides the objects behind it all the same."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        drawings = [
            Drawing(
                replace(shapes.outline(rng, None, selector, k, SIZE), rings=SETS[int(rng.integers(0, 7))]),
                Readings(*(int(v) for v in rng.integers(0, 256, 9))),
            )
            for k, selector in enumerate((Selector.RINGS, Selector.COMET, Selector.EDGES, Selector.RINGS))
        ]
        outlines = [drawing.outline for drawing in drawings]
        whole, empty = (render(drawings, LUMA, layout, interior=shown) for shown in (True, False))
        inside, on_rings = interior(outlines, *SIZE), ring_pixels(outlines, *SIZE)
        assert not (inside & on_rings).any()
        for plane, other in zip(split_planes(whole, layout), split_planes(empty, layout), strict=True):
            step = SIZE[1] // plane.shape[0]
            assert not other[~on_rings[::step, ::step]].any()
            assert np.array_equal(np.where(inside[::step, ::step], 0, plane), other)
        assert np.array_equal(with_edges(empty, layout, LUMA, outlines), whole)
        # Every pixel of a ring is brighter than nothing.
        assert np.array_equal(split_planes(empty, layout)[0] > 0, on_rings)


@given(state=objects(), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=20)
def test_all_rings_are_the_default(state, layout):
    one, other = draw(state, RANGES, LUMA, SIZE), draw(state, RANGES, LUMA, SIZE, rings=Rings.ALL)
    assert one == other
    assert np.array_equal(render([one], LUMA, layout), render([other], LUMA, layout, interior=True))


def test_an_object_of_which_no_ring_knows_anything_is_a_line():
    state = ObjectState(
        1, "", 1.0, (60, 50, 40, 40), (0, 0), (0, 0), (0, 0), math.inf, temperature_c=Value(30.0)
    )
    for rings in [Rings(0), *SETS]:
        outline = draw(state, RANGES, None, SIZE, rings=rings).outline
        is_known = bool(rings & Rings.TEMPERATURE)
        assert (outline.selector is Selector.EDGES) is not is_known
    # Without any ring, whatever drawing the scene asks for.
    asked = replace(state, selector=Selector.COMET)
    assert draw(asked, RANGES, None, SIZE, rings=Rings(0)).outline.selector is Selector.EDGES
    assert draw(asked, RANGES, None, SIZE, rings=Rings.VELOCITY).outline.selector is Selector.COMET


def test_a_line_is_the_same_with_any_rings(shapes):
    outline = shapes.outline(np.random.default_rng(5), (60, 50, 40, 40), Selector.EDGES)
    lines = [
        render([Drawing(replace(outline, rings=rings), Readings())], LUMA, "yuv420p")
        for rings in [Rings(0), *SETS]
    ]
    assert all(np.array_equal(line, lines[-1]) for line in lines)


def test_readings_of_rings_that_are_not_drawn_are_zero():
    state = ObjectState(
        1, "", 1.0, (60, 50, 40, 40), (50, 0), (50, 0), (50, 0), 1.0,
        temperature_c=Value(30.0), density_kg_m3=Value(900.0),
    )  # fmt: skip
    whole = readings_of(state, RANGES)
    assert readings_of(state, RANGES, Rings.DENSITY) == Readings(
        density=whole.density, density_certainty=whole.density_certainty
    )
    assert readings_of(state, RANGES, Rings(0)) == Readings()


@pytest.mark.parametrize(
    ("selector", "rings"), [(Selector.RINGS, 0), (Selector.COMET, 0), (Selector.EDGES, 8)]
)
def test_a_set_that_cannot_be_drawn_is_refused(selector, rings):
    with pytest.raises(InputError, match="set of rings"):
        Outline(1, "", 0, (0, 0, 4, 4), bytes(32), 0, selector, 0, rings)
