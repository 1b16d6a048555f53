"""Benchmarks as modules, so that what they measure is held to its bounds here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def benchmark():
    """The velocity benchmark."""
    return _load("velocity")


@pytest.fixture(scope="session")
def scores(package):
    """Scores by TrackEval."""
    package("trackeval")
    return _load("scores")
