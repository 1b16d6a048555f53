"""How long the last frame of a clip is shown."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from PIL import Image

import cssv
from cssv.container import Reader
from cssv.errors import FrameError
from cssv.frames import Frame
from cssv.testing.clips import pictures, write_clip
from cssv.video import VideoReader
from cssv.video.mp4_edits import edit_list_end
from cssv.video.timing import DurationCheck

CODECS = ("h264", "ffv1", "vp9")
DELAYS_MS = (1000, 2000, 3000)


def lasts(path):
    """Time from 0 to the end of the last frame, by the file's own tables or header."""
    if path.suffix == ".cssv":
        with Reader(path) as reader:
            return reader.video.end * reader.video.time_base
    with VideoReader(path) as reader:
        *_, last = reader
        assert reader.info.duration_s == last.time + last.duration * last.time_base
        return reader.info.duration_s


@pytest.fixture(scope="module", params=["gif", "png"])
def animation(request, tmp_path_factory):
    """Three pictures, shown for one, two and three seconds."""
    path = tmp_path_factory.mktemp("animation") / f"a.{request.param}"
    first, *rest = (Image.fromarray(picture) for picture in pictures(count=3))
    first.save(path, save_all=True, append_images=rest, duration=DELAYS_MS, loop=0)
    return path


@pytest.mark.parametrize("codec", CODECS)
def test_an_animation_lasts_as_long_in_every_codec(animation, tmp_path, codec, ffprobe):
    path = cssv.encode(animation, tmp_path / "x.cssv", detector="motion", codec=codec).path
    assert lasts(path) == 6
    assert float(ffprobe(path, "-show_format")["format"]["duration"]) == 6
    for ending in (".mkv", ".mp4", ".webm"):
        copy = cssv.export(path, tmp_path / f"copy{ending}").path
        assert lasts(copy) == 6, ending
        assert float(ffprobe(copy, "-show_format")["format"]["duration"]) == 6, ending
        again = cssv.encode(copy, tmp_path / f"again{ending}.cssv", detector="motion", lossless=True).path
        assert lasts(again) == 6, ending


def test_the_pictures_of_an_animation_last_as_long(animation, tmp_path):
    path = cssv.encode(animation, tmp_path / "x.cssv", detector="motion", lossless=True).path
    outputs = [tmp_path / name for name in ("heat.mp4", "heat.mkv", "overlay.mp4")]
    cssv.decode(path, outputs[0], overlay=outputs[2])
    cssv.decode(path, outputs[1])
    assert [lasts(output) for output in outputs] == [6, 6, 6]


def test_a_commit_keeps_the_length(animation, tmp_path):
    path = cssv.encode(animation, tmp_path / "x.cssv", detector="motion", lossless=True).path
    cssv.commit(path, {"cssv_scene": 1, "environment": {"ambient_temperature_c": 3}})
    assert lasts(path) == 6


def test_a_part_ends_with_its_last_frame(animation, tmp_path):
    path = cssv.encode(animation, tmp_path / "x.cssv", detector="motion", stop=2).path
    assert lasts(path) == 3


def test_one_picture_lasts_as_long_as_its_file_says(tmp_path):
    Image.fromarray(pictures(count=1)[0]).save(tmp_path / "a.gif", save_all=True, duration=700)
    with VideoReader(tmp_path / "a.gif") as reader:
        (frame,) = reader
    assert frame.duration * frame.time_base == Fraction(7, 10)


def test_a_stream_lasts_as_long_as_its_last_frame(tmp_path):
    base, stamps = Fraction(1, 1000), (0, *accumulate(DELAYS_MS))
    with cssv.Encoder(
        tmp_path / "x.cssv", size=(192, 160), rate=25, time_base=base, layout="rgb24"
    ) as encoder:
        for number, picture in enumerate(pictures(count=3)):
            frame = Frame(picture, "rgb24", stamps[number], base, number, DELAYS_MS[number])
            encoder.write(frame)
    assert lasts(tmp_path / "x.cssv") == 6


@pytest.mark.parametrize("codec", CODECS)
def test_a_last_frame_of_unknown_length_lasts_a_usual_step(tmp_path, codec):
    with cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, codec=codec, lossless=True) as encoder:
        for picture in pictures(count=3):
            encoder.write(picture)
    assert lasts(tmp_path / "x.cssv") == Fraction(3, 25)


def test_a_real_clip_of_uneven_frames_ends_with_its_edit_list(data, tmp_path, ffprobe):
    path = data / "cases" / "vfr.mp4"
    # The distance of its packets, which FFmpeg 8 passes on, would give 4.32 seconds.
    assert ffprobe(path, "-show_format")["format"]["duration"] == "4.240000"
    assert lasts(cssv.encode(path, tmp_path / "x.cssv", detector="motion").path) == Fraction(424, 100)


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001), 7])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_an_even_clip_has_frames_of_one_length(tmp_path, ending, rate):
    codec = "mpeg4" if ending == "avi" else "libx264"
    path = write_clip(tmp_path / f"a.{ending}", codec=codec, rate=rate, count=15)
    with VideoReader(path) as reader:
        frames = list(reader)
        step = round(1 / (rate * reader.info.time_base))
    assert {frame.duration for frame in frames} == {step}


def test_stated_lengths_that_are_not_those_of_the_frames_are_not_used():
    check = DurationCheck()
    # H.264 in AVI states the length of a field: half that of a frame.
    assert [check.accept(pts, 1) for pts in range(0, 20, 2)][-1] == 0
    check = DurationCheck()
    assert [check.accept(pts, 33) for pts in (0, 33, 67, 100, 133)] == [33] * 5
    check = DurationCheck()
    assert [check.accept(pts, None) for pts in (0, 33)] == [0, 0]


def test_a_negative_length_is_refused():
    with pytest.raises(FrameError, match="duration"):
        Frame(np.zeros((48, 64, 3), np.uint8), "rgb24", 0, Fraction(1, 25), 0, -1)


def test_the_end_of_a_damaged_edit_list_is_unknown(data, tmp_path):
    content = (data / "cases" / "vfr.mp4").read_bytes()
    assert edit_list_end(data / "cases" / "vfr.mp4", 1) == Fraction(424, 100)
    assert edit_list_end(data / "cases" / "vfr.mp4", 2) is None
    path = tmp_path / "a.mp4"
    at = content.index(b"moov")
    for length in (0, 7, 40, at - 4, at + 4, at + 30, at + 200, at + 260):
        path.write_bytes(content[:length])
        assert edit_list_end(path, 1) in (None, Fraction(424, 100))
    rng = np.random.default_rng(3)
    for _ in range(200):
        changed = bytearray(content[at - 4 :])
        changed[int(rng.integers(0, 300))] = int(rng.integers(0, 256))
        path.write_bytes(changed)
        edit_list_end(path, 1)
