"""Differences between the heat of two frames, in levels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.errors import FrameError
from cssv.frames import planes_shape
from cssv.template.heat_diff import compare_heat

LAYOUTS = pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])


def planes(layout, width=64, height=48, value=0):
    return np.full(planes_shape(layout, width, height), value, np.uint8)


@LAYOUTS
def test_same_heat(layout):
    rng = np.random.default_rng(0)
    heat = rng.integers(0, 16, planes_shape(layout, 64, 48), dtype=np.uint8) << 4
    found = compare_heat(7, heat, heat.copy(), layout)
    assert (found.frame, found.pixels, found.share, found.mean_abs, found.max_abs) == (7, 0, 0, 0, 0)
    assert found.words == "frame 7: same heat"


@LAYOUTS
def test_brightness_counts_from_0_to_15(layout):
    before, after = planes(layout), planes(layout)
    luma = after if layout == "yuv420p" else after[..., 0]
    luma[3, 5], luma[3, 6] = 0xF0, 0x10
    found = compare_heat(0, before, after, layout)
    assert (found.pixels, found.max_abs) == (2, 15)
    assert found.share == 2 / (64 * 48)
    assert found.mean_abs == 16 / before.size
    assert found == compare_heat(0, after, before, layout)


def test_colour_is_signed_and_stands_for_four_pixels():
    before, after = planes("yuv420p"), planes("yuv420p")
    # -1 and 1 are 2 apart; so are their nibbles as signed numbers, not as 15 and 1
    before[48, 0], after[48, 0] = 0xF0, 0x10
    found = compare_heat(0, before, after, "yuv420p")
    assert (found.pixels, found.max_abs) == (4, 2)
    before[48, 0], after[48, 0] = 0x80, 0x70
    assert compare_heat(0, before, after, "yuv420p").max_abs == 15


def test_colour_of_rgb_planes_stands_for_its_pixel():
    before, after = planes("rgb24"), planes("rgb24")
    after[0, 0, 2] = 0xE0
    found = compare_heat(0, before, after, "rgb24")
    assert (found.pixels, found.max_abs) == (1, 2)
    assert found.words == (
        "frame 0: heat differs in 1 pixel (0.03%), "
        "by up to 2 of 15 levels, 0.000217 on average over the frame"
    )
    assert json.loads(json.dumps(found.to_json()))["pixels"] == 1


@LAYOUTS
@given(st.integers(0, 2**32 - 1))
def test_levels_agree_with_their_definition(layout, seed):
    rng = np.random.default_rng(seed)
    one, two = (rng.integers(0, 16, planes_shape(layout, 32, 32), dtype=np.uint8) << 4 for _ in range(2))
    found = compare_heat(0, one, two, layout)
    signed = [heat.view(np.int8).astype(int) >> 4 for heat in (one, two)]
    is_luma = np.zeros(one.shape, bool)
    is_luma[(slice(32),) if layout == "yuv420p" else (..., 0)] = True
    levels = [np.where(is_luma, heat >> 4, s) for heat, s in zip((one, two), signed, strict=True)]
    difference = abs(levels[0] - levels[1])
    assert found.mean_abs == pytest.approx(difference.mean())
    assert found.max_abs == difference.max()


def test_unlike_heat_is_refused():
    with pytest.raises(FrameError, match="different shape"):
        compare_heat(0, planes("rgb24"), planes("rgb24", 32), "rgb24")
