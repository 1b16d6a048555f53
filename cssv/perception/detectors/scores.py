"""Conversion of scores of any kind to 0 to 1, in the same order; their range decides the kind.

The tracker uses the evidence of a score, -ln(1 - s), so other scales must not be read as probabilities.
Scores are not stretched linearly to 0 to 1, because then a single extreme score would change all others.
"""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64

#: Scores above 1 are percent if the highest is in this range.
PERCENT_RANGE = (10.0, 100.0)
#: If at most this share of the scores is above 1, they are errors, and count as 1.
ODD_SHARE = 0.1
#: Signed scores are log-odds, unless half of them are further from 0 than this, which no detector reaches.
LARGEST_LOG_ODDS = 10.0


def unit_scores(scores: F64) -> tuple[F64, str | None]:
    """Convert scores to 0 to 1 in the same order; also a note on the conversion, None if there was none.

    Rules, by range. All in 0 to 1: unchanged. A few above 1 (:data:`ODD_SHARE`): these become 1. Up to 100
    (:data:`PERCENT_RANGE`): percent. Other positive scores: s / (s + m), m the median of those above 0. Any
    negative: log-odds, 1 / (1 + exp(-s)); if these are too large (:data:`LARGEST_LOG_ODDS`), after division
        by
    the median of their sizes. All equal and negative, such as the -1 of "no score": 1.

    Args:
        scores: (n,) finite, n above 0.
    """
    low, high = float(scores.min()), float(scores.max())
    if low >= 0 and high <= 1:
        return scores.copy(), None
    note = f"scores from {low:.6g} to {high:.6g}"
    if low == high < 0:
        return np.ones_like(scores), f"{note} carry no information and count as 1"
    if low < 0:
        # Half of all scores, so that a single extreme one does not change the scale of the others.
        middle = _middle(np.abs(scores))
        if middle <= LARGEST_LOG_ODDS:
            return _logistic(scores), f"{note} are read as log-odds: 1 / (1 + exp(-s))"
        return _logistic(scores / middle), f"{note} are read as 1 / (1 + exp(-s / {middle:.6g}))"
    # Few scores above 1 are rounding or bugs of a detector that otherwise gives probabilities.
    odd = int(np.count_nonzero(scores > 1))
    if odd <= ODD_SHARE * len(scores):
        note = f"{odd} of {len(scores)} scores are above 1, up to {high:.6g}"
        return np.minimum(scores, 1.0), f"{note}: read as 1"
    if PERCENT_RANGE[0] <= high <= PERCENT_RANGE[1]:
        return scores / 100, f"{note} are read as percent"
    middle = _middle(scores[scores > 0])
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + middle / scores), f"{note} are read as s / (s + {middle:.6g})"


def _middle(values: F64) -> float:
    """Lower median: unlike a mean of two values, it cannot overflow."""
    return float(np.sort(values)[(len(values) - 1) // 2])


def _logistic(values: F64) -> F64:
    # Above 709 the exponential overflows float64.
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -700, 700))), dtype=np.float64)
