"""Appending: what reaches the disk in which order, and what a failure leaves."""

from __future__ import annotations

import errno
import os
import random
from contextlib import suppress
from io import FileIO
from itertools import product

import pytest

from cssv.container import Appender, Reader, repair
from cssv.container import appender as module
from cssv.errors import ContainerError, OutputError
from cssv.testing.container import problems_of
from tests.container.appends import ABOUT, checkout, commit, contents, tag


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
