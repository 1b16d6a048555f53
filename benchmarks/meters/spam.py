"""SPAM features of the second order (Pevny, Bas, Fridrich, 2010): how likely a difference of neighbours is.

The feature is the probability of a difference of neighbours after the two differences before it, along
eight directions. Embedding noise that does not depend on the picture changes these probabilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Differences beyond this one count as this one.
LARGEST_DIFFERENCE = 3
_LEVELS = 2 * LARGEST_DIFFERENCE + 1
FEATURES = 2 * _LEVELS**3

F64 = NDArray[np.float64]


def spam_features(plane: U8) -> F64:
    """Features of one plane of at least 4x4 samples, (686,): along rows and columns, then along diagonals."""
    values = plane.astype(np.int16)
    mirrored = values[:, ::-1]
    rows = _both_ways(values[:, :-1] - values[:, 1:], 0, 1)
    columns = _both_ways(values[:-1] - values[1:], 1, 0)
    falling, rising = (_both_ways(each[:-1, :-1] - each[1:, 1:], 1, 1) for each in (values, mirrored))
    return np.concatenate([((rows + columns) / 4).ravel(), ((falling + rising) / 4).ravel()])


def _both_ways(differences: NDArray[np.int16], down: int, right: int) -> F64:
    """Sum of the transition probabilities along one direction and against it."""
    clipped = np.clip(differences, -LARGEST_DIFFERENCE, LARGEST_DIFFERENCE) + LARGEST_DIFFERENCE
    height, width = clipped.shape
    first, second, third = (
        clipped[step * down : height - (2 - step) * down, step * right : width - (2 - step) * right]
        for step in range(3)
    )
    codes = (first * _LEVELS + second) * _LEVELS + third
    counts = np.bincount(codes.ravel(), minlength=_LEVELS**3).reshape(_LEVELS, _LEVELS, _LEVELS)
    # Against the direction, differences have the other sign and the other order.
    return _transitions(counts) + _transitions(counts[::-1, ::-1, ::-1].transpose(2, 1, 0))


def _transitions(counts: NDArray[np.intp]) -> F64:
    """Probability of the third difference after the first two; 0 after differences that do not occur."""
    before = counts.sum(axis=2, keepdims=True)
    return counts / np.maximum(before, 1)
