"""From a state to pixels and back: the accuracy that the pixels alone must give."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest

from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.planes import PlanesEmbedder, extract_planes
from cssv.frames import planes_shape, split_planes
from cssv.scene import Ranges, Value
from cssv.template.certainty import planar_sigma, value_sigma
from cssv.template.draw import draw, to_state
from cssv.template.drawing import Drawing, Readings, Selector
from cssv.template.footprint import footprint
from cssv.template.read import VISIBLE_SHARE, read
from cssv.template.render import render
from cssv.template.state import ObjectState

RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SIZE = (320, 240)
SMALL = Miniature(*([0, 200], [-20, 60], [0, 2000]), *SIZE, Fraction(1, 25)).write()


def random_state(rng, track, selector, low_certainty=0.3, box=None):
    w, h = (int(v) for v in rng.integers(24, 120, 2))
    x, y = rng.uniform(0, SIZE[0] - w), rng.uniform(0, SIZE[1] - h)
    speed, turn = rng.uniform(0, 200), rng.uniform(0, 2 * math.pi)
    halves = []
    for _ in range(2):
        s, a = min(max(speed + rng.uniform(-20, 20), 0), 200), turn + rng.uniform(-0.3, 0.3)
        halves.append((s * math.cos(a), s * math.sin(a)))
    past, future = halves
    velocity = ((past[0] + future[0]) / 2, (past[1] + future[1]) / 2)
    certainty = rng.uniform(low_certainty, 1, 3)
    return ObjectState(
        track, "", 1.0, box or (x, y, w, h), velocity, past, future,
        planar_sigma(certainty[0], RANGES.speed_px_s),
        temperature_c=Value(rng.uniform(-20, 60), value_sigma(certainty[1], RANGES.temperature_c)),
        density_kg_m3=Value(rng.uniform(0, 2000), value_sigma(certainty[2], RANGES.density_kg_m3)),
        selector=selector,
    )  # fmt: skip


def random_cover(rng, layout):
    shape = planes_shape(layout, *SIZE)
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    return (noise, cv2.GaussianBlur(noise, (0, 0), 3), np.full(shape, noise.flat[0]))[int(rng.integers(0, 3))]


def through_pixels(rng, states, layout, fidelity="full"):
    """Draw, render, merge, extract, read: (drawing, sight) of every object whose tag was found."""
    cover = random_cover(rng, layout)
    luma = split_planes(cover, layout)[0 if layout == "yuv420p" else 1]
    drawings = [draw(state, RANGES, luma, SIZE) for state in states]
    template = render(drawings, luma, layout)
    outlines = [d.outline for d in drawings]
    carrier = PlanesEmbedder(layout, SMALL, fidelity=fidelity)
    found = extract_planes(carrier.embed(cover, template, outlines, number=1, pts=1), layout)
    sights = {s.outline.track: s for s in read(found.heat, layout, found.outlines, found.marked)}
    return [(d, sights[d.outline.track]) for d in drawings]


def errors(state, drawing, sight):
    """Shares of each range: values first, then certainties."""
    back = to_state(sight, RANGES)
    given, seen = drawing.readings, sight.readings
    if back.temperature_c is None or back.density_kg_m3 is None:
        return [1.0] * 8
    turn = [
        abs((a - b + 128) % 256 - 128) / 256
        for a, b in ((given.past_heading, seen.past_heading), (given.future_heading, seen.future_heading))
    ]
    return [
        abs(math.hypot(*back.past_px_s) - math.hypot(*state.past_px_s)) / 200,
        abs(math.hypot(*back.future_px_s) - math.hypot(*state.future_px_s)) / 200,
        math.dist(back.velocity_px_s, state.velocity_px_s) / 200,
        abs(back.temperature_c.value - state.temperature_c.value) / 80,
        abs(back.density_kg_m3.value - state.density_kg_m3.value) / 2000,
        *turn,
        max(
            abs(given.motion - seen.motion),
            abs(given.temperature_certainty - seen.temperature_certainty),
            abs(given.density_certainty - seen.density_certainty),
        )
        / 255,
    ]


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("fidelity", ["full", "sparse"])
@pytest.mark.parametrize("selector", [Selector.RINGS, Selector.COMET, None])
def test_unoccluded_objects_read_back_within_a_sixteenth(layout, fidelity, selector):
    seed = 100 * (layout == "rgb24") + 10 * (fidelity == "sparse") + (3 if selector is None else selector)
    rng = np.random.default_rng(seed)
    table = []
    for _ in range(60):
        state = random_state(rng, 7, selector)
        ((drawing, sight),) = through_pixels(rng, [state], layout, fidelity)
        assert sight.visible == 1
        table.append(errors(state, drawing, sight))
    table = np.array(table)
    assert (table[:, :-1] <= 1 / 16).mean(axis=0).min() >= 0.98
    assert (table[:, :-1] <= 1 / 16).mean() >= 0.99
    assert (table[:, -1] <= 1 / 8).mean() >= 0.99
    assert np.median(table, axis=0).max() <= 0.03


def test_certainty_below_a_third_differs_from_grey():
    rng = np.random.default_rng(3)
    for _ in range(40):
        state = random_state(rng, 7, Selector.RINGS, 0.0)
        ((drawing, sight),) = through_pixels(rng, [state], "yuv420p")
        given, seen = drawing.readings, sight.readings
        for name in ("motion", "temperature_certainty", "density_certainty"):
            assert abs(getattr(given, name) - getattr(seen, name)) <= 32


def test_hidden_objects_are_flagged_and_the_others_read():
    rng = np.random.default_rng(4)
    rows, partly, hidden = [], [], 0
    for k in range(80):
        box = (float(rng.integers(40, 200)), float(rng.integers(40, 120)), 50.0, 60.0)
        states = [
            random_state(rng, 1, Selector.RINGS, box=box),
            random_state(
                rng,
                2,
                Selector.RINGS,
                box=(box[0] + rng.integers(-60, 60), box[1] + rng.integers(5, 60), 80, 90),
            ),
        ]
        pairs = through_pixels(rng, states, ("yuv420p", "rgb24")[k % 2])
        assert pairs[1][1].visible == 1
        for state, (drawing, sight) in zip(states, pairs, strict=True):
            if sight.visible < VISIBLE_SHARE:
                hidden += 1
            elif sight.visible >= 0.6:
                rows.append(errors(state, drawing, sight))
            elif sight.readings is not None:
                partly.append(errors(state, drawing, sight))
    assert hidden >= 5
    for table, share in ((np.array(rows), 0.99), (np.array(partly), 0.9)):
        assert len(table) >= 10
        assert (table[:, :-1] <= 1 / 16).mean() >= share
        assert (table[:, -1] <= 1 / 8).mean() >= 0.99


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_visible_is_the_share_of_uncovered_ring_pixels(shapes, layout):
    rng = np.random.default_rng(9)
    for _ in range(20):
        back, front = (shapes.outline(rng, (int(x), y, 50, 50), Selector.RINGS, t) for t, (x, y) in enumerate(
            [(rng.integers(60, 200), 60), (rng.integers(60, 200), 90)]
        ))  # fmt: skip
        drawings = [Drawing(back, Readings(*[100] * 9)), Drawing(front, Readings(*[200] * 9))]
        template = render(drawings, np.zeros((240, 320), np.uint8), layout)
        sights = read(template, layout, [back, front], np.zeros((240, 320), bool))
        covered = np.zeros((240, 320), bool)
        place = footprint(front, 320, 240)
        covered[place.window] = place.index >= 0
        place = footprint(back, 320, 240)
        ring = (place.index >= 0) & (place.index % place.span != 0)
        share = (ring & ~covered[place.window]).sum() / ring.sum()
        assert sights[0].visible == pytest.approx(share)
        assert sights[1].visible == 1


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("selector", [None, Selector.RINGS, Selector.COMET, Selector.EDGES])
def test_unknown_attributes_are_grey_and_read_as_unknown(layout, selector):
    rng = np.random.default_rng(6)
    state = ObjectState(1, "", 1.0, (100, 80, 50, 60), (0, 0), (0, 0), (0, 0), math.inf, selector=selector)
    cover = random_cover(rng, layout)
    drawing = draw(state, RANGES, split_planes(cover, layout)[0], SIZE)
    template = render([drawing], split_planes(cover, layout)[0], layout)
    assert not any(plane.any() for plane in split_planes(template, layout)[1:])
    ((drawing, sight),) = through_pixels(rng, [state], layout)
    back = to_state(sight, RANGES)
    assert back.sigma_px_s == math.inf
    assert back.temperature_c is back.density_kg_m3 is None
    assert back.selector is (selector if selector is not None else Selector.EDGES)


def test_one_known_attribute_is_read_alone():
    rng = np.random.default_rng(7)
    state = ObjectState(
        1, "", 1.0, (100, 80, 50, 60), (0, 0), (0, 0), (0, 0), math.inf, temperature_c=Value(40.0)
    )
    ((_, sight),) = through_pixels(rng, [state], "yuv420p")
    back = to_state(sight, RANGES)
    assert back.temperature_c.value == pytest.approx(40, abs=5)
    assert back.density_kg_m3 is None
    assert back.sigma_px_s == math.inf


def test_opposite_halves_do_not_cancel():
    """An object that turns round: past and future headings are opposite, yet both are known."""
    rng = np.random.default_rng(8)
    state = ObjectState(
        1,
        "",
        1.0,
        (100, 80, 60, 60),
        (0.0, 10.0),
        (-120.0, 10.0),
        (120.0, 10.0),
        1.0,
        selector=Selector.RINGS,
    )
    ((drawing, sight),) = through_pixels(rng, [state], "yuv420p")
    assert drawing.readings.motion == 255
    assert sight.readings.motion >= 224
    back = to_state(sight, RANGES)
    assert math.dist(back.past_px_s, state.past_px_s) < 200 / 16
    assert math.dist(back.future_px_s, state.future_px_s) < 200 / 16


@pytest.mark.parametrize("side", [4, 8, 16])
def test_small_objects_are_read_from_rings_outside_them(side):
    rng = np.random.default_rng(side)
    rows = []
    for _ in range(40):
        box = (rng.uniform(40, 260), rng.uniform(40, 180), side, side)
        state = random_state(rng, 1, Selector.RINGS, box=box)
        ((drawing, sight),) = through_pixels(rng, [state], "yuv420p")
        rows.append(errors(state, drawing, sight))
    assert (np.array(rows)[:, :-1] <= 1 / 16).mean() >= 0.98


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
def test_objects_outside_have_no_readings(shapes, layout):
    outline = shapes.outline(np.random.default_rng(1), (900, 900, 40, 40), Selector.RINGS)
    template = np.zeros(planes_shape(layout, 64, 64), np.uint8)
    (sight,) = read(template, layout, [outline], np.zeros((64, 64), bool))
    assert (sight.readings, sight.visible) == (None, 0.0)


def test_an_object_wholly_hidden_has_no_readings(shapes):
    rng = np.random.default_rng(1)
    back = shapes.outline(rng, (140, 90, 20, 20), Selector.RINGS, 1)
    front = shapes.outline(rng, (80, 50, 140, 120), Selector.RINGS, 2)
    template = render(
        [Drawing(back, Readings()), Drawing(front, Readings())], np.zeros((240, 320), np.uint8), "rgb24"
    )
    sights = read(template, "rgb24", [back, front], np.zeros((240, 320), bool))
    assert (sights[0].readings, sights[0].visible) == (None, 0.0)
    assert sights[1].readings is not None


def test_many_outlines_read_the_same_kept_or_not(shapes, monkeypatch):
    rng = np.random.default_rng(5)
    drawings = [
        Drawing(shapes.outline(rng, size=SIZE, track=t), Readings(*(int(v) for v in rng.integers(0, 256, 9))))
        for t in range(30)
    ]
    template = render(drawings, np.zeros((240, 320), np.uint8), "yuv420p")
    outlines, marked = [d.outline for d in drawings], np.zeros((240, 320), bool)
    kept = read(template, "yuv420p", outlines, marked)
    monkeypatch.setattr("cssv.template.read._KEPT_FRAMES", 0)
    assert read(template, "yuv420p", outlines, marked) == kept
    assert any(sight.readings for sight in kept)


def test_any_nibbles_are_read_without_harm(shapes):
    """A template that nobody drew: random nibbles under right tags."""
    rng = np.random.default_rng(2)
    outlines = [shapes.outline(rng, size=SIZE, track=t) for t in range(10)]
    for layout in ("yuv420p", "rgb24"):
        template = rng.integers(0, 256, planes_shape(layout, *SIZE), dtype=np.uint8) & 0xF0
        for sight in read(template, layout, outlines, np.zeros((240, 320), bool)):
            to_state(sight, RANGES)
            assert 0 <= sight.visible <= 1
