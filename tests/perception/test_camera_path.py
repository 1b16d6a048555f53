from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.perception import CameraMotion, ClipTracker, Tracker, detections
from cssv.perception.camera import STILL, UNKNOWN
from cssv.perception.camera_path import CameraPath


def motion(dx=0.0, dy=0.0, turn=0.0, zoom=1.0):
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    return CameraMotion(np.array([[c, -s, dx], [s, c, dy]]))


moves = st.builds(motion, st.floats(-20, 20), st.floats(-20, 20), st.floats(-0.1, 0.1), st.floats(0.9, 1.1))


@given(st.lists(moves, min_size=1, max_size=12))
def test_the_scene_is_the_first_frame(chain):
    camera_path, point = CameraPath(), np.array([123.0, 45.0])
    for k, camera in enumerate(chain, start=1):
        camera_path.add(k / 10, camera)
        point = camera.of_points(point)
        A = camera_path.place_at(k / 10)
        np.testing.assert_allclose(A[:, :2] @ point + A[:, 2], [123.0, 45.0], atol=1e-6)
    assert np.array_equal(camera_path.place_at(0.0), np.eye(2, 3))


def test_a_camera_at_rest_or_unknown_leaves_the_scene_where_it_was():
    camera_path = CameraPath()
    for k, camera in enumerate([None, STILL, UNKNOWN]):
        camera_path.add(float(k), camera)
    assert camera_path.is_still
    assert np.array_equal(camera_path.place_at(2.0), np.eye(2, 3))


class Pan:
    """A flow of a picture that moves as a whole, and says nothing of objects."""

    def __init__(self, camera):
        self._camera = camera

    def camera(self):
        return self._camera

    def of_boxes(self, boxes_px):
        return np.full((len(boxes_px), 3), np.nan)


def test_objects_are_followed_through_a_jerk_of_the_camera_only_where_it_is_known():
    seen = [[100.0, 200, 40, 100], [160, 210, 40, 100]]
    for camera, same in ((None, False), (motion(dx=60, dy=-35), True)):
        tracker = Tracker()
        for k in range(6):
            before = tracker.update(k / 10, detections(seen))
        after = tracker.update(0.6, detections(np.add(seen, [60, -35, 0, 0])), camera)
        assert (after.tolist() == before.tolist()) is same


def test_a_zoom_takes_sizes_along():
    tracker = Tracker()
    for k in range(6):
        before = tracker.update(k / 10, detections([[100.0, 200, 40, 100]]))
    after = tracker.update(0.6, detections([[200.0, 400, 80, 200]]), motion(zoom=2.0))
    assert after.tolist() == before.tolist()


@pytest.mark.parametrize("known", [True, False])
def test_links_are_made_in_the_still_scene(known):
    """The camera pans 30 px a frame while an object is hidden for a second, standing in the scene."""
    clip = ClipTracker()
    for k in range(40):
        place = 1500.0 - 30 * k
        hidden = 15 <= k < 25
        boxes = [] if hidden else [[place, 200, 40, 100]]
        # Before and after the gap the camera rests, so that boxes alone say nothing of the pan.
        pan = 30.0 if 15 <= k <= 25 else 0.0
        boxes = [[1500.0 - (330 if k >= 25 else 0), 200, 40, 100]] if not hidden else []
        flow = Pan(motion(dx=-pan) if pan else STILL) if known else None
        clip.add(k, k / 10, detections(boxes), flow)
    assert len(clip.finish()) == (1 if known else 2)


def test_motions_turn_with_the_camera():
    """An object runs right; the camera turns by 90 degrees about it, and it runs down the picture."""
    tracker, camera = Tracker(), CameraMotion(np.array([[0.0, -1.0, 700.0], [1.0, 0.0, 0.0]]))
    for k in range(10):
        (before,) = tracker.update(k / 10, detections([[200.0 + 30 * k, 250, 60, 60]]))
    # It stands at (500, 280) now; after the turn at (420, 530), thirty pixels further down.
    (after,) = tracker.update(1.0, detections([[390.0, 500, 60, 60]]), camera)
    assert after == before
    (after,) = tracker.update(1.1, detections([[390.0, 530, 60, 60]]), STILL)
    assert after == before
    (after,) = tracker.update(1.6, detections([[390.0, 680, 60, 60]]), STILL)
    assert after == before
