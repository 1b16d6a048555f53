"""Writer lock: one writer at a time, by a lock file beside the file that is written.

The lock itself is that of the package ``filelock``. By hand here is what it does not provide, as measured
with filelock 4.3:

- the process id of the holder: filelock writes none into the file of a native lock;
- removal of the lock file: on Unix filelock leaves it behind;
- the lock on the media file itself: the same file can have a second name by a hard link, and each name has
  a lock file of its own;
- no new folders: filelock creates the missing folders of a path.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor, unlock_descriptor

from cssv.errors import LockedError, OutputError
from cssv.files.closing import Closing

_SUFFIX = ".lock"

#: Errors of a disk, or of a user's share of it, that is full.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

#: Attempts, where other writers remove the file between our opening and our locking it; pause between two.
_TRIES = 100
_PAUSE_S = 0.001

#: A writer notes its process id at once; a second writer waits this long for the number.
_PATIENCE_S = 0.2

#: Offset of the process id. On Windows byte 0 is what filelock locks, and other processes cannot read it.
_PID_OFFSET = 1 if sys.platform == "win32" else 0


class WriterLock(Closing):
    """The right to write to a file, from construction to :meth:`close`.

    The operating system holds the lock, on ``<real path>.lock`` and on the file itself, which may have
    another name by a hard link. The lock therefore ends with its process, also with a killed one. The lock
    file that a killed process leaves behind has no effect and is reused. Readers take no lock. The lock is
    advisory, and between machines as reliable as the file system.

    Attributes:
        path: the real path of the file.

    Raises:
        LockedError: another writer, of this or another process, holds the file.
        OutputError: the lock file cannot be created or locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._lock_path = self.path.with_name(self.path.name + _SUFFIX)
        self._lock_stat: os.stat_result | None = None
        self._media: int | None = None
        # Shared by threads, because a lock may be closed by another thread. No soft lock where the file
        # system has no real one: a killed process would leave a soft lock behind for ever.
        self._lock = FileLock(
            self._lock_path, thread_local=False, fallback_to_soft=False, on_acquired=self._write_pid
        )
        try:
            # A missing folder is an error here; filelock would create it.
            self.path.parent.stat()
            for _ in range(_TRIES):
                if self._acquire():
                    return
                time.sleep(_PAUSE_S)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(
                f"cannot lock {str(path)!r}",
                found=error.strerror or str(error),
                remedy="A file must be created beside this one: check the disk space and the permissions.",
            ) from error
        raise OutputError(
            f"cannot lock {str(path)!r}", found="other writers take and release it", remedy="Try again."
        )

    def _acquire(self) -> bool:
        """Take both locks; False where the last holder removed the lock file meanwhile."""
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            # filelock also gives up on a file that its holder removed before we locked it.
            if not os.path.lexists(self._lock_path):
                return False
            raise LockedError(self.path, self._read_pid()) from None
        if not self._has_name():
            # Another writer can lock the file that has the name now, so this lock protects nothing.
            self._lock.release()
            return False
        try:
            self._media = _lock_media(self.path)
        except BaseException:
            self.close()
            raise
        return True

    def _write_pid(self, handle: int) -> None:
        """Write the process id into the locked file, if the disk has room."""
        self._lock_stat = os.fstat(handle)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, b" " * _PID_OFFSET + str(os.getpid()).encode())
        except OSError as error:
            # On a full disk the lock holds without the number: the writer may come to free the disk.
            if error.errno in _NO_ROOM:
                return
            with suppress(OSError):
                self._lock_path.unlink()
            raise

    def _has_name(self) -> bool:
        """Whether the lock file's name still leads to the file that is locked."""
        with suppress(FileNotFoundError):
            return self._lock_stat is not None and os.path.samestat(self._lock_stat, self._lock_path.lstat())
        return False

    def _read_pid(self) -> int | None:
        """Process id in the lock file; None if there is none after a short wait."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError, ValueError), self._lock_path.open("rb", buffering=0) as file:
                file.seek(_PID_OFFSET)
                return int(file.read(20))
            time.sleep(0.01)
        return None

    def close(self) -> None:
        """Release the file; may be called twice."""
        media, self._media = self._media, None
        if media is not None:
            # A forked child may have inherited the handle, and would keep the lock after a mere close.
            unlock_descriptor(media)
            os.close(media)
        if not self._lock.is_locked:
            return
        # Removed while it is locked: a writer that has opened the file already sees that it has no name.
        # On Windows this fails, and filelock removes the file after the release.
        if self._has_name():
            with suppress(OSError):
                self._lock_path.unlink()
        self._lock.release()


def _lock_media(path: Path) -> int | None:
    """Handle of the file itself, locked; None where there is no file or where a lock would stop readers.

    Raises LockedError when another writer holds it under another name.
    """
    if sys.platform == "win32":
        # Windows enforces locks: readers could not read the locked byte.
        return None
    try:
        media = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        # A file that cannot be read cannot be appended to either; that attempt has the better message.
        return None
    try:
        is_locked = lock_descriptor(media, blocking=False)
    except BaseException:
        os.close(media)
        raise
    if is_locked:
        return media
    os.close(media)
    raise LockedError(path, None)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the right to replace a file by another, if there is one at this path.

    Raises:
        LockedError: a writer holds the file that is there.
    """
    with WriterLock(path) if Path(path).is_file() else nullcontext():
        yield
