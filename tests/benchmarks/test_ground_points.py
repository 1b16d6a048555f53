"""The comparison of speeds with the ground from points: the real clip, without noise."""

from __future__ import annotations

import importlib

import numpy as np
import pytest


@pytest.fixture(scope="module")
def ground_points():
    return importlib.import_module("ground_points")


def test_differences_are_relative_and_of_moving_objects(ground_points):
    reference = {1: np.array([1.0, 2.0, 0.1, np.nan]), 2: np.array([4.0])}
    found = {1: np.array([1.01, 1.9, 5.0, 1.0]), 2: np.array([4.0])}
    result = ground_points.compare(reference, found)
    assert result.median == pytest.approx(0.01)
    assert result.within == pytest.approx(2 / 3)


def test_points_are_the_corners_of_the_rectangle(ground_points):
    points = ground_points.grid(np.array([10.0, 20]), np.array([30.0, 60]), 2, 2)
    assert points.tolist() == [[10, 20], [30, 20], [10, 60], [30, 60]]


@pytest.mark.series
def test_four_points_give_the_speeds_of_the_calibration(ground_points, data, monkeypatch):
    monkeypatch.setattr(ground_points, "GRIDS", ((2, 2),))
    monkeypatch.setattr(ground_points, "NOISES_PX", (0.0,))
    median, high = (float(word.rstrip("%")) for word in ground_points.measure(data, 1, 0).split()[-5:-3])
    assert median < 2
    assert high < 3
