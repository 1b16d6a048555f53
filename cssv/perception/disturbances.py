"""What constant noise cannot explain in a single track: exchanged boxes, reversals, identities that jump.

A smoother tells for every step how far all the frames together contradict it there: the auxiliary residuals
(Harvey and Koopman, "Diagnostic checking of unobserved-components time series models", J. Business and
Economic Statistics 10, 1992; de Jong and Penzer, "Diagnosing shocks in time series", J. Am. Statistical
Association 93, 1998). Three kinds of contradiction are looked for, each a sum of squares of standard normal
variables were the noise all there is:

- a box that does not belong: the one measurement is far from what all others say;
- a sudden change of velocity: what went before and what comes after agree in place, but not in velocity;
- a jump: they do not agree in place either, as where two objects exchange identities.

Where one is beyond chance the noise of that one step is raised by what was seen, so that it neither drags the
states beside it nor leaves them falsely sure. The greatest contradiction of a neighbourhood goes first.
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

#: Sums of squares of 4, 2 and 8 standard normal variables that chance exceeds once in a million: a false box,
#: a change of velocity, a jump.
FALSE_BOX = 33.4
SUDDEN_CHANGE = 27.6
JUMP = 42.7
#: A jump in place is further than what the velocities beside it would do in this many steps; otherwise they
#: changed, only not quite in the middle of the step.
LEAST_JUMP_STEPS = 2.0
#: How many contradictions, one after the other, are looked for in a neighbourhood.
PASSES = 3
#: Steps either side of a contradiction that wait for the next pass, and among which a change of velocity is
#: shared out: nobody knows to the frame when it happened.
_NEIGHBOURHOOD = 5
#: The squares that tell one of these steps from another count for less by this, for errors persist.
_PERSISTENCE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Disturbances:
    """What is added to the noise of T steps of B tracklets.

    Attributes:
        doubt: (T, B) variances of the measurements over the variances stated; 1 where nothing is wrong.
        place: (T, B, 4) variance of a jump of each channel's value in the middle of the step to here.
        rate: (T, B, 4) variance of a jump of its rate there.
    """

    doubt: F64
    place: F64
    rate: F64

    @classmethod
    def none(cls, steps: int, count: int) -> Disturbances:
        """Nothing is wrong."""
        return cls(np.ones((steps, count)), np.zeros((steps, count, 4)), np.zeros((steps, count, 4)))

    @classmethod
    def beside(cls, parts: Sequence[Disturbances | None], steps: int) -> Disturbances:
        """Side by side those of single tracklets, where given, padded at the end to ``steps``."""
        joined = cls.none(steps, len(parts))
        for column, part in enumerate(parts):
            if part is not None:
                n = len(part.doubt)
                joined.doubt[:n, column] = part.doubt[:, 0]
                joined.place[:n, column], joined.rate[:n, column] = part.place[:, 0], part.rate[:, 0]
        return joined

    def of_tracklet(self, column: int, steps: int) -> Disturbances | None:
        """Those of one tracklet; None if nothing is wrong with it."""
        own = self.columns(np.array([column]))
        part = Disturbances(own.doubt[:steps], own.place[:steps], own.rate[:steps])
        calm = (part.doubt == 1).all() and not part.place.any() and not part.rate.any()
        return None if calm else part

    def until(self, steps: int) -> Disturbances:
        """Only those of the first steps."""
        return Disturbances(self.doubt[:steps], self.place[:steps], self.rate[:steps])

    def counts(self) -> F64:
        """(B,) how many."""
        jumps = (self.place.any(axis=-1) | self.rate.any(axis=-1)).sum(axis=0)
        return np.asarray((self.doubt > 1).sum(axis=0) + jumps, dtype=np.float64)

    def columns(self, chosen: I64) -> Disturbances:
        """Only some of the tracklets."""
        return Disturbances(self.doubt[:, chosen], self.place[:, chosen], self.rate[:, chosen])

    def applied(self, problem: Problem) -> Problem:
        """The problem with the noise so raised."""
        shape = problem.z.shape
        doubt = np.repeat(self.doubt, 4, axis=1)
        place, rate = self.place.reshape(shape), self.rate.reshape(shape)
        half = problem.dt_s / 2
        q, qv, qvv = problem.noise
        noise = q + place + half**2 * rate, qv + half * rate, qvv + rate
        return replace(problem, weight=problem.weight / doubt, noise=noise)


def find(problem: Problem) -> Disturbances:
    """Look for what the noise does not explain; N = 4 B channels, the four of a tracklet side by side."""
    steps, count = problem.z.shape[0], problem.z.shape[1] // 4
    found = Disturbances.none(steps, count)
    suspects = np.arange(count)
    for _ in range(PASSES if steps > 1 else 0):
        plain = problem.columns((4 * suspects[:, None] + np.arange(4)).ravel())
        given = found.columns(suspects).applied(plain)
        forward = kalman_filter(given)
        seen = _Contradictions.from_run(forward, messages(forward, given), given)
        suspects = suspects[_note(found, seen, suspects, plain.weight.reshape(steps, -1, 4))]
        if not len(suspects):
            break
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Contradictions:
    """How far all frames together contradict each step, (T, B) or (T, B, 4).

    Attributes:
        box: how far each measurement is from what all others foretell, px; 0 where there is none.
        turn: jump of the rate that would explain the step to here best.
        place, rate: jumps of value and rate that would do so together.
        scores: (3, T, B) sums of squares beyond their bounds: a false box, a change of velocity, a jump.
        turn_squares: that of a change of velocity, as it is.
    """

    box: F64
    turn: F64
    place: F64
    rate: F64
    scores: F64
    turn_squares: F64

    @classmethod
    def from_run(cls, forward: Filtered, later: Messages, problem: Problem) -> _Contradictions:
        """Read them from a smoother's run."""
        shape = (len(problem.z), -1, 4)
        error, variance = left_out(forward, later)
        seen = problem.weight > 0
        box = np.where(seen, error**2 / variance, 0.0).reshape(shape).sum(axis=-1)
        place, rate, joint, turn, alone = (n.reshape(shape) for n in jumps(problem, later))
        turn_squares = alone[..., :2].sum(axis=-1)
        far = (LEAST_JUMP_STEPS * problem.dt_s.reshape(shape)[..., 0]) ** 2 * (rate**2).sum(axis=-1)
        jump = np.where((place**2).sum(axis=-1) > far, joint.sum(axis=-1), 0.0)
        scores = np.stack([box - FALSE_BOX, turn_squares - SUDDEN_CHANGE, jump - JUMP])
        return cls(np.where(seen, error, 0.0).reshape(shape), turn, place, rate, scores, turn_squares)


def _note(found: Disturbances, seen: _Contradictions, columns: I64, weight: F64) -> Bools:
    """Add the greatest contradiction of each neighbourhood to ``found``; (B,) where there was one."""
    best = seen.scores.max(axis=0)
    peaks = (best > 0) & (best == maximum_filter1d(best, 2 * _NEIGHBOURHOOD + 1, axis=0))
    kinds = seen.scores.argmax(axis=0)
    for t, b in np.argwhere(peaks).tolist():
        column = columns[b]
        if kinds[t, b] == 0:
            found.doubt[t, column] += np.mean(seen.box[t, b] ** 2 * weight[t, b])
        elif kinds[t, b] == 1:
            span = slice(max(1, t - _NEIGHBOURHOOD), t + _NEIGHBOURHOOD + 1)
            squares = seen.turn_squares[span, b] - seen.turn_squares[t, b]
            chance = np.exp(np.minimum(squares, 0.0) / (2 * _PERSISTENCE))
            found.rate[span, column, :2] += np.outer(chance / chance.sum(), seen.turn[t, b, :2] ** 2)
        else:
            found.place[t, column] += seen.place[t, b] ** 2
            found.rate[t, column] += seen.rate[t, b] ** 2
    touched: Bools = peaks.any(axis=0)
    return touched


def left_out(forward: Filtered, later: Messages) -> tuple[F64, F64]:
    """(T, N) each measurement less what all others foretell, and the variance of that; 1 where unseen."""
    x, v, xx, xv, vv = through_rates(forward, later)
    update = forward.value
    K = 1 - update.I_K
    y_S = update.y_S + K * x + update.K * v
    inv_S = update.inv_S + K**2 * xx + 2 * K * update.K * xv + update.K**2 * vv
    safe = np.where(inv_S > 0, inv_S, 1.0)
    return y_S / safe, 1 / safe


def jumps(problem: Problem, later: Messages) -> tuple[F64, F64, F64, F64, F64]:
    """Jumps in the middle of each step that would explain the later frames best, (T, N) each.

    Value and rate of the joint jump, its square in units of its covariance, then a jump of the rate alone and
    its square. 0 at the first step and at steps of no time.
    """
    half = -problem.dt_s[1:] / 2
    x, xx = later.x[:-1], later.xx[:-1]
    v, xv = later.v[:-1] + half * x, later.xv[:-1] + half * xx
    vv = later.vv[:-1] + half * (2 * later.xv[:-1] + half * xx)
    det = xx * vv - xv**2
    # Less than two later measurements cannot tell value and rate apart.
    known = (det > 1e-9 * xx * vv) & (half != 0)
    det, safe = np.where(known, det, 1.0), np.where(known, vv, 1.0)
    place, rate = np.where(known, (xv * v - vv * x) / det, 0.0), np.where(known, (xv * x - xx * v) / det, 0.0)
    turn = np.where(known, -v / safe, 0.0)
    found = (place, rate, -(place * x + rate * v), turn, turn**2 * safe)
    first = np.zeros_like(problem.z[:1])
    joint_place, joint_rate, joint, alone, alone_square = (np.concatenate([first, n]) for n in found)
    return joint_place, joint_rate, joint, alone, alone_square
