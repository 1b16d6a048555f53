"""Differences of pictures: PSNR, median colour difference, masks."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from cssv.errors import FrameError
from cssv.frames import Frame, Layout, planes_shape
from cssv.scene import Ranges
from cssv.template.draw import draw
from cssv.template.state import ObjectState
from cssv.view.picture_difference import PictureDifference, undrawn_pixels

WIDTH, HEIGHT = 64, 48


def grey(value: int, layout: Layout = "rgb24") -> Frame:
    planes = np.full(planes_shape(layout, WIDTH, HEIGHT), value, np.uint8)
    if layout == "yuv420p":
        planes[HEIGHT:] = 128
    return Frame(planes, layout, 0, Fraction(1, 25), 0)


def test_psnr_of_a_uniform_change_is_the_one_by_hand() -> None:
    found = PictureDifference()
    found.add(grey(100), grey(103))
    assert found.psnr_db == pytest.approx(20 * math.log10(255 / 3))
    assert found.pixels == WIDTH * HEIGHT


@pytest.mark.parametrize("layout", ["rgb24", "yuv420p"])
def test_equal_frames_differ_by_nothing(layout: Layout) -> None:
    found = PictureDifference()
    found.add(grey(90, layout), grey(90, layout))
    assert found.psnr_db == math.inf
    assert found.median_de == 0


def test_nothing_compared_has_no_numbers() -> None:
    assert PictureDifference().psnr_db is None
    assert PictureDifference().median_de is None


def test_only_counted_pixels_count() -> None:
    other, mask = grey(100), np.ones((HEIGHT, WIDTH), np.bool_)
    other.planes[:10] = 200
    mask[:10] = False
    found = PictureDifference()
    found.add(grey(100), other, mask)
    assert found.psnr_db == math.inf
    found.add(grey(100), other)
    assert found.psnr_db is not None
    assert found.psnr_db < 20
    assert found.pixels == WIDTH * HEIGHT * 2 - 10 * WIDTH


def test_a_mask_without_pixels_counts_nothing() -> None:
    found = PictureDifference()
    found.add(grey(100), grey(0), np.zeros((HEIGHT, WIDTH), np.bool_))
    assert found.psnr_db is None


def test_median_is_over_all_frames() -> None:
    # Two frames of three are equal, so the median is 0; the mean would not be.
    found = PictureDifference()
    for other in (100, 100, 180):
        found.add(grey(100), grey(other))
    assert found.median_de == 0
    for _ in range(2):
        found.add(grey(100), grey(180))
    assert found.median_de is not None
    assert found.median_de > 20


def test_known_difference_of_two_greys() -> None:
    # L* of 100 and 103 is 42.377 and 43.602; between greys only lightness counts.
    found = PictureDifference()
    found.add(grey(100), grey(103))
    mean = (42.377 + 43.602) / 2
    expected = (43.602 - 42.377) / (1 + 0.015 * (mean - 50) ** 2 / math.sqrt(20 + (mean - 50) ** 2))
    assert found.median_de == pytest.approx(expected, abs=0.011)


def test_other_shapes_and_masks_are_refused() -> None:
    found = PictureDifference()
    with pytest.raises(FrameError, match="different shape"):
        found.add(grey(1), grey(1, "yuv420p"))
    with pytest.raises(FrameError, match="mask"):
        found.add(grey(1), grey(1), np.ones((HEIGHT, WIDTH + 1), np.bool_))
    assert not found.frames


def test_undrawn_pixels_are_those_away_from_the_drawing() -> None:
    still = (0.0, 0.0)
    state = ObjectState(1, "ball", 1.0, (24.0, 16.0, 12.0, 12.0), still, still, still, 1.0)
    ranges = Ranges((0.0, 100.0), (0.0, 50.0), (0.0, 1000.0))
    drawing = draw(state, ranges, np.zeros((HEIGHT, WIDTH), np.uint8), (WIDTH, HEIGHT))
    assert drawing is not None
    found = undrawn_pixels([drawing.outline], WIDTH, HEIGHT)
    assert not found[22, 30]
    assert found[0, 0]
    assert 0 < np.count_nonzero(~found) < WIDTH * HEIGHT
    assert undrawn_pixels([], WIDTH, HEIGHT).all()
