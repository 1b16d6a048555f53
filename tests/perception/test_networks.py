"""What lies between a picture and a network's boxes: letterbox, heads, suppression, names of classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cssv.boxes import overlaps
from cssv.errors import ModelError, OptionError
from cssv.perception.detectors.classes import COCO, choose, default_names, split_names
from cssv.perception.detectors.heads import Head, grid
from cssv.perception.detectors.letterbox import PADDING, Letterbox
from cssv.perception.detectors.nms import suppress
from cssv.perception.detectors.onnx import read_names
from cssv.perception.detectors.options import touching

SIZE = (96, 64)
CELLS = 96 * 64 // 64 + 96 * 64 // 256 + 96 * 64 // 1024

side = st.integers(32, 2000)
make = st.sampled_from([Letterbox.corner, Letterbox.centred])
edge = st.floats(-500, 2500)
box = st.tuples(edge, edge, st.floats(0.5, 2000), st.floats(0.5, 2000))


@given(make, side, side, side, side, st.lists(box, min_size=1, max_size=5))
def test_boxes_come_back_from_a_letterbox(make, width, height, columns, rows, boxes):
    fitted = make((width, height), (columns, rows))
    boxes = np.array(boxes)
    scale = np.array(fitted.inside) / (width, height)
    starts = boxes[:, :2] * scale + (fitted.left, fitted.top)
    sizes = boxes[:, 2:] * scale
    back = fitted.to_picture(np.concatenate([starts + sizes / 2, sizes], axis=1))
    np.testing.assert_allclose(back, boxes, atol=1e-6)


@given(make, side, side, side, side)
def test_a_letterbox_keeps_the_shape_and_touches_two_sides(make, width, height, columns, rows):
    fitted = make((width, height), (columns, rows))
    (inner_width, inner_height) = fitted.inside
    assert inner_width in (columns, columns - 1) or inner_height in (rows, rows - 1)
    assert fitted.left + inner_width <= columns
    assert fitted.top + inner_height <= rows
    scale = min(columns / width, rows / height)
    assert abs(inner_width - width * scale) <= 1
    assert abs(inner_height - height * scale) <= 1


def test_the_rest_of_a_letterbox_is_grey():
    picture = np.full((20, 40, 3), 200, np.uint8)
    corner = Letterbox.corner((40, 20), (80, 80)).fit(picture)
    assert (corner[:40] == 200).all()
    assert (corner[40:] == PADDING).all()
    centred = Letterbox.centred((40, 20), (80, 81)).fit(picture)
    assert (centred[20:60] == 200).all()
    assert (centred[:20] == PADDING).all()
    assert (centred[60:] == PADDING).all()


def test_cells_are_counted_grid_by_grid_and_row_by_row():
    cells = grid(SIZE, (8, 16, 32))
    assert len(cells) == CELLS
    assert cells[:2].tolist() == [[0, 0, 8], [1, 0, 8]]
    assert cells[12].tolist() == [0, 1, 8]
    assert cells[-1].tolist() == [2, 1, 32]


def planted(cells, boxes, scores, classes, count, form):
    """Output of a network that sees only these boxes (centre x, centre y, w, h), one per cell."""
    rows = np.zeros((CELLS, 5 + count), np.float32)
    rows[:, :2] = 0.5
    rows[cells, :4] = boxes
    rows[cells, 4] = np.sqrt(scores)
    rows[cells, 5 + np.array(classes)] = np.sqrt(scores)
    where = grid(SIZE, (8, 16, 32))
    if form == "decoded":
        empty = np.setdiff1d(np.arange(CELLS), cells)
        rows[empty, :2] = (where[empty, :2] + 0.5) * where[empty, 2:]
        return rows[None]
    if form == "yolov8":
        rows[cells, 5 + np.array(classes)] = scores
        return np.delete(rows, 4, axis=1).T[None]
    rows[cells, :2] = boxes[:, :2] / where[cells, 2:] - where[cells, :2]
    rows[cells, 2:4] = np.log(boxes[:, 2:] / where[cells, 2:])
    return rows[None]


@given(st.data(), st.sampled_from(["undecoded", "decoded", "yolov8"]))
@settings(max_examples=60)
def test_a_head_reads_what_was_planted(data, form):
    count = data.draw(st.integers(1, 4))
    cells = data.draw(st.lists(st.integers(0, CELLS - 1), min_size=1, max_size=6, unique=True))
    numbers = st.floats(4, 60)
    boxes = np.array([[data.draw(numbers) for _ in range(4)] for _ in cells])
    scores = np.array([data.draw(st.floats(0.3, 1)) for _ in cells])
    classes = [data.draw(st.integers(0, count - 1)) for _ in cells]
    output = planted(cells, boxes, scores, classes, count, form)
    head = Head.from_output(output, SIZE)
    assert head == Head("yolov8" if form == "yolov8" else "yolox", count, (8, 16, 32), form != "undecoded")
    found, levels, kinds = head.read(output, SIZE, 0.25)
    order = np.argsort(cells)
    np.testing.assert_allclose(found, boxes[order], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(levels, scores[order], rtol=1e-5)
    assert kinds.tolist() == np.array(classes)[order].tolist()


def test_scores_below_the_floor_are_left_out():
    output = planted([0, 5], np.full((2, 4), 30.0), np.array([0.4, 0.6]), [0, 0], 1, "undecoded")
    head = Head.from_output(output, SIZE)
    assert len(head.read(output, SIZE, 0.39)[0]) == 2
    assert head.read(output, SIZE, 0.41)[1].tolist() == pytest.approx([0.6])


def test_four_grids_are_known():
    cells = sum((256 // stride) ** 2 for stride in (8, 16, 32, 64))
    assert Head.from_output(np.zeros((1, 6, cells), np.float32), (256, 256)).strides == (8, 16, 32, 64)


@pytest.mark.parametrize(
    "shape",
    [(1, CELLS, 5), (1, 4, CELLS), (1, 300, 6), (2, CELLS, 85), (CELLS, 85), (1, 3 * CELLS, 85), (1, 1000)],
)
def test_other_outputs_are_refused_by_their_shape(shape):
    with pytest.raises(ModelError, match="does not have the form of a supported detector") as caught:
        Head.from_output(np.zeros(shape, np.float32), SIZE)
    assert str(shape) in str(caught.value)
    assert f"{CELLS}" in str(caught.value)
    assert "YOLOX" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 7.0])
@pytest.mark.parametrize("column", [4, 5])
def test_scores_that_are_none_are_refused(value, column):
    output = planted([3], np.full((1, 4), 30.0), np.array([0.9]), [0], 1, "undecoded")
    output[0, 3, column] = value
    with pytest.raises(ModelError, match="score outside 0 to 1"):
        Head.from_output(output, SIZE).read(output, SIZE, 0.1)


@pytest.mark.parametrize("column", [0, 3])
def test_boxes_that_are_not_numbers_are_refused(column):
    output = planted([3], np.full((1, 4), 30.0), np.array([0.9]), [0], 1, "undecoded")
    output[0, 3, column] = np.nan
    with pytest.raises(ModelError, match="with values that are not finite"):
        Head.from_output(output, SIZE).read(output, SIZE, 0.1)


def test_sizes_beyond_all_bounds_do_not_overflow():
    output = planted([3], np.full((1, 4), 30.0), np.array([0.9]), [0], 1, "undecoded")
    output[0, 3, 2:4] = 1e30
    boxes, _, _ = Head.from_output(output, SIZE).read(output, SIZE, 0.1)
    assert np.isfinite(boxes).all()


def test_only_boxes_that_touch_the_picture_count():
    boxes = [
        [-10, -10, 20, 20],
        [-10, 0, 10, 5],
        [99, 49, 5, 5],
        [100, 0, 5, 5],
        [5, 5, 0, 5],
        [-2e6, 0, 3e6, 9],
    ]
    assert touching(np.array(boxes, float), (100, 50)).tolist() == [True, False, True, False, False, False]


def greedy(boxes, scores, classes, within, across):
    """The rule, word for word: of one class first, then of all that are left."""
    kept = [k for name in set(classes) for k in best(np.flatnonzero(classes == name), boxes, scores, within)]
    return best(np.array(kept, dtype=np.int64), boxes, scores, across)


def best(some, boxes, scores, most):
    kept = []
    for k in sorted(some, key=lambda k: -scores[k]):
        if not kept or overlaps(boxes[[k]], boxes[kept]).max() <= most:
            kept.append(k)
    return kept


@given(
    st.lists(st.tuples(*[st.integers(-9, 9)] * 2, *[st.integers(1, 9)] * 2, st.integers(0, 2)), max_size=25),
    st.sampled_from([None, 0.4501, 0.7003]),
)
@settings(max_examples=200)
def test_suppression_is_greedy_within_and_across_classes(rows, nms_iou):
    rows = np.array(rows, dtype=np.float64).reshape(-1, 5)
    scores = np.linspace(1, 0.1, len(rows))
    classes = rows[:, 4].astype(np.int64)
    within, across = (0.55, 0.8) if nms_iou is None else (nms_iou, nms_iou)
    # 0.55 and 0.8 are quotients of small numbers; the network's own part compares in single precision.
    shared = overlaps(rows[:, :4], rows[:, :4])
    assume(not (np.isclose(shared, within) | np.isclose(shared, across)).any())
    found = suppress(rows[:, :4], scores, classes, nms_iou).tolist()
    assert found == greedy(rows[:, :4], scores, classes, within, across)


def test_names_of_classes():
    assert len(COCO) == len(set(COCO)) == 80
    assert (COCO[0], COCO[2], COCO[5], COCO[79]) == ("person", "car", "bus", "toothbrush")
    assert default_names(80) is COCO
    assert default_names(3) == ("0", "1", "2")


def test_classes_are_chosen_by_name():
    assert choose("person, Car", COCO).tolist() == [0, 2]
    assert choose(["bus", "person"], COCO).tolist() == [0, 5]
    assert choose("traffic light", COCO).tolist() == [9]
    assert len(choose(None, COCO)) == 80
    assert split_names(" a,, b ") == ("a", "b")


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ("person,unicorn", "'unicorn'; allowed: person, bicycle"),
        ("", "no class"),
        (" , ", "no class"),
        ([], "no class"),
    ],
)
def test_classes_that_are_not_known_are_refused(classes, words):
    with pytest.raises(OptionError, match=words):
        choose(classes, COCO)


def test_names_come_from_the_exporter():
    assert read_names({}, 80) is COCO
    assert read_names({"names": "{0: 'cat', 1: 'dog'}", "task": "detect"}, 2) == ("cat", "dog")
    assert read_names({"names": '["cat", "dog"]'}, 2) == ("cat", "dog")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"names": "{0: 'cat'}"}, "found '1 names'; allowed: 2"),
        ({"names": "{0: 'cat', 5: 'dog'}"}, "cannot be read"),
        ({"names": "cat, dog"}, "cannot be read"),
        ({"names": "7"}, "cannot be read"),
        ({"names": "[1, 2]"}, "do not fit"),
        ({"task": "segment"}, "another task: found 'segment'; allowed: detect"),
    ],
)
def test_names_that_do_not_fit_are_refused(facts, words):
    with pytest.raises(ModelError, match=words):
        read_names(facts, 2)
