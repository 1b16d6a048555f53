"""Path arguments: their type and checks."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from cssv.errors import OptionError

Path_ = str | os.PathLike[str]
#: Characters of a wrong value that a message quotes.
LONGEST_QUOTE = 60


def check_path(name: str, path: str | PathLike[str]) -> Path:
    """The same path; an OptionError for what is none, an empty text included."""
    if not isinstance(path, str | PathLike) or not isinstance(os.fspath(path), str):
        raise OptionError(f"{name} is not a path", found=repr(path), bound="a text or a path")
    if not os.fspath(path):
        raise OptionError(f"{name} names no file", found="", remedy="Give the path of a file.")
    return Path(path)


def check_paths(**paths: str | PathLike[str] | None) -> None:
    """Check each, as :func:`check_path` does, by its name; None is none that is given."""
    for name, path in paths.items():
        if path is not None:
            check_path(name, path)
