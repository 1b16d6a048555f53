"""Footprints: one geometry, wherever the frame cuts it and whatever a tag claims."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.template import footprint as module
from cssv.template.drawing import Selector
from cssv.template.footprint import footprint, octagonal_distance
from cssv.testing.strategies import outlines

FAR = 600


def full_index(place, width, height):
    """The index of every pixel of the frame, -1 where nothing is drawn."""
    index = np.full((height, width), -1, np.int16)
    if place is not None:
        index[place.window] = place.index
    return index


@given(st.integers(0, 2**20), st.sampled_from(Selector), st.integers(32, 200), st.integers(32, 200))
@settings(max_examples=80)
def test_borders_cut_and_change_nothing(shapes, seed, selector, width, height):
    rng = np.random.default_rng(seed)
    outline = shapes.outline(rng, selector=selector, size=(width, height))
    here = full_index(footprint(outline, width, height), width, height)
    x, y, w, h = outline.box
    moved = replace(outline, box=(x + FAR, y + FAR, w, h))
    side = 2 * FAR + max(width, height)
    unclipped = full_index(footprint(moved, side, side), side, side)
    assert np.array_equal(here, unclipped[FAR : FAR + height, FAR : FAR + width])


@given(st.integers(0, 2**20), st.sampled_from(Selector), st.integers(32, 200), st.integers(32, 200))
@settings(max_examples=40)
def test_drawings_that_are_kept_and_others_are_alike(shapes, seed, selector, width, height):
    rng = np.random.default_rng(seed)
    outline = shapes.outline(rng, selector=selector, size=(width, height))
    x, y, w, h = outline.box
    kept = footprint(outline, width, height)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_KEPT_PIXELS", 0)
        # Each is worked out in the frame alone.
        other = footprint(outline, width, height)
        from_start = footprint(replace(outline, box=(x - 7, y + 9, w, h)), width, height, (7, -9))
    assert (kept is None) == (other is None) == (from_start is None)
    for each in (other, from_start):
        assert np.array_equal(full_index(each, width, height), full_index(kept, width, height))


@given(
    st.integers(0, 2**20), st.binary(min_size=32, max_size=32), st.integers(0, 2), st.sampled_from(Selector)
)
@settings(max_examples=30)
def test_spiky_outlines_are_cut_alike(shapes, seed, radii, shift, selector):
    rng = np.random.default_rng(seed)
    outline = replace(shapes.outline(rng, size=(90, 70), selector=selector), radii=radii, shift=shift)
    here = full_index(footprint(outline, 90, 70), 90, 70)
    x, y, w, h = outline.box
    moved = replace(outline, box=(x + 1300, y + 1300, w, h))
    unclipped = full_index(footprint(moved, 2700, 2700), 2700, 2700)
    assert np.array_equal(here, unclipped[1300:1370, 1300:1390])


@given(st.integers(0, 2**20))
@settings(max_examples=40)
def test_the_index_says_what_a_pixel_is(shapes, seed):
    rng = np.random.default_rng(seed)
    outline = shapes.outline(rng, size=(400, 300))
    place = footprint(outline, 400, 300)
    if place is None:
        return
    rings = 3 * outline.ring_width
    assert place.span == rings + 1
    assert place.index.min() >= -1
    assert place.index.max() < 2 * place.span
    if outline.selector is Selector.EDGES:
        assert place.index.max() <= 1
        return
    rows, columns = np.nonzero(place.index >= 0)
    turn = outline.axis * np.pi / 128
    cx, cy = outline.centre
    along = (columns + place.left - cx) * np.cos(turn) + (rows + place.top - cy) * np.sin(turn)
    behind = place.index[rows, columns] >= place.span
    # The cosine table is right to 1/256, so pixels near the dividing line may fall either way.
    clear = np.abs(along) > 3
    assert np.array_equal(behind[clear], along[clear] < 0)


@pytest.mark.parametrize("selector", [Selector.RINGS, Selector.COMET])
def test_every_ring_is_closed_and_as_wide_as_said(shapes, selector):
    outline = shapes.outline(np.random.default_rng(1), (150, 150, 72, 72), selector, roughness=0)
    outline = replace(outline, axis=0)
    place = footprint(outline, 400, 400)
    row = full_index(place, 400, 400)[outline.centre[1]]
    assert outline.ring_width == 12
    ahead, behind = row[186:], row[:186][::-1]
    for ring in range(3):
        values = range(12 * ring + 1, 12 * ring + 13)
        assert np.isin(ahead, values).sum() == 12
        wide = 24 if selector is Selector.COMET else 12
        assert np.isin(behind - place.span, values).sum() == wide


def test_distance_is_an_octagon_near_the_circle():
    inside = np.zeros((401, 401), np.uint8)
    inside[200, 200] = 1
    distance = octagonal_distance(inside)
    y, x = np.mgrid[-200:201, -200:201]
    euclid = np.hypot(x, y)
    far = euclid >= 12
    ratio = distance[far] / euclid[far]
    assert ratio.min() >= 0.88
    assert ratio.max() <= 1.12
    assert np.array_equal(distance[200], abs(np.arange(-200, 201)))
    assert np.array_equal(distance, distance.T)


@given(st.integers(0, 2**20))
@settings(max_examples=30)
def test_distance_is_that_of_the_nearest_pixels(seed):
    inside = (np.random.default_rng(seed).random((24, 24)) < 0.02).astype(np.uint8)
    inside[3, 4] = 1
    rows, columns = np.nonzero(inside)
    y, x = np.mgrid[:24, :24]
    dy, dx = abs(y[..., None] - rows), abs(x[..., None] - columns)
    expected = np.maximum(np.maximum(dx, dy).min(-1), (2 * (dx + dy).min(-1) + 2) // 3)
    assert np.array_equal(octagonal_distance(inside), expected)


@pytest.mark.parametrize("step", [1, 2])
@given(seed=st.integers(0, 2**20))
@settings(max_examples=30)
def test_chroma_takes_the_pixel_at_its_top_left(shapes, step, seed):
    outline = shapes.outline(np.random.default_rng(seed), size=(160, 120))
    place = footprint(outline, 160, 120)
    if place is None:
        return
    window, index = place.chroma(step)
    plane = np.full((120 // step, 160 // step), -1)
    plane[window] = index
    assert np.array_equal(plane, full_index(place, 160, 120)[::step, ::step])


@pytest.mark.parametrize(
    "box", [(-300, 10, 40, 40), (700, 10, 40, 40), (10, -300, 40, 40), (10, 600, 40, 40)]
)
def test_what_is_outside_has_no_footprint(shapes, box):
    outline = shapes.outline(np.random.default_rng(0), box)
    assert footprint(outline, 320, 240) is None


OUTLINES = outlines(track=st.just(1), label=st.just(""), score=st.just(0))


@given(OUTLINES)
@settings(max_examples=60)
def test_no_claim_costs_more_than_the_frame(outline):
    tracemalloc.start()
    try:
        place = footprint(outline, 160, 120)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert place is None or place.index.shape <= (120, 160)
    # The window and 109 pixels around it, the kept table of polar coordinates, strips of 64 rows.
    assert peak < 30_000_000
