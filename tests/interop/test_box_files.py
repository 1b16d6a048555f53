"""Box files in the forms that real tools write: separators, quotes, encodings, headings, frame numbers."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import BoxesError
from cssv.interop.mot import read_boxes, read_mot_array

ROWS = [[1, 1, 11.5, 30, 20, 40, 0.9], [1, 2, 71.5, 40, 20, 40, 0.9], [2, 1, 13, 30, 20, 40, 0.5]]
TEXT = "".join(",".join(f"{value:g}" for value in row) + "\n" for row in ROWS)


@pytest.fixture
def file(tmp_path):
    def write(text, name="boxes.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.mark.parametrize(
    "name", ["decimal_comma", "header_xyxy", "quotes", "semicolon", "utf16", "zero_based", "norm01"]
)
def test_the_shared_files_hold_the_same_boxes(data, name):
    rows = read_mot_array(data / "cases/mot" / f"{name}.txt")
    frames, ids = np.arange(1, 51).repeat(2), np.tile([1, 2], 50)
    # The object is at 10 px in the first frame where frames count from 0, otherwise at 11.5 px.
    first = 10.0 if name == "zero_based" else 11.5
    x = first + 1.5 * (frames - 1) + 60.0 * (ids - 1)
    boxes = np.column_stack([x, 20.0 + 10 * ids, np.full(100, 20.0), np.full(100, 40.0)])
    if name == "norm01":
        boxes /= (192, 160, 192, 160)
    np.testing.assert_array_equal(rows[:, :2], np.column_stack([frames, ids]))
    np.testing.assert_allclose(rows[:, 2:6], boxes, atol=1e-9)
    assert (rows[:, 6] == 0.9).all()


quoted = TEXT.replace("\n", '"\n"').replace(",", '","')
FORMS = {
    "semicolons": TEXT.replace(",", ";"),
    "tabs": TEXT.replace(",", "\t"),
    "bars": TEXT.replace(",", "|"),
    "spaces": TEXT.replace(",", "  "),
    "double quotes": '"' + quoted[:-1],
    "single quotes": ('"' + quoted[:-1]).replace('"', "'"),
    "quotes and spaces": ('"' + quoted[:-1]).replace(",", " , "),
    "decimal commas, semicolons": TEXT.replace(",", ";").replace(".", ","),
    "decimal commas, tabs": TEXT.replace(",", "\t").replace(".", ","),
    "decimal commas, spaces": TEXT.replace(",", " ").replace(".", ","),
    "decimal commas, quotes": ('"' + quoted[:-1]).replace(".", ","),
    "old Mac lines": TEXT.replace("\n", "\r"),
    "Windows lines": TEXT.replace("\n", "\r\n"),
    "UTF-8 with a mark": TEXT.encode("utf-8-sig"),
    "UTF-16 with a mark": TEXT.encode("utf-16"),
    "UTF-16 little-endian": TEXT.encode("utf-16-le"),
    "UTF-16 big-endian": TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "Excel": "\ufeff".encode("utf-16-le") + TEXT.replace(",", "\t").replace(".", ",").encode("utf-16-le"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_the_same(file, form):
    read = read_boxes(file(FORMS[form]))
    assert read.rows.tolist() == ROWS
    assert any("decimal comma" in note for note in read.notes) == (
        form.startswith("decimal") or form == "Excel"
    )


BODY = "1,1,11.5,30,20,40,0.9\n"
HEADINGS = {
    "frame,id,x1,y1,x2,y2,score\n1,1,11.5,30,31.5,70,0.9\n": {},
    "frame,id,xmin,ymin,xmax,ymax,conf\n1,1,11.5,30,31.5,70,0.9\n": {},
    "Frame;Track ID;Left [px];Top [px];Right [px];Bottom [px];Confidence\n1;1;11,5;30;31,5;70;0,9\n": {},
    "frame,id,x0,y0,x1,y1,score\n1,1,11.5,30,31.5,70,0.9\n": {},
    "frame,id,cx,cy,w,h,score\n1,1,21.5,50,20,40,0.9\n": {},
    "frame,id,x_center,y_center,width,height,score\n1,1,21.5,50,20,40,0.9\n": {},
    "frame,id,right,bottom,width,height,score\n1,1,31.5,70,20,40,0.9\n": {},
    "frame,id,xMin,yMin,bboxWidth,bboxHeight,score\n1,1,11.5,30,20,40,0.9\n": {},
    "score,h,w,y,x,id,frame\n0.9,40,20,30,11.5,1,1\n": {},
    "frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z\n1,1,11.5,30,20,40,0.9,7,8,9\n": {},
    "label,track_id,frame,x,y,w,h,visibility,confidence\ncar,1,1,11.5,30,20,40,0.1,0.9\n": {},
    "results of a tracker\nframe,id,x1,y1,x2,y2,score\n1,1,11.5,30,31.5,70,0.9\n": {},
    "frame,id,y1,x1,y2,x2,score\n1,1,30,11.5,70,31.5,0.9\n": {},
    "# frame,id,x1,y1,x2,y2,score\n1,1,11.5,30,31.5,70,0.9\n": {},
    "# by hand: 7 boxes\n# columns: frame, id, x1, y1, x2, y2, score\n1,1,11.5,30,31.5,70,0.9\n": {},
    "# frame id left top right bottom conf\n1 1 11.5 30 31.5 70 0.9\n": {},
    "# a, x, y file of mine\n1,1,11.5,30,20,40,0.9\n": {},
    "sep=;\nframe;id;x1;y1;x2;y2;score\n1;1;11,5;30;31,5;70;0,9\n": {},
    "frame x y w h\n1 11.5 30 20 40\n": {"id": -1, "score": 1},
    "frame,x1,y1,x2,y2\n1,11.5,30,31.5,70\n": {"id": -1, "score": 1},
}


@pytest.mark.parametrize("text", HEADINGS)
def test_a_heading_names_the_columns(file, text):
    known = {"id": 1, "score": 0.9} | HEADINGS[text]
    read = read_boxes(file(text))
    assert read.rows.tolist() == [[1, known["id"], 11.5, 30, 20, 40, known["score"]]]
    assert not read.is_share


def test_a_heading_can_state_shares_of_the_picture(file):
    read = read_boxes(file("frame,id,x_norm,y_norm,w_norm,h_norm\n1,1,0.5,0.25,0.1,0.2\n"))
    assert read.is_share
    assert read.rows.tolist() == [[1, 1, 0.5, 0.25, 0.1, 0.2, 1]]


def test_a_heading_of_other_words_is_skipped_with_a_note(file):
    read = read_boxes(file(f"a,b,c,d,e,f,g\n{BODY}"))
    assert read.rows.tolist() == ROWS[:1]
    assert read.notes == (
        "the heading of the box file names no box, so that a line is frame,id,x,y,w,h[,score,...]",
    )


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("frame,id,x1,y1,x2,score", "no column for h"),
        ("id,x,y,w,h,score", "no column for frame"),
        ("frame,id,left,score", "no column for w and y and h"),
    ],
)
def test_a_heading_without_a_needed_column_is_refused(file, heading, words):
    with pytest.raises(BoxesError, match=words):
        read_boxes(file(f"{heading}\n{','.join('1' * len(heading.split(',')))}\n"))


def test_a_second_corner_before_the_first_is_named(file):
    with pytest.raises(BoxesError, match=r"line 3: w is out of range: found '-20'"):
        read_boxes(file("frame,id,x1,y1,x2,y2\n1,1,10,20,30,40\n1,2,30,20,10,40\n"))


# ---- what could be two things


@pytest.mark.parametrize(
    "text",
    [
        "1,1,11,5,30,20,40,0,9\n1,2,71,5,40,20,40,0,9\n2,1,13,30,20,40,0,9\n",
        "1,1,11,5,30,0,20,0,40,0,0,9\n2,1,13,5,30,0,20,0,40,0,0,9\n",
    ],
)
def test_decimal_commas_between_commas_are_refused(file, text):
    with pytest.raises(BoxesError, match="commas may separate fields or stand for decimal points"):
        read_boxes(file(text))


def test_whole_numbers_alone_are_no_reason_to_refuse(file):
    text = "1,1,912,484,97,109,0,7,1\n2,1,912,484,97,109,1,7,1\n"
    assert read_boxes(file(text)).rows[0].tolist() == [1, 1, 912, 484, 97, 109, 0]


@pytest.mark.parametrize("text", ["1;1;11,5;30.5;20;40;0,9\n", "1;1;1,234.5;30;20;40;0.9\n"])
def test_points_and_commas_in_one_number_or_row_are_refused(file, text):
    with pytest.raises(
        BoxesError, match=r"is not a number|some numbers have a decimal point, others a comma"
    ):
        read_boxes(file(text))


def test_points_and_commas_in_one_file_are_refused(file):
    with pytest.raises(BoxesError, match=r"line 2: some numbers have a decimal point, others a comma"):
        read_boxes(file("1;1;11,5;30;20;40;0,9\n2;1;11.5;30;20;40;0.9\n"))


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"1,1,\xe9,2,3,4", b"\xff\xfe\x00\x01"]
)
def test_what_is_no_text_is_refused_with_the_way_out(file, content):
    with pytest.raises(BoxesError, match=r"is not a text file.*Save it as text in UTF-8"):
        read_boxes(file(content))


# ---- frame numbers


def test_frames_from_zero_are_recognised_with_a_note(file):
    read = read_boxes(file("0,1,10,30,20,40,0.9\n1,1,11.5,30,20,40,0.9\n"))
    assert read.rows[:, 0].tolist() == [1, 2]
    assert read.notes == ("the frames of the box file are counted from 0, because it has boxes in frame 0",)


def test_a_frame_zero_behind_others_is_a_fault_whose_remedy_gives_the_right_boxes(file):
    path = file("1,-1,11.5,30,20,40,0.9\n0,-1,10,30,20,40,0.9\n")
    with pytest.raises(BoxesError, match=r"line 2: frame is out of range: found '0'.*give `boxes_from=0`"):
        read_boxes(path)
    with pytest.raises(BoxesError, match="a frame comes after a later one"):
        read_boxes(path, 0)


def test_rows_with_ids_may_begin_at_zero_anywhere(file):
    read = read_boxes(file("5,1,10,30,20,40,0.9\n0,2,10,30,20,40,0.9\n"))
    assert read.rows[:, :2].tolist() == [[1, 2], [6, 1]]


@given(st.integers(0, 5000), st.lists(st.integers(0, 50), min_size=1, max_size=8, unique=True))
@settings(max_examples=50)
def test_the_first_frame_can_be_any(tmp_path_factory, first, frames):
    path = tmp_path_factory.getbasetemp() / "from.txt"
    path.write_text("".join(f"{first + frame},-1,10,20,30,40,1\n" for frame in sorted(frames)))
    assert read_boxes(path, first).rows[:, 0].tolist() == [frame + 1 for frame in sorted(frames)]


def test_boxes_before_the_first_frame_are_left_out_with_a_note(file):
    path = file("7,-1,10,20,30,40,1\n8,-1,10,20,30,40,1\n9,-1,11,20,30,40,1\n")
    read = read_boxes(path, 9)
    assert read.rows[:, :3].tolist() == [[1, -1, 11]]
    assert read.notes == ("2 of 3 boxes of the box file lie before its frame 9",)
    with pytest.raises(BoxesError, match=r"no detection from frame 10 on: found 'up to frame 9'"):
        read_boxes(path, 10)


# ---- properties

values = st.tuples(
    st.integers(1, 40), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(1, 1e4), st.floats(1, 1e4)
)
separators = st.sampled_from([",", ";", "\t", "|", " "])


@given(st.lists(values, min_size=1, max_size=8), separators, st.booleans(), st.booleans(), st.randoms())
@settings(max_examples=150)
def test_any_order_of_columns_in_any_form_reads_back(
    tmp_path_factory, boxes, separator, comma, quoted, random
):
    numbers = itertools.count(1)
    rows = [(frame, next(numbers), round(x, 2), round(y, 2), w, h) for frame, x, y, w, h in sorted(boxes)]
    table = {
        "frame": [row[0] for row in rows],
        "id": [row[1] for row in rows],
        "left": [row[2] for row in rows],
        "top": [row[3] for row in rows],
        "width": [row[4] for row in rows],
        "height": [row[5] for row in rows],
    }
    names = list(table)
    random.shuffle(names)
    # A comma cannot be both.
    comma = comma and (quoted or separator != ",")
    lines = [names, *([repr(table[name][k]) for name in names] for k in range(len(rows)))]
    if comma:
        lines[1:] = [[field.replace(".", ",") for field in line] for line in lines[1:]]
    if quoted:
        lines = [[f'"{field}"' for field in line] for line in lines]
    path = tmp_path_factory.getbasetemp() / "any_form.txt"
    path.write_text("\n".join(separator.join(line) for line in lines))
    read = read_boxes(path).rows
    np.testing.assert_array_equal(read[:, :6], np.array(rows, float))


def test_memory_follows_the_file_and_not_the_bound(file):
    def peak(count):
        rows = (f"{n + 1},-1,{n % 900}.25,20,30,40,0.5\n" for n in range(count))
        path = file("".join(rows))
        tracemalloc.start()
        read_mot_array(path)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    # A row is 56 bytes as numbers and 25 as text; sorting needs it a few times.
    small, large = peak(1000), peak(9000)
    assert small < 2_000_000
    assert large - small < 8000 * 500
