"""A full or failing disk leaves the file as it was."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from io import FileIO

import pytest

import cssv
from cssv.container import appender
from cssv.errors import OutputError

ACTS = {
    "commit": lambda path, lab: cssv.commit(
        path, lab.scene_with({"match": {"track": 3}, "temperature_c": 44})
    ),
    "checkout": lambda path, _: cssv.checkout(path, 2),
    "tag": lambda path, _: cssv.tag(path, "mine", 2),
}


@pytest.fixture
def file(four, tmp_path):
    return shutil.copy(four, tmp_path / "clip.cssv")


def full_after(space):
    """A file that accepts a number of bytes; like a disk it accepts a part of the last write."""

    class Full(FileIO):
        left = space

        def write(self, data):
            taken = memoryview(data)[: Full.left]
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            Full.left -= len(taken)
            return super().write(taken)

    return Full


@pytest.mark.parametrize("act", ACTS)
def test_full_at_any_byte(act, file, lab, monkeypatch, tmp_path):
    before = file.read_bytes()
    probe = shutil.copy(file, tmp_path / "probe.cssv")
    ACTS[act](probe, lab)
    grown = probe.stat().st_size - len(before)
    probe.unlink()
    random_ = random.Random(act)
    # The last bytes are the length of the box of samples and the four bytes of the rename.
    for space in [*range(5), *(random_.randrange(grown) for _ in range(25)), grown - 1, grown]:
        with monkeypatch.context() as patch:
            patch.setattr(appender, "FileIO", full_after(space))
            if space == grown and act == "tag":
                ACTS[act](shutil.copy(file, tmp_path / "enough.cssv"), lab)
                continue
            with pytest.raises(OutputError, match="as it was") as raised:
                ACTS[act](file, lab)
        assert "space" in str(raised.value)
        assert file.read_bytes() == before, space
        assert not list(tmp_path.glob("*.lock"))
    ACTS[act](file, lab)
    assert cssv.verify(file).is_sound


@pytest.mark.parametrize("is_gone", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("act", ACTS)
def test_failing_flushes(act, is_gone, file, lab, monkeypatch):
    """Each flush fails once; if the disk stays gone, the old version is still the current one."""
    before, crcs, history = file.read_bytes(), lab.own_crcs(file), cssv.log(file).versions
    flush = os.fsync
    for fatal in range(10):
        count = 0

        def fsync(handle, fatal=fatal):
            nonlocal count
            count += 1
            if count - 1 == fatal or (is_gone and count - 1 > fatal):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            flush(handle)

        with monkeypatch.context() as patch:
            patch.setattr(appender.os, "fsync", fsync)
            try:
                ACTS[act](file, lab)
            except OutputError:
                pass
            else:
                break
        if not is_gone:
            assert file.read_bytes() == before, fatal
        assert file.read_bytes()[: len(before)] == before, fatal
        assert cssv.log(file).versions == history
        assert lab.own_crcs(file) == crcs
        cssv.verify(file, repair=True)
        assert file.read_bytes() == before
    assert fatal == {"commit": 4, "checkout": 3, "tag": 1}[act]


def test_an_interrupted_commit_leaves_the_file_as_it_was(file, lab):
    """Ctrl-C at any stage."""
    before = file.read_bytes()
    for stage, number in (
        ("compare", 1),
        ("compare", lab.COUNT),
        ("redraw", 1),
        ("redraw", 3),
        ("verify", 2),
    ):

        def progress(now, done, total, stage=stage, number=number):
            if (now, done) == (stage, number):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cssv.commit(file, lab.scene_with({"match": {"track": 3}, "temperature_c": 44}), progress=progress)
        assert file.read_bytes() == before
    assert cssv.tag(file, "again").number == 3


FULL_DISK = """
import json, os, pathlib, shutil, sys
import cssv
disk, source, scene = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
path = disk / "clip.cssv"
refused = 0
whole = None
for left in range(4096, 400_000, 12_288):
    for entry in disk.iterdir():
        entry.unlink()
    shutil.copy(source, path)
    before = path.read_bytes()
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filler").write_bytes(bytes(max(0, free - left)))
    for act in (lambda: cssv.commit(path, scene), lambda: cssv.gc(path, disk / "copy.cssv", [1])):
        try:
            act()
        except cssv.errors.OutputError as error:
            refused += 1
            assert "space" in str(error) or "full" in str(error), error
            assert path.read_bytes() == before
            assert not (disk / "copy.cssv").exists()
            assert sorted(os.listdir(disk)) == ["clip.cssv", "filler"], os.listdir(disk)
        else:
            assert cssv.verify(path).is_sound
            before = path.read_bytes()
            whole = left
assert refused > 5 and whole, (refused, whole)
print("refused", refused)
"""


REPAIR = """
import os, pathlib, shutil, sys
import cssv
disk, source = map(pathlib.Path, sys.argv[1:])
path = disk / "clip.cssv"
shutil.copy(source, path)
before = path.read_bytes()
with path.open("ab", buffering=0) as file:
    file.write(b"\\0\\0\\0\\1mdat" + (1 << 62).to_bytes(8, "big"))
    try:
        while file.write(bytes(4096)):
            pass
    except OSError:
        pass
assert os.statvfs(disk).f_bavail == 0
try:
    (disk / "probe").write_bytes(b"1")
except OSError:
    (disk / "probe").unlink()
else:
    raise AssertionError("the disk is not full")
found = cssv.verify(path, repair=True)
assert found.is_sound and found.cut_bytes > 100_000, found
assert path.read_bytes() == before
assert os.listdir(disk) == ["clip.cssv"], os.listdir(disk)
print("repaired")
"""


def mounted(disk):
    """The words before a command that runs with a small file system in memory at this folder."""
    disk.mkdir()
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && exec "$@"', str(disk)]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    return mount


def test_a_disk_filled_by_a_torn_append_is_repaired(small, lab, tmp_path):
    """There is no room for the process id in the lock file, and none is needed."""
    disk = tmp_path / "disk"
    command = [*mounted(disk), sys.executable, "-c", REPAIR, str(disk), str(small("sound.mp4"))]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=lab.environment()
    )
    assert (done.returncode, done.stdout) == (0, "repaired\n"), done.stderr


def test_a_full_file_system(small, lab, tmp_path, tool):
    """A file system in memory with less and less space."""
    disk = tmp_path / "disk"
    mount = mounted(disk)
    scene = json.dumps(lab.scene_with({"match": {"track": 1}, "temperature_c": 44}))
    command = [*mount, sys.executable, "-c", FULL_DISK, str(disk), str(small("sound.mp4")), scene]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=lab.environment()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused")
