from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.carriers.robust.data_layer import BLOCK, data_transform
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.projection import Projection
from cssv.carriers.robust.resampling import resample


@pytest.fixture(scope="module")
def picture(studio):
    return np.rint(studio.texture(320, 240)).clip(0, 255).astype(np.uint8)


def by_resampling(luma, geometry, area):
    region = BLOCK * area.left, BLOCK * area.top, BLOCK * area.columns, BLOCK * area.rows
    return data_transform().forward(resample(luma, geometry, region))


def test_without_resampling_the_coefficients_are_those_of_the_transform(picture):
    crop = np.ascontiguousarray(picture[30:190, 50:250])
    geometry = Geometry((200, 160), (50, 30, 250, 190), (0, 0, 200, 160))
    area = BlockArea(2, 4, 9, 11)
    found = Projection([crop], area).coefficients(geometry)
    assert found.shape == (1, 9, 11, 5)
    # The transform rounds its basis.
    assert np.abs(found[0] - data_transform().forward(picture)[2:11, 4:15]).max() < 1


@pytest.mark.parametrize("size", [(230, 172), (320, 240), (450, 338)])
def test_scaled_pictures(picture, size):
    smooth = cv2.GaussianBlur(picture, (0, 0), 2)
    scaled = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA if size[0] < 320 else cv2.INTER_CUBIC)
    geometry = Geometry(size, (0, 0, 320, 240), (0, 0, *size))
    area = BlockArea(1, 1, 12, 17)
    found = Projection([scaled], area).coefficients(geometry)[0]
    expected = data_transform().forward(smooth)[1:13, 1:18]
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.03 * expected.std()


SIDES = st.tuples(st.sampled_from([0.0, 0.5, 3.25]), st.sampled_from([0.0, -0.7]))


@settings(max_examples=20)
@given(st.lists(SIDES, min_size=1, max_size=8))
def test_the_order_of_geometries_has_no_effect(picture, moves):
    area = BlockArea(0, 0, 14, 19)
    shifted = [picture, np.ascontiguousarray(picture[::-1])]
    kept = Projection(shifted, area)
    for x, y in moves:
        geometry = Geometry((320, 240), (x, y, 320 + x / 2, 240 + y / 2), (0, 0, 320, 240))
        fresh = Projection(shifted, area).coefficients(geometry)
        assert np.allclose(kept.coefficients(geometry), fresh, atol=0.02)
        assert np.allclose(fresh[0], by_resampling(picture, geometry, area), atol=12)
