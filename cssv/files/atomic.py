"""Results that are complete or absent.

Each result is written under a temporary name beside its destination, flushed to the disk, and then gets its
name in one step. A crash, a full disk or Ctrl-C leaves what was there before. What exists is replaced only
where the caller permits it. This is checked before the work, and again, in that one step, after it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from cssv.errors import CssvError, ExistsError, OutputError
from cssv.files.leftovers import remove_leftovers
from cssv.files.temporaries import PREFIX, Temporary, make_file, make_folder

#: What the system answers where a file system has no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space or write elsewhere.",
    errno.EDQUOT: "The disk quota is used up: free some space or write elsewhere.",
    errno.EROFS: "The disk is read-only: write elsewhere.",
    errno.EACCES: "The folder does not let you write: choose another, or change its permissions.",
    errno.EPERM: "The folder does not let you write: choose another, or change its permissions.",
    errno.ENOENT: "The folder does not exist: create it first.",
    errno.ENOTDIR: "A part of the path is a file, not a folder.",
    errno.EFBIG: "The disk's file system does not hold files of this size.",
    errno.EXDEV: "It is on another disk: name a file beside the one that is finished, then move it.",
    errno.ENOTEMPTY: "The folder was filled meanwhile: name a new one.",
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


def _name_output(error: CssvError, temporary: Path, path: Path) -> None:
    """Replace the temporary name in an error by that of the result: users know no other."""

    def named(value: Any) -> Any:  # noqa: ANN401 - any attribute of an error
        if isinstance(value, tuple):
            return tuple(map(named, value))
        if not isinstance(value, str):
            return value
        return value.replace(str(temporary), str(path)).replace(temporary.name, path.name)

    error.args = named(error.args)
    error.__dict__.update({name: named(value) for name, value in error.__dict__.items()})


def _exists_error(path: Path) -> ExistsError:
    return ExistsError(
        f"{str(path)!r} exists already",
        remedy="Name another file, or give `overwrite=True` to replace this one.",
    )


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check before any work that a file can be written; :func:`whole_file` checks again.

    Raises:
        ExistsError: there is such a file, and it may not be replaced.
        OutputError: a folder, device or write-protected file is at ``path``, or it is ``-``.
    """
    with _as_output_error(Path(path)):
        _check_file(Path(os.path.realpath(path)), Path(path), overwrite=overwrite)


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Convert errors of the system."""
    try:
        yield
    except OSError as error:
        if isinstance(error, CssvError):
            raise
        raise _output_error(path, error) from error


def _check_file(target: Path, path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless ``target`` is free or an ordinary file that may be replaced."""
    if str(path) == "-":
        # By a custom of the command line it means the standard output, which cannot be renamed or read back.
        raise OutputError(
            "cannot write to the standard output", found="-", remedy="Name a file, read it, then delete it."
        )
    try:
        mode = target.stat().st_mode
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
    if not overwrite:
        raise _exists_error(path)
    # The rename would need no permission for the file itself, and so would replace a protected one.
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", str(path))


def _give_permissions(temporary: Path, mode: int, like: Path) -> None:
    """Give a temporary file the permissions of what it replaces, else those that a new file gets."""
    with suppress(OSError):
        # They were made private.
        temporary.chmod(stat.S_IMODE(like.stat().st_mode) if like.exists() else mode & ~_umask())


@contextmanager
def whole_file(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    is_unique: bool = False,
    is_recoverable: bool = False,
) -> Iterator[Path]:
    """Write a file completely, or leave everything as it was.

    Yields the path of an empty temporary file in the same folder, with the same suffix, which the
    body writes, without replacing it by another file. When the body ends, the file is flushed to the disk and
    gets the name ``path``. When the body raises anything, KeyboardInterrupt included, the
    temporary file is deleted and ``path`` is untouched. What killed processes left in the folder is removed.

    Args:
        path: the file.
        overwrite: replace an existing file. Otherwise one is an error, also if it appears while the body
            runs.
        is_unique: the content cannot be made again: if the name is taken meanwhile, the file gets another
            one, which the error states.
        is_recoverable: the temporary file of a killed process has a use, so that it is not removed later.

    Raises:
        ExistsError: there is such a file, and ``overwrite`` is false.
        OutputError: a missing or read-only folder, a full disk, a folder or device at ``path``;
            also any OSError of the body that concerns the result or names no file. No message contains
            the temporary name.
    """
    # Through a symbolic link the file it points to is replaced, not the link.
    target = Path(os.path.realpath(path))
    with _as_output_error(Path(path)):
        _check_file(target, Path(path), overwrite=overwrite)
        remove_leftovers(target.parent)
        temporary = make_file(target.parent, target.suffix, is_kept=is_recoverable)
    _give_permissions(temporary.path, 0o666, target)
    try:
        with _naming(Path(path), target, temporary):
            yield temporary.path
            _sync(temporary.path)
            publish(temporary.path, target, Path(path), overwrite=overwrite, is_unique=is_unique)
            # Now, so that a writer of the new file is not kept out by this lock.
            temporary.remove()
            _sync(target.parent)
    finally:
        temporary.remove()


@contextmanager
def _naming(path: Path, target: Path, temporary: Temporary) -> Iterator[None]:
    """Let errors name the result: convert those of the system, and replace the temporary name in others."""
    try:
        yield
    except CssvError as error:
        _name_output(error, temporary.path, path)
        raise
    except OSError as error:
        if _is_about(error, target, temporary.path):
            raise _output_error(path, error) from error
        raise


def publish(
    temporary: Path, target: Path, path: Path, *, overwrite: bool = False, is_unique: bool = False
) -> None:
    """Give a finished file its name ``target``; it may keep the temporary one too.

    Args:
        temporary: its name so far.
        target: the real path of the file.
        path: the file as the caller named it, for messages.
        overwrite: as for :func:`whole_file`.
        is_unique: as for :func:`whole_file`.

    Raises:
        ExistsError: the name was taken meanwhile.
        OutputError: the system refuses.
    """
    with _as_output_error(path):
        if overwrite:
            temporary.replace(target)
            return
        _publish_new(temporary, target, path, is_unique=is_unique)


def _publish_new(temporary: Path, target: Path, path: Path, *, is_unique: bool) -> None:
    """Give a finished file a name that is free."""
    try:
        _link(temporary, target)
    except FileExistsError as error:
        if not is_unique:
            raise _exists_error(path) from error
        other = _link_free(temporary, target)
        raise ExistsError(
            f"{str(path)!r} exists already: it was made meanwhile",
            remedy=f"The result is complete and has the name {other.name!r} instead.",
        ) from error


def _link(temporary: Path, target: Path) -> None:
    """Give a file another name in one step. Raises FileExistsError if the name is taken."""
    if sys.platform == "win32":
        # There a rename replaces nothing.
        temporary.rename(target)
        return
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A new empty file takes the name, and is what the rename replaces.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        temporary.replace(target)


def _link_free(temporary: Path, target: Path) -> Path:
    """Give a file the first free name of the form ``clip-2.cssv``."""
    for number in count(2):
        other = target.with_name(f"{target.stem}-{number}{target.suffix}")
        with suppress(FileExistsError):
            _link(temporary, other)
            break
    return other


def _check_folder(target: Path, path: Path, *, overwrite: bool, members: re.Pattern[str] | None) -> None:
    """Raise OutputError unless ``target`` is free, an empty folder, or one that may be replaced."""
    if str(path) == "-":
        raise OutputError("cannot write pictures to the standard output", found="-", remedy="Name a folder.")
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"cannot write folder {str(path)!r}", found="a file", remedy="Name a folder.")
    names = os.listdir(target)  # noqa: PTH208 - only the names matter
    if not names:
        return
    if not overwrite or members is None:
        more = "" if members is None else ", or give `overwrite=True` to replace its pictures"
        raise ExistsError(
            f"folder {str(path)!r} is not empty", remedy=f"Name a new folder, empty this one first{more}."
        )
    # A slip of the name must not delete a folder of other things.
    for name in names:
        if not members.fullmatch(name) or not stat.S_ISREG((target / name).lstat().st_mode):
            raise ExistsError(
                f"folder {str(path)!r} holds other things than pictures of CSSV",
                found=name,
                remedy="Name a new folder: this one is not replaced.",
            )


@contextmanager
def whole_folder(
    path: str | os.PathLike[str], *, overwrite: bool = False, members: re.Pattern[str] | None = None
) -> Iterator[Path]:
    """Write a folder of files completely or not at all.

    Yields an empty temporary folder beside ``path``; it is renamed when the body ends and deleted
    when the body raises anything. ``path`` must not exist, or must be an empty folder.

    Args:
        path: the folder.
        overwrite: also replace a folder that holds nothing but files with the names of ``members``.
        members: see there; None: only an empty folder may be replaced.

    Raises:
        ExistsError: ``path`` is a folder that is not empty and may not be replaced.
        OutputError: ``path`` is a file; otherwise as :func:`whole_file`.
    """
    target = Path(os.path.realpath(path))
    with _as_output_error(Path(path)):
        _check_folder(target, Path(path), overwrite=overwrite, members=members)
        remove_leftovers(target.parent)
        temporary = make_folder(target.parent)
    _give_permissions(temporary.path, 0o777, target)
    try:
        with _naming(Path(path), target, temporary):
            yield temporary.path
            for file in temporary.path.rglob("*"):
                _sync(file)
            # Another program may have put something there meanwhile.
            check = partial(_check_folder, path=Path(path), overwrite=overwrite, members=members)
            check(target)
            _publish_folder(temporary.path, target, check)
            _sync(target.parent)
    finally:
        temporary.remove()


def _publish_folder(temporary: Path, target: Path, check: Callable[[Path], None]) -> None:
    """Rename a folder to a name that is free or that of a folder to be replaced, which ``check`` permits."""
    if not target.exists():
        temporary.rename(target)
        return
    # A full folder cannot be replaced in one step. Until the new one is in place, the old one has a name that
    # is never removed by others.
    aside = target.with_name(f"{PREFIX}old-{temporary.name[len(PREFIX) :]}")
    target.rename(aside)
    try:
        # Once more, where nobody else can put something into it by its name.
        check(aside)
        temporary.rename(target)
    except OSError:
        aside.rename(target)
        raise
    # Under the temporary name it is removed with certainty, now or, after a kill, later.
    aside.rename(temporary)
