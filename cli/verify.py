"""``cssv verify``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.exits import UNSOUND, exit_code
from cssv_cli.options import PATH, examples


@click.command(
    epilog=examples(
        "cssv verify clip.cssv",
        "cssv verify clip.cssv --quiet && echo sound",
    )
)
@click.argument("source", type=PATH)
@click.option("--repair", is_flag=True, help="First cut off an append that was broken off.")
@with_console
def verify(console: Console, source: Path, repair: bool) -> None:
    """Check that a .cssv is as it was written.

    Every byte, pixel and mark of SOURCE is checked, in all its versions. Prints OK, or one line per
    fault. What an append that broke off has left at the end is no fault: --repair cuts it off.
    """
    found = cssv.verify(source, repair=repair, progress=console.progress)
    console.show(report.verified(found, source))
    if not found.is_sound:
        raise click.exceptions.Exit(exit_code(UNSOUND))
