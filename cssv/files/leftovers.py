"""Removal of what killed processes left in a folder: temporary files and folders, and lock files.

Only files that surely belong to no process are removed: see ``temporaries`` and ``lock_file``.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from filelock import lock_descriptor

from cssv.files.lock_file import SUFFIX, is_alive, is_lock_content, pid_in
from cssv.files.temporaries import has_tag, remove

#: End of the names of lock files that may be removed. Other programs have lock files with process ids too.
_LOCK_END = f".cssv{SUFFIX}"


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes of this computer left in a folder; never raises an OSError."""
    # On Windows temporary files are not locked while they are in use.
    if sys.platform == "win32":
        return
    try:
        names = [name for name in os.listdir(folder) if has_tag(name) or name.endswith(_LOCK_END)]  # noqa: PTH208
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            _remove_if_dead(folder / name)


def _remove_if_dead(path: Path) -> None:
    """Remove a file or folder that no process has locked."""
    mode = path.lstat().st_mode
    # Nothing else is made by CSSV, and to open a pipe or a device can have effects.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return
    access = os.O_RDONLY | os.O_DIRECTORY if stat.S_ISDIR(mode) else os.O_RDWR
    handle = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        is_free = lock_descriptor(handle, blocking=False)
        # A file that got its name by a rename meanwhile is another one.
        is_same = os.path.samestat(os.fstat(handle), path.lstat())
        if is_free and is_same and (has_tag(path.name) or _is_dead_lock(handle)):
            remove(path)
    finally:
        os.close(handle)


def _is_dead_lock(handle: int) -> bool:
    """Whether an open file is the lock file of a process that has ended."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or not is_lock_content(handle):
        return False
    pid = pid_in(handle)
    return pid is None or not is_alive(pid)
