"""``cssv export``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, version_option


@click.command(
    epilog=examples(
        "cssv export clip.cssv clip.mkv",
        "cssv export clip.cssv frames",
        "cssv export clip.cssv first.cssv --version 1",
    )
)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@version_option
@with_console
def export(console: Console, source: Path, output: Path, version: int | str | None) -> None:
    """Copy the frames of IN to another kind of file, pixel for pixel.

    IN is a .cssv or a lossless copy of one. OUT is .mkv, .mp4 or .webm, all lossless, or a folder of
    PNGs (no extension). OUT carries the heat map too; the scene track stays behind. A .cssv gets
    everything of one version, bit for bit, without the others.
    """
    done = cssv.export(source, output, version=version, progress=console.progress)
    console.show(report.exported(done))
