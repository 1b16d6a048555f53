"""One writer at a time: threads, processes, killed processes, and what is left in the folder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import filelock
import pytest

from cssv.errors import LockedError, OutputError
from cssv.files.lock import WriterLock, replacing

HOLD = """
import sys, time
from cssv.files.lock import WriterLock
lock = WriterLock(sys.argv[1])
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clip.cssv"


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_second_lock_of_the_same_process_is_refused(path):
    with WriterLock(path), pytest.raises(LockedError, match=f"process {os.getpid()}") as caught:
        WriterLock(path)
    assert caught.value.pid == os.getpid()
    assert caught.value.kind == "locked"
    assert isinstance(caught.value, OutputError)
    assert str(path) in str(caught.value)
    WriterLock(path).close()


def test_second_process_learns_who_holds_it(path, holder):
    with pytest.raises(LockedError) as caught:
        WriterLock(path)
    assert caught.value.pid == holder.pid
    assert str(holder.pid) in str(caught.value)


def test_lock_of_a_killed_process_is_free(path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert path.with_name("clip.cssv.lock").read_text() == str(holder.pid)
    with WriterLock(path):
        assert path.with_name("clip.cssv.lock").read_text() == str(os.getpid())


def test_nothing_is_left_behind(path):
    lock = WriterLock(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.cssv.lock"]
    lock.close()
    lock.close()
    assert list(path.parent.iterdir()) == []


def test_a_symbolic_link_is_the_file_it_points_to(path, tmp_path):
    link = tmp_path / "link.cssv"
    path.touch()
    link.symlink_to(path)
    with WriterLock(link) as lock:
        assert lock.path == path
        with pytest.raises(LockedError):
            WriterLock(path)


def test_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot lock") as caught:
        WriterLock(tmp_path / "absent" / "clip.cssv")
    assert not isinstance(caught.value, LockedError)


def test_an_owner_that_has_not_said_who_it_is(path, monkeypatch):
    monkeypatch.setattr("cssv.files.lock._PATIENCE_S", 0.02)
    with WriterLock(path):
        path.with_name("clip.cssv.lock").write_bytes(b"")
        with pytest.raises(LockedError, match="unknown process") as caught:
            WriterLock(path)
    assert caught.value.pid is None


def test_many_at_once_never_hold_it_together(path):
    """Removal and creation race all the time; the lock is held by at most one of them."""
    inside, most, taken = [], [], []

    def work():
        for _ in range(150):
            try:
                with WriterLock(path):
                    inside.append(1)
                    most.append(len(inside))
                    taken.append(1)
                    inside.pop()
            except LockedError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(taken) >= 4
    assert list(path.parent.iterdir()) == []


def test_a_file_with_two_names_has_one_writer(path, tmp_path):
    path.touch()
    other = tmp_path / "other.cssv"
    os.link(path, other)
    with WriterLock(path), pytest.raises(LockedError, match="unknown process"):
        WriterLock(other)
    WriterLock(other).close()
    assert {entry.name for entry in tmp_path.iterdir()} == {"clip.cssv", "other.cssv"}


def test_a_lock_file_that_is_a_link_is_not_followed(path, tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    path.with_name("clip.cssv.lock").symlink_to(precious)
    with pytest.raises(OutputError, match="cannot lock"):
        WriterLock(path)
    assert precious.read_text() == "precious"


def test_the_lock_file_of_another_writer_is_not_removed(path):
    lock_path = path.with_name("clip.cssv.lock")
    with WriterLock(path):
        lock_path.unlink()
        # A second writer gets in, since somebody deleted the lock file of the first.
        second = WriterLock(path)
    assert lock_path.read_text() == str(os.getpid())
    with pytest.raises(LockedError):
        WriterLock(path)
    second.close()


def test_a_release_in_another_thread_counts(path):
    lock = WriterLock(path)
    thread = threading.Thread(target=lock.close)
    thread.start()
    thread.join()
    WriterLock(path).close()


def test_a_missing_folder_is_not_created(tmp_path):
    with pytest.raises(OutputError):
        WriterLock(tmp_path / "absent" / "clip.cssv")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_becomes_a_link_after_the_check_is_not_followed(path, tmp_path, monkeypatch):
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    path.with_name("clip.cssv.lock").symlink_to(precious)
    monkeypatch.setattr("cssv.files.lock.check_lock_name", lambda _: None)
    with pytest.raises(OutputError, match="symbolic link"):
        WriterLock(path)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOLCK, "The file system has no working locks"),
        (errno.EOPNOTSUPP, "The file system has no working locks"),
        (errno.EACCES, "check the permissions"),
    ],
)
def test_the_reason_of_the_system_is_what_is_said(path, monkeypatch, code, remedy):
    def refuse(*_args, **_options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(OutputError, match=remedy) as caught:
        WriterLock(path)
    assert caught.value.found == os.strerror(code)
    assert "full" not in str(caught.value)


def test_a_file_system_without_locks_is_not_told_as_a_full_disk(path, monkeypatch):
    path.touch()

    def refuse(_handle, **_options):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("cssv.files.lock.lock_descriptor", refuse)
    with pytest.raises(OutputError, match="No locks available") as caught:
        WriterLock(path)
    assert "full" not in str(caught.value)
    assert "network drives" in str(caught.value)


def test_a_new_file_needs_no_locks(path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with replacing(path):
        path.touch()
    with pytest.raises(OutputError, match="No locks available"), replacing(path):
        pytest.fail("the body must not run")


class TestFullDisk:
    """There may be no room for a lock file, just where room is to be made by a repair."""

    @pytest.fixture(autouse=True)
    def full(self, monkeypatch):
        def refuse(*_args, **_options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(filelock.FileLock, "acquire", refuse)

    def test_the_lock_on_the_file_itself_is_enough(self, path):
        path.touch()
        lock = WriterLock(path)
        with pytest.raises(LockedError):
            WriterLock(path)
        lock.close()
        WriterLock(path).close()

    def test_a_new_file_is_refused(self, path):
        with pytest.raises(OutputError, match="The disk is full"):
            WriterLock(path)


def test_a_number_that_finds_no_room_is_left_out(path, monkeypatch):
    def refuse(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("cssv.files.lock.write_pid", refuse)
    monkeypatch.setattr("cssv.files.lock._PATIENCE_S", 0.02)
    with WriterLock(path), pytest.raises(LockedError, match="unknown process"):
        WriterLock(path)
    assert list(path.parent.iterdir()) == []


def test_two_that_make_one_new_file_exclude_each_other(path):
    with replacing(path), pytest.raises(LockedError), replacing(path):
        pytest.fail("the body must not run")
