"""Kalman filter and smoother in closed form: positions, velocities and covariances from boxes.

The centre x, centre y, width and height of a box are four independent *channels*. The state of each is
``(x, v)``, value and rate; the model is constant rate with continuous white acceleration (Bar-Shalom, Li and
Kirubarajan, *Estimation with Applications to Tracking and Navigation*, 2001, section 6.2.2). Time is in
seconds. Both noises scale with the box height h, so that one setting is valid for all distances and frame
rates.

A 2 x 2 covariance has three different numbers. Each step of filter and smoother is written in these for all
channels at once: arrays are (T, N), T steps in time by N channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64, I64

Bools = NDArray[np.bool_]


def transition(dt_s: F64) -> F64:
    """Transition matrices F: (...,) steps in seconds -> (..., 2, 2). A negative step goes back in time."""
    F = np.zeros((*dt_s.shape, 2, 2))
    F[..., 0, 0] = F[..., 1, 1] = 1.0
    F[..., 0, 1] = dt_s
    return F


def process_noise(dt_s: F64, q: F64) -> F64:
    """Process noise Q: steps in seconds and spectral density q of the acceleration, px²/s³ -> (..., 2, 2)."""
    Q = np.empty((*np.broadcast(dt_s, q).shape, 2, 2))
    Q[..., 0, 0], Q[..., 0, 1], Q[..., 1, 1] = scatter(dt_s, q)
    Q[..., 1, 0] = Q[..., 0, 1]
    return Q


def scatter(dt_s: F64, q: F64) -> tuple[F64, F64, F64]:
    """The three numbers of Q: variance of x, covariance, variance of v after a step ``dt_s`` of density q."""
    # The variances are positive in both directions of time; only the covariance changes its sign.
    step = np.abs(dt_s)
    v = q * step
    xv = v * dt_s / 2
    return xv * dt_s * (2 / 3), xv, v


def predict(x: F64, P: F64, F: F64, Q: F64) -> tuple[F64, F64]:
    """Predict one step: x (N, 2) and P (N, 2, 2) before the measurement."""
    # F differs from the identity in one element; writing that out is much cheaper than 2 x 2 products.
    f = F[..., 0, 1]
    ahead, spread = x + 0.0, P + Q
    ahead[..., 0] += f * x[..., 1]
    gained = f * P[..., 1, 1]
    spread[..., 0, 0] += f * (2 * P[..., 0, 1] + gained)
    spread[..., 0, 1] += gained
    spread[..., 1, 0] += gained
    return ahead, spread


def update(x: F64, P: F64, z: F64, R: F64, seen: Bools) -> tuple[F64, F64]:
    """Update by measurements z (N,) of variance R (N,) where ``seen``; other channels are unchanged."""
    K = P[..., 0] * (seen / (P[..., 0, 0] + R))[..., None]
    y = np.where(seen, z, 0.0) - x[..., 0]
    after = P - K[..., :, None] * P[..., None, 0, :]
    # A very accurate measurement makes this a difference of nearly equal numbers; the lower bound prevents a
    # variance of zero or below by rounding.
    after[..., (0, 1), (0, 1)] = np.maximum(after[..., (0, 1), (0, 1)], 1e-15 * P[..., (0, 1), (0, 1)])
    return x + K * y[..., None], after


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """Value x and rate v of every channel at every step, and their covariance: five (..., T, N)."""

    x: F64
    v: F64
    xx: F64
    xv: F64
    vv: F64

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> States:
        """Allocate states of this shape without initial values."""
        return cls(*np.empty((5, *shape)))

    def numbers(self) -> tuple[F64, F64, F64, F64, F64]:
        """Return x, v, xx, xv, vv."""
        return self.x, self.v, self.xx, self.xv, self.vv

    def step(self, step: int) -> States:
        """Select the states of one step, (..., N)."""
        return States(*(number[..., step, :] for number in self.numbers()))

    def vector(self) -> F64:
        """State vectors, (..., 2)."""
        return np.stack([self.x, self.v], axis=-1)

    def covariance(self) -> F64:
        """Covariance matrices, (..., 2, 2)."""
        return np.stack([self.xx, self.xv, self.xv, self.vv], axis=-1).reshape(*self.xx.shape, 2, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Input of the filter: N channels over T steps.

    Attributes:
        z: (T, N) measured values, finite; ignored where ``weight`` is 0.
        weight: (T, N) inverse variance of z; 0 where nothing was measured.
        dt_s: (T, N) seconds from step t - 1 to step t, negative if time runs backwards; ``dt_s[0]`` is from
            the start to the first step.
        noise: Q of the same steps, three numbers (T, N) each, as returned by :func:`scatter`.
        start: the states (N,) before the first step.
        rate, rate_weight: (T, N) measured rates and their inverse variances, as z and ``weight``; None if no
            rate is measured.
    """

    z: F64
    weight: F64
    dt_s: F64
    noise: tuple[F64, F64, F64]
    start: States
    rate: F64 | None = None
    rate_weight: F64 | None = None

    def scaled(self, scales: F64) -> Problem:
        """Multiply Q and the variances of z by ``scales`` (2, N)."""
        q, qv, qvv = self.noise
        return replace(
            self, weight=self.weight / scales[1], noise=(scales[0] * q, scales[0] * qv, scales[0] * qvv)
        )

    def columns(self, chosen: I64) -> Problem:
        """Select some of the channels."""
        q, qv, qvv = (number[:, chosen] for number in self.noise)
        rate, rate_weight = (None if n is None else n[:, chosen] for n in (self.rate, self.rate_weight))
        start = States(*(number[chosen] for number in self.start.numbers()))
        z, weight, dt = self.z[:, chosen], self.weight[:, chosen], self.dt_s[:, chosen]
        return Problem(z, weight, dt, (q, qv, qvv), start, rate, rate_weight)

    def reversed(self, start: States) -> Problem:
        """Reverse the problem in time; it begins with ``start`` at the last step."""
        # Step t leads from t - 1 to t, so the reversed steps are shifted by one; the first has length 0.
        q, qv, qvv = (np.concatenate([np.zeros_like(n[:1]), n[:0:-1]]) for n in self.noise)
        dt = np.concatenate([np.zeros_like(self.dt_s[:1]), -self.dt_s[:0:-1]])
        rate, rate_weight = (None if n is None else n[::-1] for n in (self.rate, self.rate_weight))
        return Problem(self.z[::-1], self.weight[::-1], dt, (q, -qv, qvv), start, rate, rate_weight)


@dataclass(frozen=True, slots=True, eq=False)
class MeasurementUpdate:
    """Quantities of one scalar measurement of value or rate for the smoother, (T, N) each.

    Attributes:
        K: Kalman gain of the component that was not measured.
        I_K: 1 - K of the measured component: the remaining share of its variance; 1 without a measurement.
        y_S: innovation y over its variance S; 0 without a measurement.
        inv_S: 1 / S; 0 without a measurement.
    """

    K: F64
    I_K: F64
    y_S: F64
    inv_S: F64


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """Result of the filter: the states after the measurements of each step, and the update quantities."""

    states: States
    value: MeasurementUpdate
    rate: MeasurementUpdate | None

    def nis(self) -> F64:
        """Compute squared innovations over their variances, (T, N): 1 on average, 0 without measurement."""
        squared: F64 = self.value.y_S**2 / np.where(self.value.inv_S > 0, self.value.inv_S, 1.0)
        return squared


def kalman_filter(problem: Problem) -> Filtered:
    """Run the filter over all steps."""
    shape = problem.z.shape
    states, value = States.empty(shape), MeasurementUpdate(*np.empty((4, *shape)))
    rate = None if problem.rate is None else MeasurementUpdate(*np.empty((4, *shape)))
    x, v, xx, xv, vv = problem.start.numbers()
    rows = (problem.dt_s, *problem.noise, problem.z, problem.weight, *states.numbers())
    updates = (value.K, value.I_K, value.y_S, value.inv_S)
    a, b = np.empty((2, *shape[1:]))
    for t, (dt, q, qv, qvv, z, w, x1, v1, xx1, xv1, vv1, K, I_K, y_S, inv_S) in enumerate(
        zip(*rows, *updates, strict=True)
    ):
        # Prediction; x1 to vv1 hold it first. In-place operations avoid temporary arrays.
        np.multiply(dt, v, x1)
        x1 += x
        np.multiply(dt, vv, a)
        np.add(xv, a, b)
        np.add(b, qv, xv1)
        b += xv
        b *= dt
        b += xx
        np.add(b, q, xx1)
        np.add(vv, qvv, vv1)
        # Measurement of x. Written with the weight, nothing cancels if the measurement is very accurate.
        np.multiply(xx1, w, I_K)
        I_K += 1.0
        np.reciprocal(I_K, I_K)
        np.multiply(w, I_K, inv_S)
        np.subtract(z, x1, y_S)
        y_S *= inv_S
        np.multiply(xv1, inv_S, K)
        np.multiply(xx1, y_S, a)
        x1 += a
        np.multiply(xv1, y_S, a)
        np.add(v, a, v1)
        np.multiply(K, xv1, a)
        vv1 -= a
        xx1 *= I_K
        xv1 *= I_K
        x, v, xx, xv, vv = x1, v1, xx1, xv1, vv1
        if rate is not None:
            _measure_rate(problem, rate, states, t)
    return Filtered(states, value, rate)


def _measure_rate(problem: Problem, rate: MeasurementUpdate, states: States, t: int) -> None:
    """Update step t by its measured rates, after the values; in place."""
    assert problem.rate is not None
    assert problem.rate_weight is not None
    x, v, xx, xv, vv = (number[t] for number in states.numbers())
    w = problem.rate_weight[t]
    rate.I_K[t] = I_K = 1 / (1 + vv * w)
    rate.inv_S[t] = inv_S = w * I_K
    rate.K[t] = xv * inv_S
    rate.y_S[t] = (problem.rate[t] - v) * inv_S
    x[:], v[:], xx[:], xv[:], vv[:] = _with_rate(problem.rate[t], w, x, v, xx, xv, vv)


def _with_rate(
    z: F64, weight: F64, x: F64, v: F64, xx: F64, xv: F64, vv: F64
) -> tuple[F64, F64, F64, F64, F64]:
    """Update states by measurements z of the rates."""
    I_K = 1 / (1 + vv * weight)
    inv_S = weight * I_K
    y_S = (z - v) * inv_S
    return x + xv * y_S, v + vv * y_S, xx - inv_S * xv**2, xv * I_K, vv * I_K


def rts_smoother(forward: Filtered, problem: Problem) -> States:
    """Smooth: states given all steps, as by Rauch, Tung and Striebel (AIAA J. 3, 1965).

    The computation has the form of Bierman ("Fixed interval smoothing with discrete measurements", Int. J.
    Control 18, 1973): the information of the later steps is propagated backwards as a vector and a matrix,
    and subtracted from the filtered states. It needs no inverse, and steps of 0 s without noise need no
    special case.
    """
    return smoothed(forward, messages(forward, problem))


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """Information of the later steps for each step, (T, N) each: vector (x, v) and matrix (xx, xv, vv).

    If the model is correct, the vector has mean 0 and this matrix is its covariance.
    """

    x: F64
    v: F64
    xx: F64
    xv: F64
    vv: F64


def messages(forward: Filtered, problem: Problem) -> Messages:
    """Propagate the information of later steps backwards over all steps."""
    shape = problem.z.shape
    out = np.zeros((5, *shape))
    updates = (forward.value.K, forward.value.I_K, forward.value.y_S, forward.value.inv_S)
    a, b, c = np.empty((3, *shape[1:]))
    lx, lv, xx, xv, vv = out[:, -1].copy()
    for t in range(shape[0] - 1, 0, -1):
        if (rate := forward.rate) is not None:
            update = (rate.K[t], rate.I_K[t], rate.y_S[t], rate.inv_S[t])
            lv, xv, vv = _back_through_rate(*update, lx, lv, xx, xv, vv)
        K, I_K, y_S, inv_S = (number[t] for number in updates)
        dt = problem.dt_s[t]
        x1, v1, xx1, xv1, vv1 = out[:, t - 1]
        # Through the measurement of the value ...
        np.multiply(K, lv, a)
        np.multiply(I_K, lx, x1)
        x1 -= a
        x1 -= y_S
        np.multiply(K, vv, a)
        np.multiply(I_K, xv, b)
        b -= a
        # ... b is the new xv, and xx = I_K² xx - 2 I_K K xv + K² vv + 1 / S.
        np.multiply(I_K, xx, xx1)
        np.multiply(K, xv, c)
        xx1 -= c
        xx1 *= I_K
        np.multiply(K, b, c)
        xx1 -= c
        xx1 += inv_S
        # ... and back over the step.
        np.multiply(dt, x1, v1)
        v1 += lv
        np.multiply(dt, xx1, a)
        np.add(b, a, xv1)
        np.add(xv1, b, vv1)
        vv1 *= dt
        vv1 += vv
        lx, lv, xx, xv, vv = x1, v1, xx1, xv1, vv1
    return Messages(*out)


def _back_through_rate(
    K: F64, I_K: F64, y_S: F64, inv_S: F64, x: F64, v: F64, xx: F64, xv: F64, vv: F64
) -> tuple[F64, F64, F64]:
    """Propagate messages backwards through the measured rates: new v, xv, vv."""
    new_xv = I_K * xv - K * xx
    return I_K * v - K * x - y_S, new_xv, I_K * (I_K * vv - K * xv) - K * new_xv + inv_S


def through_rates(forward: Filtered, later: Messages) -> tuple[F64, F64, F64, F64, F64]:
    """Add the measured rates of each step to its messages, (T, N) each."""
    x, v, xx, xv, vv = later.x, later.v, later.xx, later.xv, later.vv
    if (update := forward.rate) is not None:
        v, xv, vv = _back_through_rate(update.K, update.I_K, update.y_S, update.inv_S, x, v, xx, xv, vv)
    return x, v, xx, xv, vv


def smoothed(forward: Filtered, later: Messages) -> States:
    """Combine the filtered states with the messages of the later steps."""
    x, v, xx, xv, vv = forward.states.numbers()
    a, b = xx * later.xx + xv * later.xv, xx * later.xv + xv * later.vv
    c, d = xv * later.xx + vv * later.xv, xv * later.xv + vv * later.vv
    return States(
        x - xx * later.x - xv * later.v,
        v - xv * later.x - vv * later.v,
        xx - a * xx - b * xv,
        xv - a * xv - b * vv,
        vv - c * xv - d * vv,
    )


def inverse(A: F64) -> F64:
    """Invert covariances (..., 2, 2); np.linalg.inv costs ten times as much on stacks of 2 x 2."""
    inverse = np.empty_like(A)
    product = A[..., 0, 0] * A[..., 1, 1]
    # Rounding can make the determinant zero or negative; the lower bound keeps the matrix invertible.
    det = np.maximum(product - A[..., 0, 1] * A[..., 1, 0], 1e-13 * product)
    inverse[..., 0, 0] = A[..., 1, 1] / det
    inverse[..., 1, 1] = A[..., 0, 0] / det
    inverse[..., 0, 1] = -A[..., 0, 1] / det
    inverse[..., 1, 0] = -A[..., 1, 0] / det
    return inverse


def log_likelihoods(problem: Problem, scales: F64, widest: float) -> tuple[F64, States]:
    """Compute the log likelihood of the measured values under each noise scale, from the innovations.

    Args:
        problem: the measurements; ``start`` has one state per channel, or (K, N).
        scales: (K, 2) factors on Q and on the variances of z.
        widest: bound of the innovations in standard deviations, so that a false box has little effect.

    Returns:
        (K, N) log likelihoods except for a constant, and the states (K, N) of each scale after the last step.
    """
    process, certainty = scales[:, :1], 1 / scales[:, 1:]
    shape = (len(scales), problem.z.shape[1])
    x, v, xx, xv, vv = (np.broadcast_to(n, shape).copy() for n in problem.start.numbers())
    total = np.zeros(shape)
    rows = (problem.dt_s, *problem.noise, problem.z, problem.weight)
    for t, (dt, q, qv, qvv, z, weight) in enumerate(zip(*rows, strict=True)):
        x += dt * v
        ahead = xv + dt * vv
        xx += dt * (xv + ahead) + process * q
        xv = ahead + process * qv
        vv += process * qvv
        w = certainty * weight
        I_K = 1 / (1 + xx * w)
        inv_S = w * I_K
        y = z - x
        seen = weight > 0
        total -= np.where(
            seen, np.minimum(y * y * inv_S, widest**2) - np.log(np.where(seen, inv_S, 1.0)), 0.0
        )
        y_S, K = y * inv_S, xv * inv_S
        x += xx * y_S
        v += xv * y_S
        vv -= K * xv
        xx *= I_K
        xv *= I_K
        if problem.rate is not None and problem.rate_weight is not None:
            x, v, xx, xv, vv = _with_rate(problem.rate[t], problem.rate_weight[t], x, v, xx, xv, vv)
    return total / 2, States(x, v, xx, xv, vv)
