"""The outline: polar tables, radii to pixels and back, and the exploring ray on known shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.template.drawing import DIRECTIONS, SHIFT_LIMIT
from cssv.template.edges import edge_magnitude
from cssv.template.outline import (
    RADIUS_UNIT,
    explore,
    inside_outline,
    outline_radius,
    pack_radii,
    polar_grid,
    superellipse,
)


@given(st.integers(-20000, 20000), st.integers(-20000, 20000))
def test_polar_coordinates_are_those_of_the_circle(dx, dy):
    angle, radius = polar_grid(np.array([dx]), np.array([dy]))
    assert radius[0, 0] == math.isqrt(64 * (dx * dx + dy * dy))
    if dx or dy:
        turn = math.atan2(dy, dx) * 128 / math.pi
        assert abs((int(angle[0, 0]) - turn + 128) % 256 - 128) <= 0.5 + 1e-3 * 128


def test_byte_angles_are_symmetric():
    across = np.arange(-40, 41)
    angle = polar_grid(across, across)[0].astype(int)
    y, x = np.mgrid[-40:41, -40:41]
    assert ((angle + angle[::-1])[y != 0] % 256 == 0).all()
    assert ((angle + angle[:, ::-1])[x != 0] % 256 == 128).all()
    assert angle[40, 80] == 0
    assert angle[80, 40] == 64
    assert angle[40, 0] == 128
    assert angle[0, 40] == 192


@given(st.binary(min_size=32, max_size=32), st.integers(0, SHIFT_LIMIT))
def test_radii_are_linear_between_directions(radii, shift):
    limit = outline_radius(radii, shift)
    assert limit.shape == (256,)
    corner = np.array([*radii, radii[0]]) << shift
    expected = np.interp(np.arange(256) / 8, np.arange(33), corner) * 8
    assert np.array_equal(limit, expected)


@given(st.data())
def test_tables_and_strips_give_the_same_pixels(data):
    """Small windows look up a table, large ones compute; the border between them must not show."""
    radii = data.draw(st.binary(min_size=32, max_size=32))
    shift = data.draw(st.integers(0, 3))
    top, left = data.draw(st.integers(-700, 700)), data.draw(st.integers(-700, 700))
    small = inside_outline(radii, shift, range(top, top + 20), range(left, left + 20))
    large = inside_outline(radii, shift, range(min(top, -900), top + 20), range(left, left + 20))
    assert np.array_equal(small, large[-20:])
    angle, radius = polar_grid(np.arange(left, left + 20), np.arange(top, top + 20))
    assert np.array_equal(small, radius <= outline_radius(radii, shift)[angle])


@given(st.integers(1, 16000), st.integers(1, 16000))
def test_packed_radii_are_near_the_true_ones(width, height):
    radii = superellipse(width, height)
    packed, shift = pack_radii(radii)
    assert len(packed) == DIRECTIONS
    back = np.frombuffer(packed, np.uint8).astype(int) << shift
    unit = 1 << shift
    radii = radii / RADIUS_UNIT
    error = np.abs(back - radii)
    assert error.max() <= unit
    assert (error[radii >= unit / 2] <= unit / 2).all()
    assert radii.max() <= 255 << shift
    assert shift == 0 or radii.max() > 255 << shift - 1


def test_radii_beyond_the_largest_shift_are_cut():
    packed, shift = pack_radii(np.full(32, 1_000_000 * RADIUS_UNIT))
    assert (packed, shift) == (b"\xff" * 32, SHIFT_LIMIT)


@pytest.mark.parametrize(("width", "height"), [(20, 20), (30, 80), (120, 60), (300, 500)])
def test_radii_become_the_pixels_of_an_ellipse(shapes, width, height):
    angles = np.arange(32) * (2 * math.pi / 32)
    radii = 1 / np.hypot(np.cos(angles) / (width / 2), np.sin(angles) / (height / 2))
    inside = inside_outline(*pack_radii(radii * RADIUS_UNIT), range(-300, 300), range(-300, 300)).astype(bool)
    assert shapes.overlap(inside, shapes.mask("ellipse", width, height, 600)) >= 0.95


@given(st.integers(1, 16384), st.integers(1, 16384))
def test_superellipses_lie_between_ellipse_and_box(width, height):
    angles = np.arange(32) * (2 * math.pi / 32)
    radii = superellipse(width, height) / RADIUS_UNIT
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    assert np.abs(x).max() <= width / 2 * 1.000001
    assert np.abs(y).max() <= height / 2 * 1.000001
    assert (np.hypot(x / width, y / height) >= 0.4999).all()


SIZES = {"disc": (60, 60), "ellipse": (40, 80), "capsule": (36, 90), "rectangle": (70, 50)}


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize(("contrast", "texture"), [(100, 10), (60, 10), (60, 15), (100, 25)])
def test_the_ray_finds_known_shapes(shapes, kind, contrast, texture):
    """On textured ground, in boxes up to two pixels off: better than the best blind guess."""
    rng = np.random.default_rng(0)
    found, blind = [], []
    for _ in range(12):
        scale = rng.uniform(0.7, 1.4)
        w, h = (int(side * scale) for side in SIZES[kind])
        mask = shapes.mask(kind, w, h, 200)
        edges = edge_magnitude(shapes.textured(rng, mask, contrast, texture))
        x, y = (100 - side // 2 + int(rng.integers(-2, 3)) for side in (w, h))
        cx, cy = x + w // 2, y + h // 2
        for radii, results in ((explore(edges, (x, y, w, h)), found), (superellipse(w, h), blind)):
            inside = inside_outline(*pack_radii(radii), range(-cy, 200 - cy), range(-cx, 200 - cx)).astype(
                bool
            )
            results.append(shapes.overlap(inside, mask))
    assert min(found) >= 0.85
    assert np.mean(found) > np.mean(blind) + 0.03


@pytest.mark.parametrize("value", [0, 90, 255])
def test_without_edges_the_ray_ends_near_the_box(value):
    radii = explore(edge_magnitude(np.full((100, 100), value, np.uint8)), (30, 20, 40, 60))
    assert radii == pytest.approx(0.92 * superellipse(40, 60))


@given(st.integers(-20, 110), st.integers(-20, 110), st.integers(1, 150), st.integers(1, 150))
def test_any_box_has_an_outline(x, y, w, h):
    edges = edge_magnitude(np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8))
    radii = explore(edges, (x, y, w, h))
    assert radii.shape == (DIRECTIONS,)
    assert (radii > 0).all()
    assert (radii <= 1.21 * superellipse(w, h)).all()


def test_a_shift_of_the_picture_shifts_nothing(shapes):
    rng = np.random.default_rng(5)
    picture = shapes.textured(rng, shapes.mask("ellipse", 40, 60, 200), 80, 10)
    edges = edge_magnitude(picture)
    window = edges[40:170, 50:160]
    assert np.array_equal(explore(edges, (80, 70, 40, 60)), explore(window, (30, 30, 40, 60)))
