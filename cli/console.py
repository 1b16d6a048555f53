"""What a command says and where: results on stdout, progress and errors on stderr, text or JSON."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import click

from cssv.errors import OutputError
from cssv_cli.progress import ProgressBar
from cssv_cli.report import Report


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command reports to.

    Attributes:
        as_json: one JSON object instead of text.
        quiet: only errors and faults.
        progress: for the library's ``progress`` argument.
    """

    as_json: bool
    quiet: bool
    progress: ProgressBar

    def show(self, report: Report) -> None:
        """Print the result on stdout."""
        self.progress.close()
        if self.as_json:
            write(sys.stdout, json_text(report.data))
        elif report.is_result:
            write(sys.stdout, report.text)
        elif not self.quiet:
            write(sys.stderr if report.is_remark else sys.stdout, report.text)

    def pour(self, text: str) -> None:
        """Print a result that is a file's content, as it is, and not where JSON was asked for."""
        self.progress.close()
        if not self.as_json:
            write(sys.stdout, text, end="")


def json_text(data: dict[str, Any]) -> str:
    """JSON over several lines, ASCII only, so that every terminal and pipe takes it."""
    return json.dumps(data, indent=2, allow_nan=False)


def printable(text: str, encoding: str | None) -> str:
    """Text that a terminal shows and does not obey: file names and messages in files may hold anything."""
    plain = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return plain.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def write(stream: TextIO, text: str, end: str = "\n") -> None:
    """Write text to stdout or stderr at once.

    Raises:
        BrokenPipeError: nobody reads it any more.
        OutputError: it cannot be written.
    """
    try:
        stream.write(printable(text, stream.encoding) + end)
        stream.flush()
    except OSError as error:
        _forget(stream)
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError("cannot write the result to the standard output", found=error.strerror) from error


def _forget(stream: TextIO) -> None:
    """Point a stream nowhere, or the interpreter tries and fails to flush it once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def with_console(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--json`` and ``--quiet``, and a Console as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for programs.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress bars and no report; errors still show.")
    @functools.wraps(command)
    def run(*, as_json: bool, quiet: bool, **options: object) -> None:
        shown = not quiet and sys.stderr.isatty()
        with ProgressBar(sys.stderr if shown else None) as progress:
            command(Console(as_json, quiet, progress), **options)

    return run
