"""Opening of files by PyAV, its rational numbers and its exceptions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

import av
import av.container

from cssv.errors import VideoError
from cssv.files.inputs import check_regular
from cssv.files.patched import InputFile, PatchedFile
from cssv.files.system import is_of_system
from cssv.video.formats import check_format

# SVT-AV1 writes its settings to the standard error stream unless this variable asks for errors only.
os.environ.setdefault("SVT_LOG", "1")

#: Exceptions of PyAV for files and requests that FFmpeg cannot process.
AV_ERRORS = (av.FFmpegError, NotImplementedError, OverflowError, UnicodeError)

# FFmpeg reads any text file as terminal art; as a clip it is always a mistake.
_NOT_VIDEO_FORMATS = {"tty"}

# Bytes that FFmpeg reads at a time from a file with patches.
_BUFFER_BYTES = 1 << 18


class _Rational(Protocol):
    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def exact(value: _Rational | None) -> Fraction | None:
    """Return a rational number of any version of PyAV as a Fraction; None for 0 or 0/0."""
    if value is None or not value.denominator or not value.numerator:
        return None
    return Fraction(int(value.numerator), int(value.denominator))


def reason(error: BaseException) -> str:
    """Return the message of FFmpeg, without the numbers that PyAV adds."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def check_readable(path: Path) -> None:
    """Raise VideoError unless ``path`` is a readable file that is not empty."""
    check_regular(path, VideoError, "the clip")
    try:
        if not path.exists():
            raise VideoError("no such file", found=str(path), remedy="Check the path.")
        if path.stat().st_size == 0:
            raise VideoError("the file is empty", found=str(path))
        check_format(path)
    except OSError as error:
        raise VideoError("the file cannot be read", found=f"{path}: {reason(error)}") from error


@contextmanager
def opened(source: InputFile) -> Iterator[av.container.InputContainer]:
    """Open a file for reading and close it at the end of the block; errors of FFmpeg become VideoError.

    Raises as :func:`open_input`.
    """
    with ExitStack() as stack:
        if isinstance(source, PatchedFile):
            check_readable(source.path)
            file = stack.enter_context(source.open())
            container = stack.enter_context(_open(source.path, file))
        else:
            container = stack.enter_context(open_input(source))
        try:
            yield container
        except AV_ERRORS as error:
            raise VideoError("the file cannot be read", found=f"{source}: {reason(error)}") from error


def open_input(path: Path) -> av.container.InputContainer:
    """Open a file for reading; the caller closes it.

    Raises:
        VideoError: missing, empty, a folder, unreadable, or nothing FFmpeg knows.
    """
    check_readable(path)
    return _open(path, str(path.absolute()))


def _open(path: Path, file: str | BinaryIO) -> av.container.InputContainer:
    try:
        # A playlist can name addresses in a network; the list of protocols admits local files only.
        container = av.open(
            file,
            mode="r",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
            buffer_size=_BUFFER_BYTES,
        )
    except (*AV_ERRORS, OSError) as error:
        # PyAV loads parts of itself here, which fails without a free handle.
        if is_of_system(error):
            raise VideoError("the file cannot be read", found=f"{path}: {reason(error)}") from error
        raise VideoError(
            "not a video that FFmpeg can read",
            found=f"{path}: {reason(error)}",
            remedy="Check that the file is a whole clip.",
        ) from error
    if container.format.name in _NOT_VIDEO_FORMATS:
        container.close()
        raise VideoError("not a video", found=f"{path}: a text file")
    return container


def context_value(context: object, name: str, unknown: int) -> int:
    """Return a colour tag of a codec context as an integer, whichever type PyAV gives it."""
    value = getattr(context, name, None)
    return unknown if value is None else int(value)
