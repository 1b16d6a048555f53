"""Which detector, and with which options."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.perception import DETECTORS, BoxesDetector, FlowMeter, detections, detector, perceive
from cssv.perception.detectors import CheckedDetector, DetectorOptions, register_detector
from cssv.perception.detectors.classes import choose
from cssv.perception.detectors.options import MOST_BOXES


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text("1,-1,10,20,30,40,0.5\n1,-1,50,20,30,40,0.9\n")
    return path


@pytest.fixture
def clip(tmp_path):
    """Four grey frames."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 160, "yuv420p"
        for _ in range(4):
            picture = np.full((160, 192, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_takes_options_by_the_names_that_all_use(name):
    made = DETECTORS[name]
    assert made.name == name
    own = {"label", "side_px", "heal"}
    common = {"boxes", "boxes_from", "weights", "classes", "min_score", "nms_iou", "boxes_are"}
    assert set(inspect.signature(made).parameters) - own <= common
    assert inspect.getdoc(made)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan")])
def test_a_score_outside_its_bounds_is_told_before_anything_else(name, value, boxes):
    given = {"boxes": boxes} if name == "boxes" else {} if name == "motion" else {"weights": "nowhere"}
    with pytest.raises(OptionError, match=r"min_score is out of range.*0 to 1"):
        detector(name, min_score=value, **given)


def test_options_that_are_none_are_not_given(boxes):
    made = DetectorOptions(None, boxes, weights=None, classes=None, min_score=None).make()
    assert made.name == "boxes"
    assert detector("motion", weights=None, classes=None).name == "motion"


def test_no_choice_is_the_default_detector(boxes):
    assert DetectorOptions().make().name == "motion"
    assert DetectorOptions(boxes=boxes).make().name == "boxes"
    assert DetectorOptions(boxes=boxes).files == (boxes,)
    assert DetectorOptions().files == ()


def test_an_option_that_a_detector_does_not_take_is_named_with_those_it_takes(boxes):
    with pytest.raises(
        OptionError, match=r"motion detector does not take weights: found 'x'; allowed: .*min_score"
    ):
        DetectorOptions("motion", weights="x").make()
    with pytest.raises(OptionError, match=r"boxes detector does not take classes.*allowed: boxes, label"):
        DetectorOptions(None, boxes, classes="person").make()


@pytest.mark.parametrize(
    ("name", "words"), [("onnx", "`weights=`"), ("yolo", "`weights=`"), ("boxes", "`boxes=`")]
)
def test_an_option_that_a_detector_needs_is_asked_for(name, words):
    with pytest.raises(OptionError, match=f"the {name} detector needs .* Give {words} the path of a file"):
        DetectorOptions(name).make()


def test_a_box_file_goes_with_no_other_detector(boxes):
    for name in ("onnx", "motion"):
        with pytest.raises(OptionError, match=f"a box file goes with the boxes detector: found '{name}'"):
            DetectorOptions(name, boxes)
    for call in (cssv.encode, cssv.track):
        with pytest.raises(OptionError, match="goes with the boxes detector: found 'motion'"):
            call("clip.mkv", "x.out", detector="motion", boxes=boxes)


def test_a_detector_of_ones_own_has_its_own_options(boxes):
    own = BoxesDetector(boxes)
    assert DetectorOptions(own).make()._detector is own
    with pytest.raises(OptionError, match="found 'classes, min_score'"):
        DetectorOptions(own, classes="person", min_score=0.5)
    with pytest.raises(OptionError, match="goes with the boxes detector"):
        DetectorOptions(own, boxes)


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


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("net.onnx", "onnx or lost"),
        ("net.PT", "yolo"),
        ("net.yaml", "yolo"),
        ("dino.safetensors", "lost"),
        ("net.bin", "onnx or yolo or lost"),
    ],
)
def test_weights_without_their_detector_say_which_to_add(weights, words):
    with pytest.raises(OptionError, match=f"motion detector does not take weights.* Add `detector=` {words}"):
        DetectorOptions("motion", weights=weights).make()


def test_classes_without_a_detector_that_knows_any(boxes):
    with pytest.raises(OptionError, match="Add `detector=` onnx or yolo"):
        DetectorOptions("motion", classes="person").make()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_score": "0.3"}, "min_score is not a number: found \"'0.3'\"; allowed: 0 to 1"),
        ({"min_score": [0.3]}, "min_score is not a number"),
        ({"weights": 3}, "weights is not a path: found '3'"),
        ({"weights": b"x.onnx"}, "weights is not a path"),
        ({"weights": ""}, "weights names no file: found ''. Give `weights=` the path"),
        ({"boxes": 3}, "boxes is not a path"),
        ({"boxes": ""}, "boxes names no file"),
        (
            {"detector": ()},
            "not a detector: found 'a tuple: ()'; allowed: an object with detect(frame)",
        ),
        ({"detector": 3}, "not a detector: found 'a int: 3'"),
        ({"detector": BoxesDetector}, "Make an object of that class."),
        ({"detector": ""}, "unknown detector: found ''"),
    ],
)
def test_values_of_the_wrong_kind_are_told(tmp_path, options, words):
    with pytest.raises(OptionError) as caught:
        DetectorOptions(**options).make()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["source", "output", "boxes", "weights", "thermal"])
@pytest.mark.parametrize("value", [3, b"x", ""])
def test_a_path_of_the_wrong_kind_is_told_by_its_name(tmp_path, name, value):
    given = {"source": "clip.mkv", "output": tmp_path / "x.out"} | {name: value}
    calls = [cssv.encode] if name == "thermal" else [cssv.encode, cssv.track]
    for call in calls:
        with pytest.raises(OptionError, match=f"{name} (is not a path|names no file): found "):
            call(**given)


@pytest.mark.parametrize("classes", [[0], 3, [None], {1: "person"}, b"person", np.array([1])])
def test_classes_that_are_no_names_are_told(classes):
    with pytest.raises(OptionError, match=r"classes are not names.*such as person,car"):
        choose(classes, ("person", "car"))


def test_classes_may_come_in_any_form():
    for given in ("car", ["Car"], ("car",), {"car"}, iter(["car"]), np.array(["car"])):
        assert choose(given, ("person", "car")).tolist() == [1]


class Own:
    """A detector of one's own that gives whatever it was made with."""

    name = "own"

    def __init__(self, found, **more):
        self.found = found
        vars(self).update(more)

    def detect(self, frame):  # noqa: ARG002 - the picture says nothing
        return self.found


def frames(count):
    return [
        Frame(np.zeros((48, 64, 3), np.uint8), "rgb24", n, Fraction(1, 25), number=n) for n in range(count)
    ]


@pytest.mark.parametrize("found", [None, [], [(1, 2, 3, 4)], np.zeros((1, 4))])
def test_what_a_detector_of_ones_own_gives_is_checked(found):
    with pytest.raises(OptionError, match=r"the detector own does not give detections.*cssv\.detections\("):
        perceive(frames(2), Own(found))


def many(count):
    scores = np.random.default_rng(5).permutation(np.linspace(0.2, 0.9, count))
    return detections([(20.0 * n, 1, 10, 10) for n in range(count)], scores)


def test_of_too_many_boxes_the_best_are_followed():
    found = many(3549)
    finder = CheckedDetector.from_detector(Own(found, notes="by hand", most_boxes=MOST_BOXES))
    kept = finder.detect(frames(1)[0])
    assert len(kept) == MOST_BOXES == 300
    assert sorted(kept.scores) == sorted(found.scores)[-300:]
    assert (np.diff(kept.boxes_px[:, 0]) > 0).all()
    own, note = finder.notes
    assert own == "by hand"
    assert "more than 300 boxes in 1 frames, up to 3549" in note
    assert len(perceive(frames(8), Own(found, most_boxes=300))) <= 300


def test_few_boxes_and_other_bounds_are_left_alone(tmp_path):
    finder = CheckedDetector.from_detector(Own(many(300), most_boxes=300))
    assert finder.detect(frames(1)[0]) is finder._detector.found
    assert finder.notes == ()
    assert CheckedDetector.from_detector(finder) is finder
    assert len(CheckedDetector.from_detector(Own(many(400))).detect(frames(1)[0])) == 400
    path = tmp_path / "many.txt"
    path.write_text("".join(f"1,-1,{20 * n},1,10,10,1\n" for n in range(400)))
    assert len(CheckedDetector.from_detector(BoxesDetector(path)).detect(frames(1)[0])) == 400


def test_a_crowded_clip_says_so_in_its_notes(tmp_path, clip):
    done = cssv.encode(clip, tmp_path / "x.cssv", detector=Own(many(301), most_boxes=300))
    assert [note for note in done.notes if "more than 300 boxes in 4 frames" in note]
    assert [note for note in cssv.info(done.path).facts["notes"] if "more than 300 boxes" in note]
    assert "more than 300 boxes" in cssv.track(clip, detector=Own(many(301), most_boxes=300)).notes[0]


def test_notes_are_optional(boxes):
    assert CheckedDetector(BoxesDetector(boxes)).notes == ()
    assert CheckedDetector(Own(None, notes=None)).notes == ()
    assert CheckedDetector(Own(None, notes=["a", "b"])).notes == ("a", "b")


def test_a_meter_is_only_what_measures():
    meter = FlowMeter()
    assert CheckedDetector(Own(None, flow=meter)).flow is meter
    assert isinstance(CheckedDetector(Own(None, flow="left")).flow, FlowMeter)
    assert isinstance(CheckedDetector(Own(None)).flow, FlowMeter)


class Listed:
    """A detector that knows its detections by frame number, as a box file does."""

    name = "listed"
    needs_pixels = False
    frame_count = 4

    def detect(self, frame):  # noqa: ARG002 - never called
        raise AssertionError("a frame was decoded")

    def in_frame(self, number):
        return detections([(10 + number, 20, 30, 40)], ids=[7])


def test_what_is_absent_has_its_default():
    checked = CheckedDetector(Own(None))
    assert (checked.name, checked.notes, checked.most_boxes) == ("own", (), None)
    assert (checked.needs_pixels, checked.frame_count) == (True, None)


def test_any_detector_without_pixels_is_perceived_without_a_frame(clip, tmp_path):
    with_clip, alone = cssv.track(clip, detector=Listed()), cssv.track(detector=Listed(), rate=25)
    for found in (with_clip, alone):
        (track,) = found.tracks
        assert track.id == 7
        assert track.numbers.tolist() == [0, 1, 2, 3]
    done = cssv.encode(clip, tmp_path / "x.cssv", detector=Listed())
    assert done.tracks == 1
    assert len(CheckedDetector(Listed()).detect(frames(1)[0])) == 1


def test_the_frames_of_a_part_are_counted_in_the_whole_clip(clip, tmp_path):
    asked = []

    class Asked(Listed):
        def in_frame(self, number):
            asked.append(number)
            return detections([])

    cssv.encode(clip, tmp_path / "x.cssv", detector=Asked(), start="0.06", lossless=True)
    assert asked == [2, 3]


def test_a_detector_that_lists_no_end_needs_a_clip():
    endless = Listed()
    endless.frame_count = None
    with pytest.raises(OptionError, match="nothing to track"):
        cssv.track(detector=endless)


def test_a_detector_without_pixels_needs_in_frame():
    with pytest.raises(OptionError, match=r"needs no pixels has no in_frame\(number\).*`needs_pixels=`"):
        CheckedDetector(Own(None, needs_pixels=False))


def test_results_by_number_are_checked_as_well():
    own = Own(None, needs_pixels=False, most_boxes=2, in_frame=lambda n: many(3) if n else None)
    checked = CheckedDetector(own)
    with pytest.raises(OptionError, match="the detector own does not give detections"):
        checked.in_frame(0)
    assert len(checked.in_frame(1)) == 2
    assert "more than 2 boxes in 1 frames" in checked.notes[0]


def test_options_travel_to_another_process(boxes):
    options = DetectorOptions(boxes=boxes, min_score=0.6)
    assert pickle.loads(pickle.dumps(options)) == options
    assert len(pickle.loads(pickle.dumps(options)).make().in_frame(0)) == 1


@pytest.fixture
def registered():
    """Register detectors, and remove them again."""
    names = []

    def register(name, factory):
        register_detector(name, factory)
        names.append(name)

    yield register
    for name in names:
        DETECTORS.unregister(name)


def test_a_registered_detector_is_chosen_by_its_name(registered, clip):
    registered(
        "radar", lambda weights, min_score=0.5: Own(many(3), name="radar", notes=f"{weights} {min_score}")
    )
    assert "radar" in DETECTORS
    assert cssv.track(clip, detector="radar", weights="w.bin").notes[0] == "w.bin 0.5"
    assert detector("radar", weights="w.bin", min_score=0.25).notes == "w.bin 0.25"
    with pytest.raises(OptionError, match="the radar detector needs weights"):
        cssv.track(clip, detector="radar")
    with pytest.raises(
        OptionError, match=r"radar detector does not take classes.*allowed: weights, min_score"
    ):
        cssv.track(clip, detector="radar", weights="w.bin", classes="car")
    with pytest.raises(
        OptionError, match=r"unknown detector: found 'sonar'.*motion, boxes, onnx, yolo, lost, radar"
    ):
        cssv.track(clip, detector="sonar")
    with pytest.raises(OptionError, match="name of a detector is taken: found 'motion'"):
        register_detector("motion", Own)


def test_a_registered_factory_may_take_any_option(registered):
    registered("free", lambda **options: Own(None, name="free", options=options))
    assert detector("free", weights="w", other=3).options == {"weights": "w", "other": 3}


def test_what_a_registered_factory_makes_is_checked(registered):
    registered("number", lambda: 3)
    with pytest.raises(OptionError, match="not a detector: found 'a int: 3'"):
        DetectorOptions("number").make()


def test_detectors_of_installed_packages_are_found(tmp_path):
    """In a process of its own, as after ``pip install``: entry points are read once."""
    info = tmp_path / "radar-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: radar\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cssv.detectors]\nradar = radar_it:Radar\nbad = radar_it:None_\n")
    (tmp_path / "radar_it.py").write_text(
        "class Radar:\n    name = 'radar'\n    def detect(self, frame): ...\n"
    )
    code = (
        "import sys, cssv\n"
        "from cssv.perception import DETECTORS, detector\n"
        "assert list(DETECTORS)[5:] == ['bad', 'radar'] and 'radar_it' not in sys.modules\n"
        "assert detector('radar').name == 'radar'\n"
        "try: cssv.track('x.mkv', detector='bad')\n"
        "except cssv.CssvError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stderr == ""
    assert done.stdout.startswith("the detector 'bad' cannot be loaded from 'radar_it:None_': found")
    assert done.stdout.endswith("Repair or uninstall the package radar.\n")


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
