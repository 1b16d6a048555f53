from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cssv.boxes import from_centres, to_centres
from cssv.perception import BoxesDetector, LiveTracker, Noise, detections, track_boxes
from cssv.perception.adaptation import MEASUREMENT_SCALES, PROCESS_SCALES, adapted
from cssv.perception.kinematics import kalman_filter, log_likelihoods
from cssv.perception.noise import estimate_noise
from cssv.perception.smoothing import Batch, Tracklet, smooth

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE, STEPS, HEIGHT = 25, 125, 40.0
TIMES = np.arange(STEPS) / RATE
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991
#: Away from the ends, where a smoother knows one side only.
INNER = slice(8, -8)


def steady(k):
    """(path, velocity), (STEPS, 2) each."""
    v = np.array([30.0 - 12 * k, 5.0 * k])
    return 100 + 60 * k + TIMES[:, None] * v, np.tile(v, (STEPS, 1))


def accelerating(gain=35.0):
    v = np.stack([10 + gain * TIMES, 0 * TIMES], axis=1)
    return np.stack([50 + 10 * TIMES + gain * TIMES**2 / 2, 0 * TIMES + 80], axis=1), v


def turning(radius=60.0, rate=1.2):
    turn = rate * TIMES
    path = 200 + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return path, radius * rate * np.stack([-np.sin(turn), np.cos(turn)], axis=1)


def sharp_turn():
    return turning(rate=2.5)


def sudden_start():
    v = np.stack([80 * np.clip((TIMES - 2) / 0.4, 0, 1), 0 * TIMES], axis=1)
    return 50 + np.cumsum(v, axis=0) / RATE, v


def persisting(rng, persistence):
    """(STEPS, 4) errors of variance 1, an AR(1) process."""
    e = rng.normal(size=(STEPS, 4))
    for t in range(1, STEPS):
        e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
    return e


def scene(special=None, persistence=0.0, sigma_px=0.6, others=5, seed=0):
    """Steady objects and, as the last, a special one: tracklets and true velocities."""
    rng = np.random.default_rng(seed)
    motions = [steady(k) for k in range(others)] + ([special] if special is not None else [])
    found = []
    for k, (path, _) in enumerate(motions):
        size = np.tile([30.0, HEIGHT], (STEPS, 1))
        centres = np.concatenate([path, size], axis=1) + sigma_px * persisting(rng, persistence)
        numbers = np.arange(STEPS, dtype=np.int64)
        found.append(Tracklet(k, "object", numbers, TIMES, centres, np.ones(STEPS)))
    return found, [v for _, v in motions]


def judge(track, v):
    """Root mean square velocity error, px/s, and NEES away from the ends."""
    e, P = (track.velocity_px_s - v)[INNER], track.velocity_cov[INNER]
    nees = (e[:, None] @ np.linalg.inv(P) @ e[..., None])[:, 0, 0]
    return float(np.sqrt((e**2).sum(axis=1).mean())), nees


def smoothed(tracklets):
    noise = estimate_noise(tracklets)
    return smooth(adapted(tracklets, noise), noise), smooth(tracklets, noise)


@pytest.mark.parametrize("persistence", [0.0, 0.6])
@pytest.mark.parametrize("motion", [accelerating, turning])
@pytest.mark.parametrize("seed", range(3))
def test_who_manoeuvres_among_steady_ones_is_followed_and_covered(motion, persistence, seed):
    tracklets, truth = scene(motion(), persistence, seed=seed)
    tracks, _ = smoothed(tracklets)
    error, nees = judge(tracks[-1], truth[-1])
    assert error < 5.5
    assert (nees < ELLIPSE).mean() > 0.9
    for track, v in zip(tracks[:-1], truth[:-1], strict=True):
        assert judge(track, v)[0] < 2.5


@pytest.mark.parametrize("persistence", [0.0, 0.6])
@pytest.mark.parametrize("motion", [sharp_turn, sudden_start])
def test_a_sharp_manoeuvre_has_smaller_errors_than_with_one_noise_for_all(motion, persistence):
    tracklets, truth = scene(motion(), persistence)
    tracks, plain = smoothed(tracklets)
    ours, ours_nees = judge(tracks[-1], truth[-1])
    theirs, theirs_nees = judge(plain[-1], truth[-1])
    assert ours < theirs
    assert ours < 8
    assert (ours_nees < ELLIPSE).mean() > 0.9
    assert ours_nees.mean() < 3
    # The inflated covariance covers the larger errors of one noise for all, too.
    assert (theirs_nees < ELLIPSE).mean() > 0.9


@pytest.mark.parametrize("persistence", [0.0, 0.6, 0.85])
def test_persisting_errors_are_not_taken_for_motion(persistence):
    for seed in range(4):
        tracklets, truth = scene(None, persistence, seed=seed)
        noise = estimate_noise(tracklets)
        scales = np.array([t.scales for t in adapted(tracklets, noise)])
        assert (scales[..., 0] == 1).mean() >= 0.9
        nees = np.concatenate([judge(t, v)[1] for t, v in zip(smoothed(tracklets)[0], truth, strict=True)])
        assert (nees < ELLIPSE).mean() > 0.9


@pytest.mark.parametrize("persistence", [0.0, 0.6])
def test_a_few_that_manoeuvre_are_not_taken_for_a_bad_detector(persistence):
    calm, _ = scene(None, persistence, others=5)
    mixed, _ = scene(turning(), persistence, others=5)
    np.testing.assert_allclose(estimate_noise(mixed).measurement, estimate_noise(calm).measurement, rtol=0.5)


def test_who_is_seen_worse_is_not_taken_for_livelier():
    tracklets, truth = scene(others=6)
    rng = np.random.default_rng(9)
    worse = tracklets[-1].centres_px + 2.4 * persisting(rng, 0.0)
    tracklets[-1] = replace(tracklets[-1], centres_px=worse)
    noise = estimate_noise(tracklets)
    process, measurement = adapted(tracklets, noise)[-1].scales.T
    assert process.tolist() == [1] * 4
    assert measurement.min() >= 4
    error, nees = judge(smoothed(tracklets)[0][-1], truth[-1])
    assert error < 5
    assert (nees < ELLIPSE).mean() > 0.9


def test_channels_choose_by_themselves_and_only_what_is_offered():
    tracklets, _ = scene(accelerating(60))
    *calm, lively = adapted(tracklets, estimate_noise(tracklets))
    assert lively.scales[0, 0] > 1
    assert lively.scales[1:, 0].tolist() == [1] * 3
    scales = np.array([t.scales for t in (*calm, lively)])
    assert set(scales[..., 0].ravel()) <= set(PROCESS_SCALES)
    assert set(scales[..., 1].ravel()) <= set(MEASUREMENT_SCALES)


def test_exchanged_boxes_are_no_manoeuvre():
    tracklets, _ = scene()
    tracklets[0].centres_px[60:62, :2] += 30
    assert (adapted(tracklets, estimate_noise(tracklets))[0].scales[:2] == 1).all()


def test_short_tracklets_keep_the_noise_of_their_clip():
    tracklets, _ = scene(turning())
    noise = estimate_noise(tracklets)
    short = [
        Tracklet(t.id, t.label, t.numbers[:5], t.times_s[:5], t.centres_px[:5], t.scores[:5])
        for t in tracklets
    ]
    assert all((t.scales == 1).all() for t in adapted(short, noise))


def test_order_and_company_do_not_matter_and_the_choice_is_made_anew():
    tracklets, _ = scene(turning())
    noise = estimate_noise(tracklets)
    together = adapted(tracklets[::-1], noise)
    assert [t.id for t in together] == [t.id for t in tracklets[::-1]]
    (alone,) = adapted(tracklets[-1:], noise)
    np.testing.assert_array_equal(alone.scales, together[0].scales)
    np.testing.assert_array_equal(adapted([alone], noise)[0].scales, alone.scales)
    assert adapted([], noise) == []


def test_scales_multiply_both_noises():
    (one,), _ = scene(others=1)
    noise = Noise(process=(0.1, 0.2, 0.3, 0.4), measurement=(0.02, 0.03, 0.04, 0.05))
    scaled = replace(one, scales=np.array([[4.0, 9.0]] * 4))
    same = Noise(
        process=tuple(4 * q for q in noise.process),
        measurement=tuple(3 * r for r in noise.measurement),
    )
    (a,), (b,) = smooth([scaled], noise), smooth([one], same)
    for name in ("boxes_px", "velocity_px_s", "velocity_cov", "velocity_future_px_s"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-9)


def test_likelihoods_are_those_of_the_filter():
    tracklets, _ = scene(turning())
    tracklets[0].centres_px[30:50] = np.nan
    given = Batch.from_tracklets(tracklets).problem(Noise())
    scales = np.array([[1.0, 1.0], [8.0, 4.0]])
    found, last = log_likelihoods(given, scales, np.inf)
    for k, (m, r) in enumerate(scales):
        run = kalman_filter(
            replace(given, weight=given.weight / r, noise=tuple(m * number for number in given.noise))
        )
        inv_S = np.where(given.weight > 0, run.value.inv_S, 1.0)
        terms = -(run.nis() - np.log(inv_S)) / 2
        np.testing.assert_allclose(found[k], terms.sum(axis=0), rtol=1e-9)
        for mine, theirs in zip(last.numbers(), run.states.step(-1).numbers(), strict=True):
            np.testing.assert_allclose(mine[k], theirs, rtol=1e-9)


def live_errors(motion, noise):
    tracklets, truth = scene(motion)
    tracker, found = LiveTracker(noise=noise), []
    for n in range(STEPS):
        centres = np.array([t.centres_px[n] for t in tracklets])
        found += tracker.update(n, n / RATE, detections(from_centres(centres), ids=np.arange(len(tracklets))))
    found += tracker.finish()
    return np.array([(s.velocity_px_s[-1] - truth[-1][s.number]) for s in found]), np.array(
        [s.velocity_cov[-1] for s in found]
    )


def test_a_stream_adapts_as_far_as_its_window_tells():
    noise = Noise(process=(0.008,) * 4, measurement=(0.015,) * 4)
    errors, P = live_errors(sharp_turn(), noise)
    e, P = errors[25:-25], P[25:-25]
    nees = (e[:, None] @ np.linalg.inv(P) @ e[..., None])[:, 0, 0]
    assert np.sqrt((e**2).sum(axis=1).mean()) < 8
    assert (nees < ELLIPSE).mean() > 0.9


def test_the_sample_clip_is_followed():
    truth = {}
    with (SAMPLES / "truth.csv").open() as rows:
        for row in csv.DictReader(rows):
            values = [float(row[name]) for name in ("x", "y", "w", "h", "vx_px_s", "vy_px_s")]
            truth.setdefault(row["id"], {})[int(row["frame"])] = values
    tracks = track_boxes(BoxesDetector(SAMPLES / "boxes.txt"), [n / 25 for n in range(100)])
    assert len(tracks) == 5
    for track in tracks:
        known = min(truth.values(), key=lambda rows: gap(track, rows))
        k = [k for k in range(8, len(track) - 8) if int(track.numbers[k]) in known]
        true = np.array([known[int(track.numbers[i])] for i in k])
        e = track.velocity_px_s[k] - true[:, 4:]
        nees = (e[:, None] @ np.linalg.inv(track.velocity_cov[k]) @ e[..., None])[:, 0, 0]
        assert np.sqrt(((track.boxes_px[k] - true[:, :4]) ** 2).mean()) < 0.5
        assert np.sqrt((e**2).sum(axis=1).mean()) < 2
        assert (nees < ELLIPSE).mean() > 0.85


def gap(track, rows):
    """Mean distance of a track's centres from a true path, px."""
    shared = [k for k, n in enumerate(track.numbers.tolist()) if n in rows]
    true = np.array([rows[int(track.numbers[k])][:4] for k in shared]).reshape(-1, 4)
    return np.abs(to_centres(track.boxes_px[shared]) - to_centres(true)).mean() if shared else np.inf
