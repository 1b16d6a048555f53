"""The benchmark of objects at the picture's edge: its covariances are those of its errors."""

from __future__ import annotations

import importlib

import numpy as np
import pytest


@pytest.fixture(scope="module")
def edges():
    return importlib.import_module("edges")


@pytest.mark.parametrize("method", ["clip", "stream"])
def test_the_covariance_is_as_good_at_the_edge_as_inside(edges, method):
    run, _ = edges.METHODS[method]
    rows = edges.judge([edges.synthetic(0)], run)
    for name in ("inside", "edge"):
        assert 0.92 <= rows[name].coverage <= 0.98
        assert abs(rows[name].bias) < 0.04
        assert 1.4 < rows[name].nees < 2.6
    for name in ("left", "right", "up", "down", "entering", "leaving"):
        assert rows[f"edge, {name}"].coverage > 0.9
        assert abs(rows[f"edge, {name}"].bias) < 0.06


def test_boxes_of_the_benchmark_end_at_the_edge(edges):
    scene = edges.synthetic(1)
    boxes = np.concatenate([found.boxes_px for found in scene.frames])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= edges.SIZE).all()
    # Each object is cut in some frames, and whole in others.
    for identity in scene.groups:
        own = np.concatenate([found.boxes_px[found.ids == identity] for found in scene.frames])
        cut = edges.cut_sides(own, scene.size).any(axis=1)
        assert cut.any()
