"""Objects of the motion detector that never moved, in clips and streams."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cssv.frames import Frame
from cssv.perception import ClipTracker, LiveTracker, detections, perceive
from cssv.perception.camera import CameraMotion
from cssv.perception.detectors import CheckedDetector
from cssv.perception.detectors.motion import MotionDetector
from cssv.perception.stillness import Place

STEP_S = Fraction(1, 24)


def place_of(boxes):
    place = Place()
    centres = np.array(boxes, dtype=float)
    place.add(centres, np.arange(len(centres)))
    return place


def jitter(count, size, sigma, seed=0):
    rng = np.random.default_rng(seed)
    return [(200 + dx, 100 + dy, *size) for dx, dy in rng.normal(0, sigma, (count, 2))]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("size", [(90.0, 4.0), (40.0, 40.0), (150.0, 60.0)])
def test_what_trembles_never_left_its_place(size, share):
    assert not place_of(jitter(100, size, share * size[1])).was_left


def test_what_flickers_between_two_parts_never_left_its_place():
    """The two ends of a line of paint appear in turn, each for some time."""
    boxes = [(200.0 + 40 * ((k // 15) % 2), 100.0, 30.0, 4.0) for k in range(120)]
    wide = [(x, y, 60.0, h) for x, y, w, h in boxes]
    assert not place_of(wide).was_left


@pytest.mark.parametrize("speed", [1.0, 3.0, 20.0])
def test_what_drives_left_its_place(speed):
    assert place_of([(100 + speed * k, 50, 60, 30) for k in range(60)]).was_left


def test_a_fast_object_in_few_frames_left_its_place():
    assert place_of([(100 + 80 * k, 50, 60, 30) for k in range(3)]).was_left


def test_one_false_box_is_no_motion():
    boxes = [(100.0, 50, 60, 30)] * 40
    boxes[20] = (140.0, 60, 60, 30)
    assert not place_of(boxes).was_left


def test_boxes_in_parts_are_boxes_at_once():
    boxes = np.array([(100 + 2 * k, 50, 60, 30) for k in range(30)], dtype=float)
    place = Place()
    for k in range(30):
        place.add(boxes[k : k + 1], np.array([k]))
    assert place.was_left == place_of(boxes).was_left


def test_the_scene_moves_with_the_camera():
    """The camera pans: what stands in the scene moves in the picture, and the other way round."""
    pan = CameraMotion(np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]]))
    stands, drives = Place(), Place()
    for k in range(40):
        for place, x in ((stands, 100 + 5 * k), (drives, 100.0)):
            place.follow(pan)
            place.add(np.array([[x, 50, 60, 30]], dtype=float), np.array([k]))
    assert not stands.was_left
    assert drives.was_left


def scene(k):
    """Boxes of a flickering line, a walker, and a person who stands for 2 s and then walks."""
    rng = np.random.default_rng(k)
    later = 60 + 4 * max(k - 48, 0)
    boxes = [
        (300 + rng.normal(0, 0.3), 40, 90, 5),
        (20 + 3 * k, 100, 30, 70),
        (later, 200 + rng.normal(0, 0.3), 30, 70),
    ]
    return detections(np.array(boxes, dtype=float), np.full(3, 0.9))


@pytest.mark.parametrize("only_moving", [True, False])
def test_a_clip_keeps_what_moved_at_some_time(only_moving):
    clip = ClipTracker(only_moving=only_moving)
    for k in range(96):
        clip.add(k, k * STEP_S, scene(k))
    tracks = clip.finish()
    assert len(tracks) == (2 if only_moving else 3)
    if only_moving:
        # Whole: with the time in which it stood.
        assert [len(track) for track in tracks] == [96, 96]
        assert [note for note in tracks.notes if "never moved" in note] == [
            "96 boxes of 1 object left out because they never moved; the detector finds moving objects only"
        ]


def test_a_stream_returns_what_moved():
    live, states = LiveTracker(lag_s=0.5), []
    for k in range(96):
        states += live.update(k, k * STEP_S, scene(k), only_moving=True)
    states += live.finish()
    assert [len(state) for state in states[:20]] == [1] * 20
    assert [len(state) for state in states[-20:]] == [2] * 20
    assert any("96 boxes of 1 object left out because they never moved" in note for note in live.notes)


def test_a_stream_keeps_still_objects_of_other_detectors():
    live, states = LiveTracker(lag_s=0.5), []
    for k in range(96):
        states += live.update(k, k * STEP_S, scene(k))
    assert len(states[-1]) == 3


def test_the_capability_is_the_detectors():
    assert CheckedDetector(MotionDetector()).only_moving

    class Still:
        name = "still"

        def detect(self, _frame):
            return detections([])

    assert not CheckedDetector(Still()).only_moving


def test_flickering_paint_is_no_track():
    """A line becomes brighter and darker, beside a vehicle that drives."""
    rng, frames = np.random.default_rng(0), []
    for number in range(120):
        luma = np.full((240, 320), 76.0)
        luma[60:66, 100:200] = 140 + (45 if (number // 6) % 3 == 1 and number > 20 else 0)
        x = 4 * (number - 30)
        if x + 70 > 0:
            luma[140:180, max(x, 0) : max(x + 70, 0)] = 180
        planes = np.full((360, 320), 128, np.uint8)
        planes[:240] = np.clip(luma + rng.normal(0, 1, luma.shape), 0, 255)
        frames.append(Frame(planes, "yuv420p", number, Fraction(1, 24), number))
    detector = MotionDetector()
    assert sum((detector.detect(frame).boxes_px[:, 1] < 100).any() for frame in frames) > 10
    tracks = perceive(frames, MotionDetector())
    assert len(tracks) == 1
    assert tracks[0].boxes_px[:, 1].min() > 120
