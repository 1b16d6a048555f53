"""Heat maps in colour, and the labels of objects in an overlay."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.frames import planes_shape
from cssv.interop.rows import ObjectRow
from cssv.view.heat import drawn_pixels, heat_to_rgb, label_text, overlay, to_rgb

LAYOUTS = pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "object 7"),
        ({"label": "café"}, "café 7"),
        ({"speed_px_s": 12.4}, "object 7, 12 px/s"),
        ({"speed_px_s": 12.4, "speed_m_s": 1.26}, "object 7, 1.3 m/s"),
        ({"temperature_c": -3.04}, "object 7, -3.0 °C"),
        ({"label": "dog", "speed_px_s": 0.0, "temperature_c": 38.5}, "dog 7, 0 px/s, 38.5 °C"),
    ],
)
def test_a_label_names_what_is_known(values, text):
    assert label_text(ObjectRow(0, 0.0, 7, **values)) == text


def labelled(layout, x, y, label="dog", size=(160, 96)):
    """The grey levels that a label changes in an overlay without heat: (H, W) bool, and the overlay."""
    planes = np.full(planes_shape(layout, *size), 128, np.uint8)
    heat = np.zeros_like(planes)
    row = ObjectRow(0, 0.0, 7, label, x, y, 20.0, 20.0)
    picture = overlay(planes, heat, layout, [row])
    return np.any(picture != to_rgb(planes, layout), axis=2), picture


@LAYOUTS
@pytest.mark.parametrize("x", [-50.0, 0.0, 80.0, 150.0, 900.0])
@pytest.mark.parametrize("y", [-50.0, 0.0, 3.0, 40.0, 95.0, 900.0])
def test_a_label_lies_whole_in_the_picture_wherever_its_box_is(layout, x, y):
    wanted, _ = labelled(layout, 40.0, 40.0)
    found, _ = labelled(layout, x, y)
    assert np.count_nonzero(found) == np.count_nonzero(wanted) > 0


def test_a_label_stands_above_its_box():
    found, picture = labelled("rgb24", 40.0, 50.0)
    rows, columns = np.nonzero(found)
    assert rows.max() < 50
    assert rows.min() > 30
    assert columns.min() == 40
    inside = picture[found]
    assert inside.max() > 200
    assert inside.min() == 128 // 3


def test_a_label_wider_than_the_picture_is_cut():
    found, _ = labelled("rgb24", 0.0, 50.0, "word " * 100)
    assert found.any()


@LAYOUTS
def test_an_overlay_changes_only_where_heat_is_drawn(layout):
    rng = np.random.default_rng(4)
    planes = rng.integers(0, 256, planes_shape(layout, 64, 48), dtype=np.uint8)
    heat = np.zeros_like(planes)
    heat[(slice(10, 20), slice(12, 30)) if layout == "yuv420p" else (slice(10, 20), slice(12, 30), 0)] = 0xF0
    picture, mask = overlay(planes, heat, layout), drawn_pixels(heat, layout)
    assert np.count_nonzero(mask) == 180
    np.testing.assert_array_equal(picture[~mask], to_rgb(planes, layout)[~mask])
    assert not heat_to_rgb(heat, layout)[~mask].any()
    assert heat_to_rgb(heat, layout)[mask].any(axis=1).all()
