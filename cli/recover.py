"""``cssv recover``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import PATH, command, file_argument, force_option


@command(
    "cssv recover live.cssv",
    "cssv recover live.cssv -o saved.cssv",
)
@file_argument
@click.option("-o", "--output", type=PATH, metavar="OUT", help="The file to write; FILE by default.")
@force_option
def recover(console: Console, path: Path, output: Path | None, overwrite: bool) -> None:
    """Finish the file of a live recording whose process was killed.

    FILE is the name that the recording was given, or its temporary file. At most the last seconds of the
    recording are lost.
    """
    done = cssv.recover(path, output, overwrite=overwrite, progress=console.progress)
    console.show(version_report.recovered(done))
