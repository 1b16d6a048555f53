"""Boxes -> positions, velocities and their covariance: Kalman filter, smoother, noise from the clip.

The centre x, centre y, width and height of a box are four independent *channels*, each with the state
``x = (value, rate)``, constant rate and continuous white acceleration (Bar-Shalom, Li and Kirubarajan,
*Estimation with Applications to Tracking and Navigation*, 2001, section 6.2.2). Time is in seconds; both
noises scale with the box height h, so one setting serves far and near objects and any frame rate.

Symbols are the literature's: x, P state and covariance, F transition, Q process noise, z, R measurement and
its noise; H is (1, 0). Arrays are (T, N, ...): T steps in time, N channels in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.perception.detections import F64

Bools = NDArray[np.bool_]


def transition(dt_s: F64) -> F64:
    """F: (...,) steps in seconds -> (..., 2, 2). A negative step runs back in time."""
    F = np.zeros((*dt_s.shape, 2, 2))
    F[..., 0, 0] = F[..., 1, 1] = 1.0
    F[..., 0, 1] = dt_s
    return F


def process_noise(dt_s: F64, q: F64) -> F64:
    """Q: steps in seconds and the acceleration's spectral density q (px²/s³) -> (..., 2, 2)."""
    step = np.abs(dt_s)
    Q = np.empty((*np.broadcast(dt_s, q).shape, 2, 2))
    Q[..., 0, 0] = q * step**3 / 3
    Q[..., 0, 1] = Q[..., 1, 0] = q * dt_s * step / 2
    Q[..., 1, 1] = q * step
    return Q


def predict(x: F64, P: F64, F: F64, Q: F64) -> tuple[F64, F64]:
    """One step ahead: x (N, 2) and P (N, 2, 2) before the measurement."""
    # F differs from unity in one place only; that in full is much cheaper than products of 2 x 2.
    f = F[..., 0, 1]
    ahead, spread = x + 0.0, P + Q
    ahead[..., 0] += f * x[..., 1]
    gained = f * P[..., 1, 1]
    spread[..., 0, 0] += f * (2 * P[..., 0, 1] + gained)
    spread[..., 0, 1] += gained
    spread[..., 1, 0] += gained
    return ahead, spread


def update(x: F64, P: F64, z: F64, R: F64, seen: Bools) -> tuple[F64, F64]:
    """Take in the measurements z (N,) of variance R (N,) where ``seen``; leave the other channels alone."""
    K = P[..., 0] * (seen / (P[..., 0, 0] + R))[..., None]
    y = np.where(seen, z, 0.0) - x[..., 0]
    after = P - K[..., :, None] * P[..., None, 0, :]
    # A measurement that settles nearly everything leaves a difference of near equals; rounding must not
    # take it to zero or below.
    after[..., (0, 1), (0, 1)] = np.maximum(after[..., (0, 1), (0, 1)], 1e-15 * P[..., (0, 1), (0, 1)])
    return x + K * y[..., None], after


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """A filter's run: x (T, N, 2), P (T, N, 2, 2) after, and x_prior, P_prior before each measurement."""

    x: F64
    P: F64
    x_prior: F64
    P_prior: F64


def kalman_filter(z: F64, seen: Bools, R: F64, F: F64, Q: F64, x: F64, P: F64) -> Filtered:
    """Run the filter over T steps.

    Args:
        z: (T, N) measurements; whatever stands where ``seen`` is false is not looked at.
        seen: (T, N).
        R: (T, N) variances of z.
        F: (T, N, 2, 2); ``F[t]`` leads from step t - 1 to step t.
        Q: (T, N, 2, 2), likewise.
        x: (N, 2) state at the step before the first.
        P: (N, 2, 2) its covariance.
    """
    steps, count = z.shape
    out = Filtered(
        np.empty((steps, count, 2)),
        np.empty((steps, count, 2, 2)),
        np.empty((steps, count, 2)),
        np.empty((steps, count, 2, 2)),
    )
    for t in range(steps):
        x, P = predict(x, P, F[t], Q[t])
        out.x_prior[t], out.P_prior[t] = x, P
        x, P = update(x, P, z[t], R[t], seen[t])
        out.x[t], out.P[t] = x, P
    return out


def log_likelihoods(
    z: F64, seen: Bools, R: F64, F: F64, Q: F64, x: F64, P: F64, *, scales: F64, widest: float
) -> F64:
    """How well each scale of the noises foretells the measurements, by the innovations of its filter.

    ``z`` to ``P`` are those of :func:`kalman_filter`; ``scales`` (K, 2) multiplies Q and R. Innovations
    beyond ``widest`` standard deviations count as these, so that a false box says little. The answer (K, N)
    holds logarithms of likelihoods, but for a constant.
    """
    process, measurement = scales[:, 0, None, None, None], scales[:, 1, None]
    x, P = np.tile(x, (len(scales), 1, 1)), np.tile(P, (len(scales), 1, 1, 1))
    total = np.zeros(x.shape[:2])
    for t in range(len(z)):
        x, P = predict(x, P, F[t], process * Q[t])
        r = measurement * R[t]
        S = P[..., 0, 0] + r
        squared = np.minimum((np.where(seen[t], z[t], 0.0) - x[..., 0]) ** 2 / S, widest**2)
        total -= np.where(seen[t], squared + np.log(S), 0.0) / 2
        x, P = update(x, P, z[t], r, seen[t])
    return total


def inverse(A: F64) -> F64:
    """Invert covariances (..., 2, 2); np.linalg.inv costs ten times as much on stacks of 2 x 2."""
    inverse = np.empty_like(A)
    product = A[..., 0, 0] * A[..., 1, 1]
    # Rounding may take the last digit of certainty from a covariance; the floor keeps it invertible.
    det = np.maximum(product - A[..., 0, 1] * A[..., 1, 0], 1e-13 * product)
    inverse[..., 0, 0] = A[..., 1, 1] / det
    inverse[..., 1, 1] = A[..., 0, 0] / det
    inverse[..., 0, 1] = -A[..., 0, 1] / det
    inverse[..., 1, 0] = -A[..., 1, 0] / det
    return inverse


def rts_smoother(forward: Filtered, F: F64) -> tuple[F64, F64]:
    """Rauch-Tung-Striebel: x (T, N, 2) and P (T, N, 2, 2) given all T steps.

    Rauch, Tung and Striebel, "Maximum likelihood estimates of linear dynamic systems", AIAA J. 3 (1965).
    """
    x, P = forward.x.copy(), forward.P.copy()
    G = forward.P[:-1] @ F[1:].swapaxes(-1, -2) @ inverse(forward.P_prior[1:])
    G_T = G.swapaxes(-1, -2)
    for t in range(len(x) - 2, -1, -1):
        x[t] += (G[t] @ (x[t + 1] - forward.x_prior[t + 1])[..., None])[..., 0]
        P[t] += G[t] @ (P[t + 1] - forward.P_prior[t + 1]) @ G_T[t]
    return x, P
