"""Outlines against a second implementation, written from SPEC.md alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.template.edges import edge_magnitude
from cssv.template.outline import explore, pack_radii, superellipse
from cssv.testing.outline_reader import find_outline


@pytest.fixture(scope="module")
def luma():
    y, x = np.mgrid[:90, :120]
    shape = (x - 60) ** 2 + 2 * (y - 40) ** 2 < 900
    noise = np.random.default_rng(3).integers(0, 40, shape.shape)
    return (60 + 100 * shape + noise).astype(np.uint8)


@settings(max_examples=25)
@given(st.integers(-10, 110), st.integers(-10, 80), st.integers(1, 100), st.integers(1, 80))
def test_both_find_the_same_outline(luma, x, y, w, h):
    ours = pack_radii(explore(edge_magnitude(luma), (x, y, w, h)))
    assert find_outline(luma.tolist(), (x, y, w, h)) == ours


@pytest.mark.parametrize("side", [20, 36, 40, 60, 72])
def test_both_round_halves_alike(luma, side):
    """In boxes of these sides samples lie half-way between pixels."""
    box = (60 - side // 2, 40 - side // 2, side, side)
    ours = pack_radii(explore(edge_magnitude(luma), box))
    assert find_outline(luma.tolist(), box) == ours


@settings(max_examples=60)
@given(st.integers(1, 16384), st.integers(1, 16384))
def test_both_have_the_same_border(w, h):
    assert find_outline(None, (0, 0, w, h)) == pack_radii(superellipse(w, h))
