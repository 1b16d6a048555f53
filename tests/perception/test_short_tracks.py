"""Optical flow as a measured velocity, where boxes are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssv.perception.adaptation import adapted
from cssv.perception.smoothing import FLOW_NOISE, Noise, smooth, spread

RATE, HEIGHT = 10.0, 80.0
NOISE = Noise(process=(0.02,) * 4, measurement=(0.05,) * 4)
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991


def walkers(steps, count=60, sigma_px_s=10.0, seed=0):
    """Tracklets whose flow errs by ``sigma_px_s``, more than it says, and their true velocities."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for k in range(count):
        drift = rng.normal(scale=HEIGHT * np.sqrt(0.02 / RATE), size=(steps, 2)).cumsum(axis=0)
        v = rng.normal(scale=60, size=2) + drift
        path = np.concatenate([v.cumsum(axis=0) / RATE, np.tile([30.0, HEIGHT], (steps, 1))], axis=1)
        path += rng.normal(scale=0.05 * HEIGHT, size=path.shape)
        stated = np.full((steps, 1), sigma_px_s / FLOW_NOISE)
        flow = np.concatenate([v + rng.normal(scale=sigma_px_s, size=v.shape), stated], axis=1)
        flow[0] = np.nan
        numbers = np.arange(steps)
        found.append(
            spread(k, "object", numbers, numbers / RATE, numbers, path, np.ones(steps), flow_px_s=flow)
        )
        truth.append(v)
    return found, truth


def judged(tracklets, truth):
    """Root mean square error and coverage of the 95 % ellipse."""
    errors, squares = [], []
    for track, v in zip(smooth(adapted(tracklets, NOISE), NOISE), truth, strict=True):
        e = track.velocity_px_s - v
        errors.append(e)
        squares.append((e[:, None] @ np.linalg.inv(track.velocity_cov) @ e[..., None])[:, 0, 0])
    e, squares = np.concatenate(errors), np.concatenate(squares)
    return np.sqrt((e**2).sum(axis=1).mean()), (squares < ELLIPSE).mean()


@pytest.mark.parametrize(("steps", "gain"), [(3, 2.0), (5, 1.5), (10, 1.15), (19, 1.0)])
def test_flow_lowers_the_error_of_short_tracks_and_stays_honest(steps, gain):
    tracklets, truth = walkers(steps)
    with_flow, covered = judged(tracklets, truth)
    without, _ = judged([replace(t, flow_px_s=None) for t in tracklets], truth)
    assert gain * with_flow < without
    # Wider than this model needs: real tracks often leave their object near the first or last box.
    assert covered > 0.9


def test_flow_in_the_first_frames_does_a_long_track_no_harm():
    tracklets, truth = walkers(80, count=20)
    for tracklet in tracklets:
        tracklet.flow_px_s[20:] = np.nan
    with_flow, covered = judged(tracklets, truth)
    without, _ = judged([replace(t, flow_px_s=None) for t in tracklets], truth)
    assert with_flow <= without
    assert 0.9 < covered < 0.99


def test_flow_that_says_nothing_changes_nothing():
    tracklets, _ = walkers(8, count=3)
    silent = [replace(t, flow_px_s=np.full((8, 3), np.nan)) for t in tracklets]
    none = [replace(t, flow_px_s=None) for t in tracklets]
    for a, b in zip(smooth(silent, NOISE), smooth(none, NOISE), strict=True):
        np.testing.assert_allclose(a.velocity_px_s, b.velocity_px_s, rtol=1e-12)
        np.testing.assert_allclose(a.velocity_cov, b.velocity_cov, rtol=1e-12)
    mixed = smooth([tracklets[0], none[1]], NOISE)
    np.testing.assert_allclose(mixed[1].velocity_px_s, smooth(none, NOISE)[1].velocity_px_s, rtol=1e-12)


def test_flow_rows_stay_with_their_boxes():
    at = np.array([0, 3, 4])
    flow = np.arange(9.0).reshape(3, 3)
    centres, scores = np.arange(12.0).reshape(3, 4), np.array([0.3, 0.5, 0.7])
    tracklet = spread(1, "a", np.arange(5), np.arange(5.0), at, centres, scores, flow_px_s=flow)
    for rows, given in ((tracklet.flow_px_s, flow), (tracklet.centres_px, centres)):
        np.testing.assert_array_equal(rows[at], given)
        assert np.isnan(rows[[1, 2]]).all()
    np.testing.assert_array_equal(tracklet.scores, [0.3, 0, 0, 0.5, 0.7])
    assert (tracklet.id, tracklet.label, len(tracklet)) == (1, "a", 5)


@pytest.mark.parametrize("steps", [6, 24])
def test_flow_of_something_else_does_not_hold_the_boxes_back(steps):
    tracklets, truth = walkers(steps, count=20)
    for tracklet, v in zip(tracklets, truth, strict=True):
        v += (75.0, 0.0)
        tracklet.centres_px[:, 0] += 75 * tracklet.times_s
        # The picture behind the boxes stands still, and the flow is sure of it.
        tracklet.flow_px_s[1:] = (0.0, 0.0, 2.5)
    with_flow, covered = judged(tracklets, truth)
    without, _ = judged([replace(t, flow_px_s=None) for t in tracklets], truth)
    assert with_flow < 1.25 * without
    assert covered > 0.8
