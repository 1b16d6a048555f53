from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.frames import Frame
from cssv.perception.camera import STILL, UNKNOWN, CameraMotion, fit_camera, register
from cssv.perception.flow import Flow, FlowMeter
from cssv.video import Span, VideoReader

SIDES = (384, 288)


def scenery(seed=0, size=(800, 600), grain=2.5):
    """A large textured picture to look at."""
    rng = np.random.default_rng(seed)
    picture = sum(
        cv2.GaussianBlur(rng.normal(size=size[::-1]), (0, 0), grain * k) * grain * k for k in (1, 3, 9)
    )
    return cv2.normalize(picture, None, 10, 240, cv2.NORM_MINMAX).astype(np.uint8)


def similarity(dx=0.0, dy=0.0, degrees=0.0, zoom=1.0, size=SIDES):
    """(2, 3) motion of a picture of this size about its centre."""
    A = cv2.getRotationMatrix2D(((size[0] - 1) / 2, (size[1] - 1) / 2), degrees, zoom)
    A[:, 2] += dx, dy
    return A


def seen(world, A, size=SIDES):
    """What a camera sees of the world's middle after its picture moved by A."""
    middle = np.array([[1, 0, -(world.shape[1] - size[0]) / 2], [0, 1, -(world.shape[0] - size[1]) / 2]])
    whole = np.vstack([A, [0, 0, 1]]) @ np.vstack([middle, [0, 0, 1]])
    return cv2.warpAffine(world, whole[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def frame(luma, number):
    planes = np.full((luma.shape[0] * 3 // 2, luma.shape[1]), 128, np.uint8)
    planes[: luma.shape[0]] = luma
    return Frame(planes, "yuv420p", number, Fraction(1, 25), number)


def between(before, now):
    meter = FlowMeter()
    assert meter.measure(frame(before, 0)) is None
    return meter.measure(frame(now, 1))


def error_px(camera, A, size=SIDES):
    """Mean distance, over the picture, of where it and the truth take the points."""
    x, y = np.meshgrid(np.linspace(0, size[0], 9), np.linspace(0, size[1], 7))
    points = np.stack([x, y], axis=-1)
    return float(np.linalg.norm(camera.of_points(points) - points @ A[:, :2].T - A[:, 2], axis=-1).mean())


def motions(count, reach=6.0):
    rng = np.random.default_rng(5)
    for _ in range(count):
        dx, dy = rng.uniform(-reach, reach, 2)
        yield similarity(dx, dy, rng.uniform(-0.8, 0.8), rng.uniform(0.99, 1.01))


def test_known_motions_are_found():
    world = scenery()
    errors = []
    for A in motions(12):
        camera = between(seen(world, similarity()), seen(world, A)).camera()
        assert camera.is_known
        assert not camera.is_still
        assert camera.share > 0.7
        errors.append(error_px(camera, A))
    assert np.median(errors) < 0.1
    assert max(errors) < 0.25


def test_pixels_of_a_halved_picture_are_the_frames():
    size = (768, 576)
    world, A = scenery(1, (1200, 900), 4), similarity(7, -4, 0.5, 1.006, (768, 576))
    flow = between(seen(world, similarity(size=size), size), seen(world, A, size))
    assert flow.scale == 2
    assert error_px(flow.camera(), A, size) < 0.15


def test_objects_do_not_move_the_camera():
    world, other = scenery(2), scenery(3)
    errors = []
    for k, A in enumerate(motions(8)):
        before, now = seen(world, similarity()), seen(world, A)
        for x, y in ((40, 60), (160, 30), (250, 150)):
            before[y : y + 90, x : x + 70] = other[100:190, 100:170]
            now[y + 5 : y + 95, x + 9 - 2 * k : x + 79 - 2 * k] = other[100:190, 100:170]
        errors.append(error_px(between(before, now).camera(), A))
    assert np.median(errors) < 0.1
    assert max(errors) < 0.3


@pytest.mark.parametrize("noise", [0, 3])
def test_a_camera_at_rest_is_exactly_at_rest(noise):
    rng, world, other = np.random.default_rng(0), scenery(4), scenery(5)
    meter = FlowMeter()
    for number in range(6):
        picture = seen(world, similarity()).astype(float)
        picture[80:200, 40 + 9 * number : 110 + 9 * number] = other[:120, :70]
        picture += rng.normal(size=picture.shape) * noise
        flow = meter.measure(frame(np.clip(picture, 0, 255).astype(np.uint8), number))
        if flow is not None:
            camera = flow.camera()
            assert camera.is_still
            np.testing.assert_array_equal(camera.A, np.eye(2, 3))


def street(number, pan=0):
    """Smooth asphalt with some paint, and textured vehicles that all drive 9 pixels a frame."""
    ground = np.full((288, 900), 76.0)
    ground += np.linspace(-6, 6, 288)[:, None]
    for x in range(20, 900, 110):
        ground[70:74, x : x + 50] = ground[215:219, x + 30 : x + 80] = 140
        ground[140:146, x : x + 14] = ground[20:26, x + 40 : x + 58] = 120
        cv2.line(ground, (x, 100), (x + 30, 200), 68, 2)
    vehicles = scenery(30, (384, 288), grain=1.5)
    picture = ground[:, 100 + pan : 484 + pan]
    for x, y in ((30, 35), (270, 40), (20, 150), (180, 155)):
        left = (x + 9 * number) % 500 - 110
        seen_part = slice(max(left, 0), max(left + 100, 0))
        own = slice(max(-left, 0), max(-left, 0) + len(picture[0, seen_part]))
        picture[y : y + 55, seen_part] = vehicles[y : y + 55, own]
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_vehicles_on_a_smooth_street_do_not_move_the_camera():
    meter, still = FlowMeter(), []
    for number in range(30):
        flow = meter.measure(frame(street(number), number))
        still += [flow.camera().is_still] if flow is not None else []
    assert all(still)


def test_a_pan_over_a_smooth_street_is_no_rest():
    meter = FlowMeter()
    for number in range(30):
        # The pan begins after the camera stood still for some frames.
        flow = meter.measure(frame(street(number, pan=5 * max(number - 15, 0)), number))
        if number > 16:
            assert not flow.camera().is_still


def test_the_camera_over_a_real_street_is_still(data):
    meter, still = FlowMeter(), []
    with VideoReader(data / "traffic/traffic.mp4", span=Span(start=Fraction(6), stop=Fraction(12))) as reader:
        for each in reader:
            flow = meter.measure(each)
            still += [flow.camera().is_still] if flow is not None else []
    # Before, the camera was still in less than a third of these frames.
    assert np.mean(still) > 0.97


def test_a_large_motion_is_no_rest():
    world = scenery(6)
    for shift in (10, 25, 60):
        camera = between(seen(world, similarity()), seen(world, similarity(shift, 3))).camera()
        assert not camera.is_still


def test_after_a_cut_nothing_is_known():
    for seed in range(8, 14):
        camera = between(scenery(seed, SIDES), scenery(seed + 100, SIDES)).camera()
        assert not camera.is_known
        assert np.isnan(camera.sigma_px)
        np.testing.assert_array_equal(camera.A, np.eye(2, 3))


@pytest.mark.parametrize("size", [SIDES, (32, 32), (34, 300), (640, 36)])
def test_of_a_bare_wall_nothing_is_known(size):
    wall = np.full(size[::-1], 90, np.uint8)
    flow = between(wall, wall)
    assert not flow.camera().is_known
    noisy = np.random.default_rng(0).integers(89, 92, (2, *size[::-1]), dtype=np.uint8)
    assert not between(*noisy).camera().is_known


def test_a_real_still_camera_is_still(data):
    meter, still = FlowMeter(), []
    with VideoReader(data / "clips/vtest.avi", span=Span(stop=Fraction(4))) as reader:
        for each in reader:
            flow = meter.measure(each)
            still += [flow.camera().is_still] if flow is not None else []
    assert np.mean(still) > 0.97


def test_a_real_pan_is_found(data):
    """The second half of this film stands still, the first does not."""
    meter, known = FlowMeter(), []
    with VideoReader(data / "clips/bigbuckbunny.mp4") as reader:
        for each in reader:
            flow = meter.measure(each)
            known += [flow.camera()] if flow is not None else []
    assert all(camera.is_known for camera in known)
    assert sum(camera.is_still for camera in known[-40:]) >= 36
    assert sum(camera.is_still for camera in known[8:60]) <= 5


SHIFTS = st.floats(-50, 50)


@given(SHIFTS, SHIFTS, st.floats(-20, 20), st.floats(0.5, 2), st.sampled_from([2, 4, 8]))
def test_a_scaled_motion_is_that_of_the_finer_pixels(dx, dy, degrees, zoom, scale):
    A = similarity(dx, dy, degrees, zoom)
    points = np.array([[3.0, 5], [100, 7], [50, 200]])
    coarse = CameraMotion(A.copy()).of_points(points)
    fine = CameraMotion(A.copy()).scaled(scale).of_points((points + 0.5) * scale - 0.5)
    np.testing.assert_allclose((coarse + 0.5) * scale - 0.5, fine, atol=1e-9)


def test_boxes_move_and_grow():
    A = similarity(10, 0, 0, 2, (101, 101))
    moved = CameraMotion(A).of_boxes(np.array([[40.0, 40, 20, 20]]))
    np.testing.assert_allclose(moved, [[40, 30, 40, 40]], atol=1e-9)
    assert CameraMotion(A).zoom == pytest.approx(2)


def test_rest_is_rest_in_any_pixels():
    assert STILL.scaled(4) is STILL
    assert STILL.is_still
    assert not UNKNOWN.is_still
    assert UNKNOWN.scaled(2) is UNKNOWN


def test_too_few_points_say_nothing():
    points = np.random.default_rng(0).uniform(0, 100, (10, 2))
    assert fit_camera(points, points, SIDES) is UNKNOWN


@pytest.mark.parametrize("shift", [0.05, 0.1, 0.2, 0.4])
def test_small_motions_are_registered_to_a_fraction_of_a_pixel(shift):
    world = scenery(20)
    found = register(seen(world, similarity()), seen(world, similarity(shift, -shift / 2, 0.02)))
    # OpenCV moves pictures by steps of 1/32 pixel.
    assert error_px(CameraMotion(found.A), similarity(shift, -shift / 2, 0.02)) < 0.05 + 0.1 * shift
    assert found.torn < 0.05


def test_a_large_motion_tears_the_picture():
    world = scenery(21)
    assert register(seen(world, similarity()), seen(world, similarity(20, 10))).torn > 0.4


def test_the_field_is_lazy():
    flow = Flow(*(seen(scenery(22), similarity()) for _ in range(2)), 1)
    flow.camera()
    assert "field" not in vars(flow)
