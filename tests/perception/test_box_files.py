"""Box files of any unit and numbering on a clip: what is drawn, what is refused, what is noted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import BoxesError, OptionError
from cssv.frames import Frame, planes_shape
from cssv.perception import BoxesDetector, detector
from cssv.testing.clips import write_clip

SIZE = (192, 160)


def line(frame, box, identity=-1, score=0.9):
    return ",".join(map(str, (frame, identity, *box, score))) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="boxes.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_shares_of_the_picture_become_pixels_with_a_note(file):
    seen = BoxesDetector(file(line(1, (0.5, 0.25, 0.125, 0.5))))
    seen.set_size(*SIZE)
    assert seen.in_frame(0).boxes_px.tolist() == [[96, 40, 24, 80]]
    assert seen.notes == ("boxes of the box file are shares of the picture's width and height",)
    # Another clip of another size.
    seen.set_size(100, 100)
    assert seen.in_frame(0).boxes_px.tolist() == [[50, 25, 12.5, 50]]
    assert len(seen.notes) == 1


def test_shares_that_reach_beyond_the_picture_are_shares_too(file):
    seen = BoxesDetector(file(line(1, (-0.1, 0.9, 0.5, 0.5))))
    seen.set_size(*SIZE)
    np.testing.assert_allclose(seen.in_frame(0).boxes_px, [[-19.2, 144, 96, 80]])


def test_shares_are_found_in_frames_as_well(file):
    seen = BoxesDetector(file(line(1, (0.5, 0.25, 0.125, 0.5))))
    frame = Frame(np.zeros(planes_shape("yuv420p", *SIZE), np.uint8), "yuv420p", 0, Fraction(1, 25), 0)
    assert seen.detect(frame).boxes_px.tolist() == [[96, 40, 24, 80]]


def test_shares_without_a_picture_are_refused(file):
    path = file(line(1, (0.5, 0.25, 0.125, 0.5)))
    with pytest.raises(BoxesError, match=r"shares of the picture's width and height.*Give the clip too"):
        cssv.track(boxes=path)


def test_a_file_whose_boxes_are_all_outside_is_refused(file):
    seen = BoxesDetector(file(line(1, (511.5, 30, 20, 40)) + line(2, (-30, 30, 30, 40))))
    with pytest.raises(BoxesError, match=r"every box is outside the picture: found 'x -30 to 511.5.*192x160"):
        seen.set_size(*SIZE)


def test_some_boxes_outside_are_counted_in_a_note(file):
    seen = BoxesDetector(file(line(1, (191, 30, 20, 40)) + line(2, (192, 30, 20, 40))))
    seen.set_size(*SIZE)
    assert seen.notes == ("1 of 2 boxes of the box file are outside the picture",)


def test_boxes_below_a_pixel_are_refused_or_noted(file):
    with pytest.raises(BoxesError, match=r"every box is narrower or lower than a pixel: .*w 0.5 to 0.5"):
        BoxesDetector(file(line(1, (50, 30, 0.5, 40))))
    seen = BoxesDetector(file(line(1, (50, 30, 0.5, 40)) + line(2, (50, 30, 1, 1))))
    assert seen.notes == ("1 of 2 boxes of the box file are narrower or lower than a pixel",)
    seen.set_size(*SIZE)
    assert len(seen.notes) == 1


def test_an_ordinary_file_has_no_notes(file):
    seen = BoxesDetector(file(line(1, (50, 30, 20, 40))))
    seen.set_size(*SIZE)
    assert seen.notes == ()


def test_no_note_names_the_file(file):
    text = line(0, (50, 30, 20, 40), score=90) + line(2, (500, 30, 0.5, 40), score=50)
    seen = BoxesDetector(file(text, "secret_patient_name.txt"))
    seen.set_size(*SIZE)
    assert len(seen.notes) == 4
    assert not any("secret" in note for note in seen.notes)


@pytest.mark.parametrize("number", [-1, 1.5, True, "0", 2**31])
def test_the_first_frame_is_checked(file, number):
    with pytest.raises(OptionError, match="boxes_from is not the number of a frame"):
        BoxesDetector(file(line(1, (50, 30, 20, 40))), boxes_from=number)


def test_the_first_frame_goes_with_the_boxes_detector(file):
    with pytest.raises(OptionError, match=r"motion detector does not take boxes_from.*boxes"):
        cssv.track("clip.mp4", boxes_from=0)
    made = detector("boxes", boxes=file(line(7, (50, 30, 20, 40))), boxes_from=7)
    assert len(made.in_frame(0)) == 1


# ---- whole clips


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    write_clip(path, width=SIZE[0], height=SIZE[1], count=12)
    return path


def boxes_of(path):
    with cssv.open(path) as opened:
        return [[(row.x_px, row.y_px, row.w_px, row.h_px) for row in moment.objects] for moment in opened]


def moving(first, scale=(1, 1)):
    """A box that is at 10 px in the first frame and moves by 3 px a frame."""
    sx, sy = scale
    return "".join(line(first + n, ((10 + 3 * n) / sx, 30 / sy, 20 / sx, 40 / sy)) for n in range(12))


CORNERS = "frame,id,x1,y1,x2,y2\n" + "".join(f"{n},1,{7 + 3 * n},30,{27 + 3 * n},70\n" for n in range(1, 13))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (moving(1), {}),
        (moving(0), {}),
        (moving(0), {"boxes_from": 0}),
        (moving(1001), {"boxes_from": 1001}),
        (moving(1, SIZE), {}),
        (CORNERS, {}),
    ],
)
def test_every_unit_and_numbering_draws_the_same_boxes(tmp_path, clip, file, text, options):
    out = tmp_path / "out.cssv"
    cssv.encode(clip, out, boxes=file(text), lossless=True, **options)
    for number, found in enumerate(boxes_of(out)):
        np.testing.assert_allclose(found, [(10 + 3 * number, 30, 20, 40)], atol=0.1)


def test_the_name_of_the_box_file_is_not_written(tmp_path, clip, file):
    out = tmp_path / "out.cssv"
    path = file(moving(1).replace("0.9\n", "90\n"), "secret_patient_name.txt")
    done = cssv.encode(clip, out, boxes=path)
    assert any("percent" in note for note in done.notes)
    assert b"secret_patient" not in out.read_bytes()


def test_boxes_of_another_picture_leave_no_file(tmp_path, clip, file):
    with pytest.raises(BoxesError, match="every box is outside the picture"):
        cssv.encode(clip, tmp_path / "out.cssv", boxes=file(line(1, (511.5, 30, 20, 40))))
    assert not (tmp_path / "out.cssv").exists()
