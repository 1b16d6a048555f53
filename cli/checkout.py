"""``cssv checkout``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, revision


@click.command(
    epilog=examples(
        "cssv checkout clip.cssv --version 1",
        "cssv checkout clip.cssv --version calibrated",
    )
)
@click.argument("file", type=PATH)
@click.option(
    "--version", type=revision, metavar="VERSION", required=True, help="A number or a tag, see 'cssv log'."
)
@with_console
def checkout(console: Console, file: Path, version: int | str) -> None:
    """Make a version of FILE the one that plays.

    No version is lost: the others stay in the file, and can be made to play again.
    """
    console.show(history.checked_out(cssv.checkout(file, version), file))
