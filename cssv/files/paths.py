"""Checks of path arguments, before any work is done with them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from cssv.errors import LONGEST_QUOTE, OptionError, OptionTypeError

#: What public functions accept as a path.
Path_ = str | os.PathLike[str]
#: What to do with a camera, which is no file.
CAMERA_REMEDY = "Read the camera with OpenCV or PyAV, and give its frames to `cssv.Encoder`."


def check_path(name: str, path: Path_) -> Path:
    """Validate the argument ``name`` and return it as a Path.

    Raises:
        OptionError: neither a text nor a path-like object of texts, or an empty text.
    """
    # os.PathLike includes paths of bytes, which the rest of the library does not take.
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        # A number as the clip is how OpenCV names a camera.
        remedy = CAMERA_REMEDY if name == "source" and isinstance(path, int) else None
        raise OptionTypeError(
            f"{name} is not a path", found=repr(path), bound="a text or a path", remedy=remedy
        )
    # Path("") is the current folder, which no caller means by an empty text.
    if not os.fspath(path):
        raise OptionError(f"{name} names no file", found="", remedy=f"Give `{name}=` the path of a file.")
    if not _can_be_a_name(path):
        found = ascii(os.fspath(path))[:LONGEST_QUOTE]
        raise OptionError(f"{name} cannot be the name of a file", found=found)
    return Path(path)


def _can_be_a_name(path: Path_) -> bool:
    """Whether the system accepts a path; there need not be such a file."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    except ValueError:
        # A zero byte, or a letter that the system has no bytes for.
        return False
    return True


def check_paths(**paths: Path_ | None) -> None:
    """Validate path arguments given by keyword, as :func:`check_path` does; None means not given."""
    for name, path in paths.items():
        if path is not None:
            check_path(name, path)


def check_distinct(source: Path_, *outputs: Path_ | None) -> None:
    """Raise OptionError if an output is the source itself, or if two outputs are the same file.

    Files are compared by their real paths and, where both exist, by their identity on the disk, so that
    symbolic and hard links are found as well. None means not given.
    """
    known = [Path(os.path.realpath(source))]
    for output in outputs:
        if output is None:
            continue
        target = Path(os.path.realpath(output))
        if target in known or any(_is_same_file(target, other) for other in known):
            raise OptionError(
                "an output would replace the input or another output",
                found=str(output),
                remedy="Name another file for it.",
            )
        known.append(target)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # One of them does not exist yet, so the two cannot be links to one file.
        return False
