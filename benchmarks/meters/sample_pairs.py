"""Sample pairs analysis: the rate of LSB replacement (Dumitrescu, Wu, Wang, 2003).

Pairs of unlike neighbours (u, v) form two sets. X: v is even and larger than u, or odd and smaller. Y: all
others. In a cover both are equally frequent. LSB replacement moves pairs from X to Y, and their numbers give
its rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from meters.quadratic import smaller_root


def sample_pairs_rate(plane: U8) -> float:
    """Estimate the share of samples that carry a bit by LSB replacement; about 0 for a cover."""
    counts = _counts(plane[:, :-1], plane[:, 1:]) + _counts(plane[:-1], plane[1:])
    pairs, x, y, close = (float(count) for count in counts)
    root = smaller_root(close / 2, 2 * x - pairs, y - x)
    # No root: no pair of neighbours has values that LSB replacement could exchange.
    return 0.0 if root is None else root


def _counts(left: U8, right: U8) -> NDArray[np.int64]:
    """Number of all pairs, of X, of Y, and of pairs that are equal but for the LSB."""
    is_even = (right & 1) == 0
    is_above, is_below = right > left, right < left
    x = np.count_nonzero(is_even & is_above | ~is_even & is_below)
    y = np.count_nonzero(is_even & is_below | ~is_even & is_above)
    close = np.count_nonzero(left >> 1 == right >> 1)
    return np.array([left.size, x, y, close], np.int64)
