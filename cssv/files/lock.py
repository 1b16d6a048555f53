"""One writer at a time: a lock file beside the file that is written to."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from cssv.errors import LockedError, OutputError
from cssv.files.closing import Closing

_SUFFIX = ".lock"

#: Other writers may remove the file between our opening and our locking it, but not for ever.
_TRIES = 100

#: A writer notes its process id at once; for this long a second one waits to read it.
_PATIENCE_S = 0.2

#: Windows locks bytes, and what is locked cannot be read: one far behind the process id.
_WINDOWS_PLACE = 1 << 30

_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class WriterLock(Closing):
    """Holds the right to write to a file, from construction to :meth:`close`.

    The lock is the operating system's, on ``<real path>.lock`` and on the file itself, which may have
    another name by a hard link: when its process ends, however it ends, it is free. The lock file that a
    killed process leaves behind says nothing and is taken over. Readers do not ask. The lock is advisory,
    and between machines as good as the file system's.

    Raises:
        LockedError: another writer, of this or another process, holds it.
        OutputError: the lock file cannot be made or locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._place = self.path.with_name(self.path.name + _SUFFIX)
        self._handle: int | None = None
        self._media: int | None = None
        try:
            for _ in range(_TRIES):
                if self._take():
                    return
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            reason = error.strerror or str(error)
            raise OutputError(
                f"cannot lock {str(path)!r}",
                found=reason,
                remedy="A file must be made beside this one; see that the disk has room and lets you write.",
            ) from error
        raise OutputError(
            f"cannot lock {str(path)!r}", found="other writers come and go", remedy="Try again."
        )

    def _take(self) -> bool:
        """Lock the file under its name; False where its last owner removed it meanwhile."""
        handle = os.open(self._place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            is_locked = _lock(handle)
            if is_locked and self._is_named(handle):
                self._sign(handle)
                self._handle = handle
        finally:
            if self._handle is None:
                os.close(handle)
        if not is_locked:
            raise LockedError(self.path, self._owner())
        if self._handle is None:
            return False
        try:
            self._media = _lock_media(self.path)
        except BaseException:
            self.close()
            raise
        return True

    def _sign(self, handle: int) -> None:
        """Write down whose the lock is; what cannot be written to is not left behind."""
        try:
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        except OSError:
            with suppress(OSError):
                self._place.unlink()
            raise

    def _is_named(self, handle: int) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(handle), self._place.stat())
        return False

    def _owner(self) -> int | None:
        """Return the process id in the lock file, waiting a moment for it."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError, ValueError):
                return int(self._place.read_bytes()[:20])
            time.sleep(0.01)
        return None

    def close(self) -> None:
        """Let the next writer in."""
        media, self._media = self._media, None
        if media is not None:
            os.close(media)
        handle, self._handle = self._handle, None
        if handle is None:
            return
        # Removed while it is locked: who has opened it already finds that it has lost its name.
        with suppress(OSError):
            self._place.unlink()
        os.close(handle)
        if sys.platform == "win32":
            with suppress(OSError):
                self._place.unlink()


def _lock_media(path: Path) -> int | None:
    """Lock the file itself, which may have other names; None where that would lock readers out.

    Raises LockedError when another writer has it by another name.
    """
    if sys.platform == "win32":
        return None
    try:
        media = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        # What cannot be read cannot be appended to either, and says so better itself.
        return None
    if _lock(media):
        return media
    os.close(media)
    raise LockedError(path, None)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the right to put another file in the place of one, if there is one.

    Raises:
        LockedError: somebody is writing to the file that is there.
    """
    with WriterLock(path) if Path(path).is_file() else nullcontext():
        yield


def _lock(handle: int) -> bool:
    """Lock an open file for this handle alone; False when another handle has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _WINDOWS_PLACE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True
