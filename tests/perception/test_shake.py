"""The shake of the camera, from what the boxes of a frame have in common."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.perception.noise import estimate_noise
from cssv.perception.shake import STILL, estimate_shake
from cssv.perception.smoothing import Tracklet, smooth

RATE, STEPS = 14, 420
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991


def white(rng, density, steps=STEPS):
    """(steps, 2) velocities whose acceleration is white noise of this density in x and y."""
    return (rng.normal(size=(steps, 2)) * np.sqrt(np.divide(density, RATE))).cumsum(axis=0)


def walkers(shake=(0.0, 0.0), count=6, own=0.01, sigma=0.04, seed=0):
    """Tracklets of people of different heights, and their true velocities in the picture."""
    rng = np.random.default_rng(seed)
    camera = white(rng, shake)
    found, truth = [], []
    for k in range(count):
        height = float(rng.uniform(60, 240))
        v = rng.normal(scale=0.3 * height, size=2) + white(rng, (own * height**2,) * 2) + camera
        path = rng.uniform(0, 600, 2) + v.cumsum(axis=0) / RATE
        centres = np.concatenate([path, np.tile([0.4 * height, height], (STEPS, 1))], axis=1)
        centres += sigma * height * rng.normal(size=centres.shape)
        numbers = np.arange(STEPS, dtype=np.int64)
        found.append(Tracklet(k, "person", numbers, numbers / RATE, centres, np.ones(STEPS)))
        truth.append(v)
    return found, truth


@pytest.mark.parametrize("seed", range(5))
def test_objects_that_move_alone_show_no_shake(seed):
    tracklets, _ = walkers(seed=seed)
    assert estimate_shake(tracklets, 1 / RATE) == STILL
    assert estimate_noise(tracklets).shake == STILL


def test_one_object_or_few_boxes_show_no_shake():
    (alone, *_), _ = walkers((3000.0, 3000.0))
    assert estimate_shake([alone], 1 / RATE) == STILL
    assert estimate_shake([], 1 / RATE) == STILL


def test_the_shake_of_each_axis_is_found_in_pixels():
    found = np.array([estimate_shake(walkers((0.0, 2000.0), seed=k)[0], 1 / RATE) for k in range(8)])
    assert (found[:, 0] == 0).all()
    assert found[:, 1].min() > 0
    # The density at the spacing of the differences; frames in which boxes are far off are limited.
    assert found[:, 1].mean() == pytest.approx(2000, rel=0.35)


@pytest.mark.parametrize("seed", range(3))
def test_small_objects_are_shaken_by_as_many_pixels_and_their_covariance_says_so(seed):
    tracklets, truth = walkers((1500.0, 3000.0), seed=seed)
    noise = estimate_noise(tracklets)
    assert min(noise.shake) > 0
    inside, errors = [], []
    for track, v in zip(smooth(tracklets, noise), truth, strict=True):
        e = track.velocity_px_s - v
        errors.append((e**2).sum(axis=1).mean())
        inside.append((e[:, None] @ np.linalg.inv(track.velocity_cov) @ e[..., None])[:, 0, 0] < ELLIPSE)
    assert all(own.mean() > 0.9 for own in inside)
    assert 0.93 < np.concatenate(inside).mean() < 0.998
