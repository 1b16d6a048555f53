"""``cssv export``."""

from __future__ import annotations

from pathlib import Path

import click
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH

import cssv


@click.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@with_console
def export(console: Console, source: Path, output: Path) -> None:
    r"""Write the frames of IN, a .cssv, to OUT, pixel for pixel, so that OUT carries too.

    OUT is .mkv (FFV1), .mp4 (H.264), .webm (VP9), all lossless, or a folder of PNGs (no extension).
    Its pixels carry the heat map; the scene track stays behind.

    \b
    Examples:
      cssv export clip.cssv clip.mkv
      cssv export clip.cssv frames
    """
    done = cssv.export(source, output, progress=console.progress)
    console.show(report.exported(done))
