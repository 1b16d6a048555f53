"""Rows of the objects table as detections of supervision, and back."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import cssv
from cssv.errors import MissingExtraError
from cssv.interop.supervision_detections import DATA_COLUMNS, class_number, rows_to_supervision

ROWS = (
    cssv.ObjectRow(3, 0.12, 7, "car", 10.5, 20, 30, 40, 0.25, -4.5, 3, 5.4, 0.5, temperature_c=36.2),
    cssv.ObjectRow(3, 0.12, 9, None, 1, 2, 3, 4),
)


def test_every_column_has_its_place(package):
    supervision = package("supervision")
    found = rows_to_supervision(ROWS)
    assert isinstance(found, supervision.Detections)
    assert found.xyxy.tolist() == [[10.5, 20, 40.5, 60], [1, 2, 4, 6]]
    assert found.confidence.tolist() == [0.25, 1]
    assert found.tracker_id.tolist() == [7, 9]
    assert found.data["class_name"].tolist() == ["car", "object"]
    assert found.class_id.tolist() == [class_number("car"), class_number("object")]
    assert found.data["vx_px_s"][0] == -4.5
    assert found.data["temperature_c"][0] == 36.2
    assert np.isnan(found.data["vx_px_s"][1])
    assert {"speed_km_h", "sigma_m_s", "temperature_sigma_c", "crowd_density_m2"} <= set(DATA_COLUMNS)
    assert set(found.data) == {"class_name", *DATA_COLUMNS}
    # One object by its index keeps all of it.
    assert found[found.tracker_id == 9].data["class_name"].tolist() == ["object"]


def test_they_come_back_as_detections(package):
    package("supervision")
    back = cssv.detections(rows_to_supervision(ROWS))
    want = cssv.detections([[10.5, 20, 30, 40], [1, 2, 3, 4]], [0.25, 1], ["car", "object"], [7, 9])
    assert np.array_equal(back.boxes_px, want.boxes_px)
    assert np.array_equal(back.scores, want.scores)
    assert np.array_equal(back.ids, want.ids)
    assert back.labels == want.labels


def test_a_frame_without_objects(package):
    package("supervision")
    found = rows_to_supervision(())
    assert len(found) == 0
    assert found.data["class_name"].shape == (0,)
    assert len(cssv.detections(found)) == 0


def test_the_number_of_a_class_depends_on_its_name_alone():
    # Files of people refer to it.
    assert class_number("car") == 2000545437
    assert 0 <= class_number("\N{BICYCLE}") < 2**31


def test_without_supervision_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[supervision\]'"):
        rows_to_supervision(ROWS)
