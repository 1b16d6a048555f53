"""Detections from the results of other packages, which need not be installed, and from corners."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cssv
from cssv.errors import BoxesError, OptionError
from cssv.perception.detectors import check_found

CORNERS = [[10.0, 20, 40, 60], [50.5, 0, 70, 30]]
BOXES = [[10.0, 20, 30, 40], [50.5, 0, 19.5, 30]]
NAMES = {0: "person", 2: "car"}

#: Eighths of a pixel: sums and differences of these are exact.
_place = st.integers(-8000, 8000).map(lambda eighths: eighths / 8)
_side = st.integers(1, 4000).map(lambda eighths: eighths / 8)


def same(one, other):
    return (
        np.array_equal(one.boxes_px, other.boxes_px)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.ids, other.ids)
        and one.labels == other.labels
    )


@given(st.lists(st.tuples(_place, _place, _side, _side), max_size=8))
def test_corners_and_sides_of_the_same_boxes_are_equal_detections(boxes):
    px = np.array(boxes).reshape(-1, 4)
    corners = np.hstack([px[:, :2], px[:, :2] + px[:, 2:]])
    assert same(cssv.detections(px, form="xywh"), cssv.detections(corners, form="xyxy"))
    assert same(cssv.detections(px), cssv.detections(corners.ravel().tolist(), form="xyxy"))


class Tensor:
    """A tensor on a graphics card: NumPy cannot read it before ``cpu``, nor before ``detach``."""

    def __init__(self, values, place=("grad", "card")):
        self.values, self.place = np.asarray(values, np.float32), place

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def detach(self):
        return type(self)(self.values, self.place[1:])

    def cpu(self):
        return type(self)(self.values, ())

    def numpy(self):
        if self.place:
            raise RuntimeError("Can't call numpy() on it")
        return self.values


class BrainFloats(Tensor):
    def numpy(self):
        raise TypeError("Got unsupported ScalarType BFloat16")


@dataclass
class Supervised:
    """As ``supervision.Detections``."""

    xyxy: object
    confidence: object = None
    class_id: object = None
    tracker_id: object = None
    data: dict = field(default_factory=dict)


def ultralytics(ids=None, *, is_rotated=False, names=NAMES):
    boxes = SimpleNamespace(
        xyxy=Tensor(CORNERS), conf=Tensor([0.5, 0.25]), cls=Tensor([2, 0]), id=ids and Tensor(ids)
    )
    sides = {"boxes": None, "obb": boxes} if is_rotated else {"boxes": boxes, "obb": None}
    return SimpleNamespace(names=names, **sides)


def test_results_of_supervision_are_taken_whole():
    names = np.array(["car", "person"])
    found = Supervised(
        np.array(CORNERS, np.float32), np.array([0.5, 1]), np.array([2, 0]), [7, 9], {"class_name": names}
    )
    assert same(cssv.detections(found), cssv.detections(BOXES, [0.5, 1], ["car", "person"], [7, 9]))


def test_what_supervision_does_not_state_is_filled_in():
    assert same(cssv.detections(Supervised(np.array(CORNERS))), cssv.detections(BOXES))
    assert len(cssv.detections(Supervised(np.empty((0, 4))))) == 0
    assert cssv.detections(Supervised(CORNERS, class_id=[3, 0])).labels == ("class 3", "class 0")


@pytest.mark.parametrize("is_rotated", [False, True])
def test_results_of_ultralytics_are_taken_whole(is_rotated):
    want = cssv.detections(BOXES, [0.5, 0.25], ["car", "person"], [4, 5])
    assert same(cssv.detections(ultralytics([4, 5], is_rotated=is_rotated)), want)
    assert cssv.detections(ultralytics()).ids.tolist() == [-1, -1]
    assert cssv.detections(ultralytics(names=["a", "b"])).labels == ("class 2", "a")


def test_results_that_were_not_converted_are_named():
    with pytest.raises(OptionError, match=rf"found '{__name__}.Supervised'.*`cssv.detections\(results\)`"):
        check_found(Supervised(CORNERS), "detections=")


def test_arguments_replace_what_results_state():
    seen = cssv.detections(ultralytics([4, 5]), [1, 1], "boat", [8, 9])
    assert same(seen, cssv.detections(BOXES, labels="boat", ids=[8, 9]))


def test_tensors_are_fetched_from_their_device():
    seen = cssv.detections(Tensor(CORNERS), Tensor([0.5, 0.25]), ids=Tensor([1, 2]), form="xyxy")
    assert same(seen, cssv.detections(BOXES, [0.5, 0.25], ids=[1, 2]))


def test_detections_of_supervision_itself(package):
    supervision = package("supervision")
    found = supervision.Detections(
        xyxy=np.array(CORNERS), confidence=np.array([0.5, 0.25]), tracker_id=np.array([1, 2])
    )
    assert same(cssv.detections(found), cssv.detections(BOXES, [0.5, 0.25], ids=[1, 2]))
    assert len(cssv.detections(supervision.Detections.empty())) == 0


@pytest.mark.parametrize(
    ("values", "options", "words", "remedy"),
    [
        ([[40, 60, 10, 20]], {"form": "xyxy"}, "wrong order", 'form="xywh"'),
        ([[10, 20, 10, 60]], {"form": "xyxy"}, "no area", ""),
        ([[np.nan, 0, 1, 1]], {"form": "xyxy"}, "not finite", ""),
        ([[-np.inf, 0, np.inf, 1]], {"form": "xyxy"}, "not finite", ""),
        ([[1, 2, 3, 4, 0.9, 0]], {}, "not rows of four", "`scores=`"),
        ([1, 2, 3], {}, "not rows of four", ""),
        (np.zeros((1, 2, 4)), {}, "not rows of four", ""),
        (5, {}, "not rows of four", ""),
        ([ultralytics(), ultralytics()], {}, "several pictures", "results[0]"),
        (SimpleNamespace(boxes=None, obb=None, names=NAMES), {}, "no boxes", "finds objects"),
        (Supervised(CORNERS, class_id=["x", "y"]), {}, "classes are not", "`labels=`"),
        (Supervised(CORNERS, [0.5]), {}, "do not agree", ""),
        (Supervised(CORNERS, tracker_id=[3, 3]), {}, "twice", ""),
        (Supervised([[1, 2, 3, 4, 0.5]]), {}, "not rows of four", ""),
        (Supervised("boxes"), {}, "not numbers", ""),
        (BrainFloats(CORNERS, ()), {}, "not numbers", ""),
        (SimpleNamespace(), {}, "not numbers", ""),
    ],
)
def test_what_cannot_be_used_is_named_with_a_remedy(values, options, words, remedy):
    with pytest.raises(BoxesError, match=words) as caught:
        cssv.detections(values, **options)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("form", ["xyhw", 4])
def test_an_unknown_form_is_named(form):
    with pytest.raises(OptionError, match="xywh, xyxy"):
        cssv.detections(BOXES, form=form)


def test_results_have_no_form_but_their_own():
    assert same(cssv.detections(ultralytics(), form="xyxy"), cssv.detections(ultralytics()))
    with pytest.raises(OptionError, match="Leave out"):
        cssv.detections(ultralytics(), form="xywh")
