"""The benchmark of detectors counts hits correctly, and its rows run side by side."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from cssv.perception import detections

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark as a module."""
    return importlib.import_module("detectors")


def test_a_person_is_found_once_by_the_better_box(benchmark):
    there = detections([[0, 0, 10, 20], [100, 0, 10, 20]])
    found = detections(
        [[1, 0, 10, 20], [0, 0, 10, 20], [50, 0, 10, 20], [100, 8, 10, 20]], [0.9, 0.5, 0.8, 0.7]
    )
    assert benchmark.matches(found, there.boxes_px).tolist() == [0, -1, -1, -1]
    assert benchmark.matches(found, detections([]).boxes_px).tolist() == [-1] * 4
    assert benchmark.matches(detections([]), there.boxes_px).tolist() == []


def test_the_visible_share_of_a_vehicle_is_read(benchmark, tmp_path):
    path = tmp_path / "truth.txt"
    path.write_text("41,1,10,20,30,40,1,1,1\n41,2,50,20,30,40,1,1,0.2\n141,1,0,0,9,9,1,1,0.5\n")
    truth = benchmark.vehicles_of(path)
    assert sorted(truth) == [40, 140]
    boxes, shares = truth[40]
    assert boxes.tolist() == [[10, 20, 30, 40], [50, 20, 30, 40]]
    assert shares.tolist() == [1, 0.2]


def test_the_default_detector_finds_the_vehicles_of_a_street(benchmark, data):
    row = next(iter(benchmark.rows(data, "vehicles")))
    result = benchmark.measure_street(row, data)
    assert (result.vehicles, result.of_all) == (17, 20)
    # Measured 1.00, 0.89 and 0.94; before, 6 of 20 were found and there were 119 tracks.
    assert result.found / result.vehicles >= 0.9
    assert result.found / (result.found + result.false) >= 0.85
    assert 0.8 <= result.tracks / benchmark.VEHICLES <= 1.3


@pytest.mark.parametrize(
    ("hits", "people", "expected"),
    [
        ([1, 1], 2, 1.0),
        ([1, 1], 4, 0.5),
        ([1, 0, 1], 2, (1 + 2 / 3) / 2),
        ([0, 1], 1, 0.5),
        ([0, 0], 3, 0.0),
    ],
)
def test_average_precision_by_hand(benchmark, hits, people, expected):
    scores = np.linspace(0.9, 0.5, len(hits))
    result = benchmark.Result(scores, np.array(hits, dtype=bool), people, 1.0)
    assert result.average_precision == pytest.approx(expected)
    assert result.at(0)[0] == pytest.approx(sum(hits) / people)
    assert result.at(1) == (0, 0)


def test_its_own_networks_beside_the_same_ones_run_by_others(benchmark, data):
    rows = {row.name: row for row in benchmark.rows(data, "people")}
    found = {
        name: benchmark.measure(rows[name], data, every=30, stop=300)
        for name in ("cssv onnx, YOLOX-nano 416", "YOLOX-nano, cv2.dnn", "cssv onnx, YOLOv8n 320")
    }
    for result in found.values():
        assert result.average_precision > 0.85
        assert result.at(0.3)[0] > 0.85
    ours, theirs = (found[name].average_precision for name in list(found)[:2])
    assert ours >= theirs - 0.01


def test_motion_is_found_better_than_by_plain_subtraction(benchmark, data):
    rows = {row.name: row for row in benchmark.rows(data, "people")}
    ours, plain = (
        benchmark.measure(rows[name], data, every=10, stop=250).average_precision
        for name in ("cssv motion", "MOG2, as in tutorials")
    )
    assert ours > plain + 0.1
