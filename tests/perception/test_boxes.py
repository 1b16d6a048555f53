from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import BoxesError, OptionError
from cssv.frames import Frame, planes_shape
from cssv.interop import mot as module
from cssv.interop.mot import MotRows, read_mot, write_mot
from cssv.perception import BoxesDetector, detector


@pytest.fixture
def file(tmp_path):
    def write(text, name="det.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_rows_are_found_by_frame_number_counted_from_zero(file):
    seen = BoxesDetector(file("1,-1,10,20,30,40,0.5\n3,-1,1,2,3,4,0.25\n3,-1,5,6,7,8,1\n"))
    assert seen.in_frame(0).boxes_px.tolist() == [[10, 20, 30, 40]]
    assert len(seen.in_frame(1)) == 0
    assert seen.in_frame(2).scores.tolist() == [0.25, 1]
    assert len(seen.in_frame(3)) == 0
    assert seen.frame_count == 3


def test_detect_goes_by_the_frames_number(file):
    seen = BoxesDetector(file("5,7,10,20,30,40,0.5\n"), label="person")
    planes = np.zeros(planes_shape("yuv420p", 64, 64), np.uint8)
    found = seen.detect(Frame(planes, "yuv420p", 99, Fraction(1, 25), number=4))
    assert found.ids.tolist() == [7]
    assert found.labels == ("person",)


@pytest.mark.parametrize(
    "text",
    [
        "2,1,10,20,30,40,0.5,-1,-1,-1\n1,2,11,21,31,41,0.25,-1,-1,-1\n",
        "2 1 10 20 30 40 0.5 -1 -1 -1\n1 2 11 21 31 41 0.25 -1 -1 -1\n",
        "2\t1\t10\t20\t30\t40\t0.5\n1\t2\t11\t21\t31\t41\t0.25\n",
        "frame,id,x,y,w,h,score\n2,1,10,20,30,40,0.5\n1,2,11,21,31,41,0.25\n",
        "\n\n2, 1, 10, 20, 30, 40, 0.5\n\n1, 2, 11, 21, 31, 41, 0.25\n\n",
        "# by hand\n2,1,10,20,30,40,0.5\n1,2,11,21,31,41,0.25 # last",
        "2,1,10,20,30,40,0.5\r\n1,2,11,21,31,41,0.25\r\n",
        "\ufeff2,1,10,20,30,40,0.5\n1,2,11,21,31,41,0.25\n",
        "2,1,10,20,30,40,0.5,x,y\n1 2 11 21 31 41 0.25\n",
    ],
)
def test_every_tolerated_form_reads_the_same(file, text):
    rows = module.read_mot_array(file(text))
    assert rows.tolist() == [[1, 2, 11, 21, 31, 41, 0.25], [2, 1, 10, 20, 30, 40, 0.5]]


def test_a_missing_score_is_one(file):
    assert module.read_mot_array(file("1,-1,10,20,30,40\n"))[0, 6] == 1


def test_rows_flagged_zero_are_ignored_entries(file):
    seen = BoxesDetector(file("1,1,10,20,30,40,1\n1,2,50,20,30,40,0\n", "gt.txt"))
    assert seen.in_frame(0).ids.tolist() == [1]


def test_a_file_of_ignored_entries_only_is_refused(file):
    with pytest.raises(BoxesError, match="only rows with score 0"):
        BoxesDetector(file("1,1,10,20,30,40,0\n"))


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1e400", "abc", "", "1_0", "0x10", "1e7"])
@pytest.mark.parametrize("column", [2, 3, 4, 5])
def test_a_value_that_is_no_coordinate_is_named_with_its_line(file, bad, column):
    fields = ["2", "-1", "10", "20", "30", "40", "0.5"]
    fields[column] = bad
    path = file("1,-1,10,20,30,40,0.5\n" + ",".join(fields) + "\n1,-1,90,20,30,40,0.5\n")
    with pytest.raises(BoxesError) as caught:
        BoxesDetector(path)
    message = str(caught.value)
    assert f"{path}, line 2" in message
    assert repr(bad) in message
    assert "Correct or remove" in message
    assert module.COLUMNS[column] in message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,-1,10,20,0,40,1", "w is out of range: found '0'"),
        ("1,-1,10,20,30,-4,1", "h is out of range: found '-4'"),
        ("0,-1,10,20,30,40,1", "frame is out of range: found '0'"),
        ("1.5,-1,10,20,30,40,1", "frame is out of range"),
        ("-3,-1,10,20,30,40,1", "frame is out of range"),
        ("99999999999,-1,10,20,30,40,1", "frame is out of range"),
        ("1,2.5,10,20,30,40,1", "id is out of range"),
        ("1,-1,10,20,1e300,40,1", "w is out of range: found '1e300'; allowed: above 0, up to 1000000 px"),
        ("1,-1,10,20,30,1000001,1", "h is out of range.*allowed: above 0, up to 1000000 px"),
        ("1,-1,-2e6,20,30,40,1", "x is out of range.*allowed: -1000000 to 1000000 px"),
        ("99999999999999999999,-1,1,2,3,4,1", "frame is out of range.*allowed: an integer, 1 to 2147483647"),
        ("1,2147483648,1,2,3,4,1", "id is out of range.*allowed: an integer, up to 2147483647"),
        ("1,-1,10,20,30", "too few columns"),
        ("1,-1,10,20,30,40,nan", "score is out of range"),
        ("1,-1,10 20,30,40,1,1", "x is not a number"),
    ],
)
def test_other_faults_are_named_too(file, line, words):
    with pytest.raises(BoxesError, match=words):
        BoxesDetector(file(f"1,-1,10,20,30,40,0.5\n{line}\n"))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "frame,id,x,y,w,h\n"])
def test_a_file_without_rows_is_refused(file, text):
    with pytest.raises(BoxesError, match="holds no detection"):
        BoxesDetector(file(text))


def test_a_second_heading_is_a_fault(file):
    with pytest.raises(BoxesError, match="line 2"):
        BoxesDetector(file("1,-1,10,20,30,40,0.5\nframe,id,x,y,w,h,s\n"))


def test_a_missing_or_binary_file_is_a_boxes_error(file, tmp_path):
    with pytest.raises(BoxesError, match="cannot be read"):
        BoxesDetector(tmp_path / "nowhere.txt")
    with pytest.raises(BoxesError, match="cannot be read"):
        BoxesDetector(tmp_path)
    with pytest.raises(BoxesError, match="not a text file"):
        BoxesDetector(file(b"\xff\xfe\x00\x01"))


def test_an_id_twice_in_one_frame_is_refused(file):
    with pytest.raises(BoxesError, match=r"line 3: an id occurs twice.* 'id 4 in frame 2, as in line 2'"):
        BoxesDetector(file("frame,id,x,y,w,h\n2,4,10,20,30,40,1\n2,4,50,20,30,40,1\n"))
    assert len(BoxesDetector(file("2,-1,10,20,30,40,1\n2,-1,50,20,30,40,1\n")).in_frame(1)) == 2


def test_a_frame_that_comes_after_a_later_one_is_named_with_its_line(file):
    path = file("# joined\n1,-1,10,20,30,40,1\n7,-1,10,20,30,40,1\n\n2,-1,50,20,30,40,1\n")
    with pytest.raises(BoxesError, match="Sort the lines by frame") as caught:
        BoxesDetector(path)
    assert f"{path}, line 5: a frame comes after a later one" in str(caught.value)
    assert "frame 2, after frame 7 in line 3" in str(caught.value)


def test_a_file_joined_to_itself_is_refused(file, data):
    text = (data / "mot15/TUD-Campus/det/det.txt").read_text()
    BoxesDetector(file(text))
    with pytest.raises(
        BoxesError, match=f"line {len(text.splitlines()) + 1}: .* found 'frame 1, after frame 71"
    ):
        BoxesDetector(file(text + text))


def test_a_box_twice_in_one_frame_is_named_with_its_line(file):
    rows = "1,-1,10,20,30,40,1\n1,-1,50,20,30,40,1\n1,-1,10,20,30,40,0.5\n"
    with pytest.raises(BoxesError, match=r"line 3: a box occurs twice.* 'frame 1, as in line 1'"):
        BoxesDetector(file(rows))
    # Of two tracked objects one may lie exactly on the other.
    assert len(BoxesDetector(file("1,1,10,20,30,40,1\n1,2,10,20,30,40,1\n")).in_frame(0)) == 2


def test_rows_with_ids_may_come_object_by_object(file):
    seen = BoxesDetector(file("1,1,10,20,30,40,1\n2,1,11,20,30,40,1\n1,2,50,20,30,40,1\n2,2,51,20,30,40,1\n"))
    assert [seen.in_frame(n).ids.tolist() for n in (0, 1)] == [[1, 2], [1, 2]]


def test_a_file_beyond_the_bound_is_refused_before_it_is_read_whole(file, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_BYTES", 100)
    row = "1,-1,10,20,30,40,1\n"
    assert BoxesDetector(file(row)).frame_count == 1
    with pytest.raises(BoxesError, match=r"too large for a box file.*up to 100"):
        BoxesDetector(file("# " + "x" * 100 + "\n" + row))


def test_a_message_quotes_no_more_than_a_part_of_a_line(file):
    for text in ("x" * 5000 + "1", "1,2" + "3" * 5000, "1,-1,10,20,30," + "z" * 5000):
        with pytest.raises(BoxesError) as caught:
            BoxesDetector(file("1,-1,10,20,30,40,1\n" + text))
        assert len(str(caught.value)) < 400


def test_low_scores_are_left_out_on_request(file):
    path = file("1,-1,10,20,30,40,0.2\n1,-1,50,20,30,40,0.5\n2,-1,50,20,30,40,0.4\n")
    seen = BoxesDetector(path, min_score=0.5)
    assert seen.in_frame(0).scores.tolist() == [0.5]
    assert len(seen.in_frame(1)) == 0
    assert seen.frame_count == 2
    with pytest.raises(OptionError, match=r"min_score is out of range: found 1\.5; allowed: 0 to 1"):
        BoxesDetector(path, min_score=1.5)


number = st.floats(-1e5, 1e5).map(lambda v: round(v, 3))
size = st.floats(0.01, 1e4).map(lambda v: round(v, 3) + 0.001)
row = st.tuples(st.integers(1, 50), st.just(-1), number, number, size, size, st.floats(0.01, 1))


@given(st.lists(row, min_size=1, max_size=20))
@settings(max_examples=50)
def test_the_fast_reader_equals_the_plain_one(rows):
    text = "".join(",".join(map(repr, fields)) + "\n" for fields in rows)
    fast = module._parse_fast(text)
    np.testing.assert_array_equal(fast, module._parse_lines("x", text)[0])
    np.testing.assert_array_equal(fast, np.array(rows))


@given(st.text(alphabet="0123456789,.-+einfa \t\n#x", max_size=120))
@settings(max_examples=200)
def test_any_text_is_read_or_refused_by_name(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(text)
    message = ""
    try:
        seen = BoxesDetector(path)
    except BoxesError as error:
        message = str(error)
    assert str(path) in message or seen.frame_count >= 1


def test_the_registry_makes_detectors_by_name(file):
    assert detector("boxes", boxes=file("1,-1,1,1,5,5,1\n")).name == "boxes"
    assert detector("motion").name == "motion"
    with pytest.raises(OptionError, match="motion, boxes"):
        detector("magic")


def test_real_files_are_read_whole(data):
    for folder in sorted((data / "mot15").iterdir()):
        for name in ("det/det.txt", "gt/gt.txt"):
            rows = module.read_mot_array(folder / name)
            assert len(rows) == len((folder / name).read_text().splitlines())


mot_row = st.tuples(st.integers(0, 30), st.integers(0, 9), number, number, size, size, st.integers(0, 1000))


@given(st.lists(mot_row, min_size=1, max_size=20, unique_by=lambda r: (r[0], r[1])))
@settings(max_examples=50)
def test_mot_text_reads_back_what_was_written(tmp_path_factory, rows):
    rows.sort()
    values = np.array(rows, dtype=np.float64)
    written = MotRows(
        values[:, 0].astype(np.int64), values[:, 1].astype(np.int64), values[:, 2:6], values[:, 6] / 1000
    )
    path = tmp_path_factory.getbasetemp() / "tracks.txt"
    write_mot(path, written, overwrite=True)
    back = read_mot(path)
    np.testing.assert_array_equal(back.numbers, written.numbers)
    np.testing.assert_array_equal(back.ids, written.ids)
    np.testing.assert_allclose(back.boxes_px, written.boxes_px, atol=1e-9)
    np.testing.assert_allclose(back.scores, written.scores, atol=1e-9)


def test_mot_text_has_the_benchmarks_form(tmp_path):
    path = tmp_path / "tracks.txt"
    write_mot(path, MotRows(np.array([0]), np.array([3]), np.array([[1.0, 2, 3, 4]]), np.array([0.5])))
    assert path.read_text() == "1,3,1.000,2.000,3.000,4.000,0.500,-1,-1,-1\n"
