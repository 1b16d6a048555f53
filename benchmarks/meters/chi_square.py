"""Chi-square attack on LSB replacement (Westfeld and Pfitzmann, 1999).

LSB replacement makes the two values 2k and 2k + 1 equally frequent. The attack tests whether they are.
"""

from __future__ import annotations

import math

import numpy as np

from cssv.frames import U8

# With fewer samples in a bin the statistic is not chi-square distributed (Cochran's rule).
_LEAST_EXPECTED = 5


def chi_square_score(plane: U8) -> float:
    """Return the evidence for LSB replacement in every sample; higher is more evidence.

    With a random bit in every sample the score is a standard normal variable. In a cover it is far below 0.
    It is the negative normal approximation of Wilson and Hilferty, which is monotone in the p-value but does
    not end at 0 and 1.

    Raises:
        ValueError: no pair of values has enough samples.
    """
    counts = np.bincount(plane.ravel(), minlength=256).astype(np.float64)
    expected = (counts[0::2] + counts[1::2]) / 2
    used = expected >= _LEAST_EXPECTED
    pairs = int(np.count_nonzero(used))
    if not pairs:
        raise ValueError(f"a plane of {plane.size} samples is too small for the chi-square attack")
    # The deviations of 2k and 2k + 1 from their mean are equal, so each pair counts twice.
    deviation = counts[0::2][used] - expected[used]
    statistic = float(np.sum(2 * deviation**2 / expected[used]))
    spread = 2 / (9 * pairs)
    return -((statistic / pairs) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
