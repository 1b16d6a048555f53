"""How much boxes have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def overlaps(a_px: F64, b_px: F64) -> F64:
    """(n, m) intersection over union of every box of ``a_px`` (n, 4) with every one of ``b_px`` (m, 4)."""
    sides = []
    for k in (0, 1):  # one side after the other: arrays of (n, m) are quicker than those of (n, m, 2)
        low = np.maximum(a_px[:, k, None], b_px[:, k])
        sides.append(np.minimum((a_px[:, k] + a_px[:, k + 2])[:, None], b_px[:, k] + b_px[:, k + 2]) - low)
    common = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
    union = (a_px[:, 2] * a_px[:, 3])[:, None] + b_px[:, 2] * b_px[:, 3] - common
    result: F64 = common / union
    return result
