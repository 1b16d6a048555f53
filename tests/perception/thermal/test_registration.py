"""Where thermal pixels lie in the clip, and the reading of a set of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from cssv.errors import ThermalError
from cssv.perception.thermal.registration import LEAST_PIXELS, ThermalRegistration, take_reading
from cssv.scene import Source
from cssv.scene.thermal import CENTIKELVIN, LEAST_SIGMA_C, Calibration, Unit

COUNTS = Calibration(CENTIKELVIN)
THERMAL, CLIP = (160, 120), (768, 576)
TILTED = ((4.6, 0.2, 20.0), (-0.1, 4.7, -8.0), (1e-4, 2e-4, 1.0))


def whole(size):
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return x.ravel(), y.ravel()


def test_the_same_view_is_stretched_edge_to_edge():
    mount = ThermalRegistration.from_homography(None, THERMAL, CLIP)
    rows, columns = mount.look_up(*whole(CLIP))
    assert rows.size == CLIP[0] * CLIP[1]
    counts = np.bincount(rows * THERMAL[0] + columns, minlength=THERMAL[0] * THERMAL[1])
    assert counts.min() >= 16
    assert counts.max() <= 25
    assert mount.look_up(np.array([0, 767]), np.array([0, 575]))[0].tolist() == [0, 119]
    same = ThermalRegistration.from_homography(((4.8, 0, 0), (0, 4.8, 0), (0, 0, 1)), THERMAL, CLIP)
    for mine, other in zip(same.look_up(*whole(CLIP)), (rows, columns), strict=True):
        assert (mine == other).all()


def test_another_shape_needs_a_homography():
    with pytest.raises(ThermalError, match=r"160x120 for a clip of 1280x720.*homography"):
        ThermalRegistration.from_homography(None, THERMAL, (1280, 720))
    assert ThermalRegistration.from_homography(None, THERMAL, (760, 576)).size == THERMAL


@settings(max_examples=30)
@given(st.floats(-0.5, 0.5), st.floats(-40, 40), st.floats(-3e-4, 3e-4), st.sampled_from([1, -1, 250.0]))
def test_points_go_where_opencv_takes_them(shear, shift, tilt, scale):
    matrix = np.array([[4.6, shear, shift], [-shear, 4.7, -shift], [tilt, -tilt, 1]]) * scale
    mount = ThermalRegistration.from_homography(tuple(map(tuple, matrix.tolist())), THERMAL, CLIP)
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, CLIP[0], 200), rng.integers(0, CLIP[1], 200)
    points = np.stack([x + 0.5, y + 0.5], axis=1)[None]
    u, v = cv2.perspectiveTransform(points, np.linalg.inv(matrix))[0].T
    seen = (u >= 0) & (u < THERMAL[0]) & (v >= 0) & (v < THERMAL[1])
    # Where a point lies exactly between two pixels, the last bit decides.
    assume(np.abs(np.stack([u, v]) - np.rint(np.stack([u, v]))).min() > 1e-6)
    rows, columns = mount.look_up(x, y)
    assert rows.tolist() == np.floor(v[seen]).astype(int).tolist()
    assert columns.tolist() == np.floor(u[seen]).astype(int).tolist()


def test_nothing_is_seen_beyond_the_horizon():
    # The thermal camera's horizon crosses the clip: what lies above it is mirrored from behind.
    matrix = ((4.0, 0.0, 100.0), (0.0, 0.0, 300.0), (0.0, 0.02, 1.0))
    mirrored = np.array(matrix)
    mirrored[1] = [0.0, 6.0, -200.0]
    mount = ThermalRegistration.from_homography(tuple(map(tuple, mirrored.tolist())), THERMAL, CLIP)
    inverse = np.linalg.inv(mirrored)
    x, y = whole(CLIP)
    scale = (inverse @ np.stack([x + 0.5, y + 0.5, np.ones(x.shape)]))[2]
    assert (scale < 0).any()
    behind = scale < 0
    assert mount.look_up(x[behind], y[behind])[0].size == 0
    assert mount.look_up(x[~behind], y[~behind])[0].size > 0


def test_a_homography_the_wrong_way_round_is_told():
    forward = np.array([[4.8, 0, 900.0], [0, 4.8, 0], [0, 0, 1]])
    with pytest.raises(ThermalError, match="not the reverse"):
        ThermalRegistration.from_homography(tuple(map(tuple, forward.tolist())), THERMAL, CLIP)
    # A small view between the places that are looked at is still one.
    tiny = ((0.01, 0, 401.0), (0, 0.01, 333.0), (0, 0, 1))
    assert ThermalRegistration.from_homography(tiny, THERMAL, CLIP).size == THERMAL
    # So is one that looks at a part of the thermal picture.
    wide = ((400.0, 0, -31000.0), (0, 400.0, -23000.0), (0, 0, 1))
    assert ThermalRegistration.from_homography(wide, THERMAL, CLIP).size == THERMAL


def test_median_and_robust_spread():
    rng = np.random.default_rng(5)
    celsius = rng.normal(30, 0.7, (40, 50)).astype(np.float32)
    celsius[:5] = 400
    rows, columns = (part.ravel() for part in np.mgrid[0:40, 0:50])
    value = take_reading(celsius, rows, columns, COUNTS)
    seen = celsius.ravel().astype(float)
    assert value.value == pytest.approx(np.median(seen), abs=5e-4)
    assert value.sigma == pytest.approx(median_abs_deviation(seen, scale="normal"), rel=1e-3)
    assert value.source is Source.MEASURED
    assert value.value == pytest.approx(30.1, abs=0.2)
    accurate = take_reading(celsius, rows, columns, Calibration(CENTIKELVIN, 2.0))
    assert accurate.sigma == pytest.approx(np.hypot(value.sigma, 2.0), abs=2e-3)


def test_sigma_is_at_least_one_count():
    flat = np.full((10, 10), 21.5, np.float32)
    rows, columns = (part.ravel() for part in np.mgrid[0:10, 0:10])
    assert take_reading(flat, rows, columns, Calibration(Unit(0.25, 0))).sigma == 0.25
    assert take_reading(flat, rows, columns, Calibration()).sigma == LEAST_SIGMA_C


def test_too_few_pixels_are_no_reading():
    flat = np.full((10, 10), 21.5, np.float32)
    rows, columns = (part.ravel() for part in np.mgrid[0:3, 0:3])
    assert take_reading(flat, np.repeat(rows, 9), np.repeat(columns, 9), COUNTS).value == 21.5
    assert rows.size == LEAST_PIXELS
    assert take_reading(flat, np.repeat(rows[1:], 9), np.repeat(columns[1:], 9), COUNTS) is None
    flat[0, 0] = np.nan
    assert take_reading(flat, rows, columns, COUNTS) is None
    nothing = np.empty(0, np.intp)
    assert take_reading(flat, nothing, nothing, COUNTS) is None
