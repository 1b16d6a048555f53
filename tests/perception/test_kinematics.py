from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.perception.kinematics import (
    inverse,
    kalman_filter,
    predict,
    process_noise,
    rts_smoother,
    transition,
    update,
)

with warnings.catch_warnings():
    # filterpy, an old package, spells some escapes and aliases in ways numpy and Python now deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", SyntaxWarning)
    from filterpy.kalman import KalmanFilter


def problem(seed, steps=40, channels=6):
    """Random walks seen with gaps at uneven times; noise differs by step and channel."""
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.01, 0.5, (steps, channels))
    dt[0] = 0
    z = rng.normal(size=(steps, channels)).cumsum(axis=0) * 10
    seen = rng.random((steps, channels)) > 0.3
    R = rng.uniform(0.1, 4, (steps, channels))
    F, Q = transition(dt), process_noise(dt, rng.uniform(0.1, 50, (steps, channels)))
    x = rng.normal(size=(channels, 2))
    P = np.tile(np.diag([25.0, 9.0]), (channels, 1, 1))
    return z, seen, R, F, Q, x, P


def oracle(z, seen, R, F, Q, x, P):
    """One channel by filterpy: filtered and smoothed states."""
    kf = KalmanFilter(dim_x=2, dim_z=1)
    kf.x, kf.P, kf.H = x[:, None].copy(), P.copy(), np.array([[1.0, 0.0]])
    xs, Ps = [], []
    for t in range(len(z)):
        kf.predict(F=F[t], Q=Q[t])
        kf.update(z[t] if seen[t] else None, R=R[t])
        xs.append(kf.x.copy())
        Ps.append(kf.P.copy())
    xs, Ps = np.array(xs), np.array(Ps)
    # filterpy's smoother takes in Fs[k + 1], which leads from k to k + 1, as F[t] does here.
    smoothed, smoothed_P, _, _ = kf.rts_smoother(xs, Ps, Fs=list(F), Qs=list(Q))
    return xs[..., 0], Ps, smoothed[..., 0], smoothed_P


@pytest.mark.parametrize("seed", range(5))
def test_filter_and_smoother_equal_filterpy(seed):
    z, seen, R, F, Q, x, P = problem(seed)
    forward = kalman_filter(z, seen, R, F, Q, x, P)
    smoothed, smoothed_P = rts_smoother(forward, F)
    for c in range(z.shape[1]):
        ours = forward.x[:, c], forward.P[:, c], smoothed[:, c], smoothed_P[:, c]
        theirs = oracle(z[:, c], seen[:, c], R[:, c], F[:, c], Q[:, c], x[c], P[c])
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)


def batch_least_squares(z, seen, R, F, Q, x, P):
    """Smoothed states of one channel by one large linear system, which shares nothing with a filter."""
    steps = len(z)
    A, b = [], []

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
        if seen[t]:
            look = np.zeros((1, 2 * steps))
            look[0, 2 * t] = 1
            add(look, z[t : t + 1], np.array([[R[t]]]))
    A, b = np.concatenate(A), np.concatenate(b)
    cov = np.linalg.inv(A.T @ A)
    states = (cov @ A.T @ b).reshape(steps, 2)
    return states, np.array([cov[2 * t : 2 * t + 2, 2 * t : 2 * t + 2] for t in range(steps)])


@pytest.mark.parametrize("seed", range(3))
def test_smoother_is_the_least_squares_solution(seed):
    z, seen, R, F, Q, x, P = problem(seed, steps=15, channels=2)
    smoothed, smoothed_P = rts_smoother(kalman_filter(z, seen, R, F, Q, x, P), F)
    for c in range(2):
        states, cov = batch_least_squares(z[:, c], seen[:, c], R[:, c], F[:, c], Q[:, c], x[c], P[c])
        np.testing.assert_allclose(smoothed[:, c], states, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(smoothed_P[:, c], cov, rtol=1e-6, atol=1e-6)


def test_unseen_measurements_are_not_looked_at():
    z, seen, R, F, Q, x, P = problem(1)
    plain = kalman_filter(np.where(seen, z, 0.0), seen, R, F, Q, x, P)
    poisoned = kalman_filter(np.where(seen, z, np.nan), seen, R, F, Q, x, P)
    np.testing.assert_array_equal(plain.x, poisoned.x)


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
def test_covariances_stay_symmetric_and_positive_and_the_smoother_is_surer(seed):
    z, seen, R, F, Q, x, P = problem(seed, steps=25, channels=3)
    forward = kalman_filter(z, seen, R, F, Q, x, P)
    _, smoothed_P = rts_smoother(forward, F)
    for cov in (forward.P, smoothed_P):
        np.testing.assert_allclose(cov, cov.swapaxes(-1, -2), atol=1e-8)
        assert (np.linalg.eigvalsh(cov) > 0).all()
    assert (smoothed_P[..., 1, 1] <= forward.P[..., 1, 1] + 1e-9).all()


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
