"""The writer: what it refuses, what it leaves behind when it fails, how it lays samples out."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import pytest

from cssv.container import IndexMeta, Reader, Writer
from cssv.container.chunks import CHUNK_BYTES
from cssv.container.moov import read_moov, write_moov
from cssv.errors import ContainerError, LimitError, OutputError
from cssv.testing.container import duration_of, problems_of

BASE = Fraction(1, 25)


@pytest.fixture
def writer():
    return Writer(io.BytesIO())


def start(writer, time_base=BASE):
    return writer.add_video(width=64, height=48, time_base=time_base), writer.add_scene()


def fill(writer, video, scene, count=3, noted=None):
    for at in range(count):
        writer.write_sample(video, b"v", pts=at, duration=1)
        writer.write_sample(scene, b"{}", pts=at, duration=1)
    for at in range(count if noted is None else noted):
        writer.note_frame(at)


def test_second_video_or_scene_is_refused(writer):
    start(writer)
    with pytest.raises(ContainerError, match="one video track"):
        writer.add_video(width=64, height=48, time_base=BASE)
    with pytest.raises(ContainerError, match="one scene track"):
        writer.add_scene()


def test_scene_needs_video_first(writer):
    with pytest.raises(ContainerError, match="add_video"):
        writer.add_scene()


@pytest.mark.parametrize("time_base", [Fraction(1, 2**31), Fraction(0), Fraction(-1, 25), Fraction(2**31)])
def test_time_base_out_of_range(writer, time_base):
    with pytest.raises(LimitError, match="time base"):
        writer.add_video(width=64, height=48, time_base=time_base)


@pytest.mark.parametrize(("width", "height"), [(0, 48), (64, 65536), (-1, 2)])
def test_size_out_of_range(writer, width, height):
    with pytest.raises(LimitError):
        writer.add_video(width=width, height=height, time_base=BASE)


def test_too_many_tracks(writer):
    start(writer)
    for _ in range(30):
        writer.add_audio(time_base=BASE)
    with pytest.raises(LimitError, match="too many tracks"):
        writer.add_audio(time_base=BASE)


@pytest.mark.parametrize(
    ("sample", "match"),
    [
        ({"data": b"", "pts": 0, "duration": 1}, "empty"),
        ({"data": b"v", "pts": 0, "duration": -1}, "duration"),
        ({"data": b"v", "pts": 0, "duration": 2**31}, "duration"),
        ({"data": b"v", "pts": 2**60, "duration": 1}, "presentation time"),
        ({"data": b"v", "pts": -1, "duration": 1}, "before time 0"),
        ({"data": b"v", "pts": 0, "duration": 1, "is_key": False}, "key"),
    ],
)
def test_impossible_first_samples(writer, sample, match):
    video, _ = start(writer)
    with pytest.raises(ContainerError, match=match):
        writer.write_sample(video, **sample)


@pytest.mark.parametrize("pts", [5, 4, 5 + 2**31])
def test_times_must_ascend_and_not_leap(writer, pts):
    video, _ = start(writer)
    writer.write_sample(video, b"v", pts=5, duration=1)
    with pytest.raises(LimitError, match="ascend"):
        writer.write_sample(video, b"v", pts=pts, duration=1)


def test_unknown_track(writer):
    start(writer)
    for number in (0, 3, -1):
        with pytest.raises(ContainerError, match="no such track"):
            writer.write_sample(number, b"v", pts=0, duration=1)


def test_checksum_out_of_range(writer):
    start(writer)
    with pytest.raises(LimitError):
        writer.note_frame(2**32)


def test_finish_refuses_a_file_without_frames(writer):
    start(writer)
    with pytest.raises(ContainerError, match="no frames"):
        writer.finish({}, IndexMeta())


@pytest.mark.parametrize("noted", [2, 4])
def test_finish_wants_one_checksum_a_frame(writer, noted):
    fill(writer, *start(writer), noted=noted)
    with pytest.raises(ContainerError, match=f"3 / 3 / {noted}"):
        writer.finish({1: b""}, IndexMeta())


def test_finish_wants_scene_samples_at_their_frames(writer, small_clip):
    video, scene = start(writer)
    for at, late in enumerate((0, 0, 1)):
        writer.write_sample(video, b"v", pts=at, duration=1)
        writer.write_sample(scene, b"{}", pts=at + late, duration=1)
        writer.note_frame(0)
    with pytest.raises(ContainerError, match="not at its frame's time"):
        writer.finish({video: small_clip.head}, IndexMeta())


def test_finish_wants_a_head(writer):
    fill(writer, *start(writer))
    with pytest.raises(ContainerError, match="no head"):
        writer.finish({}, IndexMeta())


@pytest.mark.parametrize(
    ("about", "match"),
    [
        (IndexMeta(created_s=-1), "creation"),
        (IndexMeta(created_s=2**40), "creation"),
        (IndexMeta(author="a" * 1025), "author"),
        (IndexMeta(message="\u00e9" * 32769), "message"),
        (IndexMeta(author="\ud800"), "Unicode"),
        (IndexMeta(meta={"x": "y" * 65536}), "facts"),
        (IndexMeta(meta={"x": float("nan")}), "JSON"),
        (IndexMeta(meta={"x": b"bytes"}), "JSON"),
        (IndexMeta(meta={"x": "\udfff"}), "JSON"),
    ],
)
def test_finish_refuses_what_the_index_cannot_hold(small_clip, tmp_path, about, match):
    path = tmp_path / "clip.cssv"
    small = type(small_clip)(small_clip.frames, about=about)
    with pytest.raises(ContainerError, match=match):
        small.write(path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_written_after_finish_or_abort(writer, small_clip):
    video, scene = start(writer)
    fill(writer, video, scene)
    writer.finish({video: small_clip.head}, IndexMeta())
    writer.abort()
    calls = (
        lambda: writer.write_sample(video, b"v", pts=9, duration=1),
        lambda: writer.note_frame(0),
        lambda: writer.finish({}, IndexMeta()),
        lambda: writer.add_audio(time_base=BASE),
    )
    for call in calls:
        with pytest.raises(ContainerError, match="finished or was aborted"):
            call()


def test_leaving_without_finish_leaves_the_old_file(tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(b"precious")
    with Writer(path, overwrite=True) as writer:
        fill(writer, *start(writer))
    assert path.read_bytes() == b"precious"
    writer = Writer(path, overwrite=True)
    fill(writer, *start(writer))
    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.cssv"]


def test_file_appears_only_when_it_is_whole(tmp_path, small_clip):
    path = tmp_path / "clip.cssv"
    with Writer(path) as writer:
        video, scene = start(writer)
        fill(writer, video, scene)
        assert not path.exists()
        writer.finish({video: small_clip.head}, IndexMeta())
        assert path.exists()
    with Reader(path) as reader:
        assert problems_of(reader) == []


def test_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError):
        Writer(tmp_path / "absent" / "clip.cssv")


class FullDisk(io.BytesIO):
    """Takes so many bytes and no more."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def write(self, data):
        if self.tell() + len(data) > self.space:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_full_disk_is_an_output_error_at_any_byte(small_clip, small_bytes):
    for space in range(0, len(small_bytes), 13):
        with pytest.raises(OutputError, match="No space left"):
            small_clip.write(FullDisk(space))
    small_clip.write(FullDisk(len(small_bytes)))


class Pipe(io.BytesIO):
    def seekable(self):
        return False


def test_target_must_be_at_its_start_and_seekable():
    used = io.BytesIO(b"used")
    used.seek(4)
    for target in (used, Pipe()):
        with pytest.raises(ContainerError, match="at position 0"):
            Writer(target)


def test_audio_track_without_packets_is_left_out(small_clip, sound_class, tmp_path, second_reader):
    empty, real = sound_class(Fraction(1, 8000), []), sound_class(Fraction(1, 8000), [(0, 160, b"a")])
    type(small_clip)(small_clip.frames, sounds=[empty, real]).write(tmp_path / "clip.cssv")
    with Reader(tmp_path / "clip.cssv") as reader:
        assert [(track.kind, track.number) for track in reader.tracks] == [
            ("video", 1),
            ("scene", 2),
            ("audio", 4),
        ]
        assert problems_of(reader) == []
    assert len(second_reader.read(tmp_path / "clip.cssv").tracks) == 3


def test_tracks_are_interleaved_in_chunks_of_half_a_second(clip_class, sound_class, tmp_path):
    frames = [(at, 1, at % 25 == 0, b"v" * 50, b"{}") for at in range(100)]
    sound = sound_class(Fraction(1, 48000), [(at * 1024, 1024, b"a" * 30) for at in range(188)])
    clip_class(frames, sounds=[sound]).write(tmp_path / "clip.cssv")
    with Reader(tmp_path / "clip.cssv") as reader:
        for track in reader.tracks:
            table = track.table
            firsts = [0, *table.chunk_counts.cumsum().tolist()]
            spans = [(table.time(b) - table.time(a)) * track.time_base for a, b in pairwise(firsts)]
            assert all(span <= Fraction(1, 2) + Fraction(1, 20) for span in spans)
            assert min(spans[:-1]) > Fraction(2, 5)
        video, _, audio = reader.tracks
        # Sound of any moment lies within about a second of its picture.
        for at in range(100):
            packet = min(at * 1920 // 1024, 187)
            between = abs(int(video.table.offsets[at]) - int(audio.table.offsets[packet]))
            assert between < 3 * 13 * 52 + 3 * 24 * 30


@pytest.mark.parametrize(("times", "last"), [([0, 3, 8], 5), ([4], 1)])
def test_unknown_duration_of_the_last_sample(clip_class, tmp_path, times, last):
    clip_class([(pts, 0, True, b"v", b"{}") for pts in times]).write(tmp_path / "clip.cssv")
    with Reader(tmp_path / "clip.cssv") as reader:
        assert duration_of(reader, reader.video.number, len(times) - 1) == last
        assert duration_of(reader, reader.scene.number, len(times) - 1) == last


def test_large_samples_end_their_chunk(clip_class, tmp_path):
    frames = [(at, 1, True, bytes([at]) * (CHUNK_BYTES // 3), b"{}") for at in range(8)]
    clip_class(frames).write(tmp_path / "clip.cssv")
    with Reader(tmp_path / "clip.cssv") as reader:
        assert reader.video.table.chunk_counts.tolist() == [4, 4]
        assert problems_of(reader) == []


def test_offsets_above_four_gib_are_kept(small_clip, tmp_path):
    small_clip.write(tmp_path / "clip.cssv")
    with Reader(tmp_path / "clip.cssv") as reader:
        movie = reader._movie
    far = 1 << 33
    for track in movie.tracks:
        track.table.chunk_offsets[:] += far
    moved = read_moov(memoryview(write_moov(movie))[8:])
    for track, old in zip(moved.tracks, movie.tracks, strict=True):
        assert (track.table.offsets == old.table.offsets + far).all()


MEMORY = """
import io, json, resource, sys
from fractions import Fraction
from cssv.container import IndexMeta, Writer
class Nowhere(io.RawIOBase):
    at = 0
    def seekable(self): return True
    def tell(self): return self.at
    def seek(self, at, whence=0): self.at = at; return at
    def write(self, data): self.at += len(data); return len(data)
entry = bytes.fromhex(sys.argv[1])
peaks = []
for count in (2_000, 40_000):
    with Writer(Nowhere()) as writer:
        video = writer.add_video(width=64, height=48, time_base=Fraction(1, 25))
        scene = writer.add_scene()
        for at in range(count):
            writer.write_sample(video, bytes(20_000), pts=at, duration=1, is_key=at % 25 == 0)
            writer.write_sample(scene, b"{}", pts=at, duration=1)
            writer.note_frame(at)
        writer.finish({video: entry}, IndexMeta())
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps(peaks))
"""


def test_memory_does_not_grow_with_the_clip(small_clip):
    """Twenty times the frames, 760 MB more of samples: a few MiB of tables."""
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, small_clip.head.hex()], capture_output=True, text=True, check=True
    )
    short, long = json.loads(run.stdout)
    assert long - short < 16 * 1024
