"""The root of a quadratic equation that RS analysis and sample pairs analysis ask for."""

from __future__ import annotations

import math


def smaller_root(square: float, linear: float, constant: float) -> float | None:
    """The root of ``square * x**2 + linear * x + constant`` that is nearer to 0; None if there is none.

    Sampling noise can make a double root complex; its real part is returned then.
    """
    if square == 0:
        return None if linear == 0 else -constant / linear
    discriminant = linear**2 - 4 * square * constant
    if discriminant < 0:
        return -linear / (2 * square)
    # The sum with the sign of the linear term has no cancellation; it belongs to the larger root.
    total = linear + math.copysign(math.sqrt(discriminant), linear)
    return 0.0 if total == 0 else -2 * constant / total
