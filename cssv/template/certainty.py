"""Certainty from standard deviation, and back.

A certainty is the probability that the true value differs from the drawn one by less than TOLERANCE, a share
of the drawn range. The error has the stated standard deviation. It is Gaussian for temperature and
density (``erf``), and a circular Gaussian in two dimensions for velocity (the Rayleigh distribution).
"""

from __future__ import annotations

import math
from bisect import bisect_right

from scipy.special import erfinv

from cssv.scene import Source, Value
from cssv.scene.values import Span
from cssv.template.drawing import FULL

#: An error within this share of the range counts as none.
TOLERANCE = 1 / 8
#: Certainty of a value without a standard deviation, by its source.
CERTAINTY_UNSTATED = {Source.MEASURED: 1.0, Source.ESTIMATED: 0.5, Source.UNKNOWN: 0.0}
#: The least certainty whose byte is 255.
_LEAST_FULL = (FULL - 0.5) / FULL
#: Least ratio of the tolerance to the deviation for each byte from 1 on, rounded down to a multiple of 2^-32.
#: Bytes are found by comparison, because the last bits of ``erf`` and ``expm1`` depend on the machine. A
#: deviation that was derived from a certainty between two bytes always gives the upper one: rounding down
#: moves the border away from it.
_STEPS = [(byte - 0.5) / FULL for byte in range(1, FULL + 1)]
PLANAR_STEPS = [math.floor(math.sqrt(-2 * math.log1p(-step)) * 2**32) / 2**32 for step in _STEPS]
VALUE_STEPS = [math.floor(math.sqrt(2) * float(erfinv(step)) * 2**32) / 2**32 for step in _STEPS]


def planar_byte(sigma: float, span: Span) -> int:
    """:func:`planar_certainty` as a byte, the same on every machine."""
    if not math.isfinite(sigma):
        return 0
    return FULL if sigma <= 0 else bisect_right(PLANAR_STEPS, (span[1] - span[0]) * TOLERANCE / sigma)


def value_byte(value: Value | None, span: Span) -> int:
    """:func:`value_certainty` as a byte, the same on every machine."""
    if value is None or value.source is Source.UNKNOWN:
        return 0
    if value.sigma is None:
        return round(CERTAINTY_UNSTATED[value.source] * FULL)
    return (
        FULL if value.sigma <= 0 else bisect_right(VALUE_STEPS, (span[1] - span[0]) * TOLERANCE / value.sigma)
    )


def planar_certainty(sigma: float, span: Span) -> float:
    """Probability that a velocity of deviation ``sigma`` per axis errs by less than the tolerance."""
    if not math.isfinite(sigma):
        return 0.0
    if sigma <= 0:
        return 1.0
    ratio = (span[1] - span[0]) * TOLERANCE / sigma
    # A product becomes infinite where a power raises OverflowError: for a sigma near 0.
    return -math.expm1(-0.5 * ratio * ratio)


def planar_sigma(certainty: float, span: Span) -> float:
    """Inverse of :func:`planar_certainty`; for certainty 1 the largest sigma that a byte rounds to it."""
    if certainty <= 0:
        return math.inf
    return (span[1] - span[0]) * TOLERANCE / math.sqrt(-2 * math.log1p(-min(certainty, _LEAST_FULL)))


def value_certainty(value: Value | None, span: Span) -> float:
    """Probability that a scalar errs by less than the tolerance; by its source if it has no sigma."""
    if value is None or value.source is Source.UNKNOWN:
        return 0.0
    if value.sigma is None:
        return CERTAINTY_UNSTATED[value.source]
    if value.sigma <= 0:
        return 1.0
    return math.erf((span[1] - span[0]) * TOLERANCE / (value.sigma * math.sqrt(2)))


def value_sigma(certainty: float, span: Span) -> float:
    """Inverse of :func:`value_certainty`; for certainty 1 the largest sigma that a byte rounds to it."""
    if certainty <= 0:
        return math.inf
    return (span[1] - span[0]) * TOLERANCE / (math.sqrt(2) * float(erfinv(min(certainty, _LEAST_FULL))))
