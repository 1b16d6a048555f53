"""Errors of the system that say nothing about a file: too many open files, no memory, no permission."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cssv.errors import CssvError, InputError

_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.ENOENT)
#: A shared library that cannot be opened for want of a handle is an ImportError without a number.
_NO_HANDLE = (os.strerror(errno.EMFILE), os.strerror(errno.ENFILE))


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Turn an error of the system, while a part of the library is loaded, into an InputError.

    Parts are loaded when they are first used, which may be in the middle of the work with a file.
    """
    try:
        yield
    except (OSError, ImportError) as error:
        if isinstance(error, CssvError):
            raise
        if isinstance(error, ImportError) and not any(text in str(error) for text in _NO_HANDLE):
            raise
        raise InputError(
            f"cannot load {what}",
            found=getattr(error, "strerror", None) or str(error),
            remedy="Close other files, or raise the limit of open files.",
        ) from error


def is_of_system(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says something about the system and nothing about a file."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "errno", None) in _ERRNOS:
            return True
        cause = cause.__cause__
    return False
