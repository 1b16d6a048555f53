"""The appender: what reaches the disk in which order, what it refuses, what it leaves when it fails."""

from __future__ import annotations

import errno
import os
import random
from contextlib import suppress
from io import FileIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cssv.container import Appender, IndexMeta, Reader, compact, repair, walk_boxes
from cssv.container import appender as module
from cssv.container.mp4_boxes import write_box
from cssv.errors import ChecksumError, ContainerError, InputError, LimitError, OptionError, OutputError
from cssv.testing.container import problems_of

GOLDEN = Path(__file__).resolve().parent.parent / "vectors" / "container_v1.cssv"

ABOUT = IndexMeta(5, "Ada", "more")


@pytest.fixture
def path(small_bytes, tmp_path):
    place = tmp_path / "clip.cssv"
    place.write_bytes(small_bytes)
    return place


def contents(path, version=None):
    with Reader(path, version=version) as reader:
        return [
            [reader.sample(track.number, at) for at in range(len(track.table))] for track in reader.tracks
        ]


def commit(appender):
    appender.write_video(1, b"new second", is_key=False, stego_crc=7)
    appender.write_scene(1, b'{"n":2}')
    appender.write_scene(0, b'{"scene":2}')
    appender.stage(ABOUT, frames_changed=1)
    return appender.publish()


def checkout(appender):
    appender.checkout(1)


def tag(appender):
    appender.tag("name", 1)


# The disk.


@pytest.fixture
def disk(monkeypatch):
    """Everything that is done to the file: ("write", offset, bytes), ("sync",), ("truncate", length)."""
    done = []

    class Recorded(FileIO):
        def write(self, data):
            done.append(("write", self.tell(), bytes(data)))
            return super().write(data)

        def truncate(self, size=None):
            done.append(("truncate", size))
            return super().truncate(size)

    real = os.fsync
    monkeypatch.setattr(module, "FileIO", Recorded)
    monkeypatch.setattr(module.os, "fsync", lambda handle: (done.append(("sync",)), real(handle))[1])
    return done


def apply(data, operations):
    made = bytearray(data)
    for name, *what in operations:
        if name == "truncate":
            del made[what[0] :]
        elif name == "write":
            offset, more = what
            made += bytes(max(offset + len(more) - len(made), 0))
            made[offset : offset + len(more)] = more
    return bytes(made)


def test_every_step_is_on_the_disk_before_the_next(path, disk, small_bytes):
    with Appender(path) as appender:
        commit(appender)
    moov = small_bytes.index(b"moov")
    steps, writes = [], []
    for name, *what in disk:
        if name == "sync":
            steps.append(writes)
            writes = []
        else:
            assert name == "write"
            writes.append(what)
    assert writes == []
    samples, tables, index, flip = steps
    end = len(small_bytes)
    assert samples[0] == [end, b"\0\0\0\1mdat" + (1 << 62).to_bytes(8, "big")]
    new = [b"new second", b'{"scene":2}', b'{"n":2}']
    assert sorted(data for _, data in samples[1:-1]) == sorted(new)
    assert samples[-1] == [end + 8, (16 + len(b"".join(new))).to_bytes(8, "big")]
    assert [data[4:8] for _, data in tables] == [b"moov"]
    assert [data[4:8] for _, data in index] == [b"cssv"]
    assert flip == [[moov, b"free"]]
    assert apply(small_bytes, disk) == path.read_bytes()


@pytest.mark.parametrize("what", [commit, checkout, tag], ids=lambda what: what.__name__)
def test_a_disk_that_stops_anywhere_holds_the_old_or_the_new_version(path, disk, what, append_version):
    """Of the writes since the last flush any may have reached it, in whole or in part; all before have."""
    append_version(path, {0: b"to begin with"}, {2: b"{}"})
    before, old = path.read_bytes(), contents(path)
    disk.clear()
    with Appender(path) as appender:
        what(appender)
    operations, new = list(disk), contents(path)
    scratch = path.with_name("torn.cssv")
    draw = random.Random(1)
    durable, pending, seen = before, [], set()
    for operation in operations:
        if operation[0] != "sync":
            pending.append(operation)
            continue
        is_last = operation is operations[-1]
        choices = list(product((False, True), repeat=len(pending)))
        for choice in draw.sample(choices, min(len(choices), 64)):
            for torn in (False, True):
                kept = [each for each, is_kept in zip(pending, choice, strict=True) if is_kept]
                if torn and kept:
                    name, offset, data = kept.pop()
                    kept.append((name, offset, data[: draw.randrange(len(data))]))
                scratch.write_bytes(apply(durable, kept))
                shown = contents(scratch)
                assert shown in (old, new)
                if not is_last and what is not tag:
                    assert shown == old
                seen.add(shown == new)
                with Reader(scratch) as reader:
                    assert {problem.kind for problem in problems_of(reader)} <= {"tail"}
                repair(scratch)
                assert contents(scratch) == shown
        durable, pending = apply(durable, pending), []
    assert durable == path.read_bytes()
    assert seen == ({False, True} if old != new else {True})


class Full:
    """A disk that refuses from its n-th write or flush on; truncating goes on working."""

    def __init__(self, monkeypatch, after, error=errno.ENOSPC):
        self.left = after
        self.error = error
        disk = self

        class File(FileIO):
            def write(self, data):
                disk.use()
                return super().write(data)

        real = os.fsync
        monkeypatch.setattr(module, "FileIO", File)
        monkeypatch.setattr(module.os, "fsync", lambda handle: (disk.use(), real(handle))[1])

    def use(self):
        self.left -= 1
        if self.left == -1:
            raise OSError(self.error, os.strerror(self.error))


def refusal(what, appender):
    try:
        what(appender)
    except OutputError as error:
        return error
    return None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("what", [commit, checkout, tag], ids=lambda what: what.__name__)
def test_a_full_disk_is_an_output_error_and_the_file_is_as_it_was(path, what, append_version, error):
    append_version(path, {0: b"to begin with"}, {2: b"{}"})
    before = path.read_bytes()
    for after in range(100):
        with pytest.MonkeyPatch.context() as patch, Appender(path) as appender:
            full = Full(patch, after, error)
            appender._file.close()
            appender._file = module.FileIO(path, "r+b")
            raised = refusal(what, appender)
            if raised is None:
                assert full.left >= 0
                break
            assert os.strerror(error) in str(raised)
            assert path.read_bytes() == before
            with pytest.raises(ContainerError, match="given up"):
                appender.write_scene(0, b"{}")
    assert after >= (2 if what is tag else 6)
    assert path.read_bytes() != before
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.cssv"]


def test_half_a_write_goes_on(path, monkeypatch):
    class Hesitant(FileIO):
        def write(self, data):
            return super().write(bytes(data)[:5])

    monkeypatch.setattr(module, "FileIO", Hesitant)
    with Appender(path) as appender:
        commit(appender)
    assert contents(path)[0][1] == b"new second"


def test_what_has_not_landed_is_cut_off(path, small_bytes):
    with Appender(path) as appender:
        appender.write_video(0, bytes(5 << 20), is_key=True, stego_crc=1)
        assert path.stat().st_size > 5 << 20
    assert path.read_bytes() == small_bytes
    with Appender(path) as appender:
        appender.write_scene(0, b"{}")
        appender.stage(ABOUT, frames_changed=0)
        assert path.stat().st_size > len(small_bytes)
    assert path.read_bytes() == small_bytes
    with suppress(KeyboardInterrupt), Appender(path) as appender:
        appender.write_scene(0, b"{}")
        appender.stage(ABOUT, frames_changed=0)
        raise KeyboardInterrupt
    assert path.read_bytes() == small_bytes


def test_interrupted_right_after_the_rename_it_has_landed(path, monkeypatch):
    """Cutting then would leave a file without any moov."""

    def interrupted(handle):
        raise KeyboardInterrupt

    with Appender(path) as appender:
        appender.write_scene(0, b"{}")
        appender.stage(ABOUT, frames_changed=0)
        monkeypatch.setattr(module.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            appender.publish()
    with Reader(path) as reader:
        assert reader.index.playing == 2
        assert problems_of(reader) == []


def test_a_staged_version_reads_through_the_overlay_and_nowhere_else(path):
    with Appender(path) as appender:
        appender.write_scene(1, b"staged")
        staged = appender.stage(ABOUT, frames_changed=0)
        with Reader(staged) as reader:
            assert reader.index.playing == 2
            assert reader.scene_sample(1) == b"staged"
            assert problems_of(reader) == []
        assert contents(staged, 1) == contents(path)
        with Reader(path) as reader:
            assert reader.index.playing == 1
            assert reader.torn_bytes > 0
        assert appender.publish().number == 2
    assert contents(path)[1][1] == b"staged"


# What is written where.


def entry(number):
    return write_box(b"avc1", bytes(6), b"\0\1", bytes(70), write_box(b"avcC", bytes([number])))


def test_other_settings_get_a_further_entry(path, small_clip):
    with Appender(path) as appender:
        appender.write_video(2, b"a", is_key=True, stego_crc=1, head=entry(9))
        appender.write_video(1, b"b", is_key=False, stego_crc=1, head=small_clip.head)
        appender.stage(ABOUT, frames_changed=2)
        appender.publish()
        for frame in range(3):
            appender.write_video(frame, b"c", is_key=not frame, stego_crc=1, head=entry(9))
        appender.stage(ABOUT, frames_changed=3)
        appender.publish()
    with Reader(path, version=2) as reader:
        table = reader.video.table
        assert table.entries == (small_clip.head, entry(9))
        assert [table.entry_of(frame) for frame in range(3)] == [0, 0, 1]
        assert table.syncs.tolist() == [1, 3]
    with Reader(path) as reader:
        assert reader.video.table.entries == (entry(9),)
        assert reader.video.table.syncs.tolist() == [1]
        assert len(reader.video.table.chunk_offsets) == 1
    with Appender(path, parent=2) as appender:
        appender.write_video(2, b"x", is_key=True, stego_crc=1)
        appender.stage(ABOUT, frames_changed=1)
        appender.publish()
    with Reader(path) as reader:
        assert reader.video.table.entry_of(2) == 1


def test_another_codec_beside_is_refused(path):
    other = entry(1).replace(b"avc1", b"vp09")
    with Appender(path) as appender:
        appender.write_video(2, b"a", is_key=True, stego_crc=1, head=other)
        with pytest.raises(ContainerError, match="one codec"):
            appender.stage(ABOUT, frames_changed=1)


def test_a_frame_of_another_version_costs_no_byte(path):
    with Appender(path) as appender:
        appender.write_video(2, b"nowhere else", is_key=False, stego_crc=77, head=entry(9))
        appender.stage(ABOUT, frames_changed=1)
        appender.publish()
    with Appender(path, parent=1) as appender, Reader(path, version=2) as other:
        appender.share_video(2, other)
        appender.stage(ABOUT, frames_changed=1)
        version = appender.publish()
    assert contents(path) == contents(path, 2)
    with Reader(path) as reader, Reader(path, version=2) as other:
        assert version.parent == 1
        assert reader.frames.stegos.tolist() == other.frames.stegos.tolist()
        assert reader.frames.stegos[2] == 77
        assert reader.video.table.entry_of(2) == 1
        assert not reader.is_key(1, 2)
        assert np.array_equal(reader.video.table.offsets, other.video.table.offsets)
        assert [box.kind for box in walk_boxes(path) if box.depth == 0].count(b"mdat") == 2


def test_frames_of_another_file_are_refused(path, small_clip, tmp_path):
    small_clip.write(tmp_path / "other.cssv")
    with (
        Appender(path) as appender,
        Reader(tmp_path / "other.cssv") as other,
        pytest.raises(ContainerError, match="one file"),
    ):
        appender.share_video(0, other)


def test_samples_are_grouped_into_chunks_of_half_a_second(clip_class, tmp_path):
    frames = [(at, 1, at % 25 == 0, b"v%03d" % at, b"s%03d" % at) for at in range(100)]
    clip_class(frames).write(tmp_path / "clip.cssv")
    with Appender(tmp_path / "clip.cssv") as appender:
        for at in [*range(50, 80), *range(20, 30)]:
            appender.write_video(at, b"V%03d" % at, is_key=at % 25 == 0, stego_crc=0)
            appender.write_scene(at, b"S%03d" % at)
        appender.stage(ABOUT, frames_changed=40)
        appender.publish()
    with Reader(tmp_path / "clip.cssv") as reader:
        assert problems_of(reader) == []
        for track in (reader.video, reader.scene):
            counts = track.table.chunk_counts.tolist()
            assert counts == [13, 7, 10, 9, 11, 13, 13, 4, 11, 9]
            changed = {*range(50, 80), *range(20, 30)}
            for at in range(100):
                letter = track.kind[0].upper() if at in changed else track.kind[0]
                assert reader.sample(track.number, at) == b"%c%03d" % (ord(letter), at)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_frames(clip_class, tmp_path, seed):
    frames = [(3 * at, 3, True, b"old", b"{}") for at in range(60)]
    clip_class(frames).write(tmp_path / "clip.cssv")
    order = random.Random(seed).sample(range(60), 40)
    with Appender(tmp_path / "clip.cssv") as appender:
        for at in order:
            appender.write_video(at, b"v%d" % at, is_key=True, stego_crc=at)
        for at in reversed(order):
            appender.write_scene(at, b"s%d" % at)
        appender.stage(ABOUT, frames_changed=40)
        appender.publish()
    video, scene = contents(tmp_path / "clip.cssv")
    assert video == [b"v%d" % at if at in order else b"old" for at in range(60)]
    assert scene == [b"s%d" % at if at in order else b"{}" for at in range(60)]


def test_only_words_change(path, small_bytes):
    """No mdat where there is nothing to put into one."""
    with Appender(path) as appender:
        appender.stage(ABOUT, frames_changed=0)
        appender.publish()
    assert contents(path) == contents(path, 1)
    assert [box.kind for box in walk_boxes(path) if box.depth == 0][4:] == [b"moov", b"cssv"]


def test_a_format_1_file_is_carried_on(tmp_path):
    path = tmp_path / "old.cssv"
    path.write_bytes(GOLDEN.read_bytes())
    old = contents(path)
    with Appender(path) as appender:
        appender.tag("old", 1)
        appender.write_scene(3, b"{}")
        appender.stage(ABOUT, frames_changed=0)
        assert appender.publish().root == 1
    with Reader(path) as reader:
        assert reader.index.tags == (("old", 1),)
        assert problems_of(reader) == []
    assert contents(path, 1) == old
    assert contents(path)[1][3] == b"{}"


# What is refused.


def test_refused(path):
    with Appender(path) as appender:
        appender.write_scene(1, b"{}")
        for call, error, match in (
            (lambda: appender.write_scene(1, b"{}"), ContainerError, "twice"),
            (lambda: appender.write_scene(3, b"{}"), LimitError, "no such"),
            (lambda: appender.write_video(-1, b"x", is_key=True, stego_crc=1), LimitError, "no such"),
            (lambda: appender.write_video(0, b"", is_key=True, stego_crc=1), LimitError, "empty"),
            (lambda: appender.write_video(2, b"x", is_key=True, stego_crc=1 << 32), LimitError, "CRC"),
            (lambda: appender.publish(), ContainerError, "stage first"),
            (lambda: appender.checkout(1), ContainerError, "begun"),
            (lambda: appender.tag("a", 1), ContainerError, "begun"),
        ):
            with pytest.raises(error, match=match):
                call()
        appender.stage(ABOUT, frames_changed=0)
        with pytest.raises(ContainerError, match="staged"):
            appender.write_scene(0, b"{}")
        with pytest.raises(ContainerError, match="staged"):
            appender.stage(ABOUT, frames_changed=0)


def test_first_frame_must_be_a_key(path, small_bytes):
    with Appender(path) as appender:
        appender.write_video(0, b"x", is_key=False, stego_crc=1)
        with pytest.raises(ContainerError, match="key"):
            appender.stage(ABOUT, frames_changed=1)
    assert path.read_bytes() == small_bytes


@pytest.mark.parametrize("meta", [IndexMeta(author="a" * 1025), IndexMeta(meta={"x": float("nan")})])
def test_what_the_index_cannot_hold_changes_nothing(path, small_bytes, meta):
    with Appender(path) as appender, pytest.raises(ContainerError):
        appender.stage(meta, frames_changed=0)
    assert path.read_bytes() == small_bytes


@pytest.mark.parametrize(
    "name", ["", "12", "a b", "a\tb", "\u00a0", "a\u200b", "x" * 256, "\u00e9" * 128, "\ud800", "\u0663"]
)
def test_names_that_no_tag_may_have(path, small_bytes, name):
    with Appender(path) as appender, pytest.raises(OptionError, match="name of a tag"):
        appender.tag(name, 1)
    assert path.read_bytes() == small_bytes


def test_versions_and_tags_that_are_not_there(path, small_bytes):
    with Appender(path) as appender:
        for call in (
            lambda: appender.tag("absent", None),
            lambda: appender.tag("good", 2),
            lambda: appender.checkout(2),
        ):
            with pytest.raises(ContainerError, match="no such"):
                call()
    with pytest.raises(ContainerError, match="no such version"):
        Appender(path, parent=2)
    assert path.read_bytes() == small_bytes
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.cssv"]


def test_a_damaged_version_is_not_checked_out(path, append_version, small_bytes):
    append_version(path, {1: b"b"}, {})
    data = bytearray(path.read_bytes())
    data[small_bytes.index(b"moov") + 50] ^= 1
    path.write_bytes(data)
    with Appender(path) as appender, pytest.raises(ChecksumError, match="version 1"):
        appender.checkout(1)
    assert path.read_bytes() == data


def test_a_version_that_only_plays_by_its_copy_goes_on_playing(path, append_version, small_bytes):
    """Its first moov is damaged: another version in front of players would take it away."""
    append_version(path, {1: b"b"}, {})
    with Appender(path) as appender:
        appender.checkout(1)
    data = bytearray(path.read_bytes())
    data[small_bytes.index(b"moov") + 50] ^= 1
    path.write_bytes(data)
    for call in (lambda: appender.checkout(2), lambda: appender.stage(ABOUT, frames_changed=0)):
        with Appender(path) as appender, pytest.raises(ChecksumError, match="compacted copy"):
            call()
    assert path.read_bytes() == data
    with path.with_name("copy.cssv").open("wb") as file:
        compact(path, file, [1, 2])
    with Appender(path.with_name("copy.cssv")) as appender:
        appender.checkout(2)
    assert contents(path.with_name("copy.cssv"), 1) == contents(path)


def test_too_many_boxes_are_refused_before_anything_is_written(path, monkeypatch, small_bytes):
    monkeypatch.setattr(module, "TOP_BOXES_LIMIT", 6)
    with Appender(path) as appender, pytest.raises(LimitError, match="compact"):
        appender.write_scene(0, b"{}")
    monkeypatch.setattr(module, "TOP_BOXES_LIMIT", 7)
    with Appender(path) as appender:
        commit(appender)
        with pytest.raises(LimitError, match="compact"):
            appender.tag("a", 1)


def test_what_cannot_be_opened(tmp_path, small_bytes):
    for place in (tmp_path / "absent.cssv", tmp_path):
        with pytest.raises(InputError):
            Appender(place)
    (tmp_path / "text").write_bytes(b"hello there, no boxes")
    with pytest.raises(ContainerError):
        Appender(tmp_path / "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["text"]
