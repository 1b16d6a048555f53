"""Lossy files have B-frames: frame n is frame n for every command, every version and every other program."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

import cssv
from cssv.carriers import CARRIERS
from cssv.container import IndexMeta, Journal, Reader
from cssv.container.limits import DURATION_LIMIT
from cssv.frames import Frame
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.recording import complete, journal_of
from cssv.pipeline.splice import spans
from cssv.testing import clips as synthetic
from cssv.testing import container_reader
from cssv.video import REORDER_WINDOW, FrameCursor, FrameEncoder, VideoInfo, VideoReader
from cssv.video.codecs import LOSSY_CODECS, longest_gap
from tests.carriers.brightness_carrier import BrightnessCarrier
from tests.container.both_readers import check_accepted

#: The codec that most of these tests use.
CODEC, CRF = "h264", 20
#: Frames from one key frame to the next in these tests, which is less than elsewhere.
GOP = 50
WIDTH, HEIGHT = 96, 64
MS = Fraction(1, 1000)
#: Times of frames: even, at 25 frames a second; and uneven, from a late start, with a pause.
EVEN = tuple(range(0, 130 * 40, 40))
UNEVEN = tuple(500 + 40 * at + 7 * (at % 3) + (900 if at > 40 else 0) for at in range(75))


@pytest.fixture(scope="module", autouse=True)
def short_groups():
    """Many groups of pictures in few frames."""
    with pytest.MonkeyPatch.context() as patch:
        for codec, lossy in LOSSY_CODECS.items():
            patch.setitem(LOSSY_CODECS, codec, replace(lossy, settings=replace(lossy.settings, gop=GOP)))
        yield


def numbered(times, time_base=MS):
    """Frames that show their number: a texture that moves, and the number as eight grey fields."""
    texture = np.random.default_rng(3).integers(60, 160, (HEIGHT * 3 // 2, WIDTH + 64), dtype=np.uint8)
    for number, pts in enumerate(times):
        planes = texture[:, number % 64 : number % 64 + WIDTH].copy()
        for bit in range(8):
            planes[16:32, 12 * bit : 12 * bit + 12] = 200 if number >> bit & 1 else 50
        yield Frame(planes, "yuv420p", pts, time_base, number)


def number_in(planes):
    return sum(int(planes[20:28, 12 * bit + 3 : 12 * bit + 9].mean() > 125) << bit for bit in range(8))


def write(path, times, time_base=MS, codec=CODEC):
    """A lossy file of these frames."""
    info = VideoInfo(WIDTH, HEIGHT, "yuv420p", time_base, Fraction(25))
    with path.open("w+b") as file, StegoWriter(file, info, codec=codec, crf=CRF, threads=1) as writer:
        for frame in numbered(times, time_base):
            writer.write(frame, b'{"n":%d}' % frame.number)
        writer.finish({"layout": "yuv420p", "carrier": "brightness"}, created_s=1)
    return path


CLIPS = {"h264": (CODEC, EVEN), "h264 uneven": (CODEC, UNEVEN), "hevc uneven": ("hevc", UNEVEN)}


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, tmp_path_factory, short_groups):
    """Path and times of a lossy file; read only."""
    codec, times = CLIPS[request.param]
    return write(tmp_path_factory.mktemp("lossy") / "clip.cssv", times, codec=codec), times


@pytest.fixture
def path(clip):
    return clip[0]


@pytest.fixture
def times(clip):
    return clip[1]


def test_frames_are_reordered_in_closed_groups(clip):
    path, times = clip
    check_accepted(path, container_reader)
    with Reader(path) as reader:
        table = reader.video.table
        assert table.order is not None
        assert table.delay > 0
        assert reader.video.pts().tolist() == list(times)
        assert reader.video.end == times[-1] + 40
        keys = [sync - 1 for sync in table.syncs.tolist()]
        assert max(np.diff([*keys, len(times)])) == GOP


def test_every_frame_is_where_the_reader_says(path, times):
    """By PyAV in order, and by number in any order."""
    with av.open(str(path)) as source:
        shown = [(picture.pts, number_in(picture.to_ndarray())) for picture in source.decode(video=0)]
    assert shown == [(pts, number) for number, pts in enumerate(times)]
    dice = np.random.default_rng(1)
    with FrameCursor(VideoReader(path), list(times)) as cursor:
        for number in (0, 1, len(times) - 1, 49, 50, 51, *dice.integers(0, len(times), 15).tolist()):
            frame = cursor.read(number)
            assert (frame.pts, number_in(frame.planes)) == (times[number], number)


def test_other_programs_see_the_same_times_without_a_word(path, times, tool, tmp_path):
    command = [tool("ffprobe"), "-v", "warning", "-select_streams", "v", "-of", "json"]
    done = subprocess.run([*command, "-show_packets", str(path)], capture_output=True, check=True)
    # FFmpeg knows no decoder for scene samples, and says so of every such file.
    words = [line for line in done.stderr.decode().splitlines() if "Unsupported codec" not in line]
    assert words == []
    packets = json.loads(done.stdout)["packets"]
    assert sorted(packet["pts"] for packet in packets) == list(times)
    assert all(packet["dts"] <= packet["pts"] for packet in packets)
    assert all(a["dts"] < b["dts"] for a, b in pairwise(packets))
    with Reader(path) as reader:
        assert [packet["pts"] for packet in packets] == [times[at] for at in reader.video.table.order]
        keys = [packet["pts"] for packet in packets if "K" in packet["flags"]]
        assert keys == [times[sync - 1] for sync in reader.video.table.syncs]
    for suffix in (".mkv", ".mp4"):
        copy = tmp_path / f"copy{suffix}"
        run = [tool("ffmpeg"), "-v", "warning", "-y", "-i", str(path), "-map", "0:v", "-c", "copy", "-copyts"]
        assert subprocess.run([*run, str(copy)], capture_output=True, check=True).stderr == b""
        with av.open(str(copy)) as source:
            seen = [picture.pts * Fraction(picture.time_base) for picture in source.decode(video=0)]
        assert seen == [pts * MS for pts in times]


def test_a_seek_ends_at_the_key_frame_of_the_group(path, times):
    with Reader(path) as reader, av.open(str(path)) as source:
        stream = source.streams.video[0]
        for number in range(0, len(times), 7):
            source.seek(times[number], stream=stream)
            key = reader.key_before(reader.video.number, number)
            assert next(source.demux(stream)).pts == times[key]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7])
def test_short_clips(count, tmp_path, tool):
    path = write(tmp_path / "clip.cssv", EVEN[:count])
    check_accepted(path, container_reader)
    command = [tool("ffprobe"), "-v", "warning", "-select_streams", "v", "-show_packets", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert b"Invalid" not in done.stderr
    packets = json.loads(done.stdout)["packets"]
    assert sorted(packet["pts"] for packet in packets) == list(EVEN[:count])
    assert all(packet["dts"] <= packet["pts"] for packet in packets)


def test_players_play_it_to_the_end(tmp_path, tool, in_chromium):
    path = write(tmp_path / "clip.cssv", EVEN[:60])
    run = [tool("mpv"), "--no-config", "--vo=null", "--ao=null", "--untimed", str(path)]
    done = subprocess.run(run, capture_output=True, check=True, stdin=subprocess.DEVNULL, text=True)
    assert "Exiting... (End of file)" in done.stdout
    assert not any(word in (done.stdout + done.stderr).lower() for word in ("invalid", "error", "corrupt"))
    report = in_chromium(path, rate=1)
    assert (report["word"], report["width"], report["height"]) == ("ended", WIDTH, HEIGHT)
    assert report["duration"] == pytest.approx(2.4, abs=0.01)
    # How many frames a busy machine really shows differs from run to run.
    assert report["frames"] >= 48


# Gaps.


def test_the_longest_gap_fits_the_container():
    """16 frames are never further apart than the container can state, whatever the time base."""
    for time_base in (MS, Fraction(1, 10**6), Fraction(1001, 30000), Fraction(3, 7)):
        gap = longest_gap(LOSSY_CODECS[CODEC].settings, time_base)
        assert REORDER_WINDOW * gap * time_base.numerator <= DURATION_LIMIT // 2


@pytest.mark.parametrize("time_base", [MS, Fraction(1, 10**6), Fraction(1, 10**9)], ids=str)
def test_long_gaps_and_fine_units_lose_nothing(time_base, tmp_path):
    """Gaps as long as the container holds; in nanoseconds that is 2 seconds, and no frame is reordered."""
    longest = DURATION_LIMIT
    steps = [40, longest, 40, 40, 40, 40, longest, longest, 40, 40, 40, 40, 40, longest // 40, 40, 40, 40, 40]
    times = np.cumsum([0, *steps]).tolist()
    path = write(tmp_path / "clip.cssv", times, time_base)
    check_accepted(path, container_reader)
    with Reader(path) as reader, av.open(str(path)) as source:
        assert reader.video.pts().tolist() == times
        assert [number_in(picture.to_ndarray()) for picture in source.decode(video=0)] == list(range(19))
        assert (reader.video.table.order is None) == (time_base == Fraction(1, 10**9))


# Versions.


COUNT = 120
#: The second block is only in frames 60 to 70, so that a scene that is about it changes no other frame.
BLOCKS = (synthetic.BLOCKS[0], replace(synthetic.BLOCKS[1], first=60, last=70))
KEYS = [0, 50, 100]


def scene(temperature_c):
    entries = [
        {"match": {"label": "*"}, "temperature_c": 20},
        {"match": {"track": 2}, "temperature_c": temperature_c},
    ]
    ranges = {"speed_px_s": [0, 100], "temperature_c": [-20, 60], "density_kg_m3": [0, 2000]}
    return {"cssv_scene": 1, "objects": entries, "ranges": ranges}


@pytest.fixture(scope="module")
def made(tmp_path_factory, short_groups):
    """120 frames in three groups of pictures, by the carrier of one byte."""
    folder = tmp_path_factory.mktemp("versions")
    clip = synthetic.write_clip(
        folder / "clip.mkv", synthetic.pictures(synthetic.WIDTH, synthetic.HEIGHT, COUNT, BLOCKS)
    )
    boxes = synthetic.write_boxes(folder / "boxes.txt", COUNT, blocks=BLOCKS)
    CARRIERS.register("brightness", BrightnessCarrier)
    cssv.encode(
        clip, folder / "lossy.cssv", boxes=boxes, carrier="brightness", codec=CODEC, created_s=1,
        scene=scene(30),
    )  # fmt: skip
    yield folder / "lossy.cssv"
    CARRIERS.unregister("brightness")


@pytest.fixture
def encoded(made, tmp_path):
    return Path(shutil.copy(made, tmp_path / "lossy.cssv"))


def samples_of(path, version=None):
    with Reader(path, version=version) as reader:
        return [reader.sample(reader.video.number, frame) for frame in range(len(reader))]


def test_a_clip_gives_frame_n_for_n(encoded):
    with cssv.open(encoded) as clip, cssv.Decoder(encoded) as decoder:
        assert [moment.number for moment in decoder] == list(range(COUNT))
        with Reader(encoded) as reader:
            assert reader.video.table.order is not None
            assert [sync - 1 for sync in reader.video.table.syncs] == KEYS
        frames = [moment.frame for moment in clip]
        for number in (COUNT - 1, 0, 7, 3, 11, 99, 100, 51):
            moment = clip[number]
            assert moment.number == number
            assert moment.frame.pts == frames[number].pts
            np.testing.assert_array_equal(moment.frame.planes, frames[number].planes)
            assert len(moment.objects) == 1 + (60 <= number <= 70)


def test_a_commit_replaces_a_run_and_keeps_the_other_samples(encoded):
    before, old = encoded.read_bytes(), samples_of(encoded)
    with Reader(encoded) as reader:
        breaks = reader.video.table.breaks
    first = max(at for at in breaks.tolist() if at <= 60)
    done = cssv.commit(encoded, scene(50), created_s=2)
    assert done.frames_coded == 100 - first
    new = samples_of(encoded)
    assert [at for at in range(COUNT) if new[at] != old[at]] == list(range(first, 100))
    data = encoded.read_bytes()
    assert [at for at in range(len(before)) if data[at] != before[at]] == moov_type(before)
    check_accepted(encoded, container_reader)
    assert cssv.verify(encoded).is_sound
    assert samples_of(encoded, 1) == old
    with Reader(encoded) as reader, Reader(encoded, version=1) as parent:
        assert reader.video.pts().tolist() == parent.video.pts().tolist()
        theirs, ours = parent.video.table.offsets, reader.video.table.offsets
        kept = [*range(first), *range(100, COUNT)]
        assert np.array_equal(ours[kept], theirs[kept])
    with cssv.open(encoded) as clip:
        for number in (59, 60, 65, 70, 71, 99, 100):
            assert len(clip[number].objects) == 1 + (60 <= number <= 70)
        assert clip[65].objects[1].temperature_c == 50


def moov_type(data):
    """Places of the four bytes that a version changes."""
    start = data.rindex(b"moov")
    return list(range(start, start + 4))


def test_older_groups_come_back_without_being_coded(encoded):
    cssv.commit(encoded, scene(50), created_s=2)
    size = encoded.stat().st_size
    done = cssv.commit(encoded, scene(30), created_s=3)
    assert done.frames_coded == 0
    assert samples_of(encoded) == samples_of(encoded, 1)
    # Only tables and the scene samples that name version 3's temperatures.
    assert encoded.stat().st_size - size < 20_000
    check_accepted(encoded, container_reader)
    cssv.checkout(encoded, 2)
    assert cssv.verify(encoded).is_sound
    with cssv.open(encoded) as clip:
        assert clip[65].objects[1].temperature_c == 50
    check_accepted(encoded, container_reader)


def test_a_compacted_copy_has_the_same_frames(encoded, tmp_path):
    cssv.commit(encoded, scene(50), created_s=2)
    copy = tmp_path / "copy.cssv"
    cssv.gc(encoded, copy, keep=2)
    assert samples_of(copy) == samples_of(encoded, 2)
    check_accepted(copy, container_reader)
    assert cssv.verify(copy).is_sound


def test_a_torn_commit_leaves_the_older_version(encoded):
    before, old = encoded.read_bytes(), samples_of(encoded)
    cssv.commit(encoded, scene(50), created_s=2)
    data = encoded.read_bytes()
    for length in (len(before) + 20, (len(before) + len(data)) // 2, len(data) - 1):
        encoded.write_bytes(before + data[len(before) : length])
        found = cssv.verify(encoded, repair=True)
        assert (found.is_sound, found.cut_bytes) == (True, length - len(before))
        assert samples_of(encoded) == old


@pytest.mark.parametrize("place", [52, 55, 99])
def test_damage_is_found_in_its_frame_and_does_not_leave_its_group(place, encoded):
    """The damaged sample is named by the number of its frame, and frames decoded before it are checked."""
    data = bytearray(encoded.read_bytes())
    with Reader(encoded) as reader:
        frame = int(reader.video.table.order[place])
        at = int(reader.video.table.offsets[frame]) + 6
    data[at] ^= 0xFF
    encoded.write_bytes(data)
    faults = cssv.verify(encoded).faults
    assert [(fault.kind, fault.frame) for fault in faults] == [("sample", frame)]


# Live recordings.


def test_a_killed_recording_is_completed(tmp_path):
    """The file and its journal are what a kill leaves, also with the last bytes missing."""
    path = tmp_path / "clip.cssv"
    info = VideoInfo(WIDTH, HEIGHT, "yuv420p", MS, Fraction(25))
    lines = journal_of(path).open("wb", buffering=0)
    with lines, path.open("w+b") as file:
        with StegoWriter(
            file, info, codec=CODEC, crf=CRF, threads=1, journal=Journal(lines, path.name)
        ) as writer:
            writer.describe(IndexMeta(1, meta={"layout": "yuv420p", "carrier": "brightness"}))
            for frame in numbered(EVEN):
                writer.write(frame, b'{"n":%d}' % frame.number)
            writer.save()
        whole, journal = path.read_bytes(), journal_of(path).read_bytes()
    counts = set()
    for cut in (0, 1, 9000, 20_000, 30_000):
        path.write_bytes(whole[: len(whole) - cut])
        journal_of(path).write_bytes(journal)
        count = complete(path)
        counts.add(count)
        check_accepted(path, container_reader)
        with Reader(path) as reader, av.open(str(path)) as source:
            assert reader.video.pts().tolist() == list(EVEN[:count])
            shown = [number_in(picture.to_ndarray()) for picture in source.decode(video=0)]
        assert shown == list(range(count))
    assert len(counts) > 2
    assert max(counts) > 40


# Parts of it.


@pytest.mark.parametrize(
    ("changed", "syncs", "breaks", "expected"),
    [
        ([3], [1, 6], [0, 1, 5, 6, 9, 10], [range(1, 5)]),
        ([1, 4], [1, 6], [0, 1, 5, 6, 9, 10], [range(1, 5)]),
        ([5, 8], [1, 6], [0, 1, 5, 6, 9, 10], [range(5, 10)]),
        ([2, 9], [1, 6], [0, 1, 5, 6, 9, 10], [range(1, 5), range(9, 10)]),
    ],
)
def test_runs_begin_where_no_frame_before_depends_on_a_later_one(changed, syncs, breaks, expected):
    assert spans(changed, np.array(syncs, np.uint32), 10, breaks=np.array(breaks)) == expected


def test_packets_have_the_times_of_their_frames():
    """The n-th packet has the dts of the n-th frame, and every packet the pts and duration of its own."""
    info = VideoInfo(WIDTH, HEIGHT, "yuv420p", MS, Fraction(25))
    with FrameEncoder(info, CODEC, crf=CRF, threads=1) as encoder:
        packets = [packet for frame in numbered(UNEVEN) for packet in encoder.encode(frame)]
        packets += encoder.flush()
    assert [packet.dts for packet in packets] == list(UNEVEN)
    ordered = sorted(packets, key=lambda packet: packet.pts)
    assert [packet.pts for packet in ordered] == list(UNEVEN)
    assert ordered != packets
    assert [packet.duration for packet in ordered] == [*np.diff(UNEVEN).tolist(), 40]


def test_a_lossless_file_has_no_order_of_its_own(clips, tmp_path):
    path = tmp_path / "x.cssv"
    cssv.encode(clips / "clip.mkv", path, boxes=clips / "boxes.txt", lossless=True, created_s=1)
    assert b"ctts" not in path.read_bytes()
