"""What a score is worth, learned from the clip: detectors differ in what they call certain.

One network calls nearly all it finds 0.98, another 0.8. What both mean shows in the odds of being wrong: the
*evidence* of a score s is -ln(1 - s), and a clip's typical object has the evidence that a quarter of the
scores exceed. Half of a clip's typical evidence was found to be where boxes are true as often as false, for
networks as different as Faster R-CNN and YOLOX-nano.
"""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64

#: Share of the scores, weighted by themselves, below the typical one: what is hardly certain, of which some
#: detectors report much and some nothing, has little weight.
TYPICAL_QUANTILE = 0.75
#: Scores above this are worth no more.
_SUREST = 0.9999
_STEPS = 1000


def evidence(scores: F64) -> F64:
    """-ln(1 - s) of scores s from 0 to 1."""
    worth: F64 = -np.log1p(-np.minimum(scores, _SUREST))
    return worth


class ScoreScale:
    """Learns the typical evidence of a clip's scores. Memory is constant."""

    def __init__(self) -> None:
        self._weights = np.zeros(_STEPS + 1)

    def learn(self, scores: F64) -> None:
        """Take in the scores of a frame."""
        np.add.at(self._weights, np.rint(scores * _STEPS).astype(np.int64), scores)

    @property
    def typical(self) -> float:
        """Evidence of the clip's typical object; that of score 1 before anything was seen."""
        below = np.cumsum(self._weights)
        if below[-1] <= 0:
            return float(evidence(np.ones(1))[0])
        step = int(np.searchsorted(below, TYPICAL_QUANTILE * below[-1]))
        return float(evidence(np.array([max(step, 1) / _STEPS]))[0])

    def score(self, share: float) -> float:
        """The score whose evidence is this share of the typical one."""
        return float(-np.expm1(-share * self.typical))
