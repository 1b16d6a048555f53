"""``cssv log``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import command, file_argument


@command(
    "cssv log clip.cssv",
    "cssv log clip.cssv --graph",
    "cssv log clip.cssv --json",
)
@file_argument
@click.option("--graph", is_flag=True, help="Draw which version was made from which.")
def log(console: Console, path: Path, graph: bool) -> None:
    """List the versions of FILE, newest first.

    Each has its number, tags, time, author, message and parent, the frames that differ from the parent,
    and the bytes that it added to the file.
    """
    console.show(version_report.logged(cssv.log(path), graph=graph))
