"""``cssv export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import PATH, command, force_option, source_argument, stream_option, version_option
from cssv_cli.password import password_option


@command(
    "cssv export clip.cssv clip.mkv",
    "cssv export clip.cssv frames",
    "cssv export clip.cssv first.cssv --version 1",
)
@source_argument("IN")
@click.argument("output", metavar="OUT", type=PATH)
@version_option()
@stream_option
@password_option()
@force_option
def export(console: Console, source: Path, output: Path, **options: Any) -> None:
    """Copy the frames of IN to another kind of file, pixel for pixel.

    IN is a .cssv or a lossless copy of one. OUT is .mkv, .mp4 or .webm, all lossless, or a folder of PNGs (no
    extension). OUT carries the heat map too, but not the scene track. If OUT is a .cssv, it gets one version
    with everything, bit for bit, and no other version.
    """
    done = cssv.export(source, output, progress=console.progress, **options)
    console.show(media_report.exported(done))
