"""Check of input paths: a regular file of this machine, or a refusal that says what else it is."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from cssv.errors import InputError
from cssv.files.paths import CAMERA_REMEDY, Path_

_SAVE = "Save it to a file first, and give that file."

# A Path merges the two slashes of an address into one.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)

_KINDS = (
    (stat.S_ISDIR, "a folder", "Give the path of a file."),
    (stat.S_ISFIFO, "a pipe", f"{_SAVE} The command line also reads a clip from its standard input, as -."),
    (stat.S_ISSOCK, "a socket", _SAVE),
    (stat.S_ISCHR, "a device", f"{_SAVE} {CAMERA_REMEDY}"),
    (stat.S_ISBLK, "a device", _SAVE),
)


def check_regular(
    path: Path_, error: type[InputError], subject: str = "the input", *, folders: bool = False
) -> None:
    """Raise ``error`` unless the path names a regular file, or nothing at all.

    Opening a pipe would wait until another program writes to it, and a device may never end. What does not
    exist is left to the caller, except where its name shows what was meant: an address, a camera, ``-``.

    Args:
        path: as the user gave it.
        error: the class to raise.
        subject: what the file is for, for the message.
        folders: whether a folder may be given.
    """
    found = _irregular(path)
    if found is None or (folders and found[0] == "a folder"):
        return
    kind, remedy = found
    raise error(f"{subject} cannot be read: {os.fspath(path)!r} is {kind}", remedy=remedy)


def _irregular(path: Path_) -> tuple[str, str] | None:
    """What a path names, and a remedy; None for a regular file and for a path without anything special."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):  # a name with a NUL is a ValueError
        return _meant(os.fspath(path))
    return next(((kind, remedy) for is_kind, kind, remedy in _KINDS if is_kind(mode)), None)


def _meant(name: str) -> tuple[str, str] | None:
    """What the name of a missing file stands for in other programs."""
    if name == "-":
        return "the name of the standard input in other programs", _SAVE
    if _ADDRESS.match(name):
        return (
            "an address",
            f"Nothing is downloaded. {_SAVE} A live camera: {CAMERA_REMEDY[0].lower()}{CAMERA_REMEDY[1:]}",
        )
    if name.isdecimal():
        return "no file, but perhaps the number of a camera", CAMERA_REMEDY
    return None
