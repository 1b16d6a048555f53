"""How much boxes have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def overlaps(a_px: F64, b_px: F64) -> F64:
    """(n, m) intersection over union of every box of ``a_px`` (n, 4) with every one of ``b_px`` (m, 4)."""
    a_end, b_end = a_px[:, :2] + a_px[:, 2:], b_px[:, :2] + b_px[:, 2:]
    low = np.maximum(a_px[:, None, :2], b_px[None, :, :2])
    high = np.minimum(a_end[:, None], b_end[None])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    union = a_px[:, None, 2] * a_px[:, None, 3] + b_px[None, :, 2] * b_px[None, :, 3] - common
    result: F64 = common / union
    return result
