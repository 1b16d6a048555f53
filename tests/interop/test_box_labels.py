"""Class columns of box files: which files have one, and what its words and numbers are called."""

from __future__ import annotations

import pytest

import cssv
from cssv.errors import OptionError, OptionTypeError
from cssv.interop.mot import read_boxes
from cssv.perception import BoxesDetector
from cssv.testing.clips import write_clip

BOX = "11.5,30,20,40"


@pytest.fixture
def file(tmp_path):
    def write(text, name="gt.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def labels_in(path):
    """Label of each row, in the order of the file; None for a file without classes."""
    labels = read_boxes(path).labels
    return None if labels is None else [(*labels.names, None)[code] for code in labels.codes.tolist()]


def rows(*ends):
    return "".join(f"{n},{n},{BOX},{end}\n" for n, end in enumerate(ends, start=1))


FILES = {
    # MOT16, MOT17 and MOT20: flag, class, visibility.
    rows("1,1,1", "1,3,0.5", "0,12,0.86014"): ["pedestrian", "car", "reflection"],
    rows("1,1,0", "0,7,1"): ["pedestrian", "static person"],
    # VisDrone: flag, class, truncation, occlusion.
    rows("1,4,0,0", "1,9,1,2", "0,0,0,0"): ["car", "bus", "ignored region"],
    # Names, in any width.
    rows("0.9,car", "0.8,traffic light"): ["car", "traffic light"],
    rows("0.9,car,-1,-1", "0.8,,-1,-1"): ["car", None],
    rows("0.9,2,x", "0.9,bus,x"): ["2", "bus"],
    rows("1,'truck'", '1,"van, small"'): ["truck", "van, small"],
    # Numbers of another list.
    rows("0.9,0", "0.9,2.0", "0.9,17"): ["0", "2", "17"],
    rows("0.9,2,-1", "0.9,0,-1"): ["2", "0"],
    rows("0.9,2,-1,-1", "0.9,0,-1,-1"): ["2", "0"],
    rows("1,1,1", "1,14,1"): ["1", "14"],
    # A row without the column.
    rows("0.9,car") + f"2,2,{BOX},0.9\n": ["car", None],
    # A heading.
    f"frame,id,x,y,w,h,class\n1,1,{BOX},car\n": ["car"],
    f"label,frame,id,x,y,w,h,score\ncar,1,1,{BOX},0.5\nbus,2,1,{BOX},0.5\n": ["car", "bus"],
    f"frame,id,x,y,w,h,class_id\n1,1,{BOX},3\n": ["3"],
    f"frame,id,x,y,w,h,class_id,class_name\n1,1,{BOX},3,lorry\n": ["lorry"],
    f"FrameId,Id,X,Y,Width,Height,Confidence,ClassId,Visibility\n1,1,{BOX},1,3,0.5\n": ["car"],
    f"# frame id x y w h conf class\n1 1 {BOX.replace(',', ' ')} 0.9 car\n": ["car"],
    "frame;id;x;y;w;h;label\n1;1;11,5;30;20;40;Auto\n": ["Auto"],
    f"frame,id,x,y,w,h,kind\n1,1,{BOX},7\n": None,
    # No class: nothing there, results of a tracker, places in 3D of MOT15.
    rows("1"): None,
    rows("0.9,-1,-1,-1"): None,
    rows("1,-4.1554,-7.3591,0"): None,
    rows("1,4,7.3591,0"): None,
    rows("1,4,7,0", "1,4,8.5,0"): None,
    rows("1,0,0,0"): None,
    rows("1,4,4,4,4"): None,
}


@pytest.mark.parametrize("text", FILES)
def test_labels_of_every_form(file, text):
    assert labels_in(file(text)) == FILES[text]


def test_labels_follow_their_boxes(file):
    path = file("2,5,1,30,20,40,1,3,1\n1,5,2,30,20,40,1,3,1\n1,6,3,30,20,40,0,2,1\n1,7,4,30,20,40,1,1,1\n")
    made = BoxesDetector(path)
    seen = made.in_frame(0)
    assert dict(zip(seen.boxes_px[:, 0].tolist(), seen.labels, strict=True)) == {2: "car", 4: "pedestrian"}
    assert made.in_frame(1).labels == ("car",)
    # Only of boxes that are used.
    assert (
        "labels of the box file, from its class numbers, those of MOTChallenge: car (2), pedestrian (1)"
        in made.notes
    )
    assert BoxesDetector(path, boxes_from=2).in_frame(0).labels == ("car",)


def test_a_list_of_names_beside_the_file_is_used(file, tmp_path):
    path = file(rows("1,1,1", "1,2,1"))
    (tmp_path / "labels.txt").write_text("lorry\nbicycle lane\n")
    made = BoxesDetector(path)
    assert made.in_frame(0).labels == ("lorry",)
    assert made.in_frame(1).labels == ("bicycle lane",)
    assert any("the labels.txt beside it: lorry (1), bicycle lane (1)" in note for note in made.notes)
    # A list that is too short is of something else.
    (tmp_path / "labels.txt").write_text("lorry\n")
    assert BoxesDetector(path).in_frame(1).labels == ("person on vehicle",)
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00\x01\x00")
    assert BoxesDetector(path).in_frame(1).labels == ("person on vehicle",)


@pytest.mark.parametrize("ends", [["1"], ["1,3,1"]])
def test_one_label_for_all(file, ends):
    path = file(rows(*ends))
    made = BoxesDetector(path, label="tram")
    assert made.in_frame(0).labels == ("tram",)
    assert not any("labels of" in note for note in made.notes)
    assert BoxesDetector(file(rows("1"))).in_frame(0).labels == ("object",)


def test_a_label_that_is_none_is_refused(file):
    path = file(rows("1"))
    with pytest.raises(OptionError, match="label is empty"):
        BoxesDetector(path, label=" ")
    with pytest.raises(OptionTypeError, match="label is not a text"):
        BoxesDetector(path, label=5)
    with pytest.raises(OptionError, match=r"motion detector does not take label.*tram"):
        cssv.track("clip.mp4", label="tram")


@pytest.mark.parametrize(
    ("ends", "options", "label"),
    [("1,3,1", {}, "car"), ("1,car", {}, "car"), ("1", {"label": "car"}, "car"), ("1", {}, "object")],
)
def test_a_scene_matches_the_labels(tmp_path, file, ends, options, label):
    clip = tmp_path / "clip.mkv"
    write_clip(clip, width=192, height=160, count=6)
    text = "".join(f"{n},8,{10 + 3 * n},30,40,60,{ends}\n" for n in range(1, 7))
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "car"}, "temperature_c": 61}]}
    done = cssv.encode(clip, tmp_path / "x.cssv", boxes=file(text), scene=scene, lossless=True, **options)
    with cssv.open(done.path) as opened:
        row = opened[3].objects[0]
    assert row.label == label
    assert row.temperature_c == (61 if label == "car" else None)
    assert row.x_px == 22
