"""The fit of the inflation's factors, on terms whose right factors are known."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from cssv.perception import inflation


@pytest.fixture(scope="module")
def factors(package):
    package("filterpy")
    return importlib.import_module("factors")


def terms(factors, true, name, n=4000, seed=0):
    """Errors of which the variance is exactly ``true`` times the terms."""
    rng = np.random.default_rng(seed)
    parts = rng.gamma(0.7, 1.0, size=(n, 2, len(true)))
    errors = rng.normal(size=(n, 2)) * np.sqrt(parts @ true)
    zeros = np.zeros((n, 2))
    return factors.Terms(name, "clip", errors, parts, zeros, zeros)


def test_the_factors_of_the_errors_are_found_again(factors):
    true = np.array([0.2, 0.5, 0.7, 2.0, 0.8, 0.1])
    known = [terms(factors, true, str(k), seed=k) for k in range(3)]
    found = factors.fit(known)
    np.testing.assert_allclose(found, true, rtol=0.35, atol=0.05)
    assert np.mean([own.coverage(found) for own in known]) == pytest.approx(factors.COVERAGE, abs=0.002)
    # Half of the variance covers less, twice the variance more.
    assert known[0].coverage(found / 2) < 0.9 < 0.97 < known[0].coverage(2 * found)


def test_a_sequence_is_left_out_of_its_own_factors(factors):
    usual, odd = np.array([0.2, 0.5, 0.7, 2.0, 0.8, 0.1]), np.array([2.0, 5.0, 7.0, 20.0, 8.0, 1.0])
    known = [
        terms(factors, usual, "a"),
        terms(factors, usual, "b", seed=1),
        terms(factors, odd, "odd", seed=2),
    ]
    head, _, _, *lines = factors.rows(known)
    assert "factors in use" in head
    cells = [cell.strip() for cell in lines[-1].strip("|").split("|")]
    assert cells[0] == "odd, clip"
    with_it, without_it = (float(cells[k].split(",")[0]) for k in (4, 5))
    assert without_it < with_it - 0.05


def test_the_covariance_is_linear_in_the_factors(data, factors):
    folder, used = data / "mot15/TUD-Campus", inflation.FACTORS
    clip, stream = factors.measure(folder)
    assert used == inflation.FACTORS
    whole = factors.tracked(folder, np.array(used))
    for own, samples in ((clip, whole["clip"]), (stream, whole["stream"])):
        stated = np.diagonal(samples.covs, axis1=1, axis2=2) / samples.heights[:, None] ** 2
        np.testing.assert_allclose(own.terms @ np.array(used) + own.fixed, stated, rtol=1e-6)
