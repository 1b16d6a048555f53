"""The standard input, and other open pipes, as input files.

A clip is read several times, and in any order, which no pipe allows. So it is saved to a temporary file
first.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from cssv.errors import OutputError

#: What a parameter holds for ``-``; the plain name could also be that of a file.
STANDARD_INPUT = Path("/dev/stdin")

# Pipes that are open in this process already; the shell's <(...) is one.
_OPEN = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/\d+")
#: Key of ``click.Context.meta``: the temporary files, and what the user called them.
_SAVED = "cssv_cli.saved_inputs"


@contextmanager
def saved_inputs(context: click.Context, names: list[str]) -> Iterator[None]:
    """Replace parameters that name an open pipe by temporary files, which are deleted at the end.

    Raises:
        click.UsageError: the standard input is a terminal, or is named twice.
        OutputError: the disk is full.
    """
    given = ((name, context.params.get(name)) for name in names)
    wanted = {name: path for name, path in given if isinstance(path, Path) and _OPEN.fullmatch(str(path))}
    if not wanted:
        yield
        return
    if len(set(wanted.values())) < len(wanted):
        raise click.UsageError("The standard input can be read for one file only.", context)
    # Only now: it loads a library that most commands do not need yet.
    from cssv.api.temporary import temporary_folder

    with temporary_folder() as folder:
        for number, (name, path) in enumerate(wanted.items()):
            target = folder / f"input-{number}"
            _save(context, path, target)
            context.params[name] = target
            context.meta.setdefault(_SAVED, {})[str(target)] = _word(path)
        yield


def _word(path: Path) -> str:
    return "-" if path == STANDARD_INPUT else str(path)


def _save(context: click.Context, path: Path, target: Path) -> None:
    with _opened(context, path) as source:
        try:
            with target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError as error:
            raise OutputError(
                f"cannot save {_word(path)} to a temporary file",
                found=error.strerror,
                remedy="Free some space, or let TMPDIR name a folder on another disk.",
            ) from error


@contextmanager
def _opened(context: click.Context, path: Path) -> Iterator[BinaryIO]:
    if path != STANDARD_INPUT:
        try:
            file = path.open("rb")
        except OSError as error:
            raise click.UsageError(f"{path} cannot be read: {error.strerror}.", context) from error
        with file:
            yield file
        return
    # Programs without a console have no standard input.
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("The standard input is a terminal: send a file to it, or name one.", context)
    yield sys.stdin.buffer


def is_saved(path: os.PathLike[str]) -> bool:
    """Whether a path is that of a temporary file made here."""
    return os.fspath(path) in _names()


def is_standard_input_saved() -> bool:
    """Whether the standard input was read for a file of the command."""
    return _word(STANDARD_INPUT) in _names().values()


def with_own_names(text: str) -> str:
    """Replace the paths of temporary files by what the user called them."""
    for path, word in _names().items():
        text = text.replace(path, word)
    return text


def _names() -> dict[str, str]:
    context = click.get_current_context(silent=True)
    found: dict[str, str] = {} if context is None else context.meta.get(_SAVED, {})
    return found
