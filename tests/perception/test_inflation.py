"""The inflated covariance of velocities: its terms, and its coverage where the truth is known."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest

from cssv.boxes import from_centres
from cssv.perception import ClipTracker, LiveTracker, detections
from cssv.perception.inflation import END_S, FACTORS, Signs, inflated

RATE, HEIGHT = 15, 90.0
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991
#: Errors further apart than this are independent, seconds.
INDEPENDENT_S = 1.0
#: Least coverage, and the standard errors below it that chance can explain.
COVERAGE, CHANCE = 0.92, 2.0


def signs(n=121, **changes):
    """An object whose boxes agree with the model perfectly."""
    rates, ones = np.tile([50.0, -20.0, 0.0, 0.0], (n, 1)), np.ones((n, 4))
    plain = Signs(
        times_s=np.arange(n) / RATE,
        seen=np.ones(n, np.bool_),
        vv=np.tile([4.0, 9.0], (n, 1)),
        past=rates,
        past_vv=8 * ones,
        future=rates.copy(),
        future_vv=12 * ones,
        nis=np.zeros((n, 2)),
        typical_nis=(0.5, 0.25),
        begins=True,
    )
    return replace(plain, **changes)


def test_without_any_sign_the_variance_is_least():
    model, *_, end, _ = FACTORS
    found = inflated(signs())
    np.testing.assert_allclose(found[60], model * np.array([4.0, 9.0]), rtol=1e-2)
    np.testing.assert_allclose(found[[0, -1]], (model + end) * np.array([[4.0, 9.0]] * 2), rtol=1e-2)
    # A track that a stream continues does not begin in its window.
    later = inflated(signs(begins=False))
    np.testing.assert_allclose(later[0], model * np.array([4.0, 9.0]), rtol=1e-2)
    after = round(END_S * RATE)
    assert model + 0.3 * end < found[after, 0] / 4 < model + 0.4 * end


def test_each_sign_adds_its_own_term():
    model, contradiction, innovation, gap, _, size = FACTORS
    future = signs().future
    future[:, 0] += 10.0
    found = inflated(signs(future=future))[60]
    np.testing.assert_allclose(found, [4 * (model + contradiction * 100 / 20), 9 * model], rtol=1e-2)

    found = inflated(signs(nis=np.tile([1.5, 0.25], (121, 1))))[60]
    np.testing.assert_allclose(found, [4 * (model + 3 * innovation), 9 * (model + innovation)], rtol=1e-2)

    seen = np.ones(121, np.bool_)
    seen[40:80] = False
    # Without a detection the innovations are not known, so they count as typical.
    found = inflated(signs(seen=seen))[60]
    np.testing.assert_allclose(found, np.array([4.0, 9.0]) * (model + gap + innovation), rtol=1e-2)

    future = signs().future
    future[:, 2:] = (8.0, 6.0)
    found = inflated(signs(future=future))[60]
    np.testing.assert_allclose(found, [4 * model + size * 16, 9 * model + size * 9], rtol=1e-2)


def test_signs_act_near_their_frame_only():
    nis = np.zeros((121, 2))
    nis[60] = 50.0
    extra = inflated(signs(nis=nis))[:, 0] - inflated(signs())[:, 0]
    near = np.flatnonzero(extra > 1e-9)
    assert near[0] >= 60 - RATE / 2 - 1
    assert near[-1] <= 60 + RATE / 2 + 1


def persisting(rng, steps, persistence):
    """(steps, 4) errors of variance 1, an AR(1) process."""
    e = rng.normal(size=(steps, 4))
    for t in range(1, steps):
        e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
    return e


def crowd(persistence=0.0, shake=0.0, steps=150, count=16, sigma=0.04, seed=0):
    """Boxes of objects far apart, frame by frame, their paths and true velocities (count, steps, 2)."""
    rng = np.random.default_rng(seed)
    v = rng.normal(scale=0.4 * HEIGHT, size=(count, 1, 2)) + rng.normal(
        scale=HEIGHT * np.sqrt(0.02 / RATE), size=(count, steps, 2)
    ).cumsum(axis=1)
    # A person with the camera turns quickly, and stands still in between.
    turning = np.repeat(rng.normal(size=(steps // 15 + 1, 2)), 15, axis=0)[:steps]
    v = v + shake * HEIGHT * np.where(np.abs(turning) > 0.6, turning, 0.0)
    start = np.stack([np.arange(count) * 20 * HEIGHT, np.zeros(count)], axis=1)
    path = start[:, None] + v.cumsum(axis=1) / RATE
    frames: list[list] = [[] for _ in range(steps)]
    for k in range(count):
        size = np.tile([0.4 * HEIGHT, HEIGHT], (steps, 1))
        centres = np.concatenate([path[k], size], axis=1)
        boxes = from_centres(centres + sigma * HEIGHT * persisting(rng, steps, persistence))
        for t in np.flatnonzero(rng.random(steps) > 0.08):
            frames[t].append((k, boxes[t]))
    found = [
        detections(
            np.array([box for _, box in seen]).reshape(-1, 4),
            np.full(len(seen), 0.9),
            ids=np.array([k for k, _ in seen], dtype=np.int64),
        )
        for seen in frames
    ]
    return found, v


def whole(frames):
    clip = ClipTracker()
    for number, seen in enumerate(frames):
        clip.add(number, number / RATE, seen)
    tracks = clip.finish()
    return [tracks.in_frame(number) for number in range(len(frames))]


def streamed(frames):
    live, found = LiveTracker(), []
    for number, seen in enumerate(frames):
        found += live.update(number, number / RATE, seen)
    return found + live.finish()


def squares(states, v):
    """Squared errors in units of the covariance."""
    found = []
    for here in states:
        e = here.velocity_px_s - v[here.ids, here.number]
        found.append((e[:, None] @ np.linalg.inv(here.velocity_cov) @ e[..., None])[:, 0, 0])
    return np.concatenate(found)


def chance(rows):
    """Standard error of the coverage of this many rows of one frame each."""
    return np.sqrt(0.05 * 0.95 / (rows / RATE / INDEPENDENT_S))


@pytest.mark.parametrize("method", [whole, streamed])
@pytest.mark.parametrize(
    "kind",
    [{}, {"persistence": 0.7}, {"persistence": 0.9}, {"shake": 0.4}, {"shake": 0.4, "persistence": 0.7}],
    ids=str,
)
def test_the_covariance_covers_errors_that_persist_and_a_camera_that_shakes(method, kind):
    frames, v = crowd(**kind, count=30)
    found = squares(method(frames), v)
    inside = found < ELLIPSE
    assert COVERAGE - CHANCE * chance(len(inside)) < inside.mean()
    # The NEES shows a covariance that is too wide better than the coverage, which ends at 1.
    assert 0.9 < found.mean() < 2.8


@pytest.mark.parametrize("method", [whole, streamed])
def test_short_tracks_are_covered(method):
    frames, v = crowd(persistence=0.5, steps=9, count=150)
    found = squares(method(frames), v)
    assert (found < ELLIPSE).mean() > COVERAGE - CHANCE * chance(len(found))
    assert 0.9 < found.mean() < 2.8


@pytest.mark.parametrize("sequence", ["ETH-Bahnhof", "TUD-Stadtmitte"])
def test_sequences_with_truth_are_covered(data, package, sequence):
    package("filterpy")
    calibration = importlib.import_module("calibration")
    found = calibration.from_boxes(data / "mot15" / sequence)
    for method in ("clip", "stream"):
        inside = found[method].squares() < ELLIPSE
        assert 0.92 <= inside.mean() <= 0.995
        assert found[method].squares().mean() < 3
    assert (found["SORT"].squares() < ELLIPSE).mean() < 0.9
