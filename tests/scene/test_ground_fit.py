"""The ground from points and from lengths: exact inverses, least squares, honest errors, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from cssv.errors import InputError
from cssv.scene import Camera
from cssv.scene.camera import plane_of
from cssv.scene.ground import Plane
from cssv.scene.ground_fit import CLICK_SIGMA_PX, MOST_POINTS, fit_plane
from cssv.scene.ground_lengths import (
    KnownLength,
    fit_scale,
    measured_m,
    plane_from_above,
    plane_without_scale,
)
from cssv.scene.values import Point, Value

SIZE = (768, 576)
FIELD_PX = np.array([[100.0, 500], [660, 480], [500, 200], [200, 220]])


def pose(height=6.0, tilt=-25.0, pan=0.0, roll=0.0, hfov=60.0):
    camera = Camera(
        position_m=Point((3.0, -2.0, height)),
        pan_deg=Value(pan),
        tilt_deg=Value(tilt),
        roll_deg=Value(roll),
        hfov_deg=Value(hfov),
    )
    plane = plane_of(camera, SIZE)
    assert plane is not None
    return plane


def triangle(points, left_out):
    """The first four points but one, with ones: its determinant is twice their area."""
    return np.column_stack([np.delete(points[:4], left_out, axis=0), np.ones(3)])


@given(
    height=st.floats(2, 60),
    tilt=st.floats(-85, -20),
    pan=st.floats(-180, 180),
    roll=st.floats(-10, 10),
    hfov=st.floats(20, 90),
    moves=st.lists(st.tuples(st.floats(-80, 80), st.floats(-60, 60)), min_size=4, max_size=4),
    more=st.lists(st.tuples(st.floats(100, 600), st.floats(250, 500)), max_size=3),
)
def test_points_of_a_camera_give_its_ground(height, tilt, pan, roll, hfov, moves, more):
    plane = pose(height, tilt, pan, roll, hfov)
    pixels = np.concatenate([FIELD_PX + moves, np.array(more).reshape(-1, 2)])
    metres = plane.to_ground(pixels)
    assume(np.isfinite(metres).all())
    # Points that come to lie at one place or on one line.
    assume(pdist(pixels).min() > 2)
    assume(min(np.linalg.det(triangle(pixels, k)) ** 2 for k in range(4)) > 1e6)
    fit = fit_plane(pixels, metres)
    assert fit.residuals_px.max() < 1e-6
    found = Plane(fit.matrix, SIZE)
    inside = np.array([[300, 350], [400, 400.0]])
    assert found.to_ground(inside) == pytest.approx(plane.to_ground(inside), rel=1e-4, abs=1e-4)


def test_the_last_row_is_one_at_the_middle_of_the_points():
    fit = fit_plane(FIELD_PX, pose().to_ground(FIELD_PX))
    assert fit.matrix[2] @ [*FIELD_PX.mean(axis=0), 1] == pytest.approx(1, rel=1e-9)


def test_more_points_share_their_errors_in_the_picture():
    plane, random = pose(), np.random.default_rng(3)
    pixels = random.uniform([100, 250], [660, 550], (40, 2))
    clicked = pixels + random.normal(size=pixels.shape) * 2
    metres = plane.to_ground(pixels)
    fit = fit_plane(clicked, metres)
    assert fit.sigma_px == pytest.approx(2, rel=0.25)
    shown = Plane(fit.matrix, SIZE).to_picture(metres)
    assert fit.residuals_px == pytest.approx(np.hypot(*(shown - clicked).T), rel=1e-6)
    assert fit.residuals_m == pytest.approx(
        np.hypot(*(Plane(fit.matrix, SIZE).to_ground(clicked) - metres).T), rel=1e-6
    )
    # No homography near it has smaller squared distances in the picture.
    best = (fit.residuals_px**2).sum()
    for _ in range(20):
        other = Plane(fit.matrix * (1 + 1e-4 * random.normal(size=(3, 3))), SIZE)
        assert (np.hypot(*(other.to_picture(metres) - clicked).T) ** 2).sum() > best


def test_standard_errors_are_those_of_repeated_clicks():
    """The predicted errors of places and speeds are the spread over many fits with errors of a pixel."""
    plane, random = pose(), np.random.default_rng(4)
    metres = plane.to_ground(FIELD_PX)
    exact = fit_plane(FIELD_PX, metres)
    places, speeds = [], []
    angles = np.linspace(0, np.pi, 12, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    slope = plane.jacobian(FIELD_PX)
    for _ in range(400):
        clicked = FIELD_PX + random.normal(size=FIELD_PX.shape) * CLICK_SIGMA_PX
        found = Plane(fit_plane(clicked, metres).matrix, SIZE)
        places.append(found.to_ground(FIELD_PX) - metres)
        # Velocities of 1 m/s in all directions on the ground, measured by the fit.
        turned = found.jacobian(FIELD_PX) @ np.linalg.inv(slope)
        speeds.append(np.linalg.norm(np.einsum("nab,db->nda", turned, directions), axis=-1) - 1)
    spread = np.sqrt((np.array(speeds) ** 2).mean(axis=(0, 2)))
    assert exact.speeds_sigma == pytest.approx(spread, rel=0.2)
    widest = [np.sqrt(np.linalg.eigvalsh(np.cov(np.array(places)[:, k].T))[-1]) for k in range(4)]
    assert exact.places_sigma_m == pytest.approx(widest, rel=0.2)


SQUARE_M = [[0, 0], [1, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("pixels", "metres", "words"),
    [
        (FIELD_PX[:3], SQUARE_M[:3], "at least four points"),
        ([[0, 0]] * (MOST_POINTS + 1), [[0, 0]] * (MOST_POINTS + 1), "at least four points"),
        (FIELD_PX, [*SQUARE_M, [2, 2]], "each point of the picture"),
        ([[0, 0], [1, "a"], [1, 1], [0, 1]], SQUARE_M, "pairs of numbers"),
        ([[0, 0], [1, np.nan], [1, 1], [0, 1]], SQUARE_M, "out of range"),
        (FIELD_PX, [[0, 0], [1, 0], [1, 1], [0, np.inf]], "out of range"),
        ([*FIELD_PX[:3], FIELD_PX[0]], SQUARE_M, "two points are at the same place in the picture"),
        (FIELD_PX, [[0, 0], [1, 0], [1, 1], [0, 0]], "two points are at the same place on the ground"),
        ([[0, 0], [90, 90], [180, 180], [50, 200]], SQUARE_M, "all points but point 4 lie on one line in"),
        ([[0, 0], [90, 90], [180, 180], [270, 270]], SQUARE_M, "all points lie on one line in the picture"),
        (FIELD_PX, [[0, 0], [1, 0], [2, 0], [0, 1]], "all points but point 4 lie on one line on the ground"),
        (FIELD_PX, [[0, 0], [1, 1], [1, 0], [0, 1]], "the horizon would run between them"),
        ([[0, 0], [4, 0], [4, 4], [0, 4]], SQUARE_M, "too weakly"),
    ],
)
def test_what_determines_no_ground_is_refused(pixels, metres, words):
    with pytest.raises(InputError, match=words):
        fit_plane(pixels, metres)


# ---- lengths


def length_between(plane, one, other):
    metres = float(np.hypot(*(plane.to_ground(np.array(other)) - plane.to_ground(np.array(one)))))
    return KnownLength(one, other, metres)


@given(height=st.floats(1, 100), tilt=st.floats(-80, -20), roll=st.floats(-10, 10))
def test_a_length_gives_the_height_of_a_camera_with_known_tilt(height, tilt, roll):
    plane = pose(height, tilt, roll=roll)
    camera = Camera(tilt_deg=Value(tilt), roll_deg=Value(roll), hfov_deg=Value(60.0))
    base = plane_without_scale(camera, SIZE)
    fit = fit_scale(base, [length_between(plane, (200, 500), (500, 450))])
    assert fit.factor == pytest.approx(height, rel=1e-9)
    # It stands on the origin; that of the scene does not.
    place = fit.plane.to_ground(np.array([300, 400.0])) + np.array([3.0, -2.0])
    assert place == pytest.approx(plane.to_ground(np.array([300, 400.0])), rel=1e-6)


def test_from_above_a_length_gives_metres_per_pixel():
    fit = fit_scale(plane_from_above(SIZE), [KnownLength((100, 100), (140, 130), 5.0)])
    assert fit.factor == pytest.approx(0.1)
    # One pixel along the length at each of its ends.
    assert fit.sigma == pytest.approx(np.sqrt(2) / 50)
    # y of the ground grows upwards in the picture.
    assert fit.plane.to_ground(np.array([10, 476.0])) == pytest.approx([1, 10])


def test_lengths_that_differ_are_weighed_and_make_the_error_larger():
    lengths = [KnownLength((0, 0), (100, 0), 10.0), KnownLength((0, 50), (0, 150), 12.0)]
    fit = fit_scale(plane_from_above(SIZE), lengths)
    assert fit.factor == pytest.approx(0.11)
    assert fit.sigma > 0.05
    assert measured_m(fit.plane, lengths) == pytest.approx([11, 11])


def test_a_camera_without_tilt_has_no_ground_up_to_scale():
    assert plane_without_scale(Camera(hfov_deg=Value(60.0)), SIZE) is None
    assert plane_without_scale(Camera(), SIZE) is None


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (((0, 0), (1, 1), 3), "too short in the picture"),
        (((0, 0), (np.nan, 1), 3), "out of range"),
        (((0, 0), (9, 1), 0), "out of range"),
        (((0, 0), (9, 1), np.nan), "out of range"),
        (((0, 0), (9, 1), -2), "out of range"),
    ],
)
def test_lengths_without_sense_are_refused(entry, words):
    with pytest.raises(InputError, match=words):
        KnownLength(*entry)


def test_a_length_above_the_horizon_is_refused():
    base = plane_without_scale(Camera(tilt_deg=Value(-5.0), hfov_deg=Value(60.0)), SIZE)
    with pytest.raises(InputError, match="above the horizon"):
        fit_scale(base, [KnownLength((100, 10), (100, 500), 3.0)])


def test_short_lengths_are_too_weak():
    with pytest.raises(InputError, match="too weakly"):
        fit_scale(plane_from_above(SIZE), [KnownLength((100, 10), (102, 10), 3.0)])
