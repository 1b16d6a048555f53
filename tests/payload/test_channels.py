"""Units of channels: half a bound is never more than it should be, and both directions are inverse."""

from __future__ import annotations

import numpy as np
import pytest

from cssv.payload.channels import (
    RANGE_BOUND,
    SIGMA_LEVELS,
    UNITS_A_LEVEL,
    from_units,
    sigma_from_units,
    sigma_to_units,
    to_units,
)
from cssv.template.certainty import planar_certainty

SPANS = [(0.0, 200.0), (0.0, 1.5), (10.0, 1e6)]


@pytest.mark.parametrize("span", SPANS)
def test_deviations_within_the_bound_differ_by_at_most_a_32nd(span):
    units = np.arange(0, (len(SIGMA_LEVELS) - 1) * UNITS_A_LEVEL + 1)
    sigma = sigma_from_units(units, span)
    certainty = np.array([planar_certainty(each, span) for each in sigma.tolist()])
    for apart in range(1, RANGE_BOUND + 1):
        assert (np.abs(sigma[apart:] - sigma[:-apart]) <= (span[1] - span[0]) / 32 * (1 + 1e-9)).all()
        assert (np.abs(certainty[apart:] - certainty[:-apart]) <= 1 / 32).all()


@pytest.mark.parametrize("span", SPANS)
def test_deviations_come_back(span):
    sigma = np.linspace(0, span[1] - span[0], 999)
    assert sigma_from_units(np.rint(sigma_to_units(sigma, span)).astype(np.int64), span) == pytest.approx(
        sigma, abs=(span[1] - span[0]) / 300
    )
    # Above the range a deviation is the range.
    assert sigma_to_units(np.array([2e6]), span)[0] == (len(SIGMA_LEVELS) - 1) * UNITS_A_LEVEL
    assert sigma_from_units(np.array([-50, 10**6]), span).tolist() == pytest.approx([0, span[1] - span[0]])


@pytest.mark.parametrize("span", [(-20.0, 60.0), (0.0, 2000.0)])
def test_values_come_back(span):
    units = np.arange(-100, 700)
    assert to_units(from_units(units, span), span) == pytest.approx(units)
