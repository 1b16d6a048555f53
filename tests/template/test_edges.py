"""Edges: an exact integer filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.template.drawing import Drawing, Readings, Selector
from cssv.template.edges import edge_brightness, edge_magnitude
from cssv.template.footprint import footprint
from cssv.template.render import render


def plain_sobel(luma):
    """The same by the book: kernels written out, borders repeated."""
    high = np.pad((luma >> 4).astype(int), 2, mode="edge")
    slope, blur = np.array([-1, -2, 0, 2, 1]), np.array([1, 4, 6, 4, 1])
    total = np.zeros(luma.shape, int)
    for kernel in (np.outer(blur, slope), np.outer(slope, blur)):
        response = sum(
            kernel[j, i] * high[j : j + luma.shape[0], i : i + luma.shape[1]]
            for j in range(5)
            for i in range(5)
        )
        total += abs(response)
    return total


@given(st.integers(0, 2**20), st.integers(1, 300), st.integers(1, 40))
def test_magnitude_is_the_sobel_of_the_high_nibbles(seed, height, width):
    luma = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert np.array_equal(edge_magnitude(luma), plain_sobel(luma))


def test_the_strongest_edge_does_not_overflow():
    luma = np.zeros((20, 20), np.uint8)
    luma[:, 10:] = 255
    luma[10:] = 255 - luma[10:]
    magnitude = edge_magnitude(luma)
    assert magnitude.min() >= 0
    assert magnitude.max() == plain_sobel(luma).max()


def test_low_nibbles_do_not_matter():
    luma = np.random.default_rng(1).integers(0, 256, (50, 50), dtype=np.uint8)
    assert np.array_equal(edge_magnitude(luma), edge_magnitude(luma & 0xF0))


@pytest.mark.parametrize(
    ("magnitude", "brightness"), [(0, 0), (191, 0), (192, 48), (255, 48), (256, 64), (960, 240), (1440, 240)]
)
def test_brightness_has_a_floor_and_a_ceiling(magnitude, brightness):
    assert edge_brightness(np.array([[magnitude]], np.int16))[0, 0] == brightness


@given(st.integers(0, 2**20))
@settings(max_examples=40)
def test_edges_of_a_window_are_those_of_the_whole_frame(shapes, seed):
    rng = np.random.default_rng(seed)
    luma = rng.integers(0, 256, (120, 160), dtype=np.uint8)
    outline = shapes.outline(rng, size=(160, 120), selector=Selector(int(rng.integers(0, 3))))
    template = render([Drawing(outline, Readings())], luma, "rgb24")[..., 0]
    whole = edge_brightness(edge_magnitude(luma))
    place = footprint(outline, 160, 120)
    if place is None:
        assert not template.any()
        return
    inside = np.isin(place.index, (0, place.span))
    assert np.array_equal(template[place.window][inside], whole[place.window][inside])
