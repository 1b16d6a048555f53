"""Heat maps in colour."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.frames import planes_shape
from cssv.view.heat import drawn_pixels, heat_to_rgb, to_rgb
from cssv.view.overlay import OverlayContent, blend_heat, draw_overlay

LAYOUTS = pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])


@LAYOUTS
def test_an_overlay_changes_only_where_heat_is_drawn(layout):
    rng = np.random.default_rng(4)
    planes = rng.integers(0, 256, planes_shape(layout, 64, 48), dtype=np.uint8)
    heat = np.zeros_like(planes)
    heat[(slice(10, 20), slice(12, 30)) if layout == "yuv420p" else (slice(10, 20), slice(12, 30), 0)] = 0xF0
    plain, mask = to_rgb(planes, layout), drawn_pixels(heat, layout)
    picture = draw_overlay(plain, OverlayContent(heat, layout)).picture
    assert np.count_nonzero(mask) == 180
    # Its edge is soft, and one pixel wider.
    near = np.zeros_like(mask)
    near[9:21, 11:31] = True
    np.testing.assert_array_equal(picture[~near], plain[~near])
    assert np.abs(picture[mask].astype(int) - plain[mask]).max(axis=1).mean() > 20
    assert not heat_to_rgb(heat, layout)[~mask].any()
    assert heat_to_rgb(heat, layout)[mask].any(axis=1).all()


@LAYOUTS
def test_an_empty_heat_map_changes_nothing(layout):
    picture = np.full((48, 64, 3), 77, np.uint8)
    blend_heat(picture, np.zeros(planes_shape(layout, 64, 48), np.uint8), layout)
    assert (picture == 77).all()
