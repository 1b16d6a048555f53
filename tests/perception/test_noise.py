from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssv.perception.noise import FEWEST_RESIDUALS, PROCESS_RANGE, estimate_noise
from cssv.perception.smoothing import Noise, Tracklet, edge_states, local_heights, smooth


def tracklets(sigma, persistence=0.0, rate=10, count=12, steps=150, height=100.0, seed=0, q=0.012):
    """Objects whose velocity drifts, and their true velocities; errors of sigma heights persist."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for k in range(count):
        times = np.arange(steps) / rate
        v = rng.normal(scale=0.5 * height, size=2) + np.cumsum(
            rng.normal(scale=height * np.sqrt(q / rate), size=(steps, 2)), axis=0
        )
        path = rng.uniform(0, 1000, 2) + np.cumsum(v, axis=0) / rate
        centres = np.concatenate([path, np.tile([40.0, height], (steps, 1))], axis=1)
        e = rng.normal(size=(steps, 4))
        for t in range(1, steps):
            e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
        numbers = np.arange(steps, dtype=np.int64)
        found.append(Tracklet(k, "object", numbers, times, centres + sigma * height * e, np.ones(steps)))
        truth.append(v)
    return found, truth


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("rate", [7, 25])
def test_independent_errors_are_estimated_as_they_are(sigma, rate):
    seen, _ = tracklets(sigma, rate=rate)
    found = np.array(estimate_noise(seen).measurement)
    np.testing.assert_allclose(found[2:], sigma, rtol=0.3)
    assert (found[:2] > 0.7 * sigma).all()


def test_errors_that_persist_count_for_more():
    seen, _ = tracklets(0.05, persistence=0.7, rate=25)
    # An AR(1) process of coefficient a has autocorrelation time (1 + a) / (1 - a).
    expected = 0.05 * np.sqrt(1.7 / 0.3)
    np.testing.assert_allclose(np.array(estimate_noise(seen).measurement)[2:], expected, rtol=0.35)


@pytest.mark.parametrize("q", [0.02, 0.2, 1.0])
@pytest.mark.parametrize("rate", [7, 25])
def test_how_fast_things_turn_is_learned_from_the_clip(q, rate):
    seen, _ = tracklets(0.04, q=q, rate=rate, count=30)
    x, y, w, h = estimate_noise(seen).process
    np.testing.assert_allclose([x, y], q, rtol=0.5)
    assert (w, h) == (PROCESS_RANGE[0], PROCESS_RANGE[0])


def test_a_moving_camera_is_not_taken_for_a_bad_detector():
    still, _ = tracklets(0.03, rate=25)
    sway = 100 * np.sin(np.arange(150) / 25 * 3)
    for tracklet in still:
        tracklet.centres_px[:, 0] += sway
    x, y, _, _ = estimate_noise(still).process
    assert x > 10 * y


def test_clips_of_short_tracks_keep_the_process_noise():
    seen, _ = tracklets(0.05, count=40, steps=5)
    assert estimate_noise(seen).process == Noise().process


def test_a_few_boxes_keep_the_default():
    seen, _ = tracklets(0.2, count=1, steps=FEWEST_RESIDUALS - 1)
    assert estimate_noise(seen) == Noise()
    assert estimate_noise([]) == Noise()
    mine = Noise(measurement=(0.3,) * 4)
    assert estimate_noise(seen, mine) == mine


def test_false_boxes_hardly_change_the_estimate():
    seen, _ = tracklets(0.04)
    clean = np.array(estimate_noise(seen).measurement)
    for tracklet in seen:
        tracklet.centres_px[50::60] += 30
    np.testing.assert_allclose(estimate_noise(seen).measurement, clean, rtol=0.5)


def test_the_estimate_scales_with_the_box_height():
    near, _ = tracklets(0.05, height=400.0)
    far, _ = tracklets(0.05, height=40.0)
    np.testing.assert_allclose(estimate_noise(near).measurement, estimate_noise(far).measurement, rtol=0.05)


@pytest.mark.parametrize("persistence", [0.0, 0.6])
@pytest.mark.parametrize("rate", [7, 25])
def test_the_covariance_is_honest(rate, persistence):
    seen, truth = tracklets(0.05, persistence, rate=rate, count=40, seed=3)
    errors = []
    for track, v in zip(smooth(seen, estimate_noise(seen)), truth, strict=True):
        inner = slice(20, -20)
        e = (track.velocity_px_s - v)[inner]
        errors.append((e[:, None] @ np.linalg.inv(track.velocity_cov[inner]) @ e[..., None])[:, 0, 0])
    nees = np.concatenate(errors)
    assert 1.2 < nees.mean() < 3.0
    assert 0.88 < (nees < 5.991).mean() < 0.995


def test_fast_objects_widen_the_velocity_prior():
    times = np.arange(100) / 10
    centres = np.stack([times * 900, 0 * times, 0 * times + 40, 0 * times + 100], axis=1)
    fast = Tracklet(0, "object", np.arange(100), times, centres, np.ones(100))
    assert estimate_noise([fast]).velocity > 9


def test_past_and_future_use_their_own_side_only():
    times = np.arange(40) / 10
    x = np.where(times < 2, 0.0, 100 * (times - 2))
    centres = np.stack([x, 0 * x, 0 * x + 40, 0 * x + 100], axis=1)
    (track,) = smooth([Tracklet(1, "object", np.arange(40), times, centres, np.ones(40))], Noise())
    at = 20
    assert abs(track.velocity_past_px_s[at, 0]) < 5
    assert track.velocity_future_px_s[at, 0] > 80
    assert 20 < track.velocity_px_s[at, 0] < 80
    assert track.velocity_past_px_s[0].tolist() == [0, 0]
    assert track.velocity_future_px_s[-1].tolist() == [0, 0]


def test_the_order_and_company_of_tracklets_do_not_matter():
    seen, _ = tracklets(0.05, count=6)
    short = Tracklet(
        99,
        "object",
        *(a[:7] for a in (seen[0].numbers, seen[0].times_s, seen[0].centres_px)),
        seen[0].scores[:7],
    )
    together = {track.id: track for track in smooth([*seen, short], Noise())}
    for alone in ([seen[3]], [short]):
        (track,) = smooth(alone, Noise())
        np.testing.assert_allclose(track.velocity_px_s, together[track.id].velocity_px_s, atol=1e-9)
        np.testing.assert_allclose(track.velocity_cov, together[track.id].velocity_cov, atol=1e-9)


def test_a_tracklet_goes_on_from_where_it_was():
    (whole,), _ = tracklets(0.05, count=1)
    heights = local_heights(whole)
    parts = [
        Tracklet(
            0,
            "object",
            *(rows[s] for rows in (whole.numbers, whole.times_s, whole.centres_px, whole.scores)),
            heights_px=heights[s],
        )
        for s in (slice(0, 100), slice(100, None))
    ]
    _, (state,) = edge_states(parts[:1], Noise())
    assert state.time_s == whole.times_s[99]
    later = replace(parts[1], start=state)
    (one,), (two,) = smooth([whole], Noise()), smooth([later], Noise())
    (alone,) = smooth([parts[1]], Noise())
    # Without the state there is no past: the first velocity is 0, and less certain.
    assert np.abs(alone.velocity_past_px_s[0] - one.velocity_past_px_s[100]).max() > 1
    assert alone.velocity_cov[0, 0, 0] > 1.2 * one.velocity_cov[100, 0, 0]
    # The inflation also looks at the half second before a frame, which a part does not have.
    for name, after in (
        ("velocity_past_px_s", 0),
        ("velocity_px_s", 0),
        ("velocity_cov", 6),
        ("nis", 0),
        ("boxes_px", 0),
    ):
        np.testing.assert_allclose(
            getattr(two, name)[after:], getattr(one, name)[100 + after :], rtol=1e-9, atol=1e-9
        )


def test_edge_states_see_the_whole_tracklet():
    seen, truth = tracklets(0.02, count=3)
    begins, ends = edge_states(seen, Noise())
    for k, tracklet in enumerate(seen):
        assert begins[k].time_s == tracklet.times_s[0]
        assert ends[k].time_s == tracklet.times_s[-1]
        np.testing.assert_allclose(ends[k].x[:2, 1], truth[k][-1], atol=25)
        np.testing.assert_allclose(begins[k].x[:2, 1], truth[k][0], atol=25)


def test_heights_are_averaged_over_a_second_with_gaps_bridged():
    centres = np.tile([0.0, 0, 40, 100], (20, 1))
    centres[5:10] = np.nan
    tracklet = Tracklet(0, "object", np.arange(20), np.arange(20) / 10, centres, np.ones(20))
    np.testing.assert_allclose(local_heights(tracklet), 100)
    single = Tracklet(0, "object", np.arange(1), np.zeros(1), centres[:1], np.ones(1))
    np.testing.assert_allclose(local_heights(single), 100)


def test_velocity_is_that_of_a_thrown_stone():
    times = np.arange(60) / 10
    y = 400 - 200 * times + 60 * times**2 / 2
    centres = np.stack([100 * times, y, 0 * times + 40, 0 * times + 100], axis=1)
    noise = Noise(process=(0.5,) * 4, measurement=(0.01,) * 4)
    (track,) = smooth([Tracklet(1, "object", np.arange(60), times, centres, np.ones(60))], noise)
    inner = slice(10, -10)
    np.testing.assert_allclose(track.velocity_px_s[inner, 0], 100, atol=0.5)
    np.testing.assert_allclose(track.velocity_px_s[inner, 1], (-200 + 60 * times)[inner], atol=1.5)
    (single,) = smooth([Tracklet(1, "a", np.arange(1), times[:1], centres[:1], np.ones(1))], noise)
    assert single.velocity_px_s.tolist() == [[0, 0]]
    assert single.nis.tolist() == [0]
