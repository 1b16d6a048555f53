from __future__ import annotations

import cv2
import numpy as np
import pytest

from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.resampling import MOST_PIXELS, resample
from cssv.errors import FrameError, LimitError


@pytest.fixture(scope="module")
def picture(studio):
    return np.rint(studio.texture(320, 240)).clip(0, 255).astype(np.uint8)


def test_a_crop_is_read_exactly(picture):
    crop = picture[30:190, 50:250]
    geometry = Geometry((200, 160), (50, 30, 250, 190), (0, 0, 200, 160))
    region = 64, 48, 128, 96
    assert np.array_equal(resample(crop, geometry, region), picture[48:144, 64:192])


@pytest.mark.parametrize("size", [(240, 180), (320, 230), (480, 360)])
def test_a_scaled_picture_comes_back(picture, size):
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    scaled = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA if size[0] < 320 else cv2.INTER_CUBIC)
    geometry = Geometry(size, (0, 0, 320, 240), (0, 0, *size))
    found = resample(scaled, geometry, (16, 16, 288, 208))
    difference = found - smooth[16:224, 16:304]
    assert np.sqrt(np.mean(difference**2)) < 0.8
    assert abs(difference.mean()) < 0.1


def test_an_offset_of_half_a_pixel_is_seen():
    ramp = np.tile(np.arange(0, 200, dtype=np.uint8), (100, 1))
    geometry = Geometry((200, 100), (0.5, 0, 200.5, 100), (0, 0, 200, 100))
    found = resample(ramp, geometry, (10, 10, 100, 50))
    assert found[0] == pytest.approx(np.arange(10, 110) - 0.5, abs=1e-3)


def test_an_enlarged_picture_is_filtered_first():
    # Stripes of 2 received pixels are one of the sender's: its grid holds their mean only.
    stripes = np.tile(np.array([0, 200], np.uint8), (100, 100))
    geometry = Geometry((200, 100), (0, 0, 100, 50), (0, 0, 200, 100))
    found = resample(stripes, geometry, (10, 10, 60, 30))
    assert found.max() - found.min() < 60


def test_beyond_the_picture_the_nearest_pixel_is_repeated(picture):
    geometry = Geometry.identity(320, 240)
    found = resample(picture, geometry, (-20, 0, 40, 240))
    assert np.array_equal(found[:, 0], picture[:, 0])
    assert np.array_equal(found[:, 20:], picture[:, :20])


def test_an_empty_region_is_empty(picture):
    assert resample(picture, Geometry.identity(320, 240), (0, 0, 0, 16)).shape == (16, 0)


def test_another_size_or_too_large_a_region_is_an_error(picture):
    with pytest.raises(FrameError, match="does not fit its geometry"):
        resample(picture, Geometry.identity(240, 320), (0, 0, 16, 16))
    with pytest.raises(LimitError, match="too large"):
        resample(picture, Geometry.identity(320, 240), (0, 0, MOST_PIXELS, 2))
