"""Temporary files and folders, made so that those of killed processes can be told from those in use.

A name holds a tag of the computer, and its maker keeps the file locked (``flock``). The system releases the
lock when the process ends, in any way. So a name with the tag of this computer and without a lock belongs to
no process any more, and may be removed. Where the system has no such locks, the name has no tag, and the file
is never removed by others.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import lock_descriptor

#: Prefix of temporary names; the dot hides them in listings of the folder.
PREFIX = ".cssv-"
#: Attempts to make a file that no cleaning process locks before its maker does.
_TRIES = 10


def _computer_tag() -> str:
    """Eight digits that tell this computer from others that use the same network drive."""
    identity = platform.node()
    # Computers of one image can have the same name.
    with suppress(OSError):
        identity += Path("/etc/machine-id").read_text(encoding="ascii", errors="replace")
    return f"{zlib.crc32(identity.encode()):08x}"


_TAGGED = f"{PREFIX}{_computer_tag()}-"
_NAME = re.compile(re.escape(_TAGGED) + r"[a-z0-9_]{8}(\..*)?", re.DOTALL)


def has_tag(name: str) -> bool:
    """Whether a name is that of a temporary file which a process of this computer keeps locked."""
    return _NAME.fullmatch(name) is not None


class Temporary:
    """A temporary file or folder, and the lock that shows that it is in use.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._pid = os.getpid()

    def lock(self) -> bool:
        """Lock it; False where another process has locked or removed it already.

        Raises:
            OSError: the system has no such locks.
        """
        try:
            self._handle = os.open(self.path, os.O_RDONLY if self.path.is_dir() else os.O_RDWR)
            is_locked = lock_descriptor(self._handle, blocking=False)
            return is_locked and os.path.samestat(os.fstat(self._handle), self.path.lstat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Release the lock: the file has its final name, or is about to be removed."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def remove(self) -> None:
        """Delete it, if it still is there, and release the lock."""
        # A forked child must not delete what its parent is writing.
        if os.getpid() == self._pid:
            remove(self.path)
        self.release()


def remove(path: Path) -> None:
    """Delete a file or a whole folder as far as the system lets us."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def make_file(folder: Path, suffix: str, *, is_kept: bool = False) -> Temporary:
    """Create an empty private file.

    Args:
        folder: where.
        suffix: end of its name.
        is_kept: other processes never remove it, because after a kill its content can be recovered.

    Raises:
        OSError: the system does not let us.
    """

    def create(prefix: str) -> Path:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=folder)
        os.close(handle)
        return Path(name)

    return _make(create, PREFIX if is_kept else _TAGGED)


def make_folder(folder: Path) -> Temporary:
    """Create an empty private folder in a folder. Raises OSError."""
    return _make(lambda prefix: Path(tempfile.mkdtemp(prefix=prefix, dir=folder)), _TAGGED)


def _make(create: Callable[[str], Path], prefix: str) -> Temporary:
    """Create a file or folder by a function of the prefix of its name, and lock it."""
    # On Windows an open or locked file can neither be renamed nor written by another handle.
    for _ in range(0 if sys.platform == "win32" else _TRIES):
        made = Temporary(create(prefix))
        try:
            if made.lock():
                return made
        except OSError:
            made.remove()
            break
        # A process that cleans up found it before it was locked, and removes it.
        made.remove()
    return Temporary(create(PREFIX))
