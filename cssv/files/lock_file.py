"""The lock file beside a file that is written: its name, its content, and what is never touched.

Its name can be predicted, and others may be able to write to the folder. So whatever lies at that name and is
not a lock file of CSSV is neither followed, opened for writing, emptied nor deleted.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path

from cssv.errors import OutputError

SUFFIX = ".lock"

#: Offset of the process id. On Windows byte 0 is what filelock locks, and other processes cannot read it.
_PID_OFFSET = 1 if sys.platform == "win32" else 0
#: Content of a lock file: a process id, or nothing where its process was killed before it wrote the number.
_CONTENT = re.compile(rb" ?\d{0,10}")
_MOST_BYTES = 11


def lock_path_of(path: Path) -> Path:
    """The name of the lock file of ``path``."""
    return path.with_name(path.name + SUFFIX)


def check_lock_name(lock_path: Path) -> None:
    """Raise OutputError if something is at the name of a lock file that cannot be one.

    Called before the name is opened: to open a pipe or a device can have effects of its own.
    """
    with suppress(FileNotFoundError):
        mode = lock_path.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise foreign_file(lock_path, _kind(mode))


def check_lock_handle(lock_path: Path, handle: int) -> None:
    """Raise OutputError unless an open file is a lock file, which may be overwritten and deleted."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise foreign_file(lock_path, _kind(found.st_mode))
    # The other name can be anybody's file.
    if found.st_nlink > 1:
        raise foreign_file(lock_path, "a file that has another name too (a hard link)")
    if not is_lock_content(handle):
        raise foreign_file(lock_path, f"a file of {found.st_size} bytes that holds no process id")


def is_lock_content(handle: int) -> bool:
    """Whether an open file holds what a lock file holds: at most a process id."""
    return _CONTENT.fullmatch(_content(handle)) is not None


def write_pid(handle: int) -> None:
    """Replace the content of an open lock file by the id of this process."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, b" " * _PID_OFFSET + str(os.getpid()).encode())


def read_pid(lock_path: Path) -> int | None:
    """The process id in a lock file; None if there is none or the file is something else."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(lock_path, flags)
    except OSError:
        return None
    try:
        return pid_in(handle)
    finally:
        os.close(handle)


def pid_in(handle: int) -> int | None:
    """The process id in an open lock file; None if there is none."""
    with suppress(OSError, ValueError):
        os.lseek(handle, _PID_OFFSET, os.SEEK_SET)
        return int(os.read(handle, _MOST_BYTES))
    return None


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs on this computer, as far as is known."""
    if sys.platform == "win32":
        # There the call below would end the process.
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        # It runs, but belongs to another user.
        return True
    return True


def foreign_file(lock_path: Path, found: str) -> OutputError:
    """The error for something at the name of a lock file that CSSV did not make."""
    return OutputError(
        f"cannot lock {str(lock_path.with_suffix(''))!r}",
        found=f"{lock_path.name} is {found}",
        bound="a lock file of CSSV, or nothing",
        remedy="Move it away: CSSV needs this name, and changes no file of others.",
    )


def _content(handle: int) -> bytes:
    """The first bytes of an open file, one more than a lock file has at most."""
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, _MOST_BYTES + 1)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or socket")
