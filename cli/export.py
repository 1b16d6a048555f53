"""``cssv export``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples


@click.command(
    epilog=examples(
        "cssv export clip.cssv clip.mkv",
        "cssv export clip.cssv frames",
    )
)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@with_console
def export(console: Console, source: Path, output: Path) -> None:
    """Copy the frames of IN to another kind of file, pixel for pixel.

    IN is a .cssv or a lossless copy of one. OUT is .mkv, .mp4 or .webm, all lossless, or a folder of
    PNGs (no extension). OUT carries the heat map too; the scene track stays behind.
    """
    done = cssv.export(source, output, progress=console.progress)
    console.show(report.exported(done))
