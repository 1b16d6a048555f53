"""The right video stream is read of files that hold several, and the others are named."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

import cssv
from cssv.errors import OptionError, VideoError
from cssv.testing.clips import pictures, write_clip
from cssv.video import CountVideo, VideoReader, open_frames

LARGE, SMALL = (192, 160), (96, 80)


def write_streams(path, *streams):
    """A file of several video streams: (size, frames, is default, pixel format) of each."""
    with av.open(str(path), "w") as container:
        made = []
        for (width, height), count, is_default, *rest in streams:
            stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, rest[0] if rest else "yuv420p"
            stream.disposition = Disposition.default.value if is_default else 0
            made.append((stream, pictures(width, height, count)))
        for stream, shown in made:
            for number, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def size_and_count(path, **options):
    with VideoReader(path, **options) as reader:
        return (reader.info.width, reader.info.height), sum(1 for _ in reader)


@pytest.mark.parametrize(
    ("streams", "chosen"),
    [
        ([(SMALL, 4, False), (LARGE, 4, True)], 1),  # the default one
        ([(SMALL, 4, True), (LARGE, 4, False)], 0),  # also where it is the smaller one
        ([(SMALL, 4, False), (LARGE, 4, False)], 1),  # without a default, the larger one
        ([(SMALL, 4, True), (LARGE, 4, True)], 1),  # several defaults are as good as none
        ([(LARGE, 1, True), (SMALL, 4, False)], 1),  # a still picture is no clip
    ],
)
def test_the_best_stream_is_chosen(tmp_path, streams, chosen):
    # The writer of MP4 sets a default where none is given.
    path = write_streams(tmp_path / ("a.mp4" if any(flag for *_, flag in streams) else "a.mkv"), *streams)
    size, count, _ = streams[chosen]
    assert size_and_count(path) == (size, count)
    with VideoReader(path) as reader:
        (note,) = [note for note in reader.info.notes if "video streams" in note]
        assert reader.info.stream == chosen
    other = streams[1 - chosen][0]
    assert f"stream {chosen} ({size[0]}x{size[1]}" in note
    assert f"not stream {1 - chosen} ({other[0]}x{other[1]}" in note
    assert "`stream=`" in note


@pytest.mark.parametrize("number", [0, 1])
def test_the_stream_of_a_number_is_read(tmp_path, number):
    streams = [(SMALL, 4, True), (LARGE, 5, False)]
    path = write_streams(tmp_path / "a.mp4", *streams)
    assert size_and_count(path, stream=number) == streams[number][:2]
    with VideoReader(path, stream=number) as reader:
        assert len(reader.timestamps()) == streams[number][1]
        assert not [note for note in reader.info.notes if "video streams" in note]


def test_a_number_without_a_video_stream_is_refused(tmp_path):
    path = write_clip(tmp_path / "a.mp4", codec="libx264", count=3, audio=True)
    for number in (1, 7):
        with pytest.raises(OptionError, match=rf"no video stream.*found {number}; allowed: stream 0 "):
            VideoReader(path, stream=number)


def test_one_stream_needs_no_note(tmp_path):
    path = write_clip(tmp_path / "a.mp4", codec="libx264", count=3, audio=True)
    with VideoReader(path) as reader:
        assert reader.info.notes == ()
        assert reader.info.stream is None


def test_pictures_have_no_streams(tmp_path):
    with VideoReader(write_clip(tmp_path / "a.mkv", count=1)) as reader:
        cssv.video.write_pictures(tmp_path / "folder", reader)
    with pytest.raises(OptionError, match="no streams"):
        open_frames(tmp_path / "folder", stream=0)


def test_real_files_with_several_streams(data):
    assert size_and_count(data / "cases/two_video.mp4") == ((192, 160), 50)
    assert size_and_count(data / "cases/two_video.mp4", stream=0) == ((64, 64), 50)
    assert size_and_count(data / "cases/anim.avif") == ((192, 160), 3)
    assert size_and_count(data / "cases/anim.avif", stream=0) == ((192, 160), 1)


def test_counts_are_read_from_the_stream_that_holds_them(tmp_path):
    path = write_streams(tmp_path / "both.mkv", (LARGE, 3, True), (SMALL, 3, False, "gray16le"))
    video = CountVideo(path)
    assert video.size == SMALL
    assert any("stream 1" in note for note in video.notes)
    assert [counts.dtype for counts, _ in video] == [np.uint16] * 3


def test_tiles_of_a_picture_are_not_taken_for_the_picture(tmp_path, monkeypatch):
    """FFmpeg gives the tiles of a HEIC as streams. No writer of them is at hand, so the flag is set here."""
    path = write_streams(tmp_path / "a.mp4", (SMALL, 1, False), (SMALL, 1, False))
    monkeypatch.setattr(cssv.video.streams, "flags_of", lambda _: cssv.video.streams.DEPENDENT)
    with pytest.raises(VideoError, match=r"tiles.*2 tiles.*PNG or JPEG"):
        VideoReader(path)
