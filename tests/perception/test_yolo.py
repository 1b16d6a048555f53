"""The yolo detector: ultralytics' own networks, from weights and from a description."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from types import ModuleType

import cv2
import numpy as np
import pytest

import cssv
from cssv.boxes import overlaps
from cssv.errors import MissingExtraError, ModelError, OptionError
from cssv.frames import Frame
from cssv.perception.detectors import CheckedDetector, detector
from cssv.perception.detectors import yolo as module
from cssv.perception.detectors.options import MOST_BOXES

WEIGHTS = "models/yolov8n.pt"
# One process loads torch.

FEW_CLASSES = """
nc: 2
scales: {n: [0.33, 0.25, 1024]}
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 1, Conv, [512, 3, 2]]
head:
  - [[2, 3, 4], 1, Detect, [nc]]
"""


@pytest.fixture(scope="module")
def ultralytics(data, package, tmp_path_factory):
    """The package; its settings go to a folder of the tests."""
    package("torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        for name, value in {
            "YOLO_OFFLINE": "1",
            "YOLO_AUTOINSTALL": "false",
            "YOLO_VERBOSE": "false",
        }.items():
            patch.setenv(name, value)
        repair = data.parent / "tools/torchvision_cpu.py"
        if repair.is_file():
            spec = importlib.util.spec_from_file_location("torchvision_cpu", repair)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            module.install()
        with np.printoptions():
            yield package("ultralytics")


@pytest.fixture(scope="module")
def bus(data):
    picture = cv2.imread(str(data / "images/bus.jpg"))[..., ::-1]
    return Frame(np.ascontiguousarray(picture), "rgb24", 0, Fraction(1, 25))


def test_the_bus_and_its_people(ultralytics, data, bus):
    found = detector("yolo", weights=data / WEIGHTS, min_score=0.5).detect(bus)
    assert sorted(found.labels) == ["bus", "person", "person", "person"]
    persons = np.array([[49, 399, 196, 504], [222, 406, 124, 451], [669, 392, 141, 485]], float)
    shared = overlaps(persons, found.boxes_px[np.array(found.labels) == "person"])
    assert (shared.max(axis=1) > 0.95).all()
    assert ((found.scores >= 0.5) & (found.scores <= 1)).all()


def test_low_scores_and_chosen_classes(ultralytics, data, bus):
    some = detector("yolo", weights=data / WEIGHTS, classes="Bus").detect(bus)
    assert set(some.labels) == {"bus"}
    more = detector("yolo", weights=data / WEIGHTS, classes=["person"]).detect(bus)
    assert set(more.labels) == {"person"}
    # The fourth person is cut by the edge of the picture.
    assert len(more) >= 4


def test_it_agrees_with_the_same_network_in_onnx(ultralytics, data, bus):
    ours = detector("onnx", weights=data / "models/yolov8n_320_exported.onnx", min_score=0.4).detect(bus)
    theirs = detector("yolo", weights=data / WEIGHTS, min_score=0.4).detect(bus)
    assert sorted(ours.labels) == sorted(theirs.labels)
    assert overlaps(ours.boxes_px, theirs.boxes_px).max(axis=1).min() > 0.75


def test_a_network_from_its_description(ultralytics, tmp_path, bus):
    path = tmp_path / "smalln.yaml"
    path.write_text(FEW_CLASSES)
    made = detector("yolo", weights=path, min_score=0)
    assert made.names == ("0", "1")
    found = made.detect(bus)
    assert set(found.labels) <= {"0", "1"}
    assert ((found.boxes_px[:, :2] >= 0) & (found.boxes_px[:, 2:] > 0)).all()


def test_a_description_that_ships_with_ultralytics(ultralytics, tmp_path, bus):
    shipped = ultralytics.__path__[0] + "/cfg/models/v8/yolov8.yaml"
    path = tmp_path / "yolov8n.yaml"
    with open(shipped, encoding="utf-8") as file:  # noqa: PTH123 - a path of theirs
        path.write_text(file.read(), encoding="utf-8")
    made = detector("yolo", weights=path)
    assert made.names[0] == "person"
    assert len(made.names) == 80
    made.detect(bus)


def test_the_licence_is_told_with_the_result(ultralytics, data, tmp_path):
    found = detector("yolo", weights=data / WEIGHTS)
    assert "AGPL-3.0" in CheckedDetector(found).notes[0]
    assert ultralytics.__version__ in CheckedDetector(found).notes[0]
    done = cssv.encode(
        data / "clips/vtest.avi", tmp_path / "x.cssv", detector="yolo", weights=data / WEIGHTS, stop="0.4"
    )
    assert any("AGPL-3.0" in note for note in done.notes)
    (note,) = [note for note in cssv.info(done.path).facts["notes"] if "AGPL-3.0" in note]
    # A file names the weights by their content: the user's file name may be private.
    assert hashlib.sha256((data / WEIGHTS).read_bytes()).hexdigest() in note
    assert "yolov8n" not in note


@pytest.mark.parametrize("suffix", [".pt", ".yaml"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04junk", b"nc: 3\n", bytes(range(256)), b"[1, 2]"]
)
def test_a_file_that_is_no_network_is_refused_by_name(ultralytics, tmp_path, suffix, content):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"net{suffix} is not a network that ultralytics can load") as caught:
        detector("yolo", weights=path)
    assert "\n" not in str(caught.value)


def test_weights_cut_short_are_refused(ultralytics, data, tmp_path):
    path = tmp_path / "cut.pt"
    path.write_bytes((data / WEIGHTS).read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"cut\.pt is not a network"):
        detector("yolo", weights=path)


def test_a_network_for_another_task_is_refused(ultralytics, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(FEW_CLASSES.replace("[[2, 3, 4], 1, Detect, [nc]]", "[-1, 1, Classify, [nc]]"))
    with pytest.raises(ModelError, match="another task: found 'classify'"):
        detector("yolo", weights=path)


def test_options_out_of_bounds(ultralytics, data):
    with pytest.raises(OptionError, match=r"'unicorn'; allowed: person, bicycle"):
        detector("yolo", weights=data / WEIGHTS, classes="unicorn")
    with pytest.raises(OptionError, match="min_score is out of range"):
        detector("yolo", weights=data / WEIGHTS, min_score=-1)


def test_others_in_the_process_are_left_alone(ultralytics, data):
    code = (
        "import cv2, numpy as np, os, sys\n"
        "before = cv2.getNumThreads(), str(np.array([0.5, 100]))\n"
        "import cssv.perception.detectors.yolo as yolo\n"
        "assert 'ultralytics' not in sys.modules\n"
        "try:\n    yolo._ultralytics()\nexcept ImportError:\n    pass\n"
        "assert (cv2.getNumThreads(), str(np.array([0.5, 100]))) == before\n"
        "assert os.environ['YOLO_OFFLINE'] == '0' and os.environ['YOLO_AUTOINSTALL'] == 'false'\n"
    )
    own = {**os.environ, "YOLO_OFFLINE": "0"}
    del own["YOLO_AUTOINSTALL"]
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


# ---- an installation that is broken


def standing_in(monkeypatch, *, on_load=None, on_predict=None):
    """A package by the name of ultralytics that fails as told."""

    class Yolo:
        task, names = "detect", {0: "thing"}

        def __init__(self, _):
            if on_load is not None:
                raise on_load

        def predict(self, *_, **__):
            raise on_predict

    module = ModuleType("ultralytics")
    module.YOLO, module.__version__ = Yolo, "9.9"
    monkeypatch.setitem(sys.modules, "ultralytics", module)


TORN = RuntimeError("operator torchvision::nms does not exist")


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "torchvision.pt"
    path.write_bytes(b"weights")
    return path


def grey():
    return Frame(np.full((48, 64, 3), 90, np.uint8), "rgb24", 0, Fraction(1, 25))


@pytest.mark.parametrize("error", [TORN, ImportError("libtorch_cpu.so: undefined symbol")])
def test_a_broken_torchvision_is_not_blamed_on_the_weights(monkeypatch, weights, error):
    remedy = "ultralytics is installed but cannot run here.*weights are not the cause.*torch torchvision"
    standing_in(monkeypatch, on_predict=error)
    with pytest.raises(MissingExtraError, match=remedy):
        detector("yolo", weights=weights).detect(grey())
    standing_in(monkeypatch, on_load=error)
    with pytest.raises(MissingExtraError, match=remedy):
        detector("yolo", weights=weights)


def test_other_errors_are_those_of_the_weights_whatever_their_name(monkeypatch, weights):
    error = ValueError(f"{weights} is cut\nand more")
    standing_in(monkeypatch, on_predict=error)
    with pytest.raises(ModelError, match=r"torchvision\.pt cannot be run.*ultralytics itself, 9\.9 here"):
        detector("yolo", weights=weights).detect(grey())
    standing_in(monkeypatch, on_load=error)
    with pytest.raises(ModelError, match=r"is not a network that.*Give the weights of a detection network"):
        detector("yolo", weights=weights)


@pytest.mark.parametrize("error", [TORN, ModuleNotFoundError("No module named 'torch'", name="torch")])
def test_an_import_that_breaks_off_is_told_as_what_it_is(monkeypatch, weights, error):
    def load(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", load)
    with pytest.raises(MissingExtraError, match=f"cannot run here: found .*{error}"):
        module._ultralytics()


def test_ultralytics_is_asked_for_one_box_more_than_are_followed(monkeypatch, weights):
    asked = {}

    class SeenError(Exception):
        pass

    def predict(self, picture, **options):
        asked.update(options)
        raise SeenError

    standing_in(monkeypatch)
    sys.modules["ultralytics"].YOLO.predict = predict
    with pytest.raises(SeenError):
        detector("yolo", weights=weights).detect(grey())
    assert asked["max_det"] == MOST_BOXES + 1


# ---- without ultralytics


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setitem(sys.modules, "ultralytics", None)


def test_without_ultralytics_the_error_names_command_and_licence(without, tmp_path):
    path = tmp_path / "net.pt"
    path.write_bytes(b"weights")
    with pytest.raises(MissingExtraError, match=r"AGPL-3\.0.*pip install '\.\[yolo\]'"):
        detector("yolo", weights=path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.pt", "no such file"),
        ("yolov8n.pt", "nothing is downloaded"),
        ("net.txt", "no such file"),
        (".", "folder"),
    ],
)
def test_a_missing_file_is_told_before_ultralytics_is_asked(without, tmp_path, name, words):
    with pytest.raises(ModelError, match=words):
        detector("yolo", weights=tmp_path / name)


def test_other_kinds_of_weights_are_refused(without, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"found 'net\.onnx'; allowed: \.pt, \.yaml, \.yml"):
        detector("yolo", weights=path)


class Values:
    """An array with the two methods of a tensor that are used."""

    def __init__(self, values):
        self.values = np.array(values, dtype=np.float32)

    def cpu(self):
        return self

    def numpy(self):
        return self.values


@pytest.mark.parametrize(("nms_iou", "labels"), [(None, ["b"]), (0.96, ["b", "a"]), (1, ["b", "a"])])
def test_one_object_of_two_classes_is_one_box(monkeypatch, weights, nms_iou, labels):
    asked = {}

    def predict(self, picture, **options):
        asked.update(options)
        boxes = ModuleType("boxes")
        boxes.xyxy = Values([[10, 10, 30, 30], [10, 10, 30, 31]])
        boxes.conf, boxes.cls = Values([0.8, 0.9]), Values([0, 1])
        result = ModuleType("result")
        result.boxes = boxes
        return [result]

    standing_in(monkeypatch)
    package = sys.modules["ultralytics"]
    package.YOLO.predict, package.YOLO.names = predict, {0: "a", 1: "b"}
    found = detector("yolo", weights=weights, nms_iou=nms_iou).detect(grey())
    assert list(found.labels) == labels
    assert asked["iou"] == (0.55 if nms_iou is None else nms_iou)
