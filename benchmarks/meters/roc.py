"""Area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def area_under_curve(covers: ArrayLike, stegos: ArrayLike) -> float:
    """Probability that a stego picture scores higher than a cover; ties count as one half.

    0.5 is guessing, 1 is a certain detection.
    """
    low, high = np.asarray(covers, np.float64), np.asarray(stegos, np.float64)
    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))
