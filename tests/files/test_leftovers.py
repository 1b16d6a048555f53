"""What killed processes left is removed by the next run in the folder; nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cssv.files import leftovers, temporaries
from cssv.files.atomic import whole_file, whole_folder
from cssv.files.leftovers import remove_leftovers
from cssv.files.lock import WriterLock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no locks on open files")

WORK = """
import sys, time
from pathlib import Path
from cssv.files.atomic import whole_file, whole_folder
from cssv.files.lock import WriterLock
folder = Path(sys.argv[1])
with WriterLock(folder / "a.cssv"), whole_file(folder / "a.cssv") as file, whole_folder(folder / "b") as many:
    file.write_bytes(b"half")
    (many / "000000.png").write_bytes(b"half")
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def worker(tmp_path):
    """Another process that writes a file, a folder and a lock file."""
    process = subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def write_file(folder):
    with whole_file(folder / "c.txt") as temporary:
        temporary.write_text("new")


def write_folder(folder):
    with whole_folder(folder / "c") as temporary:
        (temporary / "a").write_text("new")


def lock(folder):
    WriterLock(folder / "c.cssv").close()


@pytest.mark.parametrize("run", [write_file, write_folder, lock, remove_leftovers])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path, worker, run):
    kill(worker)
    left = names(tmp_path)
    assert len(left) == 3
    assert "a.cssv.lock" in left
    run(tmp_path)
    assert set(names(tmp_path)) <= {"c.txt", "c"}


def test_what_a_running_process_writes_stays(tmp_path, worker):
    before = names(tmp_path)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == before
    assert worker.poll() is None


def test_what_this_process_writes_stays(tmp_path):
    with (
        whole_file(tmp_path / "a.bin") as one,
        whole_folder(tmp_path / "b") as two,
        WriterLock(tmp_path / "d"),
    ):
        before = names(tmp_path)
        remove_leftovers(tmp_path)
        assert names(tmp_path) == before
        assert one.exists()
        assert two.exists()


def test_what_another_computer_writes_stays(tmp_path, monkeypatch):
    made = temporaries.make_file(tmp_path, ".cssv")
    made.release()
    monkeypatch.setattr(temporaries, "_NAME", temporaries.re.compile(r"\.cssv-other000-[a-z0-9_]{8}(\..*)?"))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [made.path.name]


def test_the_tag_is_that_of_one_computer(monkeypatch):
    here = temporaries._computer_tag()
    assert here == temporaries._computer_tag()
    monkeypatch.setattr(temporaries.platform, "node", lambda: "another-computer")
    assert temporaries._computer_tag() != here


def test_what_can_be_recovered_stays(tmp_path):
    made = temporaries.make_file(tmp_path, ".cssv", is_kept=True)
    made.release()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [made.path.name]


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(_handle, **_options):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(temporaries, "lock_descriptor", refuse)
    made = temporaries.make_file(tmp_path, ".cssv")
    assert not temporaries.has_tag(made.path.name)
    monkeypatch.undo()
    made.release()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [made.path.name]


def test_files_of_others_stay(tmp_path, worker):
    """Names like ours, and lock files of other programs, which hold process ids too."""
    kill(worker)
    remove_leftovers(tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("precious")
    tag = temporaries._TAGGED
    (tmp_path / f"{tag}abcdefgh.cssv").symlink_to(precious)
    os.mkfifo(tmp_path / f"{tag}hgfedcba.cssv")
    for name in ("x.lock", ".cssv-abcdefgh.cssv", ".cssv-notes.txt", f"{tag}my-notes.txt"):
        (tmp_path / name).write_text(str(worker.pid))
    (tmp_path / "y.cssv.lock").write_text("not a number")
    os.link(precious, tmp_path / "z.cssv.lock")
    (tmp_path / "w.cssv.lock").symlink_to(precious)
    (tmp_path / "running.cssv.lock").write_text(str(os.getpid()))
    before = names(tmp_path)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == before
    assert precious.read_text() == "precious"


def test_a_folder_that_cannot_be_listed_or_does_not_exist(tmp_path):
    remove_leftovers(tmp_path / "absent")
    assert names(tmp_path) == []


def test_a_file_found_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    """The cleaning process comes between creation and lock."""
    create, made = temporaries.tempfile.mkstemp, []

    def race(**options):
        handle, name = create(**options)
        made.append(name)
        if len(made) == 1:
            leftovers._remove_if_dead(Path(name))
        return handle, name

    monkeypatch.setattr(temporaries.tempfile, "mkstemp", race)
    with whole_file(tmp_path / "a.txt") as temporary:
        assert temporary == Path(made[1])
        temporary.write_text("whole")
    assert names(tmp_path) == ["a.txt"]


def test_a_forked_child_deletes_nothing(tmp_path):
    made = temporaries.make_file(tmp_path, ".txt")
    if (child := os.fork()) == 0:
        made.remove()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert names(tmp_path) == [made.path.name]
    made.remove()
    assert names(tmp_path) == []
