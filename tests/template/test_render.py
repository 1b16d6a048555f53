"""The renderer: the same bytes always, multiples of 16, nearer objects over farther ones."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cssv.template.footprint
import cssv.template.render
from cssv.frames import planes_shape, split_planes
from cssv.template.aura import (
    COSINE,
    DENSITY_HUES,
    PEAK_HIGH,
    PEAK_LOW,
    SATURATION,
    TEMPERATURE_HUES,
    hue_between,
    peak,
    ring_gain,
    ring_tables,
)
from cssv.template.drawing import Drawing, Readings, Selector
from cssv.template.footprint import footprint
from cssv.template.render import empty_template, render

LAYOUTS = ["yuv420p", "rgb24"]
READINGS = st.builds(Readings, *[st.integers(0, 255)] * 9)


def drawings_for(shapes, seed, count=4, size=(160, 120)):
    rng = np.random.default_rng(seed)
    return [
        Drawing(
            shapes.outline(rng, size=size, track=track),
            Readings(*(int(v) for v in rng.integers(0, 256, 9))),
        )
        for track in range(count)
    ]


def luma_for(seed, width=160, height=120):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@given(st.integers(0, 2**20), st.sampled_from(LAYOUTS), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_same_scene_gives_the_same_bytes(shapes, seed, layout, random):
    drawings, luma = drawings_for(shapes, seed), luma_for(seed)
    template = render(drawings, luma, layout)
    shuffled = random.sample(drawings, len(drawings))
    assert np.array_equal(template, render(shuffled, luma, layout))
    assert template.shape == planes_shape(layout, 160, 120)
    assert template.dtype == np.uint8
    assert not (template & 15).any()


@given(st.integers(0, 2**20), st.sampled_from(LAYOUTS))
@settings(max_examples=30)
def test_the_nearer_object_wins(shapes, seed, layout):
    """Every touched pixel is the last toucher's; all others are empty."""
    drawings, luma = drawings_for(shapes, seed), luma_for(seed)
    template = split_planes(render(drawings, luma, layout), layout)
    expected = split_planes(empty_template(layout, 160, 120), layout)
    step = 2 if layout == "yuv420p" else 1
    for drawing in sorted(drawings, key=lambda d: (d.outline.box[1] + d.outline.box[3], d.outline.track)):
        alone = split_planes(render([drawing], luma, layout), layout)
        place = footprint(drawing.outline, 160, 120)
        if place is None:
            assert not any(plane.any() for plane in alone)
            continue
        touched = np.zeros((120, 160), bool)
        touched[place.window] = place.index >= 0
        for plane, own, s in zip(expected, alone, (1, step, step), strict=True):
            plane[touched[::s, ::s]] = own[touched[::s, ::s]]
            assert not own[~touched[::s, ::s]].any()
    assert all(np.array_equal(a, b) for a, b in zip(template, expected, strict=True))


def test_brightness_is_the_same_in_both_layouts(shapes):
    drawings, luma = drawings_for(shapes, 3), luma_for(3)
    native, rgb = (split_planes(render(drawings, luma, layout), layout) for layout in LAYOUTS)
    assert np.array_equal(native[0], rgb[0])


def test_an_empty_scene_is_empty():
    for layout in LAYOUTS:
        assert not render([], luma_for(1), layout).any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_template_does_not_depend_on_the_cover_outside_the_outlines(shapes, layout):
    outline = shapes.outline(np.random.default_rng(2), (50, 40, 50, 40), Selector.RINGS)
    drawing = Drawing(outline, Readings(*range(90, 99)))
    one, other = (split_planes(render([drawing], luma_for(s), layout), layout) for s in (1, 2))
    place = footprint(outline, 160, 120)
    interior = np.zeros((120, 160), bool)
    interior[place.window] = np.isin(place.index, (0, place.span))
    assert (one[0] != other[0])[interior].any()
    assert np.array_equal(one[0][~interior], other[0][~interior])
    assert np.array_equal(one[1], other[1])
    assert np.array_equal(one[2], other[2])


def test_edges_alone_are_a_grey_line(shapes):
    outline = shapes.outline(np.random.default_rng(2), (50, 40, 50, 40), Selector.EDGES)
    template = split_planes(
        render([Drawing(outline, Readings(*[255] * 9))], luma_for(1) & 15, "rgb24"), "rgb24"
    )
    place = footprint(outline, 160, 120)
    line = np.zeros((120, 160), bool)
    line[place.window] = place.index == 1
    assert (template[0][line] == 0x80).all()
    assert not template[0][~line].any()
    assert not template[1].any()
    assert not template[2].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_patches_are_dithered_like_small_ones(shapes, layout):
    """Beyond 256 pixels the dither is tiled anew; the pattern must go on."""
    outline = replace(
        shapes.outline(np.random.default_rng(1), (100, 60, 500, 450), Selector.COMET, roughness=0)
    )
    drawing = Drawing(outline, Readings(100, 10, 150, 40, 90, 1, 2, 3, 4))
    luma = np.zeros((600, 800), np.uint8)
    template = split_planes(render([drawing], luma, layout), layout)
    step = 2 if layout == "yuv420p" else 1
    place = footprint(outline, 800, 600)
    index = np.full((600, 800), -1)
    index[place.window] = place.index
    table = ring_tables(drawing.readings, outline.ring_width)[1]
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    for plane, row in zip(template[1:], table, strict=True):
        height, width = plane.shape
        dither = np.tile(bayer, (height // 4 + 1, width // 4 + 1))[:height, :width]
        at = index[::step, ::step]
        expected = np.where(at >= 0, (row[at].astype(int) + dither) & 0xF0, 0)
        assert np.array_equal(plane, expected)


@given(READINGS, st.integers(6, 12))
def test_ring_tables_hold_what_the_page_says(readings, width):
    luma, chroma = ring_tables(readings, width)
    span = 3 * width + 1
    assert luma.shape == (2 * span,)
    assert chroma.shape == (2, 2 * span)
    gain = ring_gain(width)
    for half, (speed, heading) in enumerate(
        [(readings.future_speed, readings.future_heading), (readings.past_speed, readings.past_heading)]
    ):
        assert luma[half * span] == chroma[0, half * span] == chroma[1, half * span] == 0
        rows = [
            (speed, heading, readings.motion),
            (
                readings.temperature,
                (-6 + 84 * readings.temperature // 255) & 255,
                readings.temperature_certainty,
            ),
            (readings.density, (206 + -84 * readings.density // 255) & 255, readings.density_certainty),
        ]
        for ring, (value, hue, certainty) in enumerate(rows):
            for q in range(width):
                at = half * span + 1 + ring * width + q
                bright = (56 + 184 * value // 255) * int(gain[q]) >> 8
                assert luma[at] == min(bright + 8, 255) & 0xF0
                amplitude = 112 * certainty * int(gain[q]) // 255
                for plane, turn in enumerate((hue, (hue - 64) & 255)):
                    number = (int(COSINE[turn]) * amplitude + 16384) >> 15
                    assert chroma[plane, at] == (number if ring == 0 else 16 * ((number + 8) >> 4))


def test_dither_is_exact_on_average_and_stays_in_range():
    values = np.arange(-SATURATION, SATURATION + 1)
    bayer = np.arange(16)
    stepped = ((values[:, None] + bayer) & 0xF0).astype(np.uint8).view(np.int8).astype(int)
    assert np.array_equal(stepped.mean(axis=1), values)
    assert stepped.min() >= -SATURATION
    assert stepped.max() <= SATURATION


def test_tables_are_what_the_page_prints():
    assert COSINE[:5].tolist() == [128, 128, 128, 128, 127]
    assert COSINE[[64, 128, 192]].tolist() == [0, -128, 0]
    assert np.abs(COSINE / 128 - np.cos(np.arange(256) * np.pi / 128)).max() <= 0.5 / 128
    assert ring_gain(6).tolist() == [181, 226, 252, 252, 226, 181]
    assert ring_gain(12).tolist() == [168, 193, 216, 235, 248, 255, 255, 248, 235, 216, 193, 168]


def test_values_and_hues_run_monotonically():
    peaks = [peak(value) for value in range(256)]
    assert peaks == sorted(peaks)
    assert (peaks[0], peaks[-1]) == (PEAK_LOW, PEAK_HIGH)
    for hues in (TEMPERATURE_HUES, DENSITY_HUES):
        steps = np.diff([hue_between(hues, value) for value in range(256)])
        steps = (steps + 128) % 256 - 128
        assert (steps >= 0).all() or (steps <= 0).all()
        assert abs(steps.sum()) == 84


@pytest.mark.parametrize("module", [cssv.template.render, cssv.template.footprint])
def test_no_floats_where_pixels_are_drawn(module):
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("float"))


@pytest.mark.parametrize("count", [2, 300])
def test_objects_that_are_wholly_hidden_cost_nothing(shapes, monkeypatch, count):
    """Ten thousand objects as large as the frame took minutes: each was drawn over the one before."""
    done = []
    monkeypatch.setattr(cssv.template.render, "footprint", lambda *a: done.append(a) or footprint(*a))
    small = drawings_for(shapes, 1)
    outline = replace(small[0].outline, box=(-200, -200, 560, 640), radii=b"\xff" * 32, shift=1)
    large = [Drawing(replace(outline, track=track), Readings()) for track in range(count)]
    both = render([*small, *large], luma_for(1), "yuv420p")
    assert len(done) == 1
    assert np.array_equal(both, render(large[-1:], luma_for(1), "yuv420p"))
    # An ellipse leaves the corners free, but not for the same ellipse again.
    ellipse = replace(large[0].outline, box=(0, 0, 160, 120), radii=b"\x28" * 32, selector=Selector.RINGS)
    same = [Drawing(replace(ellipse, track=track, axis=track % 256), Readings()) for track in range(count)]
    done.clear()
    render(same, luma_for(1), "yuv420p")
    assert len(done) == 1
