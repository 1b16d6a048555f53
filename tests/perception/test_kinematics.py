from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.perception.kinematics import (
    Problem,
    States,
    inverse,
    kalman_filter,
    predict,
    process_noise,
    rts_smoother,
    scatter,
    transition,
    update,
)
from cssv.testing.cost import count_calls

with warnings.catch_warnings():
    # filterpy, an old package, spells some escapes and aliases in ways numpy and Python now deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", SyntaxWarning)
    from filterpy.kalman import KalmanFilter


def problem(seed, steps=40, channels=6, rates=False):
    """Random walks seen with gaps at uneven times; noise differs by step and channel. Also R and q."""
    rng = np.random.default_rng(seed)
    shape = steps, channels
    dt = 10 ** rng.uniform(-3, 0, shape)
    dt[0] = 0
    dt[rng.random(shape) < 0.05] = 0
    z = rng.normal(size=shape).cumsum(axis=0) * 10
    seen = rng.random(shape) > rng.uniform(0.05, 0.95)
    R, q = rng.uniform(0.1, 4, shape), 10 ** rng.uniform(-1, 2, shape)
    start = States(*rng.normal(size=(2, channels)), *np.tile([[25.0], [1.0], [9.0]], channels))
    measured = rng.normal(size=shape) * 3, (rng.random(shape) > 0.5) / rng.uniform(0.1, 4, shape)
    return Problem(z, seen / R, dt, scatter(dt, q), start, *(measured if rates else ())), R, q


def oracle(given, R, q, c):
    """Channel c by filterpy: filtered and smoothed states, and the NIS."""
    kf = KalmanFilter(dim_x=2, dim_z=1)
    kf.x, kf.P, kf.H = given.start.vector()[c, :, None], given.start.covariance()[c], np.array([[1.0, 0.0]])
    F, Q = list(transition(given.dt_s[:, c])), list(process_noise(given.dt_s[:, c], q[:, c]))
    xs, Ps, nis = [], [], []
    for t in range(len(F)):
        kf.predict(F=F[t], Q=Q[t])
        seen = given.weight[t, c] > 0
        kf.update(given.z[t, c] if seen else None, R=R[t, c])
        nis.append((kf.y[0, 0] ** 2 / kf.S[0, 0]) if seen else 0.0)
        if given.rate is not None and given.rate_weight[t, c] > 0:
            kf.update(given.rate[t, c], R=1 / given.rate_weight[t, c], H=np.array([[0.0, 1.0]]))
        xs.append(kf.x.copy())
        Ps.append(kf.P.copy())
    xs, Ps = np.array(xs), np.array(Ps)
    # filterpy's smoother takes in Fs[k + 1], which leads from k to k + 1, as F[t] does here.
    smoothed, smoothed_P, _, _ = kf.rts_smoother(xs, Ps, Fs=F, Qs=Q)
    return xs[..., 0], Ps, smoothed[..., 0], smoothed_P, np.array(nis)


@given(st.integers(0, 10**9), st.integers(1, 60), st.booleans())
@settings(max_examples=30)
def test_filter_and_smoother_equal_filterpy(seed, steps, rates):
    given_, R, q = problem(seed, steps, channels=2, rates=rates)
    forward = kalman_filter(given_)
    smoothed = rts_smoother(forward, given_)
    for c in range(2):
        x, P, smoothed_x, smoothed_P, nis = oracle(given_, R, q, c)
        np.testing.assert_allclose(forward.nis()[:, c], nis, rtol=1e-9, atol=1e-9)
        for mine, theirs in ((forward.states, (x, P)), (smoothed, (smoothed_x, smoothed_P))):
            np.testing.assert_allclose(mine.vector()[:, c], theirs[0], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(mine.covariance()[:, c], theirs[1], rtol=1e-9, atol=1e-9)


def batch_least_squares(given, R, q, c):
    """Smoothed states of one channel by one large linear system, which shares nothing with a filter."""
    steps = len(given.z)
    A, b = [], []
    F, Q = transition(given.dt_s[:, c]), process_noise(given.dt_s[:, c], q[:, c])
    x, P = given.start.vector()[c], given.start.covariance()[c]

    def add(rows, values, cov):
        L = np.linalg.inv(np.linalg.cholesky(cov))
        A.append(L @ rows)
        b.append(L @ values)

    first = np.zeros((2, 2 * steps))
    first[:, :2] = np.eye(2)
    add(first, F[0] @ x, F[0] @ P @ F[0].T + Q[0])
    for t in range(steps):
        if t:
            move = np.zeros((2, 2 * steps))
            move[:, 2 * t : 2 * t + 2], move[:, 2 * t - 2 : 2 * t] = np.eye(2), -F[t]
            add(move, np.zeros(2), Q[t])
        look = np.zeros((1, 2 * steps))
        look[0, 2 * t] = 1
        if given.weight[t, c] > 0:
            add(look, given.z[t, c : c + 1], R[t, c].reshape(1, 1))
        if given.rate_weight[t, c] > 0:
            add(np.roll(look, 1), given.rate[t, c : c + 1], 1 / given.rate_weight[t, c].reshape(1, 1))
    A, b = np.concatenate(A), np.concatenate(b)
    cov = np.linalg.inv(A.T @ A)
    states = (cov @ A.T @ b).reshape(steps, 2)
    return states, np.array([cov[2 * t : 2 * t + 2, 2 * t : 2 * t + 2] for t in range(steps)])


@pytest.mark.parametrize("seed", range(3))
def test_smoother_is_the_least_squares_solution(seed):
    given_, R, q = problem(seed, steps=15, channels=2, rates=True)
    dt = np.maximum(given_.dt_s, 0.01)
    given_ = replace(given_, dt_s=dt, noise=scatter(dt, q))
    smoothed = rts_smoother(kalman_filter(given_), given_)
    for c in range(2):
        states, cov = batch_least_squares(given_, R, q, c)
        np.testing.assert_allclose(smoothed.vector()[:, c], states, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(smoothed.covariance()[:, c], cov, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 10**9))
@settings(max_examples=20)
def test_back_in_time_the_smoother_says_the_same(seed):
    # A start that says hardly anything on either side leaves only what both runs share.
    given_, *_ = problem(seed, steps=20, channels=3, rates=True)
    weight = np.maximum(given_.weight, 0.05)
    wide = States(*np.zeros((2, 3)), np.full(3, 1e6), np.zeros(3), np.full(3, 1e6))
    given_ = replace(given_, start=wide, weight=weight)
    there = rts_smoother(kalman_filter(given_), given_)
    back = given_.reversed(wide)
    again = rts_smoother(kalman_filter(back), back)
    for a, b in zip(there.numbers(), again.numbers(), strict=True):
        np.testing.assert_allclose(a, b[::-1], rtol=1e-3, atol=1e-3)


def test_tracks_are_smoothed_together():
    """The number of calls does not depend on the number of tracks: arrays hold all of them."""

    def calls(tracks, steps):
        given_, *_ = problem(1, steps=steps, channels=4 * tracks)
        return count_calls(lambda: rts_smoother(kalman_filter(given_), given_))

    assert calls(10, 60) == calls(100, 60) == calls(1000, 60)
    # And it grows with the number of frames.
    assert calls(10, 120) <= 2 * calls(10, 60)


def test_unseen_measurements_are_not_looked_at():
    given_, *_ = problem(1)
    other = replace(given_, z=np.where(given_.weight > 0, given_.z, 1e6))
    np.testing.assert_array_equal(kalman_filter(given_).states.x, kalman_filter(other).states.x)


def test_a_step_of_no_time_changes_nothing():
    x, P = np.array([[3.0, 4.0]]), np.array([[[5.0, 1.0], [1.0, 2.0]]])
    zero = np.zeros(1)
    moved, spread = predict(x, P, transition(zero), process_noise(zero, np.ones(1)))
    np.testing.assert_array_equal(moved, x)
    np.testing.assert_array_equal(spread, P)


def test_process_noise_is_the_integral_of_white_acceleration():
    dt, q, cells = 0.7, 3.0, 20000
    t = (np.arange(cells) + 0.5) * dt / cells
    G = np.stack([dt - t, np.ones(cells)])
    np.testing.assert_allclose(process_noise(np.array(dt), np.array(q)), q * G @ G.T * dt / cells, rtol=1e-6)


@given(st.floats(0.001, 2), st.floats(0.001, 2), st.floats(0.01, 100))
def test_two_steps_scatter_like_one(a, b, q):
    F, G = transition(np.array(b)), process_noise
    twice = F @ G(np.array(a), np.array(q)) @ F.T + G(np.array(b), np.array(q))
    np.testing.assert_allclose(twice, G(np.array(a + b), np.array(q)), rtol=1e-9)


@given(st.floats(0.001, 2), st.floats(0.01, 100))
def test_noise_back_in_time_mirrors_noise_forward(dt, q):
    back = transition(np.array(-dt))
    forward = process_noise(np.array(dt), np.array(q))
    np.testing.assert_allclose(
        process_noise(np.array(-dt), np.array(q)), back @ forward @ back.T, rtol=1e-6, atol=1e-9
    )


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_covariances_stay_positive_and_the_smoother_is_surer(seed):
    given_, *_ = problem(seed, steps=25, channels=3)
    forward = kalman_filter(given_)
    smoothed = rts_smoother(forward, given_)
    for states in (forward.states, smoothed):
        assert (np.linalg.eigvalsh(states.covariance()) > 0).all()
    assert (smoothed.vv <= forward.states.vv * (1 + 1e-9)).all()


def test_an_update_never_makes_less_certain():
    x, P = np.zeros((1, 2)), np.array([[[4.0, 1.0], [1.0, 3.0]]])
    y, S = update(x, P, np.array([2.0]), np.array([1.0]), np.array([True]))
    assert S[0, 0, 0] == pytest.approx(4 / 5)
    assert y[0, 0] == pytest.approx(2 * 4 / 5)
    assert S[0, 1, 1] == pytest.approx(3 - 1 / 5)


def test_inverse_of_stacks():
    B = np.random.default_rng(0).normal(size=(7, 3, 2, 2))
    A = B @ B.swapaxes(-1, -2) + 0.1 * np.eye(2)
    np.testing.assert_allclose(inverse(A) @ A, np.broadcast_to(np.eye(2), A.shape), atol=1e-9)


def test_a_covariance_rounded_to_singular_still_has_an_inverse():
    assert np.isfinite(inverse(np.array([[4.0, 2.0], [2.0, 1.0]]))).all()
