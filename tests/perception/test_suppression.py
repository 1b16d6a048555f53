"""One box per object: nearly equal boxes of any label, from networks, box files and own detectors."""

from __future__ import annotations

import numpy as np
import pytest

import cssv
from cssv.boxes import overlaps
from cssv.errors import OptionError
from cssv.perception import detections, perceive, track_boxes
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.detectors.nms import DuplicateFilter, suppress
from cssv.perception.detectors.onnx import OnnxDetector
from cssv.video import VideoReader

CAR = (100.0, 50.0, 80.0, 40.0)
#: Intersection over union with CAR: 0.93, 0.74.
TRUCK, FURTHER = (102.0, 50.0, 80.0, 41.0), (112.0, 50.0, 80.0, 40.0)
#: A rider and the bicycle, 0.43; two people side by side, 0.47.
RIDER, BICYCLE = (50.0, 20.0, 40.0, 90.0), (48.0, 60.0, 50.0, 60.0)
LEFT, RIGHT = (10.0, 10.0, 30.0, 80.0), (20.8, 10.0, 30.0, 80.0)


def kept(boxes, scores, classes, nms_iou=None):
    return suppress(np.array(boxes), np.array(scores), np.array(classes), nms_iou).tolist()


def test_the_boxes_of_this_file_overlap_as_said():
    iou = overlaps(np.array([CAR, RIDER, LEFT]), np.array([TRUCK, FURTHER, BICYCLE, RIGHT]))
    assert np.round(iou[[0, 0, 1, 2], [0, 1, 2, 3]], 2).tolist() == [0.93, 0.74, 0.43, 0.47]


@pytest.mark.parametrize(
    ("boxes", "classes", "nms_iou", "expected"),
    [
        ((CAR, TRUCK), (2, 7), None, [0]),
        ((CAR, TRUCK), (2, 7), 0.95, [0, 1]),
        ((CAR, TRUCK), (2, 7), 1, [0, 1]),
        ((CAR, FURTHER), (2, 7), None, [0, 1]),
        ((CAR, FURTHER), (2, 7), 0.7, [0]),
        ((CAR, FURTHER), (2, 2), None, [0]),
        ((CAR, FURTHER), (2, 2), 0.9, [0, 1]),
        ((RIDER, BICYCLE), (0, 1), None, [0, 1]),
        ((RIDER, BICYCLE), (0, 1), 0.4, [0]),
        ((LEFT, RIGHT), (0, 0), None, [0, 1]),
        # The box beside a box that another class removes is the same object as well.
        ((CAR, TRUCK, FURTHER), (2, 7, 7), None, [0]),
    ],
)
def test_what_is_one_object_for_a_network(boxes, classes, nms_iou, expected):
    assert kept(boxes, np.linspace(0.9, 0.3, len(boxes)), classes, nms_iou) == expected


def test_the_better_box_stays_whatever_its_class():
    assert kept((CAR, TRUCK), (0.5, 0.6), (2, 7)) == [1]


def test_detections_of_any_origin_meet_the_same_rule():
    found = detections(
        [CAR, RIDER, TRUCK, BICYCLE], [0.5, 0.9, 0.6, 0.8], ["car", "person", "truck", "bicycle"]
    )
    filter_ = DuplicateFilter()
    assert filter_.apply(found).labels == ("person", "truck", "bicycle")
    assert len(filter_.apply(detections([CAR, CAR, CAR]))) == 1
    (note,) = filter_.notes
    assert "3 boxes in 2 frames left out" in note
    assert "above 0.8" in note


def test_what_removes_nothing_gives_the_same_detections_and_no_note():
    filter_ = DuplicateFilter()
    for found in (detections([]), detections([CAR]), detections([RIDER, BICYCLE, LEFT, RIGHT])):
        assert filter_.apply(found) is found
    assert filter_.notes == ()


def test_boxes_with_ids_stay_and_remove_others():
    found = detections([CAR, TRUCK, CAR, RIDER], [0.1, 0.2, 0.9, 0.9], "car", ids=[4, 7, -1, -1])
    assert DuplicateFilter().apply(found).ids.tolist() == [4, 7, -1]


def test_many_boxes_are_compared_without_a_table(monkeypatch):
    rng = np.random.default_rng(3)
    boxes = rng.uniform(5, 60, (400, 4))
    found = detections(boxes, rng.uniform(0.1, 1, 400))
    expected = DuplicateFilter(0.5).apply(found)
    monkeypatch.setattr("cssv.perception.detectors.nms.DENSE_PAIRS", 0)
    assert 10 < len(expected) < 390
    np.testing.assert_array_equal(DuplicateFilter(0.5).apply(found).boxes_px, expected.boxes_px)


class Twice:
    """Finds one vehicle in each frame, as a car and as a truck, each with the higher score in turn."""

    name, needs_pixels, frame_count = "twice", False, 40

    def in_frame(self, number):
        shift = np.array([4.0 * number, 0, 0, 0])
        scores = [0.7, 0.6] if number % 3 else [0.6, 0.7]
        return detections(np.array([CAR, TRUCK]) + shift, scores, ["car", "truck"])

    def detect(self, frame):
        return self.in_frame(frame.number)


def test_a_detector_of_ones_own_gives_one_track_of_one_object():
    checked = CheckedDetector(Twice())
    (track,) = track_boxes(checked, [number / 25 for number in range(40)])
    assert track.label == "car"
    assert len(track) == 40
    assert "40 boxes in 40 frames left out" in checked.notes[0]


@pytest.mark.parametrize(("nms_iou", "count"), [(0.95, 2), (1, 2), (0.8, 1)])
def test_a_detector_of_ones_own_has_its_own_bound(nms_iou, count):
    own = Twice()
    own.nms_iou = nms_iou
    assert len(CheckedDetector(own).in_frame(0)) == count
    own.nms_iou = 2
    with pytest.raises(OptionError, match="nms_iou is out of range"):
        CheckedDetector(own)


def test_a_stream_gives_one_track_of_one_object(tmp_path):
    twice, picture = Twice(), np.full((160, 320, 3), 90, np.uint8)
    with cssv.Encoder(tmp_path / "a.cssv", size=(320, 160), rate=25, lossless=True) as encoder:
        for number in range(40):
            encoder.write(picture, twice.in_frame(number))
    with cssv.open(tmp_path / "a.cssv") as clip:
        assert {len(moment.objects) for moment in clip} == {1}
    assert "40 boxes in 40 frames left out" in encoder.notes[0]
    with cssv.Encoder(tmp_path / "b.cssv", size=(320, 160), rate=25, nms_iou=1, lossless=True) as encoder:
        encoder.write(picture, twice.in_frame(0))
    assert not [note for note in encoder.notes if "left out:" in note]


def test_the_bound_holds_for_box_files(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text(
        "".join(f"{n},-1,{x},50,80,40,{s}\n" for n in range(1, 9) for x, s in ((100, 0.9), (103, 0.8)))
    )
    assert len(DetectorOptions(boxes=path).make().in_frame(0)) == 1
    assert len(DetectorOptions(boxes=path, nms_iou=0.95).make().in_frame(0)) == 2
    assert "8 boxes in 8 frames left out" in " ".join(cssv.track(boxes=path).notes)
    assert "left out:" not in " ".join(cssv.track(boxes=path, nms_iou=1).notes)
    with pytest.raises(OptionError, match=r"nms_iou is out of range: found 1\.5; allowed: 0 to 1"):
        cssv.track(boxes=path, nms_iou=1.5)


@pytest.mark.series
def test_no_vehicle_of_the_traffic_clip_is_tracked_twice(data):
    """With boxes suppressed within each class only, it was 110 of 480 frames."""
    finder = OnnxDetector(data / "models/yolox_nano_416.onnx", classes="car,bus,truck")
    with VideoReader(data / "traffic/traffic.mp4") as reader:
        tracks = perceive(reader, finder)
    twice = 0
    for number in range(tracks.frame_count):
        boxes = tracks.in_frame(number).boxes_px
        twice += bool((np.triu(overlaps(boxes, boxes), 1) > 0.7).any())
    assert tracks.frame_count > 470
    assert twice <= 2
