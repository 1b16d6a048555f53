"""Which detector, and with which options."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import cssv
from cssv.encoder import choose_detector
from cssv.errors import OptionError
from cssv.perception import DETECTORS, BoxesDetector, detections, detector
from cssv.perception.detectors import notes_of


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text("1,-1,10,20,30,40,0.5\n1,-1,50,20,30,40,0.9\n")
    return path


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_takes_options_by_the_names_that_all_use(name):
    module, _, kind = DETECTORS[name].partition(":")
    made = getattr(importlib.import_module(module), kind)
    assert made.name == name
    own = {"most_overlap", "label", "side_px", "heal"}
    assert set(inspect.signature(made).parameters) - own <= {"boxes", "weights", "classes", "min_score"}
    assert inspect.getdoc(made)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan")])
def test_a_score_outside_its_bounds_is_told_before_anything_else(name, value, boxes):
    given = {"boxes": boxes} if name == "boxes" else {} if name == "motion" else {"weights": "nowhere"}
    with pytest.raises(OptionError, match=r"min_score is out of range.*0 to 1"):
        detector(name, min_score=value, **given)


def test_options_that_are_none_are_not_given(boxes):
    made = choose_detector("motion", boxes, weights=None, classes=None, min_score=None)
    assert isinstance(made, BoxesDetector)
    assert detector("motion", weights=None, classes=None).name == "motion"


def test_an_option_that_a_detector_does_not_take_is_named_with_those_it_takes(boxes):
    with pytest.raises(
        OptionError, match=r"motion detector does not take weights: found 'x'; allowed: .*min_score"
    ):
        choose_detector("motion", weights="x")
    with pytest.raises(
        OptionError, match=r"boxes detector does not take classes.*allowed: boxes, label, min_score"
    ):
        choose_detector("motion", boxes, classes="person")


@pytest.mark.parametrize(
    ("name", "words"), [("onnx", "--weights"), ("yolo", "--weights"), ("boxes", "--boxes")]
)
def test_an_option_that_a_detector_needs_is_asked_for(name, words):
    with pytest.raises(OptionError, match=f"the {name} detector needs .* Give {words} FILE"):
        choose_detector(name)


def test_a_box_file_goes_with_no_other_detector(boxes):
    with pytest.raises(OptionError, match="a box file goes with the boxes detector: found 'onnx'"):
        choose_detector("onnx", boxes)


def test_a_detector_of_ones_own_has_its_own_options(boxes):
    own = BoxesDetector(boxes)
    assert choose_detector(own) is own
    with pytest.raises(OptionError, match="found 'classes, min_score'"):
        choose_detector(own, classes="person", min_score=0.5)
    with pytest.raises(OptionError, match="goes with the boxes detector"):
        choose_detector(own, boxes)


def test_the_score_reaches_the_detector_from_everywhere(boxes, tmp_path):
    assert [t.scores.max() for t in cssv.track(boxes=boxes, min_score=0.95).tracks] == []
    with pytest.raises(OptionError, match="min_score is out of range"):
        cssv.track(boxes=boxes, min_score=2)
    with pytest.raises(OptionError, match="min_score is out of range"):
        cssv.Encoder(tmp_path / "x.cssv", size=(64, 64), rate=25, min_score=2)
    with pytest.raises(OptionError, match="does not take weights"):
        cssv.Encoder(tmp_path / "x.cssv", size=(64, 64), rate=25, weights="x.onnx")
    with pytest.raises(OptionError, match="needs weights"):
        cssv.Encoder(tmp_path / "x.cssv", size=(64, 64), rate=25, detector="onnx")
    assert not (tmp_path / "x.cssv").exists()


def test_notes_are_optional(boxes):
    assert notes_of(BoxesDetector(boxes)) == ()


def test_detections_above_a_score():
    found = detections(
        [[0, 0, 5, 5], [9, 0, 5, 5], [20, 0, 5, 5]], [0.2, 0.5, 0.9], ["a", "b", "c"], [4, 5, 6]
    )
    assert found.at_least(0.2) is found
    kept = found.at_least(0.5)
    assert kept.labels == ("b", "c")
    assert kept.ids.tolist() == [5, 6]
    np.testing.assert_array_equal(kept.boxes_px[:, 0], [9, 20])
    assert len(found.at_least(0.95)) == 0
