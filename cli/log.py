"""``cssv log``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples


@click.command(
    epilog=examples(
        "cssv log clip.cssv",
        "cssv log clip.cssv --graph",
        "cssv log clip.cssv --json",
    )
)
@click.argument("file", type=PATH)
@click.option("--graph", is_flag=True, help="Draw which version was made from which.")
@with_console
def log(console: Console, file: Path, graph: bool) -> None:
    """List the versions of FILE, newest first.

    Each with its number, parent, time, author, message, frames changed and bytes added. The star
    marks the version that plays.
    """
    console.show(history.logged(cssv.log(file), graph=graph))
