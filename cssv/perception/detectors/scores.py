"""Scores of any kind -> 0 to 1, in the same order: their range tells what they are.

What follows judges a score by its evidence, -ln(1 - s), so what is no share must not be taken for one; and no
single score may decide what the others are worth, as it would if their range were stretched to 0 to 1.
"""

from __future__ import annotations

import numpy as np

from cssv.boxes import F64

#: Scores that reach beyond 1 are percent when the best is from the first to the second.
PERCENT_RANGE = (10.0, 100.0)
#: Where at most this share of the scores is above 1, those are errors of the others' kind, and count as 1.
ODD_SHARE = 0.1
#: Signed scores are log-odds, unless half of them are further from 0 than this: none is so certain.
LARGEST_LOG_ODDS = 10.0


def unit_scores(scores: F64) -> tuple[F64, str | None]:
    """Scores as shares, and a note that says how; None where nothing was done. Their order stays.

    By their range: in 0 to 1 they stay. With a few above 1 (:data:`ODD_SHARE`) those become 1. Up to 100
    (:data:`PERCENT_RANGE`) they are percent. Other positive ones become s / (s + m), with the middle m of
    those above 0. Where any is negative they are log-odds and become 1 / (1 + exp(-s)); where these would be
    too large (:data:`LARGEST_LOG_ODDS`), after division by the middle of their sizes. Negative ones that are
    all the same, such as the -1 of "no score", become 1.

    Args:
        scores: (n,) finite, n above 0.
    """
    low, high = float(scores.min()), float(scores.max())
    if low >= 0 and high <= 1:
        return scores.copy(), None
    told = f"scores from {low:.6g} to {high:.6g}"
    if low == high < 0:
        return np.ones_like(scores), f"{told} say nothing and count as 1"
    if low < 0:
        middle = _middle(np.abs(scores))
        if middle <= LARGEST_LOG_ODDS:
            return _logistic(scores), f"{told} are taken for log-odds: 1 / (1 + exp(-s))"
        return _logistic(scores / middle), f"{told} are taken as 1 / (1 + exp(-s / {middle:.6g}))"
    odd = int(np.count_nonzero(scores > 1))
    if odd <= ODD_SHARE * len(scores):
        told = f"{odd} of {len(scores)} scores are above 1, up to {high:.6g}"
        return np.minimum(scores, 1.0), f"{told}: taken as 1"
    if PERCENT_RANGE[0] <= high <= PERCENT_RANGE[1]:
        return scores / 100, f"{told} are taken for percent"
    middle = _middle(scores[scores > 0])
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + middle / scores), f"{told} are taken as s / (s + {middle:.6g})"


def _middle(values: F64) -> float:
    """The lower median, which no sum can make infinite."""
    return float(np.sort(values)[(len(values) - 1) // 2])


def _logistic(values: F64) -> F64:
    # Beyond 700 the exponential leaves the numbers.
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -700, 700))), dtype=np.float64)
