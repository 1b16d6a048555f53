"""Words of the library in terms of the command line.

The library writes ```weights=``` for an argument and ```cssv.verify()``` for a function. A user of the
command line reads ``--weights`` and ``'cssv verify'``.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click

_TOKEN = re.compile(r"`cssv\.(?P<command>\w+)\((?P<arguments>[^`]*)\)`|`(?P<name>\w+)=(?P<value>[^`]*)`")


def to_command_line(text: str) -> str:
    """Replace arguments and functions of the library by options and commands; unknown ones stay."""
    context = click.get_current_context(silent=True)
    return text if context is None else _TOKEN.sub(lambda found: _translate(found, context), text)


def _translate(token: re.Match[str], context: click.Context) -> str:
    group = context.find_root().command
    assert isinstance(group, click.Group)
    if token["command"]:
        command = group.get_command(context, token["command"])
        return token[0] if command is None else f"'{_call_text(command, token['arguments'])}'"
    for command in _nearest_first(context, group):
        if word := option_of(command, token["name"]):
            return f"{word} {_value_text(token['value'])}".strip()
    return token[0]


def _nearest_first(context: click.Context, group: click.Group) -> Iterator[click.Command]:
    """The command that runs, then all others: a library function may speak of an option of another one."""
    names = group.list_commands(context)
    running = context.find_root().invoked_subcommand
    for name in sorted(names, key=lambda name: name != running):
        command = group.get_command(context, name)
        assert command is not None
        yield command


def option_of(command: click.Command, name: str) -> str | None:
    """How a command spells an argument of the library: ``--weights``, or ``CLIP`` where it is no option."""
    for each in command.params:
        if each.name == name:
            # Of several spellings the long one explains itself.
            is_option = isinstance(each, click.Option)
            return max(each.opts, key=len) if is_option else (each.metavar or name.upper()).strip("[]")
    return None


def _call_text(command: click.Command, arguments: str) -> str:
    """``repair=True`` of ``verify`` becomes ``cssv verify --repair``."""
    words = ["cssv", str(command.name)]
    call = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)
    for keyword in call.keywords:
        value = ast.literal_eval(keyword.value)
        words.append(option_of(command, str(keyword.arg)) or f"{keyword.arg}=")
        # A flag is either given or not.
        words += [] if value is True else [shlex.quote(str(value))]
    return " ".join(words)


def _value_text(value: str) -> str:
    """A Python literal as a word of the command line; anything else stays as it is."""
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    return "" if found is True else shlex.quote(str(found))
