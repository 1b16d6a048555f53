"""``--password``: a password from the terminal, from a file, or from the environment.

It is never a word of the command line: other users of a machine can see those.
"""

from __future__ import annotations

import functools
import getpass
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cssv.errors import InputError, OptionError
from cssv_cli.options import PATH
from cssv_cli.standard_input import is_standard_input_saved

Function = TypeVar("Function", bound=Callable[..., Any])

#: Environment variable that holds a password.
VARIABLE = "CSSV_PASSWORD"
#: Most bytes of the line that holds the password in a file.
LINE_LIMIT = 4096
_OTHER_WAYS = f"--password-file FILE, or the environment variable {VARIABLE}"


class _Flag(click.Option):
    """A flag whose users might write a value behind it.

    Attributes:
        instead_of_value: the message for them; it must not repeat the value. Read by the command.
    """

    instead_of_value = (
        "--password takes no value, because other users of this machine can see the words of a command. It "
        f"asks at the terminal; programs use {_OTHER_WAYS}."
    )


def password_option(*, is_new: bool = False) -> Callable[[Function], Function]:
    """``--password`` and ``--password-file``; the command gets a text, or None, as ``password``.

    Args:
        is_new: something new is sealed with it. Then it is typed twice: a slip could not be undone.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run(*values: object, password: bool, password_file: Path | None, **options: object) -> object:
            text = _find_password(password, password_file, is_new=is_new)
            return function(*values, password=text, **options)

        purpose = (
            "Encrypt what the pixels and the scene track hold." if is_new else "Open a file with a password."
        )
        twice = " twice" if is_new else ""
        flag = click.option(
            "--password",
            is_flag=True,
            cls=_Flag,
            help=f"{purpose} Asks{twice} at the terminal; takes no value.  [default: the environment "
            f"variable {VARIABLE}, if it is set]",
        )
        file = click.option(
            "--password-file",
            type=PATH,
            metavar="FILE",
            help="Read the password from the first line of a file; - is the standard input.",
        )
        return flag(file(run))  # type: ignore[return-value]

    return decorate


def _find_password(asks: bool, path: Path | None, *, is_new: bool) -> str | None:
    """The password that the user gives; None if none is given.

    Raises:
        click.UsageError: two ways are used at once, or there is no terminal.
        OptionError: the password is empty.
        InputError: the file cannot be read, or its first line is no password.
    """
    if asks and path is not None:
        raise click.UsageError("--password and --password-file exclude each other: give one of them.")
    if asks:
        return _type_password(is_new=is_new)
    if path is not None:
        return _read_password(path)
    # Set but empty is most likely a slip; without a password a clip would be readable by anybody.
    text = os.environ.get(VARIABLE)
    return None if text is None else _checked(text, f"the environment variable {VARIABLE}")


def _type_password(*, is_new: bool) -> str:
    password = _ask("Password: ")
    _checked(password, "the password")
    if is_new and _ask("The same password again: ") != password:
        raise click.UsageError("The two passwords differ. Nothing was written.")
    return password


def _ask(prompt: str) -> str:
    """Read a line from the terminal without showing it."""
    try:
        with warnings.catch_warnings():
            # Without a terminal, getpass would warn, and show what is typed or take it from the clip's pipe.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except getpass.GetPassWarning:
        raise click.UsageError(f"There is no terminal to type a password at: use {_OTHER_WAYS}.") from None
    except EOFError:
        raise click.UsageError("No password was typed.") from None


def _read_password(path: Path) -> str:
    """The first line of a file, or of the standard input."""
    # One byte more than allowed shows that it is too long.
    if path == Path("-"):
        line = _read_standard_input(LINE_LIMIT + 1)
    else:
        try:
            with path.open("rb") as file:
                line = file.readline(LINE_LIMIT + 1)
        except OSError as error:
            raise InputError("the password file cannot be read", found=f"{path}: {error.strerror}") from error
    if len(line) > LINE_LIMIT:
        raise InputError(
            "the first line of the password file is too long",
            found=f"more than {LINE_LIMIT} bytes",
            bound=f"at most {LINE_LIMIT}",
        )
    try:
        # Some editors begin a file with a byte order mark, which is no part of a password.
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the password file is no text", found=str(path), bound="UTF-8") from None
    return _checked(text.removesuffix("\n").removesuffix("\r"), "the first line of the password file")


def _read_standard_input(limit: int) -> bytes:
    if is_standard_input_saved():
        raise click.UsageError("The standard input can be read for one file only.")
    if sys.stdin is None or sys.stdin.isatty():
        # What is typed there would be shown.
        raise click.UsageError("The standard input is a terminal: use --password to type the password.")
    return sys.stdin.buffer.readline(limit)


def _checked(password: str, where: str) -> str:
    if not password:
        raise OptionError(f"{where} is empty", remedy="Give at least one character, or no password.")
    return password
