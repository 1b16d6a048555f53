"""Low nibbles: their histogram, and the share of zeros.

The low nibbles of a natural picture are nearly uniform. A template in them is mostly empty, and its empty
part is nibble 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8


def low_nibble_histogram(planes: U8) -> NDArray[np.float64]:
    """Share of each low nibble, (16,)."""
    counts = np.bincount((planes & 15).ravel(), minlength=16)
    return counts / planes.size


def zero_low_nibbles(planes: U8) -> float:
    """Share of samples whose low nibble is 0; 1/16 for uniform low nibbles."""
    return float(low_nibble_histogram(planes)[0])
