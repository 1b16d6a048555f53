"""Results that are complete or absent.

Each result is written under a temporary name beside its destination, flushed to the disk, and then renamed in
one step. A crash, a full disk or Ctrl-C leaves what was there before.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cssv.errors import CssvError, OutputError

#: Prefix of temporary names; the dot hides them in listings of the folder.
_PREFIX = ".cssv-"

_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space or write elsewhere.",
    errno.EDQUOT: "The disk quota is used up: free some space or write elsewhere.",
    errno.EROFS: "The disk is read-only: write elsewhere.",
    errno.EACCES: "The folder does not let you write: choose another, or change its permissions.",
    errno.EPERM: "The folder does not let you write: choose another, or change its permissions.",
    errno.ENOENT: "The folder does not exist: create it first.",
    errno.ENOTDIR: "A part of the path is a file, not a folder.",
    errno.EFBIG: "The disk's file system does not hold files of this size.",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one.",
}


def _output_error(path: Path, error: OSError) -> OutputError:
    """The error for a result that the system does not let us write, with a remedy by its number."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "Choose another place to write to.")
    return OutputError(f"cannot write {str(path)!r}", found=reason, remedy=remedy)


def _is_about(error: OSError, path: Path, temporary: Path) -> bool:
    """Whether an error concerns the result, not some other file that the body reads."""
    # Errors of the tree already have a message for the user.
    if isinstance(error, CssvError):
        return False
    # A failed write or flush carries no name; the result is the only file that the body writes.
    if not isinstance(error.filename, str | bytes):
        return True
    named = Path(os.fsdecode(error.filename))
    return named in (path, temporary) or temporary in named.parents


def _sync(path: Path) -> None:
    """Flush a file to the disk; a folder too, where the system supports it."""
    if path.is_dir():
        # A rename is on the disk only when its folder is; some systems do not open folders.
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    """The process's mask of permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _check_file(path: Path) -> None:
    """Raise OutputError unless ``path`` is free or an ordinary file that may be replaced."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {str(path)!r}", found="a folder", remedy="Name a file.")
    if not stat.S_ISREG(mode):
        raise OutputError(
            f"cannot write {str(path)!r}",
            found="a device or pipe",
            remedy="Name an ordinary file: the result is renamed to it when it is complete.",
        )
    # The rename would need no permission for the file itself, and so would replace a protected one.
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", str(path))


def _reserve(path: Path) -> Path:
    """Create an empty file beside ``path``, with its suffix and its final permissions."""
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    with suppress(OSError):
        # mkstemp makes files private; the result gets the permissions of any file that the user makes.
        Path(name).chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
    return Path(name)


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file completely, or leave it as it was.

    Yields the path of an empty temporary file in the same folder, with the same suffix, which the
    body writes. When the body ends, the file is flushed to the disk and renamed to ``path``,
    in place of what was there. When the body raises anything, KeyboardInterrupt included, the
    temporary file is deleted and ``path`` is untouched.

    Raises:
        OutputError: a missing or read-only folder, a full disk, a folder or device at ``path``;
            also any OSError of the body that concerns the result or names no file.
    """
    # Through a symbolic link the file it points to is replaced, not the link.
    target = Path(os.path.realpath(path))
    try:
        _check_file(target)
        temporary = _reserve(target)
    except OSError as error:
        if isinstance(error, CssvError):
            raise
        raise _output_error(Path(path), error) from error
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    except OSError as error:
        if _is_about(error, target, temporary):
            raise _output_error(Path(path), error) from error
        raise
    finally:
        # After a rename there is nothing left to delete.
        with suppress(OSError):
            temporary.unlink()


def _check_folder(path: Path) -> None:
    """Raise OutputError unless ``path`` is free or an empty folder."""
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"cannot write folder {str(path)!r}", found="a file", remedy="Name a folder.")
    if any(path.iterdir()):
        raise OutputError(
            f"folder {str(path)!r} is not empty",
            remedy="Name a new folder, or empty this one first.",
        )


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a folder of files completely or not at all.

    Yields an empty temporary folder beside ``path``; it is renamed when the body ends and deleted
    when the body raises anything. ``path`` must not exist, or must be an empty folder.

    Raises:
        OutputError: ``path`` is a file or a folder that is not empty; otherwise as
            :func:`whole_file`.
    """
    target = Path(os.path.realpath(path))
    try:
        _check_folder(target)
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=target.parent))
        with suppress(OSError):
            temporary.chmod(0o777 & ~_umask())
    except OSError as error:
        if isinstance(error, CssvError):
            raise
        raise _output_error(Path(path), error) from error
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        # Another program may have put something there meanwhile.
        _check_folder(target)
        if target.exists():
            target.rmdir()
        temporary.rename(target)
        _sync(target.parent)
    except OSError as error:
        if _is_about(error, target, temporary):
            raise _output_error(Path(path), error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
