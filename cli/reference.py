"""The command line reference: the help of every command as Markdown.

``python -m cssv_cli.reference > docs/cli.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from cssv_cli.main import SECTIONS, main

#: Columns of the help, whatever the terminal: the file must be the same on every machine.
WIDTH = 100

_HEAD = """# Command line

The help of every command, as `cssv --help` and `cssv COMMAND --help` print it.
This file is generated: `python -m cssv_cli.reference > docs/cli.md`.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_parts()])


def _parts() -> Iterator[str]:
    group = _context(main, "cssv", None)
    yield _block(group)
    for title, names in SECTIONS.items():
        yield f"## {title}\n"
        for name in names:
            command = main.get_command(group, name)
            assert command is not None
            yield f"### cssv {name}\n"
            yield _block(_context(command, name, group))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, parent, name, **settings)


def _block(context: click.Context) -> str:
    # The lines of an empty paragraph carry spaces, which editors and linters would remove.
    lines = [line.rstrip() for line in context.get_help().splitlines()]
    return "\n".join(["```text", *lines, "```", ""])


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(reference())
