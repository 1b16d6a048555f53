"""What constant noise cannot explain: found where it is, and not where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.perception.adaptation import adapted
from cssv.perception.disturbances import Disturbances, find, jumps, left_out
from cssv.perception.kinematics import (
    Problem,
    States,
    kalman_filter,
    messages,
    process_noise,
    rts_smoother,
    scatter,
)
from cssv.perception.noise import estimate_noise
from cssv.perception.smoothing import Tracklet, smooth

RATE, STEPS, HEIGHT = 25, 125, 40.0
TIMES = np.arange(STEPS) / RATE
#: 95 % of the chi-square distribution with two degrees of freedom.
ELLIPSE = 5.991


def drawn(count=30, steps=200, seed=0):
    """A problem whose measurements are drawn from its own model."""
    rng = np.random.default_rng(seed)
    shape, dt, q, sigma = (steps, 4 * count), 0.1, 200.0, 5.0
    root = np.linalg.cholesky(process_noise(np.array(dt), np.array(q)))
    x, v, z = np.zeros(shape[1]), rng.normal(scale=50, size=shape[1]), np.empty(shape)
    for t in range(steps):
        drift = root @ rng.normal(size=(2, shape[1]))
        x, v = x + dt * v + drift[0], v + drift[1]
        z[t] = x + sigma * rng.normal(size=shape[1])
    dts = np.full(shape, dt)
    dts[0] = 0
    weight = (rng.random(shape) > 0.1) / sigma**2
    none = np.zeros(shape[1])
    start = States(z[0].copy(), none, none + 1e6, none, none + 4e4)
    return Problem(z, weight, dts, scatter(dts, np.full(shape, q)), start)


def test_contradictions_are_chance_where_the_model_is_right():
    given = drawn()
    forward = kalman_filter(given)
    later = messages(forward, given)
    error, variance = left_out(forward, later)
    seen = given.weight > 0
    assert (error**2 / variance)[seen].mean() == pytest.approx(1, abs=0.03)
    _, _, joint, _, alone = jumps(given, later)
    assert joint[2:-2].mean() == pytest.approx(2, abs=0.05)
    assert alone[2:-2].mean() == pytest.approx(1, abs=0.05)
    found = find(given)
    assert (found.doubt == 1).all()
    assert not found.place.any()
    assert not found.rate.any()


def test_what_others_foretell_is_the_smoother_without_the_measurement():
    given = drawn(count=1, steps=30)
    forward = kalman_filter(given)
    error, variance = left_out(forward, messages(forward, given))
    for t in (0, 7, 29):
        weight = given.weight.copy()
        weight[t] = 0
        without = Problem(given.z, weight, given.dt_s, given.noise, given.start)
        states = rts_smoother(kalman_filter(without), without)
        seen = given.weight[t] > 0
        np.testing.assert_allclose(error[t, seen], (given.z - states.x)[t, seen], rtol=1e-6, atol=1e-6)
        total = states.xx[t, seen] + 1 / given.weight[t, seen]
        np.testing.assert_allclose(variance[t, seen], total, rtol=1e-6)


@pytest.mark.parametrize("kind", ["box", "change", "jump"])
def test_each_kind_is_found_where_it_is(kind):
    given = drawn(count=3)
    at, one = 90, slice(4, 8)
    if kind == "box":
        given.z[at, one] += 60
        given.weight[at, one] = 1 / 25
    elif kind == "change":
        given.z[at:, 4] += 90 * (0.05 + 0.1 * np.arange(200 - at))
    else:
        given.z[at:, one] += 80
    found = find(given)
    steps, owners = np.nonzero((found.doubt > 1) | found.place.any(axis=-1) | found.rate.any(axis=-1))
    assert set(owners.tolist()) == {1}
    assert np.abs(steps - at).max() <= 6
    assert (found.doubt[at, 1] > 10) == (kind == "box")
    assert bool(found.place[at, 1].any()) == (kind == "jump")
    assert bool(found.rate[:, 1].any()) == (kind != "box")
    assert found.of_tracklet(0, 200) is None
    assert found.of_tracklet(1, 200) is not None


def test_disturbances_of_tracklets_side_by_side():
    one = Disturbances.none(3, 1)
    one.doubt[2], one.rate[1, 0, 0] = 5.0, 7.0
    both = Disturbances.beside([None, one], 6)
    assert both.counts().tolist() == [0, 2]
    assert both.doubt[2].tolist() == [1, 5]
    assert both.until(2).counts().tolist() == [0, 1]


def scene(path, others=5, sigma_px=0.8, seed=0, persistence=0.0):
    """Steady walkers and, as the last, one on ``path`` (STEPS, 2)."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(others + 1):
        steady = 100 + 60 * k + TIMES[:, None] * np.array([30.0 - 12 * k, 5.0 * k])
        size = np.tile([30.0, HEIGHT], (STEPS, 1))
        e = rng.normal(size=(STEPS, 4))
        for t in range(1, STEPS):
            e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
        centres = np.concatenate([path if k == others else steady, size], axis=1) + sigma_px * e
        found.append(Tracklet(k, "object", np.arange(STEPS), TIMES, centres, np.ones(STEPS)))
    return found


def squares(track, v):
    e = track.velocity_px_s - v
    return e, (e[:, None] @ np.linalg.inv(track.velocity_cov) @ e[..., None])[:, 0, 0]


@pytest.mark.parametrize("persistence", [0.0, 0.6])
@pytest.mark.parametrize("speed", [20.0, 40.0, 80.0])
def test_a_reversal_is_followed_and_covered(speed, persistence):
    v = np.stack([np.where(TIMES < 2.5, speed, -speed), 0 * TIMES], axis=1)
    path = 200 + v.cumsum(axis=0) / RATE
    errors, inside, plain_errors = [], [], []
    for seed in range(4):
        tracklets = scene(path, seed=seed, persistence=persistence)
        noise = estimate_noise(tracklets)
        e, nees = squares(smooth(adapted(tracklets, noise), noise)[-1], v)
        errors.append(e)
        inside.append(nees < ELLIPSE)
        plain_errors.append(squares(smooth(tracklets, noise)[-1], v)[0])
    mine, plain = (np.sqrt((np.concatenate(e) ** 2).sum(axis=1).mean()) for e in (errors, plain_errors))
    assert np.mean(inside) > 0.92
    assert mine < 1.05 * plain


@pytest.mark.parametrize("length", [1, 3, 8])
def test_exchanged_identities_neither_drag_the_velocity_nor_falsify_its_covariance(length):
    v = np.tile([40.0, 0.0], (STEPS, 1))
    tracklets = scene(200 + v.cumsum(axis=0) / RATE)
    wrong = slice(60, 60 + length)
    tracklets[-1].centres_px[wrong, :2] += (35, 12)
    noise = estimate_noise(tracklets)
    near = np.r_[45:60, 60 + length : 75 + length]
    e, nees = (rows[near] for rows in squares(smooth(adapted(tracklets, noise), noise)[-1], v))
    plain_e, plain_nees = (rows[near] for rows in squares(smooth(tracklets, noise)[-1], v))
    mine, plain = (np.sqrt((errors**2).mean()) for errors in (e, plain_e))
    assert mine < min(4, plain / (1 if length == 1 else 3))
    assert (nees < ELLIPSE).mean() > 0.9
    # Without the disturbances the errors are larger, and the inflated covariance covers most of them.
    assert (plain_nees < ELLIPSE).mean() > 0.8
