"""Score calibration per clip, because the scores of different detectors are not comparable.

One network gives nearly all its boxes a score of 0.98, another 0.8. The probability of an error makes them
comparable: the *evidence* of a score s is -ln(1 - s). The typical evidence of a clip is the value exceeded by
a quarter of its scores. In experiments, boxes with half of the typical evidence were true as often as false,
for networks as different as Faster R-CNN and YOLOX-nano.
"""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64

#: Quantile of the typical score. Scores are weighted by themselves, so that uncertain boxes have little
#: effect: some detectors report many of them and others none.
TYPICAL_QUANTILE = 0.75
#: Upper limit of scores, because the evidence of 1 is infinite.
_SUREST = 0.9999
_STEPS = 1000


def evidence(scores: F64) -> F64:
    """Compute -ln(1 - s) for scores s from 0 to 1."""
    worth: F64 = -np.log1p(-np.minimum(scores, _SUREST))
    return worth


class ScoreScale:
    """Running estimate of the typical evidence of a clip, from a histogram of constant size."""

    def __init__(self) -> None:
        self._weights = np.zeros(_STEPS + 1)
        self._typical: float | None = None

    def learn(self, scores: F64) -> None:
        """Add the scores of a frame."""
        self._typical = None
        np.add.at(self._weights, np.rint(scores * _STEPS).astype(np.int64), scores)

    @property
    def typical(self) -> float:
        """Evidence of the typical object; that of score 1 before the first detection."""
        # Several bounds of a frame depend on it.
        if self._typical is None:
            self._typical = self._quantile()
        return self._typical

    def _quantile(self) -> float:
        """Evidence of the quantile of the scores so far."""
        below = np.cumsum(self._weights)
        if below[-1] <= 0:
            return float(evidence(np.ones(1))[0])
        step = int(np.searchsorted(below, TYPICAL_QUANTILE * below[-1]))
        return float(evidence(np.array([max(step, 1) / _STEPS]))[0])

    def score(self, share: float) -> float:
        """Compute the score whose evidence is this share of the typical one."""
        return float(-np.expm1(-share * self.typical))
