"""``cssv tag``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import command, file_argument, version_option


@command(
    "cssv tag clip.cssv calibrated",
    "cssv tag clip.cssv first --version 1",
    "cssv tag clip.cssv calibrated --delete",
    "cssv tag clip.cssv",
)
@file_argument
@click.argument("name", required=False)
@version_option()
@click.option("-d", "--delete", is_flag=True, help="Delete the tag; the version stays.")
def tag(console: Console, path: Path, name: str | None, version: int | str | None, delete: bool) -> None:
    """Give a version of FILE the tag NAME, or move the tag to it.

    A tag can be used wherever a version is expected. Without NAME, the tags are listed.
    """
    if name is None and (version is not None or delete):
        raise click.UsageError("No tag is named: give NAME after FILE.")
    if delete and version is not None:
        raise click.UsageError("--delete removes the tag from the version that has it: omit --version.")
    if name is None:
        console.show(version_report.tags(cssv.log(path)))
    else:
        console.show(version_report.tagged(cssv.tag(path, name, version, delete=delete), name, delete=delete))
