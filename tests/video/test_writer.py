"""Written video files are complete or absent, hold the exact frames, and keep the audio."""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from cssv.errors import ChecksumError, FrameError, OptionError, OutputError, VideoError
from cssv.frames import Frame, planes_shape
from cssv.video import CONTAINERS, AudioCopy, Colour, Span, VideoInfo, VideoReader, VideoWriter
from cssv.video.encoder import to_picture

MS = Fraction(1, 1000)
CASES = [(ending, codec) for ending, (_, codecs) in CONTAINERS.items() for codec in codecs]
LOSSLESS = [case for case in CASES if case[1] != "h264-lossy"]


def frames_of(make, layout, count=12, width=64, height=48, step=40, time_base=MS):
    arrays = make.noise(width, height, count, channels=3 if layout == "rgb24" else 0)
    return [Frame(array, layout, step * index, time_base, index) for index, array in enumerate(arrays)]


def info_of(frames, **tags):
    first = frames[0]
    return VideoInfo(first.width, first.height, first.layout, first.time_base, Fraction(25), **tags)


def write(path, frames, *, tags=None, **options):
    with VideoWriter(path, info_of(frames, **(tags or {})), **options) as writer:
        for frame in frames:
            writer.write(frame)
    return writer


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize(("ending", "codec"), LOSSLESS)
def test_lossless_files_give_back_planes_and_time(tmp_path, make, ending, codec, layout):
    frames = frames_of(make, layout)
    path = tmp_path / f"a{ending}"
    write(path, frames, codec=codec)
    with VideoReader(path) as reader:
        found = list(reader)
        assert reader.info.layout == layout
        assert reader.info.notes == ()
    assert [frame.time for frame in found] == [frame.time for frame in frames]
    for frame, wanted in zip(found, frames, strict=True):
        np.testing.assert_array_equal(frame.planes, wanted.planes)
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize(("ending", "codec"), LOSSLESS)
def test_small_changes_survive_an_odd_pixel_aspect(tmp_path, ending, codec, layout):
    rng = np.random.default_rng(2)
    base = np.full(planes_shape(layout, 70, 54), 120, np.uint8)
    few = [(rng.random(base.shape) < 0.01).astype(np.uint8) for _ in range(8)]
    frames = [Frame(base ^ change, layout, 40 * n, MS, n) for n, change in enumerate(few)]
    write(tmp_path / f"a{ending}", frames, codec=codec, tags={"pixel_aspect": Fraction(9600, 7259)})
    with VideoReader(tmp_path / f"a{ending}") as reader:
        for frame, wanted in zip(reader, frames, strict=True):
            np.testing.assert_array_equal(frame.planes, wanted.planes)


@pytest.mark.parametrize(("ending", "codec"), CASES)
def test_another_ffmpeg_plays_them(tmp_path, make, ffprobe, ending, codec):
    path = tmp_path / f"a{ending}"
    write(path, frames_of(make, "yuv420p"), codec=codec)
    found = ffprobe(path, "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames,pix_fmt")
    stream = found["streams"][0]
    assert stream["nb_read_frames"] == "12"
    assert stream["codec_name"] == codec.removesuffix("-lossy")
    assert stream["pix_fmt"] == "yuv420p"


@pytest.mark.parametrize("ending", list(CONTAINERS))
def test_the_codec_follows_the_ending(tmp_path, make, ending):
    path = tmp_path / f"a{ending}"
    write(path, frames_of(make, "yuv420p", 3))
    with VideoReader(path) as reader:
        assert reader.info.codec == CONTAINERS[ending][1][0]


def test_mp4_keeps_odd_time_bases_and_varying_rate(tmp_path, make):
    base = Fraction(1001, 30000)
    stamps = [3, 4, 9, 10, 50]
    frames = [
        Frame(frame.planes, "yuv420p", pts, base, number)
        for number, (frame, pts) in enumerate(zip(frames_of(make, "yuv420p", 5), stamps, strict=True))
    ]
    write(tmp_path / "a.mp4", frames)
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert [frame.time for frame in reader] == [pts * base for pts in stamps]


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize("size", [(64, 48), (66, 50)])
def test_lossy_files_look_alike_and_are_ordinary_video(tmp_path, make, layout, size):
    frames = frames_of(make, layout, 8, *size)
    smooth = [Frame(np.full_like(f.planes, 40 + 20 * f.number), layout, f.pts, MS, f.number) for f in frames]
    write(tmp_path / "a.mp4", smooth, codec="h264-lossy")
    with VideoReader(tmp_path / "a.mp4", planes="rgb" if layout == "rgb24" else "native") as reader:
        assert reader.info.pix_fmt == "yuv420p"
        for frame, wanted in zip(reader, smooth, strict=True):
            assert np.abs(frame.planes.astype(int) - wanted.planes).mean() < 4


def test_lossy_rgb_of_odd_size_is_padded(tmp_path, make):
    write(tmp_path / "a.mp4", frames_of(make, "rgb24", 3, 65, 49), codec="h264-lossy")
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert (reader.info.width, reader.info.height) == (66, 50)
        assert reader.info.colour == Colour(1, 1, 1, 1)


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_audio_is_copied_unchanged(tmp_path, data, make, ending):
    source = data / "clips/bigbuckbunny.mp4"
    path = tmp_path / f"a{ending}"
    writer = write(path, frames_of(make, "yuv420p", 25), audio=source)
    assert writer.notes == ()
    wanted = [(packet.data, packet.pts * packet.time_base) for _, packet in AudioCopy(source)]
    found = [(packet.data, packet.pts * packet.time_base) for _, packet in AudioCopy(path)]
    assert [data for data, _ in found] == [data for data, _ in wanted]
    slack = MS / 2 if ending == ".mkv" else 0
    assert all(abs(a - b) <= slack for (_, a), (_, b) in zip(found, wanted, strict=True))


def test_audio_may_be_trimmed_to_the_frames(tmp_path, data, make):
    source = data / "clips/bigbuckbunny.mp4"
    span = Span(Fraction(1), Fraction(2))
    frames = [replace(frame, pts=frame.pts + 1000) for frame in frames_of(make, "yuv420p", 25)]
    write(tmp_path / "a.mp4", frames, audio=source, audio_span=span)
    wanted = [packet.data for _, packet in AudioCopy(source, span=span)]
    assert [packet.data for _, packet in AudioCopy(tmp_path / "a.mp4")] == wanted


def test_audio_lies_between_the_pictures(tmp_path, data, make):
    source = data / "clips/bigbuckbunny.mp4"
    # As many pictures as the clip has, and as long: 5.28 seconds.
    write(tmp_path / "a.mp4", frames_of(make, "yuv420p", 132), audio=source, codec="h264-lossy")
    with av.open(str(tmp_path / "a.mp4")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    last_quarter = kinds[: len(kinds) * 3 // 4]
    assert 0.5 < last_quarter.count("audio") / kinds.count("audio") < 0.9


def test_audio_that_the_container_cannot_hold_is_left_out_with_a_note(tmp_path, data, make):
    source = data / "clips/bigbuckbunny.mp4"
    writer = write(tmp_path / "a.webm", frames_of(make, "yuv420p", 3), audio=source)
    assert writer.notes == ("audio in aac cannot be held by .webm, left out",)
    assert AudioCopy(tmp_path / "a.webm").tracks == ()


def test_a_silent_audio_file_adds_nothing(tmp_path, data, make):
    write(tmp_path / "a.mkv", frames_of(make, "yuv420p", 3), audio=data / "clips/vtest.avi")
    assert AudioCopy(tmp_path / "a.mkv").tracks == ()


def test_audio_from_a_missing_file(tmp_path, make):
    with pytest.raises(VideoError, match="no such file"):
        write(tmp_path / "a.mkv", frames_of(make, "yuv420p", 3), audio=tmp_path / "none.mp4")
    assert names(tmp_path) == []


def test_colours_and_pixel_shape_are_written(tmp_path, make):
    colour = Colour(range=2, space=1, primaries=1, transfer=13)
    tags = {"colour": colour, "pixel_aspect": Fraction(4, 3)}
    write(tmp_path / "a.mp4", frames_of(make, "yuv420p", 2), tags=tags)
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert reader.info.colour == colour
        assert reader.info.pixel_aspect == Fraction(4, 3)


def test_the_name_appears_only_at_the_end(tmp_path, make):
    frames = frames_of(make, "yuv420p", 3)
    path = tmp_path / "a.mkv"
    writer = VideoWriter(path, info_of(frames))
    writer.write(frames[0])
    assert not path.exists()
    writer.close()
    writer.close()
    assert names(tmp_path) == ["a.mkv"]
    with pytest.raises(OutputError, match="already closed"):
        writer.write(frames[1])


@pytest.fixture
def careless(monkeypatch):
    """``careless(7)``: what is written as frame 7 has one byte that differs by one."""

    def spoil(number):
        def changed(frame, pix_fmt):
            planes = frame.planes.copy()
            planes.flat[planes.size // 2] ^= frame.number == number
            return to_picture(replace(frame, planes=planes), pix_fmt)

        monkeypatch.setattr("cssv.video.writer.to_picture", changed)

    return spoil


@pytest.mark.parametrize("layout", ["yuv420p", "rgb24"])
@pytest.mark.parametrize(("ending", "codec"), LOSSLESS)
def test_a_file_is_compared_before_it_gets_its_name(tmp_path, make, careless, ending, codec, layout):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"before")
    frames, seen = frames_of(make, layout), []
    write(tmp_path / f"sound{ending}", frames, codec=codec, check=True, checked=seen.append)
    assert seen == list(range(1, 13))
    careless(7)
    with pytest.raises(ChecksumError, match=r"a\..* does not read back: found 'frame 7 decodes to other"):
        write(path, frames, codec=codec, check=True, overwrite=True)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == [path.name, f"sound{ending}"]


def test_a_frame_that_was_lost_is_missed(tmp_path, make, monkeypatch):
    class Short(VideoReader):
        def __iter__(self):
            return itertools.islice(super().__iter__(), 11)

    monkeypatch.setattr("cssv.video.writer.VideoReader", Short)
    with pytest.raises(ChecksumError, match="11 frames decode, 12 were written"):
        write(tmp_path / "a.mkv", frames_of(make, "yuv420p"), check=True)
    assert names(tmp_path) == []


def test_a_file_that_cannot_be_read_is_not_there(tmp_path, make, monkeypatch):
    def refuse(path):
        raise VideoError("no video")

    monkeypatch.setattr("cssv.video.writer.VideoReader", refuse)
    with pytest.raises(ChecksumError, match="no video"):
        write(tmp_path / "a.mkv", frames_of(make, "yuv420p"), check=True)
    assert names(tmp_path) == []


def test_a_lossy_file_cannot_be_checked(tmp_path, make):
    with pytest.raises(OptionError, match="lossy"):
        write(tmp_path / "a.mkv", frames_of(make, "yuv420p"), codec="h264-lossy", check=True)
    assert names(tmp_path) == []


def break_off(path, frames, error):
    with VideoWriter(path, info_of(frames), overwrite=True) as writer:
        writer.write(frames[0])
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x"), VideoError("x")])
def test_any_failure_leaves_what_was_there(tmp_path, make, error):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(type(error)) as caught:
        break_off(path, frames_of(make, "yuv420p", 3), error)
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.mp4"]


def test_abort_removes_everything(tmp_path, make):
    frames = frames_of(make, "yuv420p", 3)
    writer = VideoWriter(tmp_path / "a.mkv", info_of(frames))
    writer.write(frames[0])
    writer.abort()
    writer.abort()
    assert names(tmp_path) == []


def test_a_file_without_frames_is_not_written(tmp_path, make):
    writer = VideoWriter(tmp_path / "a.mkv", info_of(frames_of(make, "yuv420p", 1)))
    with pytest.raises(OutputError, match="no frames were written"):
        writer.close()
    assert names(tmp_path) == []


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_a_full_disk(tmp_path, make, ending):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    frames = frames_of(make, "yuv420p", 60, 320, 240)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write(tmp_path / f"a{ending}", frames, codec="ffv1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value, OSError)
    assert names(tmp_path) == []


def test_a_missing_folder(tmp_path, make):
    with pytest.raises(OutputError, match="The folder does not exist"):
        write(tmp_path / "no" / "a.mkv", frames_of(make, "yuv420p", 1))


def test_a_read_only_folder(tmp_path, make, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("cssv.files.temporaries.tempfile.mkstemp", refuse)
    with pytest.raises(OutputError, match="does not let you write"):
        write(tmp_path / "a.mkv", frames_of(make, "yuv420p", 1))


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("a.avi", None, r"known ending: found 'a.avi'; allowed: .mkv, .mp4, .webm"),
        ("a", None, "known ending"),
        ("a.webm", "ffv1", r".webm cannot hold this codec: found 'ffv1'; allowed: vp9"),
        ("a.mp4", "h265", "cannot hold this codec"),
    ],
)
def test_endings_and_codecs_that_do_not_go(tmp_path, make, name, codec, message):
    with pytest.raises(OptionError, match=message):
        write(tmp_path / name, frames_of(make, "yuv420p", 1), codec=codec)
    assert names(tmp_path) == []


def test_a_frame_unlike_the_file_is_refused_and_the_file_goes_on(tmp_path, make):
    frames = frames_of(make, "yuv420p", 3)
    other = frames_of(make, "rgb24", 1)[0]
    with VideoWriter(tmp_path / "a.mkv", info_of(frames)) as writer:
        writer.write(frames[0])
        with pytest.raises(FrameError, match="allowed: 64x48 yuv420p"):
            writer.write(other)
        with pytest.raises(FrameError, match="pts must grow"):
            writer.write(frames[0])
        writer.write(frames[1])
    with VideoReader(tmp_path / "a.mkv") as reader:
        assert sum(1 for _ in reader) == 2
