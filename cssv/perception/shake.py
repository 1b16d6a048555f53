"""Camera shake from boxes: the acceleration that all objects of a frame have in common.

A camera that somebody carries, or that rides on a vehicle, moves all objects at once by as many pixels. Their
own motions and the errors of their boxes are independent. So the mean product of the second differences of
two objects in the same frame is the variance of the shake alone. Errors scale with the box height h, so the
weight of a second difference is 1 / h².
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.boxes import F64
from cssv.perception.kinematics import Bools
from cssv.perception.smoothing import Tracklet, local_heights

#: Times between the boxes of a second difference in seconds: about the averaging time of the smoother, and a
#: longer one, over which errors that boxes have in common do not grow.
SPACINGS_S = (0.3, 0.6)
#: Second differences are limited to this many standard deviations, as larger ones come from false boxes.
OUTLIER = 3.0
#: The common part counts if it is at least this share of the variance: people who walk together have some.
LEAST_SHARE = 0.15
#: And if it is more than this many standard errors, at both spacings.
SIGNIFICANT = 1.0
#: The median of |e| in standard deviations of a normal distribution.
_NORMAL_MEDIAN = 0.6745

STILL = (0.0, 0.0)


def estimate_shake(tracklets: Sequence[Tracklet], step_s: float) -> tuple[float, float]:
    """Spectral density of the acceleration of the camera in x and y, px²/s³; 0 if it is not significant."""
    counts, first = np.ones(2, dtype=np.bool_), np.zeros(2)
    for spacing in (max(1, round(spacing_s / step_s)) for spacing_s in reversed(SPACINGS_S)):
        first, is_significant = _common(tracklets, spacing)
        counts &= is_significant
        if not counts.any():
            return STILL
    # The variance of a second difference of white acceleration; independent errors are not in it.
    x, y = np.where(counts, 1.5 * first / (spacing * step_s) ** 3, 0.0).tolist()
    return x, y


def _common(tracklets: Sequence[Tracklet], spacing: int) -> tuple[F64, Bools]:
    """(2,) common variance of the second differences over ``spacing`` frames; whether it is significant."""
    parts = [_bends(tracklet, spacing) for tracklet in tracklets if len(tracklet) > 2 * spacing]
    rows = np.concatenate(parts) if parts else np.empty((0, 4))
    none = np.zeros(2), np.zeros(2, dtype=np.bool_)
    if len(rows) < 2:
        return none
    frames, heights, bends = rows[:, 0].astype(np.int64), rows[:, 1:2], rows[:, 2:] / rows[:, 1:2]
    bound = OUTLIER * np.median(np.abs(bends), axis=0) / _NORMAL_MEDIAN
    # In heights, divided by the height: a bend in pixels with the weight 1 / h².
    weighted, weights = np.clip(bends, -bound, bound) / heights, 1 / heights**2
    frames -= frames.min()
    products, pairs = _products(frames, weighted), _products(frames, weights)
    if pairs.sum() <= 0:
        return none
    common = products.sum(axis=0) / pairs.sum()
    # Second differences overlap, so that successive frames are not independent.
    error = np.sqrt(((products - pairs * common) ** 2).sum(axis=0) * spacing) / pairs.sum()
    variance = (weighted**2).sum(axis=0) / (weights**2).sum()
    return common, (common > LEAST_SHARE * variance) & (common > SIGNIFICANT * error)


def _bends(tracklet: Tracklet, spacing: int) -> F64:
    """(n, 4) frame, box height, and second differences of centre x and y in pixels."""
    z = tracklet.centres_px[:, :2]
    bend = z[2 * spacing :] - 2 * z[spacing:-spacing] + z[: -2 * spacing]
    inner = slice(spacing, -spacing)
    rows = np.column_stack([tracklet.numbers[inner], local_heights(tracklet)[inner], bend])
    return rows[np.isfinite(bend[:, 0])]


def _products(frames: np.ndarray, values: F64) -> F64:
    """Sum of the products of all ordered pairs of rows in the same frame: (frames, channels)."""
    sums = [np.bincount(frames, column) ** 2 - np.bincount(frames, column**2) for column in values.T]
    return np.stack(sums, axis=1)
