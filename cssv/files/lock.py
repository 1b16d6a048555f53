"""Writer lock: one writer at a time, by a lock file beside the file that is written.

What a lock file is, and what is left alone at its name, is in ``lock_file``.

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
from cssv.files.leftovers import remove_leftovers
from cssv.files.lock_file import (
    check_lock_handle,
    check_lock_name,
    foreign_file,
    is_alive,
    lock_path_of,
    read_pid,
    write_pid,
)

#: Attempts, where other writers remove the file between our opening and our locking it; pause between two.
_TRIES = 100
_PAUSE_S = 0.001

#: A writer notes its process id at once; a second writer waits this long for the number.
_PATIENCE_S = 0.2

#: Errors of a disk, or of a user's share of it, that is full; and of a file system without locks.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_REMEDIES = dict.fromkeys(_FULL, "The disk is full: free some space.") | dict.fromkeys(
    _NO_LOCKS,
    "The file system has no working locks, as some network drives do: copy the file to a local disk, or "
    "have the drive mounted with locks.",
)


class WriterLock(Closing):
    """The right to write to a file, from construction to :meth:`close`.

    The operating system holds the lock, on ``<real path>.lock`` and on the file itself, which may have
    another name by a hard link. The lock therefore ends with its process, also with a killed one. The lock
    file that a killed process leaves behind has no effect and is reused. Readers take no lock. The lock is
    advisory, and between machines as reliable as the file system.

    On a full disk there may be no room for a lock file. Then the lock on the file itself, which every writer
    takes, is enough.

    Attributes:
        path: the real path of the file.

    Raises:
        LockedError: another writer, of this or another process, holds the file.
        OutputError: the lock file cannot be created or locked, or its name belongs to another file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._lock_path = lock_path_of(self.path)
        self._lock_stat: os.stat_result | None = None
        self._media: int | None = None
        self._pid = os.getpid()
        # Shared by threads, because a lock may be closed by another thread. No soft lock where the file
        # system has no real one: a killed process would leave a soft lock behind for ever.
        self._lock = FileLock(
            self._lock_path, thread_local=False, fallback_to_soft=False, on_acquired=self._claim
        )
        try:
            # A missing folder is an error here; filelock would create it.
            self.path.parent.stat()
            remove_leftovers(self.path.parent)
            for left in reversed(range(_TRIES)):
                try:
                    if self._acquire():
                        return
                except LockedError as error:
                    # The number of an ended process: somebody is just removing what it left behind.
                    if error.pid is None or is_alive(error.pid) or not left:
                        raise
                time.sleep(_PAUSE_S)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(
                f"cannot lock {str(path)!r}",
                found=error.strerror or str(error),
                remedy=_REMEDIES.get(
                    error.errno or 0,
                    "A file must be created beside this one: check the permissions of the folder.",
                ),
            ) from error
        raise OutputError(
            f"cannot lock {str(path)!r}", found="other writers take and release it", remedy="Try again."
        )

    def _acquire(self) -> bool:
        """Take both locks; False where the last holder removed the lock file meanwhile."""
        check_lock_name(self._lock_path)
        full: OSError | None = None
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            # filelock also gives up on a file that its holder removed before we locked it.
            if not os.path.lexists(self._lock_path):
                return False
            raise LockedError(self.path, self._wait_for_pid()) from None
        except OSError as error:
            # Something else came to the name since it was checked; filelock follows no link either.
            if error.errno in (errno.ELOOP, errno.EISDIR):
                raise foreign_file(self._lock_path, "a symbolic link or a folder") from error
            if error.errno not in _FULL:
                raise
            full = error
        if full is None and not self._has_name():
            # Another writer can lock the file that has the name now, so this lock protects nothing.
            self._lock.release()
            return False
        try:
            self._media = _lock_media(self.path)
        except BaseException:
            self.close()
            raise
        if full is not None and self._media is None:
            raise full
        return True

    def _claim(self, handle: int) -> None:
        """Write the process id into the locked file, if the file is ours to change."""
        check_lock_handle(self._lock_path, handle)
        self._lock_stat = os.fstat(handle)
        try:
            write_pid(handle)
        except OSError as error:
            # The lock holds without the number, which only tells others who the holder is.
            if error.errno in _FULL:
                return
            with suppress(OSError):
                self._lock_path.unlink()
            raise

    def _has_name(self) -> bool:
        """Whether the lock file's name still leads to the file that is locked."""
        with suppress(FileNotFoundError):
            return self._lock_stat is not None and os.path.samestat(self._lock_stat, self._lock_path.lstat())
        return False

    def _wait_for_pid(self) -> int | None:
        """Process id in the lock file; None if there is none after a short wait."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            if (pid := read_pid(self._lock_path)) is not None:
                return pid
            time.sleep(0.01)
        return None

    def close(self) -> None:
        """Release the file; may be called twice."""
        media, self._media = self._media, None
        # A forked child has copies of the handles; the locks are its parent's.
        if os.getpid() != self._pid:
            if media is not None:
                os.close(media)
            return
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
    """Hold the right to make a file or to replace it, so that two writers do not work for one name.

    Raises:
        LockedError: another writer makes the file or writes to it.
        OutputError: the file that is there cannot be locked.
    """
    try:
        lock: WriterLock | nullcontext[None] = WriterLock(path)
    except LockedError:
        raise
    except OutputError:
        if os.path.lexists(path):
            raise
        # A new file can be made without locks too. Whatever else prevents it has a better message later.
        lock = nullcontext()
    with lock:
        yield
