"""Detection of disturbances that constant noise does not explain: false boxes, turns, exchanged identities.

A smoother gives the contradiction of each step by all frames together, the auxiliary residuals (Harvey and
Koopman, "Diagnostic checking of unobserved-components time series models", J. Business and Economic
Statistics 10, 1992; de Jong and Penzer, "Diagnosing shocks in time series", J. Am. Statistical Association
93, 1998). Three kinds of contradiction are tested. Each statistic is a sum of squares of standard normal
variables if the model is correct:

- a false box: one measurement is far from its prediction by all others;
- a sudden change of velocity: the frames before and after agree in position, but not in velocity;
- a jump: they do not agree in position either, for example after an exchange of identities.

If a statistic is significant, the noise of that step is increased by the observed difference. So the step
neither distorts the adjacent states nor makes their variance too small. The largest contradiction in a
neighbourhood is treated first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import maximum_filter1d

from cssv.boxes import F64, I64
from cssv.perception.kinematics import (
    Bools,
    Filtered,
    Messages,
    Problem,
    kalman_filter,
    messages,
    through_rates,
)

#: Quantiles for 1e-6 of the sums of squares of 4, 2 and 8 standard normal variables: thresholds for a false
#: box, a change of velocity and a jump.
FALSE_BOX = 33.4
SUDDEN_CHANGE = 27.6
JUMP = 42.7
#: A jump must be larger than the velocity change beside it times this many steps. Otherwise it is only a
#: change of velocity that did not happen in the middle of the step.
LEAST_JUMP_STEPS = 2.0
#: Number of passes, and so the most contradictions found in one neighbourhood.
PASSES = 3
#: Steps on either side of a contradiction that are left to the next pass. A change of velocity is distributed
#: over them, because its exact frame is not known.
_NEIGHBOURHOOD = 5
#: Divisor for differences of the squares between these steps, because errors persist.
_PERSISTENCE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Disturbances:
    """Additional noise for T steps of B tracklets.

    Attributes:
        doubt: (T, B) factor on the measurement variances; 1 without a false box.
        place: (T, B, 4) variance of a jump of each channel's value in the middle of the step to this frame.
        rate: (T, B, 4) variance of a jump of its rate at the same time.
    """

    doubt: F64
    place: F64
    rate: F64

    @classmethod
    def none(cls, steps: int, count: int) -> Disturbances:
        """Create an object without disturbances."""
        return cls(np.ones((steps, count)), np.zeros((steps, count, 4)), np.zeros((steps, count, 4)))

    @classmethod
    def beside(cls, parts: Sequence[Disturbances | None], steps: int) -> Disturbances:
        """Combine the disturbances of single tracklets, padded at the end to ``steps``; None means none."""
        joined = cls.none(steps, len(parts))
        for column, part in enumerate(parts):
            if part is not None:
                n = len(part.doubt)
                joined.doubt[:n, column] = part.doubt[:, 0]
                joined.place[:n, column], joined.rate[:n, column] = part.place[:, 0], part.rate[:, 0]
        return joined

    def of_tracklet(self, column: int, steps: int) -> Disturbances | None:
        """Select one tracklet; None if it has no disturbances."""
        own = self.columns(np.array([column]))
        part = Disturbances(own.doubt[:steps], own.place[:steps], own.rate[:steps])
        calm = (part.doubt == 1).all() and not part.place.any() and not part.rate.any()
        return None if calm else part

    def until(self, steps: int) -> Disturbances:
        """Select the first ``steps`` steps."""
        return Disturbances(self.doubt[:steps], self.place[:steps], self.rate[:steps])

    def counts(self) -> F64:
        """(B,) number of disturbances per tracklet."""
        jumps = (self.place.any(axis=-1) | self.rate.any(axis=-1)).sum(axis=0)
        return np.asarray((self.doubt > 1).sum(axis=0) + jumps, dtype=np.float64)

    def columns(self, chosen: I64) -> Disturbances:
        """Select some of the tracklets."""
        return Disturbances(self.doubt[:, chosen], self.place[:, chosen], self.rate[:, chosen])

    def applied(self, problem: Problem) -> Problem:
        """Add this noise to a problem."""
        shape = problem.z.shape
        doubt = np.repeat(self.doubt, 4, axis=1)
        place, rate = self.place.reshape(shape), self.rate.reshape(shape)
        # A rate jump in the middle of the step acts on the value for the second half only.
        half = problem.dt_s / 2
        q, qv, qvv = problem.noise
        noise = q + place + half**2 * rate, qv + half * rate, qvv + rate
        return replace(problem, weight=problem.weight / doubt, noise=noise)


def find(problem: Problem) -> Disturbances:
    """Detect disturbances; the problem has N = 4 B channels, the four of a tracklet are adjacent."""
    steps, count = problem.z.shape[0], problem.z.shape[1] // 4
    found = Disturbances.none(steps, count)
    suspects = np.arange(count)
    for _ in range(PASSES if steps > 1 else 0):
        plain = problem.columns((4 * suspects[:, None] + np.arange(4)).ravel())
        given = found.columns(suspects).applied(plain)
        forward = kalman_filter(given)
        seen = _Contradictions.from_run(forward, messages(forward, given), given)
        # Only tracklets with a new disturbance can reveal more in the next pass.
        suspects = suspects[_note(found, seen, suspects, plain.weight.reshape(steps, -1, 4))]
        if not len(suspects):
            break
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Contradictions:
    """Contradiction of each step by all frames together, (T, B) or (T, B, 4).

    Attributes:
        box: difference of each measurement from its prediction by all others, px; 0 without a measurement.
        turn: jump of the rate alone that explains the step to this frame best.
        place, rate: joint jump of value and rate that explains it best.
        scores: (3, T, B) sums of squares less their thresholds: false box, change of velocity, jump.
        turn_squares: sum of squares of a change of velocity, without subtraction.
    """

    box: F64
    turn: F64
    place: F64
    rate: F64
    scores: F64
    turn_squares: F64

    @classmethod
    def from_run(cls, forward: Filtered, later: Messages, problem: Problem) -> _Contradictions:
        """Compute the contradictions from a run of filter and smoother."""
        shape = (len(problem.z), -1, 4)
        error, variance = left_out(forward, later)
        seen = problem.weight > 0
        box = np.where(seen, error**2 / variance, 0.0).reshape(shape).sum(axis=-1)
        place, rate, joint, turn, alone = (n.reshape(shape) for n in jumps(problem, later))
        turn_squares = alone[..., :2].sum(axis=-1)
        far = (LEAST_JUMP_STEPS * problem.dt_s.reshape(shape)[..., 0]) ** 2 * (rate**2).sum(axis=-1)
        # A small jump is better explained by a change of velocity, which needs fewer parameters.
        jump = np.where((place**2).sum(axis=-1) > far, joint.sum(axis=-1), 0.0)
        scores = np.stack([box - FALSE_BOX, turn_squares - SUDDEN_CHANGE, jump - JUMP])
        return cls(np.where(seen, error, 0.0).reshape(shape), turn, place, rate, scores, turn_squares)


def _note(found: Disturbances, seen: _Contradictions, columns: I64, weight: F64) -> Bools:
    """Add the largest contradiction of each neighbourhood to ``found``; (B,) True if there was one."""
    best = seen.scores.max(axis=0)
    peaks = (best > 0) & (best == maximum_filter1d(best, 2 * _NEIGHBOURHOOD + 1, axis=0))
    kinds = seen.scores.argmax(axis=0)
    for t, b in np.argwhere(peaks).tolist():
        column = columns[b]
        # A false box affects its measurement only; the other two kinds affect the motion.
        if kinds[t, b] == 0:
            found.doubt[t, column] += np.mean(seen.box[t, b] ** 2 * weight[t, b])
        elif kinds[t, b] == 1:
            span = slice(max(1, t - _NEIGHBOURHOOD), t + _NEIGHBOURHOOD + 1)
            # Shares by likelihood: the true time can be a few frames away from the peak.
            squares = seen.turn_squares[span, b] - seen.turn_squares[t, b]
            chance = np.exp(np.minimum(squares, 0.0) / (2 * _PERSISTENCE))
            found.rate[span, column, :2] += np.outer(chance / chance.sum(), seen.turn[t, b, :2] ** 2)
        else:
            found.place[t, column] += seen.place[t, b] ** 2
            found.rate[t, column] += seen.rate[t, b] ** 2
    touched: Bools = peaks.any(axis=0)
    return touched


def left_out(forward: Filtered, later: Messages) -> tuple[F64, F64]:
    """(T, N) difference of each measurement from its prediction by all others, and its variance."""
    # Without a measurement inv_S is 0: the result is then 0 with variance 1 instead of 0 / 0.
    x, v, xx, xv, vv = through_rates(forward, later)
    update = forward.value
    K = 1 - update.I_K
    y_S = update.y_S + K * x + update.K * v
    inv_S = update.inv_S + K**2 * xx + 2 * K * update.K * xv + update.K**2 * vv
    safe = np.where(inv_S > 0, inv_S, 1.0)
    return y_S / safe, 1 / safe


def jumps(problem: Problem, later: Messages) -> tuple[F64, F64, F64, F64, F64]:
    """Estimate the jumps in the middle of each step that explain the later frames best, (T, N) each.

    Returns value and rate of the joint jump, its square in units of its covariance, a jump of the rate alone
    and its square. All are 0 at the first step and at steps of 0 s.
    """
    half = -problem.dt_s[1:] / 2
    x, xx = later.x[:-1], later.xx[:-1]
    v, xv = later.v[:-1] + half * x, later.xv[:-1] + half * xx
    vv = later.vv[:-1] + half * (2 * later.xv[:-1] + half * xx)
    det = xx * vv - xv**2
    # With fewer than two later measurements, value and rate cannot be estimated separately.
    known = (det > 1e-9 * xx * vv) & (half != 0)
    det, safe = np.where(known, det, 1.0), np.where(known, vv, 1.0)
    place, rate = np.where(known, (xv * v - vv * x) / det, 0.0), np.where(known, (xv * x - xx * v) / det, 0.0)
    turn = np.where(known, -v / safe, 0.0)
    found = (place, rate, -(place * x + rate * v), turn, turn**2 * safe)
    first = np.zeros_like(problem.z[:1])
    joint_place, joint_rate, joint, alone, alone_square = (np.concatenate([first, n]) for n in found)
    return joint_place, joint_rate, joint, alone, alone_square
