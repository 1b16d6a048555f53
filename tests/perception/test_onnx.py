"""The onnx detector: networks made on the spot, whose boxes are known, and real ones on real pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import linear_sum_assignment

import cssv
from cssv.boxes import overlaps
from cssv.errors import MissingExtraError, ModelError, OptionError
from cssv.frames import Frame
from cssv.perception.detectors import CheckedDetector, detector
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.detectors.heads import grid
from cssv.perception.detectors.network import Network
from cssv.perception.detectors.onnx import OnnxDetector
from cssv.perception.detectors.options import MOST_BOXES
from cssv.video import VideoReader

STRIDES = (8, 16, 32)
YOLOX, YOLOV8 = "models/yolox_nano_416.onnx", "models/yolov8n_320_exported.onnx"
#: Objects of bus.jpg: x, y, w, h.
BUS = (13, 231, 790, 510)
PERSONS = ((49, 399, 196, 504), (222, 406, 124, 451), (669, 400, 141, 475))


def save(path, nodes, inputs, outputs, constants=(), facts=()):
    kinds = {
        name: helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (*inputs, *outputs)
    }
    graph = helper.make_graph(
        nodes,
        "net",
        [kinds[name] for name, _, _ in inputs],
        [kinds[name] for name, _, _ in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in dict(facts).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)
    return path


def colour_network(path, *, size=(None, None), facts=(), half=False):
    """A YOLOX network that sees a box in every cell; its classes are how much of each channel there is."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    number = np.float16 if half else np.float32
    weights = np.zeros((8, 3, 1, 1), number)
    weights[5:, :, 0, 0] = np.eye(3) / 255
    constants = [
        ("weights", weights),
        ("bias", np.array([0.5, 0.5, 0, 0, 1, 0, 0, 0], number)),
        ("shape", np.array([0, 8, -1], np.int64)),
    ]
    nodes = []
    for s in STRIDES:
        nodes += [
            helper.make_node("AveragePool", ["images"], [f"p{s}"], kernel_shape=[s, s], strides=[s, s]),
            helper.make_node("Conv", [f"p{s}", "weights", "bias"], [f"c{s}"]),
            helper.make_node("Reshape", [f"c{s}", "shape"], [f"r{s}"]),
        ]
    nodes += [
        helper.make_node("Concat", [f"r{s}" for s in STRIDES], ["all"], axis=2),
        helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]),
    ]
    width, height = (n or name for n, name in zip(size, ("w", "h"), strict=True))
    return save(
        path,
        nodes,
        [("images", kind, [1, 3, height, width])],
        [("output", kind, [1, "n", 8])],
        constants,
        facts,
    )


def bright_network(path, size, facts=()):
    """A YOLOv8 network of fixed size, the same otherwise."""
    cells = grid(size, STRIDES)
    boxes = np.concatenate([(cells[:, :2] + 0.5) * cells[:, 2:], cells[:, [2, 2]]], axis=1)
    constants = [
        ("boxes", np.ascontiguousarray(boxes.T[None]).astype(np.float32)),
        ("shape", np.array([0, 3, -1], np.int64)),
    ]
    nodes = []
    for s in STRIDES:
        nodes += [
            helper.make_node("AveragePool", ["images"], [f"p{s}"], kernel_shape=[s, s], strides=[s, s]),
            helper.make_node("Reshape", [f"p{s}", "shape"], [f"r{s}"]),
        ]
    nodes += [
        helper.make_node("Concat", [f"r{s}" for s in STRIDES], ["scores"], axis=2),
        helper.make_node("Concat", ["boxes", "scores"], ["output"], axis=1),
    ]
    shape = [1, 3, size[1], size[0]]
    outputs = [("output", TensorProto.FLOAT, [1, 7, len(cells)])]
    return save(path, nodes, [("images", TensorProto.FLOAT, shape)], outputs, constants, facts)


def constant_network(path, output, shape=(1, 3, 64, 96)):
    """Whatever it is shown, it says the same."""
    nodes = [helper.make_node("Identity", ["same"], ["output"])]
    kind = helper.np_dtype_to_tensor_dtype(output.dtype)
    return save(
        path,
        nodes,
        [("images", TensorProto.FLOAT, shape)],
        [("output", kind, output.shape)],
        [("same", output)],
    )


def frame_of(picture, layout="rgb24"):
    if layout == "yuv420p":
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    return Frame(np.ascontiguousarray(picture), layout, 0, Fraction(1, 25))


def with_block(width, height, box, colour):
    """A black picture with one block, RGB."""
    picture = np.zeros((height, width, 3), np.uint8)
    x, y, w, h = box
    picture[y : y + h, x : x + w] = colour
    return picture


@pytest.mark.parametrize("layout", ["rgb24", "yuv420p"])
@pytest.mark.parametrize(
    ("picture", "size"),
    [((128, 96), (128, 96)), ((256, 192), (128, 96)), ((256, 128), (128, 96)), ((96, 192), (64, 96))],
)
def test_yolox_gets_blue_green_red_to_255_in_the_corner(tmp_path, picture, size, layout):
    path = colour_network(tmp_path / "net.onnx", size=size)
    scale = max(picture[0] / size[0], picture[1] / size[1])
    # The first cell of the coarsest grid, and what it covers of the picture.
    block = (0, 0, round(32 * scale), round(32 * scale))
    shown = frame_of(with_block(*picture, block, (0, 0, 255)), layout)
    found = OnnxDetector(path, min_score=0.9).detect(shown)
    assert set(found.labels) == {"0"}
    expected = np.array([block], float)
    np.testing.assert_allclose(found.boxes_px[overlaps(found.boxes_px, expected)[:, 0].argmax()], block)
    # Cells of the finer grids lie inside the same block.
    ends = found.boxes_px[:, :2] + found.boxes_px[:, 2:]
    assert (ends <= 32 * scale + 1e-6).all()


def test_yolov8_gets_red_green_blue_to_1_in_the_middle(tmp_path):
    path = bright_network(tmp_path / "net.onnx", (128, 128), {"names": "['r', 'g', 'b']"})
    shown = frame_of(with_block(256, 128, (64, 0, 64, 64), (255, 0, 0)))
    found = OnnxDetector(path, classes="r,b", min_score=0.9).detect(shown)
    assert set(found.labels) == {"r"}
    assert any(np.allclose(box, (64, 0, 64, 64)) for box in found.boxes_px)
    assert (found.scores > 0.99).all()
    assert len(OnnxDetector(path, classes="b", min_score=0.9).detect(shown)) == 0


@pytest.mark.parametrize(
    ("sides", "facts", "expected"),
    [
        ((None, None), {}, (640, 384)),
        ((None, None), {"imgsz": "[320, 320]"}, (320, 192)),
        ((None, None), {"imgsz": "320"}, (320, 192)),
        ((None, None), {"imgsz": "what"}, (640, 384)),
        ((256, None), {}, (256, 160)),
        ((None, 96), {}, (160, 96)),
        ((128, 96), {"imgsz": "640"}, (128, 96)),
    ],
)
def test_free_sides_follow_the_picture(tmp_path, sides, facts, expected):
    path = colour_network(tmp_path / "net.onnx", size=sides, facts=facts)
    assert Network(path).size_for(500, 300) == expected
    block = (100, 0, 120, 120)
    found = OnnxDetector(path, min_score=0.95).detect(frame_of(with_block(500, 300, block, (0, 0, 255))))
    assert found.labels
    ends = found.boxes_px[:, :2] + found.boxes_px[:, 2:]
    # A cell that is seen may lie to a twentieth beside the block.
    assert (found.boxes_px[:, :2] >= (97, -3)).all()
    assert (ends <= (223, 123)).all()


def test_half_precision(tmp_path):
    frame = frame_of(with_block(128, 96, (0, 0, 32, 32), (0, 0, 255)))
    full, half = (
        OnnxDetector(
            colour_network(tmp_path / f"{half}.onnx", size=(128, 96), half=half), min_score=0.9
        ).detect(frame)
        for half in (False, True)
    )
    assert any(np.allclose(box, (0, 0, 32, 32)) for box in half.boxes_px)
    assert half.labels == full.labels
    np.testing.assert_allclose(half.boxes_px, full.boxes_px, atol=0.1)
    np.testing.assert_allclose(half.scores, full.scores, atol=1e-3)


@pytest.mark.parametrize("size", [(16384, 32), (32, 16384)])
def test_pictures_of_any_shape_go_through(tmp_path, size):
    path = colour_network(tmp_path / "net.onnx", size=(128, 96))
    assert (
        len(OnnxDetector(path, min_score=0.9).detect(frame_of(with_block(*size, (0, 0, 1, 1), (0, 0, 9)))))
        == 0
    )


def net(path, shape, kind=TensorProto.FLOAT, outputs=1):
    """A network that passes its input on."""
    names = [f"o{k}" for k in range(outputs)]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in names]
    return save(path, nodes, [("x", kind, shape)], [(name, kind, shape) for name in names])


def two_inputs(path):
    nodes = [helper.make_node("Add", ["x", "y"], ["o"])]
    inputs = [(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in "xy"]
    return save(path, nodes, inputs, [("o", TensorProto.FLOAT, [1, 3, 64, 64])])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: net(p, [1, 3, 64, 64], outputs=2), "outputs o0 [1, 3, 64, 64] tensor(float), o1"),
        (two_inputs, "inputs x [1, 3, 64, 64] tensor(float), y [1, 3, 64, 64]"),
        (lambda p: net(p, [1, 1, 64, 64]), "inputs x [1, 1, 64, 64]"),
        (lambda p: net(p, [4, 3, 64, 64]), "inputs x [4, 3, 64, 64]"),
        (lambda p: net(p, [1, 64, 64, 3]), "inputs x [1, 64, 64, 3]"),
        (lambda p: net(p, [1, 16000]), "inputs x [1, 16000]"),
        (lambda p: net(p, [1, 3, 64, 100000]), "inputs x [1, 3, 64, 100000]"),
        (lambda p: net(p, [1, 3, 64, 64], TensorProto.UINT8), "tensor(uint8)"),
        (lambda p: net(p, [1, 3, 64, 96]), "found 'shape (1, 3, 64, 96) for an input of 96x64'"),
        (lambda p: constant_network(p, np.zeros((1, 1000), np.float32)), "shape (1, 1000)"),
        (lambda p: constant_network(p, np.zeros((1, 126, 6), np.int64)), "an array of floats"),
        (lambda p: p.write_bytes(b"not a network") and p, "onnxruntime can run"),
        (lambda p: p.write_bytes(b"") or p, "onnxruntime can run"),
        (lambda p: p.mkdir() or p, "a folder"),
        (lambda p: p, "no such file"),
        (lambda p: p.with_suffix(".pt"), "no such file"),
        (lambda p: p.with_suffix(".txt").write_text("x") and p.with_suffix(".txt"), "allowed: .onnx"),
    ],
)
def test_a_file_that_is_no_such_network_is_refused_by_name(tmp_path, make, words, capfd):
    path = make(tmp_path / "net.onnx")
    with pytest.raises(ModelError) as caught:
        OnnxDetector(path)
    assert words in str(caught.value)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_network_cut_short_is_refused(tmp_path):
    whole = colour_network(tmp_path / "net.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cut\.onnx is not a model"):
        OnnxDetector(path)


@pytest.mark.parametrize("content", [b"", b"not a network", bytes(range(256)) * 40])
def test_a_file_that_is_none_says_what_to_give(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"Give a whole \.onnx file"):
        OnnxDetector(path)


def test_a_network_that_cannot_run_with_its_free_side_says_how_to_export_it(tmp_path):
    nodes = [helper.make_node("Reshape", ["images", "shape"], ["output"])]
    path = save(
        tmp_path / "net.onnx",
        nodes,
        [("images", TensorProto.FLOAT, [1, 3, 96, "w"])],
        [("output", TensorProto.FLOAT, [1, 126, 7])],
        [("shape", np.array([1, 126, 7], np.int64))],
    )
    with pytest.raises(ModelError, match=r"one fixed size, or with height and width both free") as caught:
        OnnxDetector(path)
    assert len(str(caught.value)) < 600


def test_a_network_that_sees_texture_is_bounded(tmp_path):
    clip = colour_network(tmp_path / "net.onnx", size=(416, 416))
    finder = CheckedDetector(OnnxDetector(clip, min_score=0, nms_iou=1))
    found = finder.detect(frame_of(np.full((416, 416, 3), 200, np.uint8)))
    assert len(found) == MOST_BOXES
    assert "more than 300 boxes in 1 frames" in finder.notes[0]


def test_a_damaged_name_is_refused_in_silence(tmp_path, capfd):
    path = colour_network(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes().replace(b"Conv", b"C\xc5nv"))
    with pytest.raises(ModelError, match=r"net\.onnx is not a model"):
        OnnxDetector(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", [np.nan, np.inf, 40.0])
def test_a_network_that_gives_no_numbers_is_refused_when_it_does(tmp_path, value):
    output = np.full((1, len(grid((96, 64), STRIDES)), 6), 0.5, np.float32)
    output[0, 7, 5] = value
    path = constant_network(tmp_path / "net.onnx", output)
    with pytest.raises(ModelError, match=r"net\.onnx: the model returned a score outside 0 to 1"):
        OnnxDetector(path).detect(frame_of(np.zeros((64, 96, 3), np.uint8)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_score": -0.1}, "min_score is out of range: found -0.1; allowed: 0 to 1"),
        ({"min_score": float("nan")}, "min_score is out of range"),
        ({"nms_iou": 2}, "nms_iou is out of range"),
        ({"classes": "unicorn"}, "'unicorn'; allowed: 0, 1, 2"),
    ],
)
def test_options_out_of_bounds(tmp_path, options, words):
    path = colour_network(tmp_path / "net.onnx")
    with pytest.raises(OptionError) as caught:
        OnnxDetector(path, **options)
    assert words in str(caught.value)


def test_without_onnxruntime_the_error_names_the_command(tmp_path, monkeypatch):
    path = colour_network(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[onnx\]'"):
        OnnxDetector(path)


@pytest.mark.parametrize("height", [34, 36])
def test_colours_are_those_of_the_planes(height):
    colour = np.full((height, 48, 3), (200, 60, 30), np.uint8)
    for layout in ("rgb24", "yuv420p"):
        assert np.abs(to_bgr(frame_of(colour, layout)).astype(int) - (30, 60, 200)).max() <= 3


# ---- real networks


def bus_picture(data):
    return cv2.imread(str(data / "images/bus.jpg"))[..., ::-1]


@pytest.mark.parametrize("model", [YOLOX, YOLOV8])
@pytest.mark.parametrize("layout", ["rgb24", "yuv420p"])
def test_the_bus_and_its_people(data, model, layout):
    found = detector("onnx", weights=data / model, min_score=0.4).detect(frame_of(bus_picture(data), layout))
    labels = np.array(found.labels)
    assert sorted(labels) == ["bus", "person", "person", "person"]
    assert overlaps(found.boxes_px[labels == "bus"], np.array([BUS], float)).max() > 0.9
    shared = overlaps(np.array(PERSONS, float), found.boxes_px[labels == "person"])
    assert (shared.max(axis=1) > 0.75).all()
    assert (np.diff(found.scores) <= 0).all()


def test_the_fourth_person_is_cut_by_the_edge(data):
    found = detector("onnx", weights=data / YOLOX, classes="person").detect(frame_of(bus_picture(data)))
    assert set(found.labels) == {"person"}
    assert overlaps(found.boxes_px, np.array([[0, 550, 78, 320]], float)).max() > 0.7


@pytest.mark.parametrize(("model", "recall", "precision"), [(YOLOX, 0.9, 0.73), (YOLOV8, 0.88, 0.86)])
def test_people_of_a_street_are_found(data, model, recall, precision):
    people = detector("onnx", weights=data / model, classes="person", min_score=0.3)
    truth = np.loadtxt(data / "mot15/PETS09-S2L1/gt/gt.txt", delimiter=",")
    hits = there = seen = 0
    with VideoReader(data / "clips/vtest.avi") as reader:
        for shown in reader:
            if shown.number % 25:
                continue
            boxes = people.detect(shown).boxes_px
            known = truth[truth[:, 0] == shown.number + 1, 2:6]
            shared = overlaps(boxes, known)
            hits += int((shared[linear_sum_assignment(shared < 0.5)] >= 0.5).sum())
            there, seen = there + len(known), seen + len(boxes)
    assert hits / there >= recall
    assert hits / seen >= precision


def test_the_whole_way_with_a_network(data, tmp_path):
    done = cssv.encode(
        data / "clips/vtest.avi",
        tmp_path / "street.cssv",
        detector="onnx",
        weights=data / YOLOX,
        classes=["person"],
        stop="0.6",
        rate=10,
        lossless=True,
    )
    assert done.frames == 6
    assert done.tracks >= 3
    with cssv.open(done.path) as clip:
        assert {state.label for state in clip[3].states} == {"person"}


# ---- files from anywhere


def test_metadata_that_are_no_text_are_refused(tmp_path):
    path = colour_network(tmp_path / "a.onnx", facts={"names": "@@@@@@"})
    whole = path.read_bytes()
    assert whole.count(b"@@@@@@") == 1
    path.write_bytes(whole.replace(b"@@@@@@", b"\xff\xfe@@@@"))
    with pytest.raises(ModelError, match=r"a\.onnx.*metadata that cannot be read"):
        OnnxDetector(path)


def test_an_input_whose_name_is_no_text_is_refused(tmp_path):
    path = colour_network(tmp_path / "a.onnx")
    path.write_bytes(path.read_bytes().replace(b"images", b"\xff\xfeages"))
    with pytest.raises(ModelError, match=r"a\.onnx"):
        OnnxDetector(path)


@pytest.mark.parametrize(
    "names",
    ["[" * 5000 + "]" * 5000, "{0: 'a', 2: 'b', 1: 3}", "'\\d'", "{1, 2, 3}", "7", "-" * 100_000 + "1", "\0"],
)
def test_class_names_that_cannot_be_read_are_refused(tmp_path, names):
    """Deep nesting ended in a MemoryError of Python's parser."""
    with pytest.raises(ModelError, match="class names"):
        OnnxDetector(colour_network(tmp_path / "a.onnx", facts={"names": names}))


@pytest.mark.parametrize("side", ["\u00b2", "9" * 5000, "[\u0666\u0664]", "-3"])
def test_a_size_that_is_no_number_is_ignored(tmp_path, side):
    assert OnnxDetector(colour_network(tmp_path / "a.onnx", facts={"imgsz": side})).name == "onnx"


def test_damage_in_a_network_has_a_name(tmp_path):
    path = colour_network(tmp_path / "a.onnx", facts={"names": "['a', 'b', 'c']", "imgsz": "[64, 96]"})
    whole, rng = path.read_bytes(), np.random.default_rng(5)
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(len(data), size=3):
            data[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(data))
        # Any other error, and any warning, fails the test.
        with suppress(ModelError):
            OnnxDetector(path)


FORKED = """
import os, sys
import numpy as np
import cssv.perception.detectors.network as network
# So that the session has threads on any machine.
network.SMALL_MACHINE_CORES = 0
model = network.Network(sys.argv[1])
blob = np.random.default_rng(0).random((1, 3, 512, 512), np.float32)
before = model.run(blob)
pid = os.fork()
if pid == 0:
    os._exit(0 if np.array_equal(model.run(blob), before) else 3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert np.array_equal(model.run(blob), before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_runs_the_network(tmp_path):
    """A session of onnxruntime in a child of its process waits for threads that are not there."""
    path = colour_network(tmp_path / "x.onnx")
    subprocess.run([sys.executable, "-c", FORKED, str(path)], check=True, timeout=120)
