"""Frames read from video files, compared with plain PyAV and with the ffmpeg of another build."""

from __future__ import annotations

import gc
import itertools
import struct
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path

import av
import av.stream
import numpy as np
import pytest

from cssv.errors import FrameError, OptionError, VideoError
from cssv.video import Span, VideoReader

CLIPS = ["vtest.avi", "bikes.mp4", "carphone_pristine.mp4", "bigbuckbunny.mp4"]


def plain(path: Path, count: int | None = None) -> list[tuple[int, np.ndarray]]:
    with av.open(str(path)) as container:
        pictures = itertools.islice(container.decode(video=0), count)
        return [(picture.pts, picture.to_ndarray()) for picture in pictures]


def all_pts(path: Path, **options) -> list[int]:
    with VideoReader(path, **options) as reader:
        return [frame.pts for frame in reader]


def read_all(path: Path, **options) -> list[int]:
    return all_pts(path, **options)


@pytest.fixture(scope="module")
def small(tmp_path_factory, make):
    """Forty frames of h264 with B-frames and closed groups of ten; pts count milliseconds."""
    path = tmp_path_factory.mktemp("small") / "small.mp4"
    pictures = make.pictures(make.noise(64, 48, 40), "yuv420p")
    options = {"x264-params": "keyint=10:min-keyint=10:scenecut=0:bframes=2", "qp": "20"}
    return make.clip(path, pictures, codec="libx264", pix_fmt="yuv420p", options=options)


@pytest.mark.parametrize("name", CLIPS)
def test_planes_and_pts_are_those_of_plain_pyav(data, name):
    path = data / "clips" / name
    with VideoReader(path) as reader:
        frames = list(itertools.islice(reader, 40))
        assert reader.info.layout == "yuv420p"
        assert reader.info.notes == ()
    for number, (frame, (pts, planes)) in enumerate(zip(frames, plain(path, 40), strict=True)):
        assert (frame.number, frame.pts) == (number, pts)
        np.testing.assert_array_equal(frame.planes, planes)


@pytest.mark.parametrize("name", CLIPS)
def test_pts_are_those_of_ffprobe(data, ffprobe, name):
    path = data / "clips" / name
    probed = ffprobe(path, "-select_streams", "v:0", "-show_entries", "frame=pts,pkt_dts:stream=time_base")
    with VideoReader(path) as reader:
        assert str(reader.info.time_base) == probed["streams"][0]["time_base"]
        pts = [frame.pts for frame in reader]
        assert pts == reader.timestamps()
    # An AVI stores no pts; there Debian's ffprobe tells the dts only.
    assert pts == [frame.get("pts", frame.get("pkt_dts")) for frame in probed["frames"]]


def test_planes_are_those_of_another_ffmpeg(data, ffmpeg):
    path = data / "clips" / "carphone_pristine.mp4"
    raw = ffmpeg("-i", path, "-frames:v", 20, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    wanted = np.frombuffer(raw, np.uint8).reshape(20, 144 * 3 // 2, 176)
    with VideoReader(path) as reader:
        for frame, planes in zip(reader, wanted, strict=False):
            np.testing.assert_array_equal(frame.planes, planes)


def test_info_of_real_clips(data):
    with VideoReader(data / "clips" / "carphone_pristine.mp4") as reader:
        info = reader.info
    assert (info.width, info.height, info.source_width, info.source_height) == (176, 144, 176, 144)
    assert (info.rate, info.time_base) == (Fraction(30000, 1001), Fraction(1, 30000))
    assert (info.frame_count, info.duration_s) == (120, Fraction(1001, 250))
    assert (info.codec, info.pix_fmt, info.has_audio) == ("h264", "yuv420p", False)
    assert info.pixel_aspect == Fraction(128, 117)
    with VideoReader(data / "clips" / "bigbuckbunny.mp4") as reader:
        assert reader.info.has_audio


def test_rationals_are_fractions(data):
    with VideoReader(data / "clips" / "vtest.avi") as reader:
        info = reader.info
        frame = next(iter(reader))
    for value in (info.rate, info.time_base, info.duration_s, info.pixel_aspect, frame.time_base):
        assert type(value) is Fraction


def test_every_loop_starts_at_the_first_frame(small):
    with VideoReader(small) as reader:
        first = [frame.pts for frame in reader]
        for frame in reader:
            if frame.number == 3:
                break
        again = [(frame.number, frame.pts) for frame in reader]
    assert again == list(enumerate(first))
    assert len(first) == 40


def test_planes_belong_to_the_frame(small):
    with VideoReader(small) as reader:
        frames = list(reader)
    with VideoReader(small) as reader:
        for kept, fresh in zip(frames, reader, strict=True):
            np.testing.assert_array_equal(kept.planes, fresh.planes)
            kept.planes[:] = 0


def test_a_true_rate_replaces_a_wrong_header(data):
    path = data / "clips" / "vtest.avi"
    with VideoReader(path, rate=Fraction(7)) as reader:
        frames = list(itertools.islice(reader, 15))
        info = reader.info
    assert (info.rate, info.time_base) == (7, Fraction(1, 7))
    assert info.duration_s == Fraction(795, 7)
    assert [frame.pts for frame in frames] == list(range(15))
    assert frames[14].time == 2
    assert any("7 frames per second" in note for note in info.notes)


def test_a_rational_rate_gives_its_inverse_as_time_base(small):
    with VideoReader(small, rate=Fraction(30000, 1001)) as reader:
        frames = list(reader)
        assert reader.info.time_base == Fraction(1001, 30000)
        assert reader.timestamps() == list(range(40))
    assert frames[30].time == Fraction(1001, 1000)


@pytest.mark.parametrize(
    ("start", "stop", "wanted"),
    [
        (None, Fraction(2, 25), [0, 40]),
        (Fraction(36, 25), None, [1440, 1480, 1520, 1560]),
        (Fraction(1), Fraction(11, 10), [1000, 1040, 1080]),
        (Fraction(1001, 1000), Fraction(1081, 1000), [1040, 1080]),
        (Fraction(0), Fraction(1, 1000), [0]),
    ],
)
def test_start_and_stop_select_half_open_by_presentation_time(small, start, stop, wanted):
    with VideoReader(small, span=Span(start, stop)) as reader:
        scale = Fraction(1, 1000) / reader.info.time_base
        frames = list(reader)
        assert [frame.pts for frame in frames] == [pts * scale for pts in wanted]
        assert [frame.number for frame in frames] == list(range(len(wanted)))
        assert reader.timestamps() == [frame.pts for frame in frames]


def test_frames_of_a_span_are_those_of_the_whole(small):
    with VideoReader(small) as reader:
        whole = {frame.pts: frame.planes for frame in reader}
    with VideoReader(small, span=Span(Fraction(27, 25))) as reader:
        for frame in reader:
            np.testing.assert_array_equal(frame.planes, whole[frame.pts])


def test_a_span_of_a_clip_with_open_groups_is_exact(tmp_path, data, ffmpeg):
    path = tmp_path / "open.mp4"
    options = "open-gop=1:keyint=20:bframes=3"
    ffmpeg("-i", data / "clips/bikes.mp4", "-t", 2, "-c:v", "libx264", "-x264-params", options, path)
    with VideoReader(path) as reader:
        whole = {frame.pts: frame.planes for frame in reader}
    with VideoReader(path, span=Span(Fraction(23, 25), Fraction(3, 2))) as reader:
        frames = list(reader)
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(23, 38)]
    for frame in frames:
        np.testing.assert_array_equal(frame.planes, whole[frame.pts])


def test_span_and_rate_together_count_in_the_true_rate(data):
    path = data / "clips" / "vtest.avi"
    with VideoReader(path, rate=Fraction(7), span=Span(Fraction(2), Fraction(3))) as reader:
        frames = list(reader)
        assert reader.timestamps() == [frame.pts for frame in frames]
    assert [frame.pts for frame in frames] == list(range(14, 21))


@pytest.mark.parametrize(
    "options",
    [
        {"rate": Fraction(0)},
        {"rate": Fraction(-7)},
        {"rate": Fraction(100_000)},
    ],
)
def test_rates_out_of_bounds(small, options):
    with pytest.raises(OptionError):
        VideoReader(small, **options)


def test_a_span_after_the_end_is_an_error(small):
    with pytest.raises(VideoError, match="no frame lies between start and stop"):
        read_all(small, span=Span(Fraction(100)))


@pytest.mark.parametrize("number", [0, 1, 9, 10, 25, 39])
def test_seek_leads_to_exactly_that_frame(small, number):
    with VideoReader(small) as reader:
        frames = list(reader)
        for pts in (None, frames[number].pts):
            reader.seek(number, pts)
            rest = list(reader)
            assert [frame.number for frame in rest] == list(range(number, 40))
            np.testing.assert_array_equal(rest[0].planes, frames[number].planes)
            assert rest[0].pts == frames[number].pts


def test_seek_back_and_forth_in_an_avi(data):
    path = data / "clips" / "vtest.avi"
    wanted = dict(plain(path, 60))
    with VideoReader(path, rate=Fraction(7)) as numbered, VideoReader(path) as reader:
        for number in (50, 3, 20, 19, 0):
            for source in (reader, numbered):
                source.seek(number)
                frame = next(iter(source))
                assert frame.number == number
                np.testing.assert_array_equal(frame.planes, wanted[number])


def test_seek_within_a_span_counts_delivered_frames(small):
    with VideoReader(small, span=Span(Fraction(1), Fraction(3, 2))) as reader:
        frames = list(reader)
        reader.seek(5)
        rest = list(reader)
    assert [(f.number, f.pts) for f in rest] == [(f.number, f.pts) for f in frames[5:]]


@pytest.mark.parametrize("number", [-1, 40])
def test_seek_beyond_the_clip(small, number):
    with VideoReader(small) as reader, pytest.raises(VideoError, match="no such frame"):
        reader.seek(number)


def test_seek_to_a_time_without_a_frame(small):
    with VideoReader(small) as reader, pytest.raises(VideoError, match="no frame at this time"):
        reader.seek(1, 7)


def test_a_clip_of_varying_rate_keeps_its_pts(tmp_path, make):
    stamps = [7, 8, 30, 1000, 1001, 5003]
    pictures = make.pictures(make.noise(64, 48, 6), "yuv420p")
    path = make.clip(tmp_path / "vfr.mkv", pictures, pix_fmt="yuv420p", pts=stamps)
    with VideoReader(path) as reader:
        assert [frame.time for frame in reader] == [Fraction(stamp, 1000) for stamp in stamps]
        assert [pts * reader.info.time_base * 1000 for pts in reader.timestamps()] == stamps


def test_a_first_pts_that_is_not_zero_stays(tmp_path, data, ffmpeg):
    path = tmp_path / "late.ts"
    ffmpeg("-i", data / "clips/carphone_pristine.mp4", "-c", "copy", path)
    with VideoReader(path) as reader:
        pts = [frame.pts for frame in reader]
        assert reader.info.time_base == Fraction(1, 90000)
        assert reader.timestamps() == pts
    assert pts[0] > 90000
    assert pts == [stamp for stamp, _ in plain(path)]


def test_frames_without_pts_are_counted(tmp_path, data, ffmpeg):
    path = tmp_path / "raw.h264"
    ffmpeg("-i", data / "clips/carphone_pristine.mp4", "-c", "copy", path)
    with VideoReader(path) as reader:
        frames = list(reader)
        assert reader.timestamps() == list(range(120))
        reader.seek(30)
        np.testing.assert_array_equal(next(iter(reader)).planes, frames[30].planes)
    assert [frame.pts for frame in frames] == list(range(120))
    assert reader.info.time_base == 1 / reader.info.rate
    assert any("without time stamps" in note for note in reader.info.notes)


def test_an_edit_list_is_followed_and_not_taken_for_damage(tmp_path, data, ffmpeg):
    path = tmp_path / "edit.mp4"
    ffmpeg("-ss", 2.3, "-i", data / "clips/bikes.mp4", "-t", 1, "-c", "copy", path)
    assert all_pts(path) == [pts for pts, _ in plain(path)]


def test_no_such_file(tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        VideoReader(tmp_path / "none.mp4")


def test_a_folder_is_no_clip(tmp_path):
    with pytest.raises(VideoError, match="is a folder"):
        VideoReader(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "empty"),
        ("noise.mp4", np.random.default_rng(0).bytes(50_000), "not a video"),
        ("text.txt", b"just text\n" * 500, "not a video"),
        ("zero.avi", bytes(50_000), "not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "video|read"),
    ],
)
def test_files_that_are_no_clips(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=message):
        VideoReader(path)


def test_audio_alone_is_no_clip(tmp_path, ffmpeg):
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", tmp_path / "a.wav")
    with pytest.raises(VideoError, match=r"holds no video stream: found .*audio"):
        VideoReader(tmp_path / "a.wav")


def test_cover_art_is_no_clip(tmp_path, ffmpeg):
    song = tmp_path / "song.mp3"
    art = ["-f", "lavfi", "-i", "color=size=64x64:duration=1:rate=1"]
    ffmpeg(
        "-f", "lavfi", "-i", "sine=duration=0.2", *art, "-c:v", "png", "-disposition:v", "attached_pic", song
    )
    with pytest.raises(VideoError, match="no video stream"):
        VideoReader(song)


def test_a_clip_without_frames(tmp_path, ffmpeg):
    path = tmp_path / "none.avi"
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64:duration=1", "-frames:v", 0, "-c:v", "ffv1", path)
    with pytest.raises(VideoError):
        VideoReader(path)


def test_a_picture_too_small_to_carry(tmp_path, make):
    pictures = make.pictures(make.noise(16, 16, 2), "yuv420p")
    path = make.clip(tmp_path / "tiny.mkv", pictures, pix_fmt="yuv420p")
    with pytest.raises(FrameError, match="16x16"):
        VideoReader(path)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "flv"])
def test_a_clip_that_breaks_off(tmp_path, data, ffmpeg, ending):
    whole, cut = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    extra = ["-movflags", "faststart"] if ending == "mp4" else []
    ffmpeg("-i", data / "clips/bikes.mp4", "-c", "copy", *extra, whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    count = len(all_pts(whole))
    with pytest.raises(VideoError, match=r"breaks off after \d+ frames") as caught:
        read_all(cut)
    assert 50 < int(caught.value.what.split()[5]) < count
    assert str(cut) in str(caught.value)


@pytest.mark.skipif(not hasattr(av.stream.Stream, "index_entries"), reason="this PyAV shows no index")
def test_a_clip_cut_between_two_packets(tmp_path, small, ffmpeg, ffprobe):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", small, "-c", "copy", "-movflags", "faststart", whole)
    packets = ffprobe(whole, "-show_entries", "packet=pos")["packets"]
    cut.write_bytes(whole.read_bytes()[: int(packets[20]["pos"])])
    with pytest.raises(VideoError, match="breaks off after 20 frames"):
        read_all(cut)


def test_a_clip_without_its_index(tmp_path, data):
    content = (data / "clips/bikes.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match="not a video that FFmpeg can read"):
        VideoReader(tmp_path / "cut.mp4")


def test_a_hole_in_a_clip(tmp_path, small):
    content = bytearray(small.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    (tmp_path / "hole.mp4").write_bytes(content)
    with pytest.raises(VideoError, match="breaks off after"):
        read_all(tmp_path / "hole.mp4")


@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_an_unfinished_recording_is_read_to_its_end(tmp_path, data, ffmpeg, ffprobe, ending):
    path = tmp_path / f"live.{ending}"
    ffmpeg("-i", data / "clips/carphone_pristine.mp4", "-c:v", "mjpeg", path)
    packets = ffprobe(path, "-show_entries", "packet=pos")["packets"]
    content = bytearray(path.read_bytes()[: int(packets[60]["pos"])])
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"breaks off after 60 frames.*bytes are missing"):
        read_all(path)
    if ending == "avi":
        content[4:8] = bytes(4)
    else:
        at = content.index(b"\x18\x53\x80\x67") + 4
        content[at : at + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(content)
    assert len(all_pts(path)) == 60


def test_h264_in_avi_counts_twice_and_is_whole(tmp_path, data, ffmpeg):
    path = tmp_path / "fields.avi"
    ffmpeg("-i", data / "clips/bikes.mp4", "-c", "copy", path)
    with VideoReader(path) as reader:
        assert (reader.info.frame_count, reader.info.rate) == (500, 25)
        assert sum(1 for _ in reader) == 250


def test_a_header_that_lists_a_few_frames_too_many(data, tmp_path):
    content = bytearray((data / "clips/vtest.avi").read_bytes())
    at = content.index(b"avih") + 8 + 16
    stream = content.index(b"strh") + 8 + 32
    assert struct.unpack_from("<I", content, at)[0] == 795
    struct.pack_into("<I", content, at, 801)
    struct.pack_into("<I", content, stream, 801)
    (tmp_path / "many.avi").write_bytes(content)
    with VideoReader(tmp_path / "many.avi") as reader:
        assert reader.info.frame_count == 801
        assert sum(1 for _ in reader) == 795


def test_a_size_that_changes_within_the_clip(tmp_path, ffmpeg):
    parts = []
    for size in ("64x48", "96x64"):
        parts.append(tmp_path / f"{size}.m2v")
        source = f"testsrc=size={size}:duration=0.4:rate=25"
        ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-c:v", "mpeg2video", parts[-1])
    joined = tmp_path / "joined.m2v"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(VideoError, match="size changes"):
        read_all(joined)


def test_a_closed_reader_raises(small):
    reader = VideoReader(small)
    reader.close()
    reader.close()
    with pytest.raises(VideoError, match="closed"):
        reader.seek(0, 0)
    with pytest.raises(VideoError, match="closed"):
        iter(reader)


def test_nothing_stays_open_after_errors(tmp_path, data):
    content = (data / "clips/vtest.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 4])
    gc.collect()
    opened = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            with pytest.raises(VideoError):
                read_all(tmp_path / "cut.avi")
            with pytest.raises(VideoError):
                VideoReader(tmp_path / "none.avi")
        gc.collect()
    if opened:
        assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_memory_does_not_grow_with_the_clip(data):
    with VideoReader(data / "clips" / "vtest.avi") as reader:
        frames = iter(reader)
        next(frames)
        tracemalloc.start()
        for _ in range(100):
            next(frames)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    one = 768 * 576 * 3 // 2
    assert peak < 4 * one
