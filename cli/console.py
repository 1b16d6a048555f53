"""Output of a command: results on stdout, progress and errors on stderr, as text or as JSON."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TextIO

import click

from cssv.errors import OutputError
from cssv_cli.progress import StageProgress
from cssv_cli.report import Report
from cssv_cli.signals import stopping_signals
from cssv_cli.standard_input import saved_inputs, with_own_names
from cssv_cli.wording import to_command_line

#: Key of ``click.Context.meta``: whether the result is to be JSON. Set before the options are checked.
AS_JSON = "cssv_cli.as_json"


@dataclass(frozen=True, slots=True)
class Console:
    """The streams of one command.

    Attributes:
        as_json: one JSON object instead of text.
        quiet: only errors and faults.
        progress: for the library's ``progress`` argument.
    """

    as_json: bool
    quiet: bool
    progress: StageProgress

    def show(self, report: Report) -> None:
        """Print a result on stdout."""
        self.progress.close()
        if self.as_json:
            write(sys.stdout, with_own_names(json_text(_with_options_named(report.data))))
        elif report.is_result or not self.quiet:
            text = with_own_names("\n".join(map(one_line, report.lines)))
            # The result itself is on stdout already, perhaps on its way into another program.
            write(sys.stderr if report.is_remark else sys.stdout, text)

    def write_file(self, text: str) -> None:
        """Print the content of a result file as it is, unless JSON was chosen."""
        self.progress.close()
        if not self.as_json:
            write(sys.stdout, text, end="")


def _with_options_named(data: dict[str, Any]) -> dict[str, Any]:
    # Only notes are words of the library; all other texts are names of files or words of users.
    return data | {"notes": [to_command_line(note) for note in data["notes"]]} if "notes" in data else data


def json_text(data: dict[str, Any]) -> str:
    """JSON over several lines, ASCII only, so that every terminal and pipe takes it."""
    return json.dumps(data, indent=2, allow_nan=False)


def printable(text: str, encoding: str | None) -> str:
    """Escape what could control a terminal or does not fit its encoding: names in files may hold anything."""
    plain = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return plain.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def one_line(text: str) -> str:
    """Escape line breaks: a text of somebody else must not begin a line that looks like one of CSSV."""
    return text.replace("\n", "\\n")


def write(stream: TextIO, text: str, end: str = "\n") -> None:
    """Write text to stdout or stderr at once.

    Raises:
        BrokenPipeError: the reader is gone.
        OutputError: the text cannot be written.
    """
    try:
        stream.write(printable(text, stream.encoding) + end)
        stream.flush()
    except OSError as error:
        _discard(stream)
        # A reader may stop early, as ``head`` does; that is no error to report.
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError("cannot write the result to the standard output", found=error.strerror) from error


def _discard(stream: TextIO) -> None:
    """Discard what is left in a stream; the interpreter would fail to flush it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


#: Options that every command has.
FLAGS = (
    click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON, for programs."),
    click.Option(["-q", "--quiet"], is_flag=True, help="Print no progress and no report, only errors."),
)


def with_console(command: Callable[..., None]) -> Callable[..., None]:
    """Give a function a Console as its first argument, made by the values of :data:`FLAGS`."""

    @functools.wraps(command)
    def run(*, as_json: bool, quiet: bool, **options: object) -> None:
        # In a file or pipe, a bar would only be noise.
        shown = not quiet and sys.stderr.isatty()
        with StageProgress(sys.stderr if shown else None) as progress:
            command(Console(as_json, quiet, progress), **options)

    return run


class Command(click.Command):
    """A command that cleans up when it is stopped, and finds out first whether JSON was chosen."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the command's name."""
        ctx.meta[AS_JSON] = chooses_json(self, args)
        words = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if (message := self._value_of_flag(error, words)) is None:
                raise
            # Not chained: the value may be a secret, and the error shows it.
            raise click.UsageError(message, ctx) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        # Not earlier: while libraries are being loaded there is nothing to clean up.
        with stopping_signals(), saved_inputs(ctx, self._inputs()):
            return super().invoke(ctx)

    def _value_of_flag(self, error: click.UsageError, words: Sequence[str]) -> str | None:
        """The message of a flag behind which a value was written; None if there is none."""
        # Other kinds of this error are about other options.
        is_about_arguments = type(error) is click.UsageError
        for each in self.params:
            message: str | None = getattr(each, "instead_of_value", None)
            for word, following in pairwise((*words, "-")) if message else ():
                if any(word.startswith(f"{spelling}=") for spelling in each.opts):
                    return message
                if is_about_arguments and word in each.opts and not following.startswith("-"):
                    return message
        return None

    def _inputs(self) -> list[str]:
        """The parameters that take the standard input."""
        return [str(each.name) for each in self.params if getattr(each.type, "takes_standard_input", False)]


def chooses_json(command: click.Command, words: Iterable[str]) -> bool:
    """Whether ``--json`` is among the words as an option, not as the value of another one."""
    options = [each for each in command.params if isinstance(each, click.Option) and not each.is_flag]
    with_value = {spelling for option in options for spelling in option.opts}
    rest = iter(words)
    for word in rest:
        if word in ("--json", "--"):
            return word == "--json"
        if word in with_value:
            next(rest, None)
    return False
