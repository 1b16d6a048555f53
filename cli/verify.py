"""``cssv verify``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.exits import UNSOUND, exit_code
from cssv_cli.options import command, file_argument
from cssv_cli.password import password_option


@command(
    "cssv verify clip.cssv",
    "cssv verify clip.cssv --quiet && echo sound",
)
@file_argument
@click.option("--repair", is_flag=True, help="First remove an unfinished append from the end of FILE.")
@password_option()
def verify(console: Console, path: Path, repair: bool, password: str | None) -> None:
    """Check that a .cssv holds what was written.

    Every byte, pixel and mark of all versions is checked. Prints OK, or one line per fault. An unfinished
    append at the end of FILE is no fault; --repair removes it. A damaged index there is a fault, and stays.
    Without the password of a FILE that has one, what its pixels and its scene track hold is not checked.
    """
    found = cssv.verify(path, repair=repair, password=password, progress=console.progress)
    console.show(media_report.verified(found, path))
    if not found.is_sound:
        raise click.exceptions.Exit(exit_code(UNSOUND))
