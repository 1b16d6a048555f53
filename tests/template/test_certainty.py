"""Certainties at the ends of the scale of deviations."""

from __future__ import annotations

import math

import pytest

from cssv.scene import Value
from cssv.template.certainty import planar_certainty, value_certainty

SPAN = (0.0, 200.0)


@pytest.mark.parametrize("sigma", [0.0, 5e-324, 1e-205, 1e-3])
def test_a_deviation_near_zero_is_certain(sigma):
    assert planar_certainty(sigma, SPAN) == 1
    assert value_certainty(Value(5.0, sigma), SPAN) == 1


@pytest.mark.parametrize("sigma", [1e12, 1e300, math.inf])
def test_a_very_large_deviation_is_uncertain(sigma):
    assert planar_certainty(sigma, SPAN) == pytest.approx(0, abs=1e-9)
    assert value_certainty(Value(5.0, sigma), SPAN) == pytest.approx(0, abs=1e-9)
