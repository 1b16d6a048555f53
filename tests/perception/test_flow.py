from __future__ import annotations

import time
from fractions import Fraction

import cv2
import numpy as np
import pytest

from cssv.frames import Frame, planes_shape
from cssv.perception import BoxesDetector
from cssv.perception.flow import Flow, FlowMeter, halve, shrink
from cssv.video import Span, VideoReader


def texture(seed, size=(384, 288)):
    rng = np.random.default_rng(seed)
    picture = sum(cv2.GaussianBlur(rng.normal(size=size[::-1]), (0, 0), s) * s for s in (2, 6))
    return cv2.normalize(picture, None, 10, 240, cv2.NORM_MINMAX).astype(np.uint8)


def frame(luma, number, layout="yuv420p"):
    planes = np.full(planes_shape(layout, luma.shape[1], luma.shape[0]), 128, np.uint8)
    if layout == "yuv420p":
        planes[: luma.shape[0]] = luma
    else:
        planes[:] = luma[..., None]
    return Frame(planes, layout, number, Fraction(1, 25), number)


def moving(dx, dy, box=(150, 100, 60, 90), scene=0, shift=0):
    """Flow of a box that moves by (dx, dy) to ``box`` while the scene moves right by ``shift``."""
    world, thing = texture(scene, (500, 288)), texture(99, (60, 90))
    x, y, w, h = box
    pictures = []
    for k in (1, 0):
        picture = world[:, 50 + shift * k : 434 + shift * k].copy()
        picture[y - k * dy : y - k * dy + h, x - k * dx : x - k * dx + w] = thing[:h, :w]
        pictures.append(picture)
    return Flow(*pictures, 1)


@pytest.mark.parametrize("shift", [0, 5])
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (4, 1), (-7, 2), (3, -9)])
def test_an_objects_motion_is_found(dx, dy, shift):
    found = moving(dx, dy, shift=shift).of_boxes(np.array([[150.0, 100, 60, 90]]))
    np.testing.assert_allclose(found[0, :2], (dx, dy), atol=0.4)
    # What moves with the scene may be the scene.
    assert (1 < found[0, 2] < 2) if (dx, dy) == (shift, 0) else (0.2 < found[0, 2] < 1)


def test_a_loose_box_gives_its_object():
    found = moving(6, 0).of_boxes(np.array([[130.0, 85, 100, 115]]))
    np.testing.assert_allclose(found[0, :2], (6, 0), atol=0.5)


def test_two_motions_in_a_box_make_it_uncertain():
    pure = moving(9, 0).of_boxes(np.array([[150.0, 100, 60, 90]]))[0, 2]
    world = texture(1)
    before, now = world.copy(), world.copy()
    for k, speed in enumerate((9, -9)):
        x = 150 + 30 * k
        before[100:190, x - speed : x - speed + 30] = texture(50 + k, (30, 90))
    for k in range(2):
        now[100:190, 150 + 30 * k : 180 + 30 * k] = texture(50 + k, (30, 90))
    mixed = Flow(before, now, 1).of_boxes(np.array([[150.0, 100, 60, 90]]))[0, 2]
    assert mixed > 3 * pure


def test_pixels_are_the_frames():
    big = [
        np.kron(picture, np.ones((2, 2), np.uint8)) for picture in (moving(4, 2)._before, moving(4, 2)._now)
    ]
    meter = FlowMeter()
    meter.measure(frame(big[0], 0))
    flow = meter.measure(frame(big[1], 1))
    assert flow.scale == 2
    found = flow.of_boxes(np.array([[300.0, 200, 120, 180]]))
    np.testing.assert_allclose(found[0, :2], (8, 4), atol=0.8)


@pytest.mark.parametrize(
    "box",
    [(-100.0, 50, 60, 80), (380.0, 10, 60, 60), (1e6, 1e6, 5, 5), (-1e6, 0, 10, 10), (10.0, 283, 30, 80)],
)
def test_outside_the_picture_nothing_is_known(box):
    assert np.isnan(moving(3, 0).of_boxes(np.array([box]))).all()


def test_without_texture_nothing_is_known():
    picture = texture(3)
    picture[50:200, 50:200] = 120
    found = Flow(picture, picture.copy(), 1).of_boxes(np.array([[80.0, 80, 60, 60], [220, 80, 60, 60]]))
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1, :2], 0, atol=0.05)


def test_after_a_cut_nothing_is_known():
    rng = np.random.default_rng(0)
    sides = [cv2.GaussianBlur(rng.integers(0, 255, (288, 384), dtype=np.uint8), (0, 0), 1) for _ in range(2)]
    cut = [cv2.normalize(side, None, 0, 255, cv2.NORM_MINMAX) for side in sides]
    found = Flow(*cut, 1).of_boxes(np.array([[50.0, 50, 60, 60], [200, 100, 90, 90]]))
    assert np.isnan(found).all()


def test_no_boxes_have_no_motion():
    assert moving(1, 1).of_boxes(np.empty((0, 4))).shape == (0, 3)


def test_the_first_frame_and_another_size_have_no_flow():
    meter = FlowMeter()
    assert meter.measure(frame(texture(0), 0)) is None
    assert meter.measure(frame(texture(0), 1)) is not None
    assert meter.measure(frame(texture(0, (320, 240)), 2)) is None
    assert meter.measure(frame(texture(0, (320, 240)), 3)) is not None


def test_a_frame_asked_for_again_is_not_measured_again():
    meter = FlowMeter()
    first = frame(texture(0), 0)
    assert meter.measure(first) is None
    assert meter.measure(first) is None
    second = frame(texture(1), 1)
    flow = meter.measure(second)
    assert meter.measure(second) is flow
    assert flow.field is flow.field
    assert flow.camera() is not None


def test_a_frame_may_be_overwritten_afterwards():
    meter = FlowMeter()
    first = frame(texture(0), 0)
    meter.measure(first)
    first.planes[:] = 0
    flow = meter.measure(frame(texture(0), 1))
    assert flow.camera().is_still


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("size", [(32, 32), (38, 34), (640, 32), (32, 640)])
def test_the_smallest_frames_have_a_flow(size, layout):
    meter = FlowMeter()
    meter.measure(frame(texture(0, size), 0, layout))
    flow = meter.measure(frame(np.roll(texture(0, size), 1, axis=1), 1, layout))
    assert np.isfinite(flow.field).all()
    flow.camera()
    assert flow.of_boxes(np.array([[8.0, 8, 16, 16]])).shape == (1, 3)


@pytest.mark.parametrize(("height", "scale"), [(32, 1), (288, 1), (576, 2), (720, 2), (1080, 4), (2160, 8)])
def test_pictures_are_halved_to_the_working_size(height, scale):
    small, found = shrink(np.zeros((height, 64), np.uint8))
    assert found == scale
    assert small.shape == (height // scale, 64 // scale)
    assert small.flags.c_contiguous
    assert halve(small).shape == (small.shape[0] // 2, small.shape[1] // 2)


def test_walkers_velocities_are_known_with_honest_sigma(data):
    """Beside the annotated centres, smoothed over nine frames; people sway as they walk."""
    truth, meter, errors, sigmas = BoxesDetector(data / "mot15/PETS09-S2L1/gt/gt.txt"), FlowMeter(), [], []
    centres = {}
    for number in range(70):
        seen = truth.in_frame(number)
        for identity, box in zip(seen.ids.tolist(), seen.boxes_px, strict=True):
            centres[identity, number] = box[:2] + box[2:] / 2
    with VideoReader(data / "clips/vtest.avi", rate=Fraction(7), span=Span(stop=Fraction(60, 7))) as reader:
        for each in reader:
            flow, seen, n = meter.measure(each), truth.in_frame(each.number), each.number
            for k, identity in enumerate(seen.ids.tolist() if flow is not None else ()):
                around = [(identity, n - 4), (identity, n + 4)]
                if all(key in centres for key in around):
                    found = flow.of_boxes(seen.boxes_px[[k]])[0]
                    errors.append(found[:2] - (centres[around[1]] - centres[around[0]]) / 8)
                    sigmas.append(found[2])
    errors, sigmas = np.array(errors), np.array(sigmas)
    known = np.isfinite(sigmas)
    assert known.mean() > 0.95
    squared = (errors[known] ** 2).sum(axis=1)
    assert np.sqrt(squared.mean() / 2) < 2
    assert 0.8 < np.median(squared / sigmas[known] ** 2) < 2.5
    assert np.mean(squared / sigmas[known] ** 2 < 5.99) > 0.8


def test_measuring_costs_a_part_of_a_dense_flow():
    """Processor time for a still camera at working size, beside OpenCV's dense flow of the same frames."""
    world = texture(5)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    meter, measured, dense = FlowMeter(), 0.0, 0.0
    for number in range(20):
        # Both in turn, so that other programs slow both.
        start = time.process_time()
        flow = meter.measure(frame(world, number))
        if flow is not None:
            flow.camera()
        between = time.process_time()
        cv2.calcOpticalFlowFarneback(world, world, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        measured, dense = measured + between - start, dense + time.process_time() - between
    cv2.setNumThreads(threads)
    # Measured 0.06.
    assert measured < 0.3 * dense
