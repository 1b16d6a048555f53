"""``cssv verify``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.exits import UNSOUND, exit_code
from cssv_cli.options import command, file_argument


@command(
    "cssv verify clip.cssv",
    "cssv verify clip.cssv --quiet && echo sound",
)
@file_argument
@click.option("--repair", is_flag=True, help="First remove an unfinished append from the end of FILE.")
def verify(console: Console, path: Path, repair: bool) -> None:
    """Check that a .cssv holds what was written.

    Every byte, pixel and mark of all versions is checked. Prints OK, or one line per fault. An unfinished
    append at the end of FILE is no fault; --repair removes it. A damaged index there is a fault, and stays.
    """
    found = cssv.verify(path, repair=repair, progress=console.progress)
    console.show(media_report.verified(found, path))
    if not found.is_sound:
        raise click.exceptions.Exit(exit_code(UNSOUND))
