"""Boxes of the truth in a file: in the objects table, in the pixels, in the drawing, and encoded again."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import cssv
from cssv.testing.clips import write_clip
from cssv_cli.main import main

COUNT = 16
SIZE = (192, 160)
IDS = (12, 5)


def given_boxes():
    rng = np.random.default_rng(5)
    boxes = np.empty((COUNT, 2, 4))
    boxes[:, 0] = 15, 20, 50, 60
    boxes[:, 1] = 120, 70, 44, 66
    boxes[:, :, 0] += 1.5 * np.arange(COUNT)[:, None]
    return (boxes + rng.uniform(-4, 4, boxes.shape)).round(3)


BOXES = given_boxes()


def is_given(number, k):
    return (number, k) not in {(6, 0), (7, 0), (3, 1)}


def wanted():
    return {
        (number, identity): BOXES[number, k]
        for number in range(COUNT)
        for k, identity in enumerate(IDS)
        if is_given(number, k)
    }


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    write_clip(path, width=SIZE[0], height=SIZE[1], count=COUNT)
    return path


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    path = tmp_path_factory.mktemp("boxes") / "gt.txt"
    rows = (f"{n + 1},{i},{','.join(map(str, box))},1,-1,-1,-1\n" for (n, i), box in wanted().items())
    path.write_text("".join(rows))
    return path


@pytest.fixture(scope="module")
def encoded(clip, boxes, tmp_path_factory):
    return cssv.encode(clip, tmp_path_factory.mktemp("out") / "out.cssv", boxes=boxes, lossless=True)


def boxes_in(path, rows_of):
    with cssv.open(path) as opened:
        return {
            (moment.number, state.track): np.array(state.box_px)
            for moment in opened
            for state in rows_of(moment)
        }


def test_the_objects_table_has_the_boxes_as_given(encoded, tmp_path):
    cssv.decode(encoded.path, objects=tmp_path / "objects.csv")
    with (tmp_path / "objects.csv").open(newline="") as table:
        found = {
            (int(row["frame"]), int(row["track"])): [float(row[f"{side}_px"]) for side in "xywh"]
            for row in csv.DictReader(table)
        }
    assert found.keys() == wanted().keys()
    for key, box in wanted().items():
        assert found[key] == pytest.approx(box, abs=1e-9)


def test_the_pixels_have_them_in_whole_pixels(encoded):
    found = boxes_in(encoded.path, lambda moment: moment.states_in_pixels)
    assert found.keys() == wanted().keys()
    for key, (x, y, w, h) in wanted().items():
        corners = np.round([x, y, x + w, y + h])
        np.testing.assert_array_equal(found[key], [*corners[:2], *(corners[2:] - corners[:2])])


def test_the_decision_is_noted_and_recorded(encoded):
    note = "boxes with ids are the truth, because no score is below 1"
    assert sum(text.startswith(note) for text in encoded.notes) == 1
    assert any(text.startswith(note) for text in cssv.info(encoded.path).facts["notes"])


def test_a_file_that_is_encoded_again_keeps_its_boxes(encoded, tmp_path):
    again = cssv.encode(encoded.path, tmp_path / "again.cssv", lossless=True)
    found = boxes_in(again.path, lambda moment: moment.states)
    assert found.keys() == wanted().keys()
    for key, box in wanted().items():
        assert found[key] == pytest.approx(box, abs=1e-9)


def test_the_command_line_decides(clip, boxes, tmp_path, capsys):
    out = tmp_path / "out.cssv"
    main(
        ["encode", str(clip), "--boxes", str(boxes), "--boxes-are", "detections", "-o", str(out)],
        standalone_mode=False,
    )
    assert "boxes with ids" not in capsys.readouterr().out
    found = boxes_in(out, lambda moment: moment.states)
    assert max(np.abs(found[key] - box).max() for key, box in wanted().items()) > 1


def test_a_part_of_the_clip_has_the_boxes_of_its_frames(clip, boxes, tmp_path):
    done = cssv.encode(clip, tmp_path / "part.cssv", boxes=boxes, start="0.2", lossless=True)
    found = boxes_in(done.path, lambda moment: moment.states)
    assert found.keys() == {(number - 5, i) for number, i in wanted() if number >= 5}
    for (number, identity), box in found.items():
        assert box == pytest.approx(wanted()[number + 5, identity], abs=1e-9)
