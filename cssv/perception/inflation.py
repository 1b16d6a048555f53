"""Covariance inflation: the part of the velocity error that the model of the filter does not contain.

The filter's covariance is correct if accelerations are white, errors of the boxes are independent and every
box belongs to the object. In real clips the errors of the boxes persist, the camera shakes, and some boxes
belong to a neighbour. This module estimates the additional variance from what the boxes of the object show
around each frame, each as a multiple of the filter's variance:

- the contradiction of the velocities before and after the frame, in units of its variance;
- the innovations, relative to those of the clip's typical object;
- the share of frames without a detection;
- the nearness of the first or last detection, where objects are covered and tracks leave their object.

Objects are rigid, so a contradiction of the rates of width or height before and after is an error of the box.
The errors of opposite sides are nearly independent, so the centre has half of it.

This is known as covariance inflation in data assimilation (Anderson and Anderson, "A Monte Carlo
implementation of the nonlinear filtering problem", Monthly Weather Review 127, 1999). The estimates of
position and velocity are not changed. The factors are those of the most likely errors in annotated sequences
(``benchmarks/factors.py``), with a common factor for a coverage of the 95 % ellipse of about 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.perception.kinematics import Bools

#: Variance of the velocity in units of: the filter's variance, that times the contradiction, the innovations,
#: the share of gaps and the nearness of an end; the squared contradiction of the size.
FACTORS = (0.15, 0.57, 0.56, 2.5, 0.85, 0.045)
#: Time before and after a frame over which its signs are averaged, seconds.
WINDOW_S = 0.5
#: Time constant of the nearness of the first or last detection, seconds.
END_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """What a smoother says of one object over n frames, in pixels and seconds.

    Attributes:
        times_s: (n,).
        seen: (n,) True for frames with a detection.
        vv: (n, 2) variance of the velocity x, y by all frames.
        past, past_vv, future, future_vv: (n, 4) rates of centre x, centre y, w, h and their variances, by
            this frame and earlier ones, and by this frame and later ones.
        nis: (n, 2) normalised innovations squared of centre x and y.
        typical_nis: of the clip.
        begins: True if the first frame has no past.
    """

    times_s: F64
    seen: Bools
    vv: F64
    past: F64
    past_vv: F64
    future: F64
    future_vv: F64
    nis: F64
    typical_nis: tuple[float, float]
    begins: bool

    def terms(self) -> F64:
        """(n, 2, 6) terms of the variance of the velocity, in the order of :data:`FACTORS`."""
        apart = (self.past - self.future) ** 2
        contradiction = apart[:, :2] / (self.past_vv + self.future_vv)[:, :2]
        seen = self.seen[:, None]
        rows = np.concatenate([contradiction, apart[:, 2:], seen, np.where(seen, self.nis, 0.0)], axis=1)
        means = self._around(rows)
        share = means[:, 4:5]
        # The mean over the frames with a detection; without any, the innovations are typical.
        is_known = share > 0
        innovations = np.where(is_known, means[:, 5:] / np.where(is_known, share, 1.0), self.typical_nis)
        ones = np.ones((1, 2))
        factors = (
            ones,
            means[:, :2],
            innovations / self.typical_nis,
            (1 - share) * ones,
            self._nearness()[:, None] * ones,
        )
        multiples = np.stack([np.broadcast_to(factor, self.vv.shape) for factor in factors], axis=-1)
        # The centre is the mean of two opposite sides, the size their difference.
        sizes = means[:, 2:4] / 4
        return np.concatenate([multiples * self.vv[..., None], sizes[..., None]], axis=-1)

    def _around(self, rows: F64) -> F64:
        """Mean of the rows within :data:`WINDOW_S` before and after each frame."""
        sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
        # The tolerance covers the rounding of frame times.
        first = np.searchsorted(self.times_s, self.times_s - WINDOW_S - 1e-9)
        last = np.searchsorted(self.times_s, self.times_s + WINDOW_S + 1e-9)
        means: F64 = (sums[last] - sums[first]) / (last - first)[:, None]
        return means

    def _nearness(self) -> F64:
        """(n,) 1 in the frame of the first or last detection, falling to 0 with the distance from it."""
        far = self.times_s[-1] - self.times_s
        if self.begins:
            far = np.minimum(far, self.times_s - self.times_s[0])
        nearness: F64 = np.exp(-far / END_S)
        return nearness


def inflated(signs: Signs) -> F64:
    """(n, 2) variance of the velocity x, y."""
    variance: F64 = signs.terms() @ np.array(FACTORS)
    return variance
