"""Boxes that the edge of the picture cuts: the velocity of the object, not that of its visible part."""

import numpy as np
import pytest

from cssv.boxes import F64
from cssv.perception import ClipTracker, LiveTracker, Tracker, detections
from cssv.perception.cut_boxes import CutBoxes, cut_sides, cut_sides_of_track
from cssv.perception.smoothing import Noise
from cssv.scene.ground import Plane

SIZE, RATE, SPEED = (640, 360), 25.0, 150.0
#: The way of each case, and the position of a box of 100 x 80 px that has just left the picture.
WAYS = {
    "right": ((1, 0), (640, 140)),
    "left": ((-1, 0), (-100, 140)),
    "down": ((0, 1), (270, 360)),
    "up": ((0, -1), (270, -80)),
}
NOISE = Noise(measurement=(0.02,) * 4)


def passing(way: str, *, enters: bool = False, steps: int = 40) -> tuple[F64, F64]:
    """Whole boxes x, y, w, h and the velocity of an object that leaves or enters at a constant speed."""
    direction, out = (np.array(value, dtype=np.float64) for value in WAYS[way])
    velocity = direction * SPEED * (-1 if enters else 1)
    steps_before_out = np.arange(1, steps + 1)[:, None] / RATE
    boxes = np.concatenate(
        [out - direction * SPEED * steps_before_out, np.tile((100.0, 80.0), (steps, 1))], axis=1
    )
    return (boxes if enters else boxes[::-1]), velocity


def clipped(boxes: F64, inset: float = 0.0) -> F64:
    """The part of boxes x, y, w, h in the picture, up to ``inset`` px from its edge."""
    low = np.maximum(boxes[:, :2], inset)
    return np.concatenate(
        [low, np.minimum(boxes[:, :2] + boxes[:, 2:], np.array(SIZE) - inset) - low], axis=1
    )


def offline(boxes: F64, size: tuple[int, int] | None = SIZE) -> tuple[F64, F64, F64]:
    """Boxes, velocities and covariances of the only track of a clip."""
    clip = ClipTracker(size=size, boxes_are="detections")
    for number, box in enumerate(boxes):
        clip.add(number, number / RATE, detections([box], ids=[7]))
    (track,) = clip.finish(NOISE)
    assert len(track) == len(boxes)
    return track.boxes_px, track.velocity_px_s, track.velocity_cov


def live(boxes: F64, lag_s: float = 1.0) -> tuple[F64, F64, F64]:
    """The same by a stream."""
    tracker, states = LiveTracker(lag_s=lag_s, noise=NOISE, size=SIZE, boxes_are="detections"), []
    for number, box in enumerate(boxes):
        states += tracker.update(number, number / RATE, detections([box], ids=[7]))
    states += tracker.finish()
    rows = [np.concatenate([getattr(s, name) for s in states]) for name in ("boxes_px", "velocity_px_s")]
    assert len(rows[0]) == len(boxes)
    return rows[0], rows[1], np.concatenate([s.velocity_cov for s in states])


@pytest.mark.parametrize("enters", [False, True], ids=["leaving", "entering"])
@pytest.mark.parametrize("way", WAYS)
def test_the_velocity_at_the_edge_is_that_of_the_object(way, enters):
    whole, velocity = passing(way, enters=enters)
    boxes = clipped(whole, inset=1.0)
    assert cut_sides(boxes, SIZE).any(axis=1).sum() >= 10
    for found in (offline(boxes), live(boxes)):
        assert np.allclose(found[1], velocity, atol=0.02 * SPEED)
        sigma = np.sqrt(np.diagonal(found[2], axis1=1, axis2=2))
        assert (np.abs(found[1] - velocity) < 2 * sigma).all()
    # Without the size of the picture the visible part's centre counts, which is half as fast.
    slow = np.linalg.norm(offline(boxes, None)[1], axis=1)[0 if enters else -1]
    assert slow < 0.65 * SPEED


@pytest.mark.parametrize("lag_s", [0.0, 0.2, 3.0])
def test_a_stream_of_any_lag_knows_the_velocity_of_a_leaving_object(lag_s):
    whole, velocity = passing("right")
    found = live(clipped(whole), lag_s)[1]
    # The last frames have a past even without a lag.
    assert np.allclose(found[-10:], velocity, atol=0.05 * SPEED)


def test_the_sigma_is_larger_at_the_edge():
    whole, _ = passing("right", steps=60)
    boxes = clipped(whole)
    cut, plain = offline(boxes)[2][-1, 0, 0], offline(whole - np.array([200, 0, 0, 0]))[2][-1, 0, 0]
    assert cut > 1.2 * plain


def test_the_box_is_the_visible_part():
    whole, _ = passing("down")
    boxes = clipped(whole, inset=1.0)
    for found in (offline(boxes)[0], live(boxes)[0]):
        assert np.allclose(found, boxes, atol=1.0)


def test_boxes_that_reach_beyond_the_picture_are_whole():
    whole, velocity = passing("right")
    far = whole[whole[:, 0] + whole[:, 2] > SIZE[0] + 10]
    assert not cut_sides(far, SIZE).any()
    assert np.allclose(offline(whole)[1], velocity, atol=0.02 * SPEED)


def test_the_sides_near_the_edge_are_cut():
    boxes = np.array(
        [[2.0, 50, 100, 80], [100, 1, 100, 80], [538, 50, 100, 80], [100, 279, 100, 80], [10, 20, 100, 80]]
    )
    expected = np.zeros((5, 4), dtype=bool)
    expected[np.arange(4), np.arange(4)] = True
    assert (cut_sides(boxes, SIZE) == expected).all()


@pytest.mark.parametrize("tracked", [offline, live])
def test_an_object_that_is_never_whole_has_a_wide_sigma(tracked):
    # Only the first 60 px of an object come into the picture, which then stops.
    right = np.minimum(4.0 * np.arange(1, 31), 60.0)
    boxes = np.stack([np.zeros(30), np.full(30, 100.0), right, np.full(30, 80.0)], axis=1)
    found, velocity, cov = tracked(boxes)
    sigma = np.sqrt(cov[:, 0, 0])
    assert np.isfinite(velocity).all()
    assert (np.abs(velocity[-10:, 0]) < 10).all()
    assert sigma.min() > 10
    assert np.allclose(found[-5:], boxes[-5:], atol=1.5)


@pytest.mark.parametrize("tracked", [offline, live])
def test_an_object_larger_than_the_picture_has_no_known_velocity_across(tracked):
    boxes = np.tile((0.0, 100.0, 640.0, 80.0), (30, 1)) + np.arange(30)[:, None] * (0, 2, 0, 0)
    _, velocity, cov = tracked(boxes)
    assert np.isfinite(cov).all()
    # Both sides are cut: nothing is known but that objects have about 2 heights per second.
    assert (np.sqrt(cov[:, 0, 0]) > 100).all()
    assert np.allclose(velocity[:, 1], 50, atol=5)


def test_a_cut_foot_has_no_velocity_on_the_ground():
    # 1 m is 50 px, straight from above.
    plane = Plane(np.diag([0.02, 0.02, 1.0]), SIZE)
    whole, velocity = passing("right", steps=60)
    boxes = clipped(whole, inset=2.0)
    clip, tracker, states = ClipTracker(size=SIZE), LiveTracker(noise=NOISE, size=SIZE, plane=plane), []
    for number, box in enumerate(boxes):
        clip.add(number, number / RATE, detections([box], ids=[7]))
        states += tracker.update(number, number / RATE, detections([box], ids=[7]))
    states += tracker.finish()
    cut = cut_sides(boxes, SIZE).any(axis=1)
    assert cut.sum() > 10
    (track,) = clip.finish(NOISE, plane)
    for found in (track.velocity_m_s, np.concatenate([frame.velocity_m_s for frame in states])):
        assert np.isnan(found[cut]).all()
        assert np.allclose(found[~cut][5:-5], velocity / 50, atol=0.1)


@pytest.mark.parametrize("tracked", [offline, live])
def test_a_single_cut_box_is_no_error(tracked):
    box, velocity, cov = tracked(np.array([[600.0, 100, 40, 80]]))
    assert np.isfinite(box).all()
    assert np.isfinite(velocity).all()
    assert (np.diagonal(cov[0]) > 0).all()


def test_objects_away_from_the_edge_have_the_same_numbers_with_and_without_the_size():
    random = np.random.default_rng(3)
    boxes = (
        np.array([300.0, 150, 40, 80]) + random.normal(0, 2, (60, 4)) + np.arange(60)[:, None] * (2, 1, 0, 0)
    )
    for a, b in zip(offline(boxes), offline(boxes, None), strict=True):
        assert np.array_equal(a, b)


def test_an_object_seen_again_after_a_gap_at_the_edge():
    whole, velocity = passing("right", steps=60)
    boxes = clipped(whole)
    clip, live_tracker, states = ClipTracker(size=SIZE), LiveTracker(noise=NOISE, size=SIZE), []
    for number, box in enumerate(boxes):
        # The gap lies over the first cut frames.
        found = detections([box], ids=[7]) if number not in range(44, 50) else detections([])
        clip.add(number, number / RATE, found)
        states += live_tracker.update(number, number / RATE, found)
    states += live_tracker.finish()
    (track,) = clip.finish(NOISE)
    assert np.allclose(track.velocity_px_s, velocity, atol=0.05 * SPEED)
    assert np.allclose(states[-1].velocity_px_s[0], velocity, atol=0.05 * SPEED)
    # Interpolated boxes end at the edge, too.
    assert (track.boxes_px[:, 0] + track.boxes_px[:, 2] <= SIZE[0] + 1).all()


def test_cut_boxes_side_by_side():
    one, two = CutBoxes.none(3, 1), CutBoxes.none(5, 1)
    one.signs[1:, 0, 0], two.sizes_px[:, 0] = 1.0, (30.0, 40.0)
    joined = CutBoxes.beside([one, None, two], 6)
    assert joined.signs[:, :, 0].sum(axis=0).tolist() == [2.0, 0.0, 0.0]
    assert joined.sizes_px[:5, 2].tolist() == [[30.0, 40.0]] * 5
    # Frames after the last detection keep the sign.
    assert one.until(5).signs[:, 0, 0].tolist() == [0, 1, 1, 1, 1]
    assert one.until(2).signs[:, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize("speed", [15.0, 30.0, 40.0])
def test_a_leaving_object_keeps_its_identity(speed):
    steps = int(488 / speed)
    whole = np.array([120.0, 140, 160, 80]) + np.arange(steps)[:, None] * (speed, 0, 0, 0)
    ids = []
    for size in (SIZE, None):
        tracker = Tracker(size=size)
        updates = [tracker.update(n / 12, detections([box])) for n, box in enumerate(clipped(whole))]
        ids.append({int(found[0]) for found in updates})
    assert len(ids[0]) == 1
    # At a high speed the visible part shrinks faster than the size of any object.
    assert len(ids[1]) > 1 or speed < 20


def test_many_cut_boxes_are_assigned_as_few_are(monkeypatch):
    random = np.random.default_rng(5)
    starts = random.uniform(0, 540, (12, 1)) * (1, 0, 0, 0) + np.array([0, -20, 60, 60])
    frames = [clipped(starts + n * np.array([9.0, 3, 0, 0])) for n in range(8)]
    found = []
    for pairs in (10**6, 1):
        monkeypatch.setattr("cssv.perception.tracker.DENSE_PAIRS", pairs)
        tracker = Tracker(size=SIZE)
        found.append(
            [
                tracker.update(n / 25, detections(boxes[boxes[:, 2] > 5])).tolist()
                for n, boxes in enumerate(frames)
            ]
        )
    assert found[0] == found[1]


def test_sides_near_the_edge_are_cut_beside_those_at_the_edge():
    # 2, 8 and 20 px to the right edge; the first row of 8 px follows no cut one.
    gaps = np.array([8.0, 20, 8, 2, 8, np.nan, 8, 20, 8])
    boxes = np.stack([540 - gaps, np.full(9, 100.0), np.full(9, 100.0), np.full(9, 80.0)], axis=1)
    boxes[np.isnan(gaps)] = np.nan
    expected = [False, False, True, True, True, False, True, False, False]
    assert cut_sides_of_track(boxes, SIZE)[:, 2].tolist() == expected
    assert not cut_sides_of_track(boxes[:2], SIZE).any()


def test_a_detector_that_leaves_some_pixels_to_the_edge():
    random = np.random.default_rng(2)
    for way in WAYS:
        whole, velocity = passing(way)
        # Between 1 and 6 px in each frame.
        boxes = np.concatenate([clipped(whole[n : n + 1], random.uniform(1, 6)) for n in range(len(whole))])
        for found in (offline(boxes), live(boxes)):
            assert np.allclose(found[1], velocity, atol=0.06 * SPEED)


def test_a_stream_that_waits_for_the_whole_clip_has_its_numbers():
    whole, _ = passing("right", enters=True)
    boxes = clipped(whole) + np.random.default_rng(1).normal(0, 0.5, (len(whole), 1)) * (0, 1, 0, 0)
    for a, b in zip(offline(boxes), live(boxes, lag_s=5.0), strict=True):
        assert np.allclose(a, b, atol=1e-6)


def test_an_object_that_leaves_over_a_corner():
    # Down and to the right, over both edges at the same time.
    step = np.array([150.0, 110.0]) / RATE
    corners = np.array([640.0, 360.0]) - step * np.arange(1, 41)[::-1, None]
    boxes = clipped(np.concatenate([corners, np.tile((100.0, 80.0), (40, 1))], axis=1))
    assert cut_sides(boxes, SIZE)[-10:, 2:].all()
    for found in (offline(boxes), live(boxes)):
        assert np.allclose(found[1], step * RATE, atol=4)
