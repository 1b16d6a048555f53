"""Benchmarks as modules, so that their figures are checked here."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="session")
def benchmark():
    """The velocity benchmark."""
    return importlib.import_module("velocity")


@pytest.fixture(scope="session")
def scores(package):
    """Scores by TrackEval."""
    package("trackeval")
    return importlib.import_module("scores")
