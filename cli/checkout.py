"""``cssv checkout``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import command, file_argument, revision, version_option


@command(
    "cssv checkout clip.cssv 1",
    "cssv checkout clip.cssv calibrated",
    "cssv checkout clip.cssv --version 1",
)
@file_argument
@click.argument("chosen", metavar="[VERSION]", type=revision, required=False)
@version_option(has_default=False)
def checkout(console: Console, path: Path, chosen: int | str | None, version: int | str | None) -> None:
    """Choose the version of FILE that players show.

    VERSION is a number or a tag. No version is lost: the others stay in the file and can be chosen again.
    """
    if chosen is not None and version is not None:
        raise click.UsageError("Two versions are named: give VERSION or --version, not both.")
    given = version if chosen is None else chosen
    if given is None:
        possible = version_report.choices_text(cssv.log(path))
        raise click.UsageError(f"No version is named: give VERSION after FILE, {possible}.")
    console.show(version_report.checked_out(cssv.checkout(path, given), path))
