"""Calibration by the known chips: from soft values to logarithms of likelihood ratios.

How reliable chips are depends on the codec and the clip, and on the frame and the block: a codec takes some
frames to follow when the chips change, and it moves the coefficients of blocks with strong edges more. All of
it is learnt from the known chips of each slot, by logistic regression. Measured after x264 CRF 28 at 47.5 dB,
this gives 12 % more information than normal distributions per coefficient do, and 14 % more at CRF 33.
"""

from __future__ import annotations

import numpy as np

from cssv.carriers.robust.lattice import Bools
from cssv.carriers.robust.transform import F32, F64

#: Fewer known chips say nothing.
_LEAST_KNOWN = 8
#: A soft value that is taken as seen, with the wrong sign. Without any error the slope would be infinite.
_WRONG = -1.0
#: Weight of the assumption that the energy of a block has no effect, in chips.
_NO_EFFECT = 3.0
_STEPS = 12
#: Bounds of a frame's mean soft value of known chips, so that its weight is neither 0 nor without bound.
_LEAST_MEAN, _LEAST_REST = 0.02, 0.05


def frame_weight(soft: F32, known: Bools) -> float:
    """Weight of a frame in the mean over its slot, by its known chips.

    This is the weight of a normal value whose sign is the bit: the mean divided by the variance.
    """
    sample = soft[known]
    if len(sample) < _LEAST_KNOWN:
        return 1.0
    return mean_weight(float(sample.mean()))


def mean_weight(mean: float) -> float:
    """Weight of soft values with a mean of those of their known chips."""
    mean = max(mean, _LEAST_MEAN)
    return mean / max(1 - mean * mean, _LEAST_REST)


def block_energies(coefficients: F32) -> F32:
    """Sum of the sizes of the coefficients of each block, (..., coefficients) to (...)."""
    return np.asarray(np.abs(coefficients).sum(axis=-1))


def log_likelihood_ratios(soft: F32, energies: F32, known: Bools) -> F32:
    """Logarithm of the likelihood ratio of the bit of each chip, positive for 0; 0 at known chips.

    The ratio is ``soft * (a + b * e)``. e is the logarithm of the block's energy, scaled so that its mean is
    0 and its variance 1 among the known chips; a and b are those that make the known chips likeliest.

    Args:
        soft: mean soft value of each chip over the frames of a slot, (rows, columns, coefficients).
        energies: mean energy of each block, (rows, columns).
        known: which chips are known to be 0.
    """
    if np.count_nonzero(known) < _LEAST_KNOWN:
        return np.zeros_like(soft)
    level = np.broadcast_to(np.log(energies + 1)[..., None], soft.shape)
    sample = level[known]
    level = (level - sample.mean()) / (sample.std() + np.float32(1e-3))
    slope, effect = _fit(soft[known].astype(np.float64), level[known].astype(np.float64))
    # A chip whose bit is likelier the other one is beyond what the model can say.
    found = soft * np.maximum(np.float32(slope) + np.float32(effect) * level, 0)
    found[known] = 0
    return np.asarray(found, np.float32)


def _fit(soft: F64, level: F64) -> tuple[float, float]:
    """A and b of the likeliest ratios, by Newton's method: the problem is convex."""
    features = np.stack([np.append(soft, _WRONG), np.append(soft * level, 0)], axis=1)
    penalty = np.array([0.0, _NO_EFFECT])
    found = np.zeros(2)
    for _ in range(_STEPS):
        doubt = 1 / (1 + np.exp(np.clip(features @ found, -30, 30)))
        gradient = features.T @ doubt - penalty * found
        curvature = (features * (doubt * (1 - doubt))[:, None]).T @ features + np.diag(penalty + 1e-6)
        found += np.linalg.solve(curvature, gradient)
    return max(float(found[0]), 0.0), float(found[1])
