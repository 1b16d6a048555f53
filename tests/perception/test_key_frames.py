"""Annotations that are straight lines between key frames: what is measured, and an honest covariance."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.boxes import to_centres
from cssv.perception import ClipTracker, detections
from cssv.perception.key_frames import LONGEST_S, at_key_frames
from cssv.perception.smoothing import Noise, Tracklet, as_truth, seen_rows

HEIGHT = 100.0


def tracklet_of(boxes, rate=25):
    centres = to_centres(np.asarray(boxes, float))
    seen = seen_rows(centres)
    n = len(boxes)
    return as_truth(Tracklet(1, "", np.arange(n), np.arange(n) / rate, centres, seen.astype(float)))


def keys_of(boxes, rate=25):
    """Numbers of the key frames; None for boxes that are not interpolated."""
    found = at_key_frames([tracklet_of(boxes, rate)], Noise())
    return None if found is None else np.flatnonzero(seen_rows(found[0][0].centres_px)).tolist()


def lines(keys, corners):
    """Boxes of 40 x 100 pixels, interpolated between corners x, y at key frames."""
    x, y = (np.interp(np.arange(keys[-1] + 1), keys, column) for column in np.transpose(corners))
    return np.stack([x, y, np.full_like(x, 40), np.full_like(x, HEIGHT)], axis=1)


KEYS = [0, 12, 31, 40, 60]
CORNERS = [(10, 300), (100, 280), (120, 330), (60, 340), (200, 200)]


@pytest.mark.parametrize("step", [0.0, 0.001, 0.01, 1.0, 2.0])
def test_the_ends_of_lines_are_found_whatever_the_rounding(step):
    boxes = lines(KEYS, CORNERS)
    boxes = np.rint(boxes / step) * step if step else boxes
    found = keys_of(boxes)
    assert found[0] == 0
    assert found[-1] == 60
    # Coarse rounding hides up to two frames of a corner.
    assert len(found) == len(KEYS)
    assert np.abs(np.array(found) - KEYS).max() <= (2 if step >= 1 else 0)


def test_absence_ends_a_line():
    boxes = lines(KEYS, CORNERS)
    boxes[18:25] = np.nan
    assert keys_of(boxes) == [0, 12, 17, 25, 31, 40, 60]


def test_objects_that_stand_still_are_measured_now_and_then():
    found = keys_of(lines([0, 1000], [(10, 20), (10, 20)]))
    assert np.diff(found).max() == LONGEST_S * 25
    assert len(found) == 1000 / (LONGEST_S * 25) + 1


def test_boxes_that_a_person_has_set_in_every_frame_all_count():
    rng = np.random.default_rng(2)
    boxes = np.array([10.0, 20, 40, 100]) + rng.normal(0, 2, (80, 4))
    boxes[:, 0] += 3 * np.arange(80)
    assert keys_of(boxes) is None
    assert keys_of(np.rint(boxes)) is None
    assert at_key_frames([], Noise()) is None


# ---- covariance


def annotated(rate, every, error_px, process, seed, count=10, seconds=14):
    """Objects of white acceleration, annotated in every n-th frame: a tracker, the boxes, and velocities."""
    rng = np.random.default_rng(seed)
    steps, fine = rate * seconds, 20
    dt = 1 / (rate * fine)
    boxes, velocities = np.empty((steps, count, 4)), np.empty((steps, count, 2))
    for k in range(count):
        change = rng.normal(0, np.sqrt(process / dt) * HEIGHT, (steps * fine, 2)) * dt
        v = rng.normal(0, 0.7 * HEIGHT, 2) + np.cumsum(change, axis=0)
        places, velocities[:, k] = np.cumsum(v * dt, axis=0)[::fine], v[::fine]
        keys = np.unique([*range(rng.integers(every), steps, every), 0, steps - 1])
        corners = np.concatenate([places, places + np.array([40, HEIGHT])], axis=1)[keys]
        corners += rng.normal(0, error_px, corners.shape)
        drawn = np.rint([np.interp(np.arange(steps), keys, column) for column in corners.T]).T
        boxes[:, k] = np.concatenate([drawn[:, :2], drawn[:, 2:] - drawn[:, :2]], axis=1)
    clip = ClipTracker(boxes_are="truth")
    for number in range(steps):
        clip.add(number, number / rate, detections(boxes[number], ids=range(count)))
    return clip, boxes, velocities


@pytest.mark.parametrize(
    ("rate", "every", "error_px", "process"),
    [
        (25, 1, 1, 0.05),
        (25, 5, 1, 0.01),
        (25, 15, 2, 0.05),
        (25, 30, 1, 0.02),
        (7, 5, 1, 0.05),
        (7, 15, 1, 0.05),
    ],
)
def test_the_covariance_holds_the_true_velocity(rate, every, error_px, process):
    squares = []
    for seed in (1, 2):
        clip, boxes, velocities = annotated(rate, every, error_px, process, seed)
        for track in clip.finish():
            np.testing.assert_allclose(track.boxes_px, boxes[track.numbers, track.id], atol=1e-9)
            error = track.velocity_px_s - velocities[track.numbers, track.id]
            squares.append(np.einsum("ni,nij,nj->n", error, np.linalg.inv(track.velocity_cov), error))
    squares = np.concatenate(squares)
    # 2 and .95 for a covariance that is exactly right; few key frames make it cautious.
    assert 1.0 < squares.mean() < 2.8
    assert 0.9 < (squares < 5.99).mean() < 0.995
