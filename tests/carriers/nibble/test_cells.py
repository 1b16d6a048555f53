"""Cells: levels are what was written in every picture; errors below a quarter of the modulus change none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cssv.carriers.nibble.cells import (
    CELL,
    LEVELS,
    MODULUS,
    SCALE,
    cell_grid,
    coefficients,
    coefficients_to_levels,
    embed_levels,
    level_errors,
    read_levels,
)

U8 = NDArray[np.uint8]
#: After rounding to bytes no coefficient errs by more.
ROUNDING = 2
_PLACES = (2 * np.arange(CELL) + 1) * np.pi / (2 * CELL)
_WAVE = np.sqrt(2 / CELL) * np.cos(_PLACES)
_FLAT = np.full(CELL, np.sqrt(1 / CELL))
#: The pictures of the coefficients by the definition of the transform.
PICTURES = np.stack([np.outer(_FLAT, _FLAT), np.outer(_FLAT, _WAVE), np.outer(_WAVE, _FLAT)])


def _pattern(kind: str, height: int, width: int, seed: int) -> U8:
    random, (rows, columns) = np.random.default_rng(seed), np.indices((height, width))
    made = {
        "noise": random.integers(0, 256, (height, width)),
        "ends": random.integers(0, 2, (height, width)) * 255,
        "level": np.full((height, width), random.integers(0, 256)),
        "black": np.zeros((height, width)),
        "white": np.full((height, width), 255),
        "checks": (rows + columns + seed) % 2 * 255,
        "lines": rows % 2 * 255,
        "stripes": columns // 2 % 2 * 255,
        "slope": (columns * 3 + rows) % 256,
    }[kind]
    return made.astype(np.uint8)


@st.composite
def pictures(draw: st.DrawFn) -> U8:
    """Pictures of any size, among them the hardest ones: without room at the ends of the range."""
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    kinds = ["noise", "ends", "level", "black", "white", "checks", "lines", "stripes", "slope"]
    return _pattern(draw(st.sampled_from(kinds)), height, width, draw(st.integers(0, 2**32 - 1)))


def _random_levels(shape: tuple[int, int], seed: int) -> tuple[U8, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    levels = random.integers(0, 2, (*shape, LEVELS), dtype=np.uint8)
    return levels, random.random(shape) < random.choice([0.0, 0.3, 1.0])


@given(pictures(), st.integers(0, 2**32 - 1))
def test_levels_read_back_and_other_pixels_stay(luma: U8, seed: int) -> None:
    before = luma.copy()
    levels, where = _random_levels(cell_grid(luma.shape[1], luma.shape[0]), seed)
    made = embed_levels(luma, levels, where)
    np.testing.assert_array_equal(luma, before)
    np.testing.assert_array_equal(read_levels(made)[where], levels[where])
    assert level_errors(coefficients(made))[where].max(initial=0) <= ROUNDING * SCALE
    outside = np.ones(luma.shape, bool)
    outside[: where.shape[0] * CELL, : where.shape[1] * CELL] = ~np.kron(where, np.ones((CELL, CELL), bool))
    np.testing.assert_array_equal(made[outside], luma[outside])


@given(pictures(), st.integers(0, 2**32 - 1))
def test_errors_below_a_quarter_of_the_modulus_change_no_level(luma: U8, seed: int) -> None:
    levels, _ = _random_levels(cell_grid(luma.shape[1], luma.shape[0]), seed)
    values = coefficients(embed_levels(luma, levels, np.ones(levels.shape[:2], bool)))
    room = MODULUS * SCALE // 4 - level_errors(values)
    assert np.all(room >= MODULUS * SCALE // 4 - ROUNDING * SCALE)
    for sign in (-1, 1):
        np.testing.assert_array_equal(coefficients_to_levels(values + sign * (room - 1)), levels)


@given(pictures(), st.integers(0, CELL - 1), st.integers(0, CELL - 1))
def test_a_piece_has_the_cells_of_its_phase(luma: U8, left: int, top: int) -> None:
    levels, _ = _random_levels(cell_grid(luma.shape[1], luma.shape[0]), 5)
    made = embed_levels(luma, levels, np.ones(levels.shape[:2], bool))
    phase = (-left % CELL, -top % CELL)
    found = read_levels(made[top:, left:], phase)
    first_row, first_column = -(-top // CELL), -(-left // CELL)
    np.testing.assert_array_equal(found, levels[first_row:, first_column:])


def test_coefficients_are_those_of_the_orthonormal_transform() -> None:
    luma = _pattern("noise", 24, 36, 1)
    cells = luma.reshape(6, CELL, 9, CELL).transpose(0, 2, 1, 3).astype(float)
    exact = np.einsum("rcij,kij->rck", cells, PICTURES)
    assert np.abs(coefficients(luma) / SCALE - exact).max() < 0.25


@pytest.mark.parametrize("size", [(3, 3), (4, 3), (3, 9)])
def test_a_picture_smaller_than_a_cell_has_none(size: tuple[int, int]) -> None:
    luma = _pattern("noise", size[1], size[0], 2)
    assert read_levels(luma).size == 0
    np.testing.assert_array_equal(
        embed_levels(luma, read_levels(luma), np.ones(cell_grid(*size), bool)), luma
    )


def test_a_grey_picture_changes_little() -> None:
    luma = _pattern("slope", 64, 64, 0) // 2 + 60
    levels, _ = _random_levels((16, 16), 3)
    made = embed_levels(luma, levels, np.ones((16, 16), bool))
    change = made.astype(float) - luma
    # Each of three coefficients errs uniformly over the modulus: its variance, spread over 16 pixels.
    assert np.sqrt(np.mean(change**2)) < 1.2 * np.sqrt(LEVELS * MODULUS**2 / 12 / CELL**2)
