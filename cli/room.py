"""``cssv room``."""

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
    "cssv room clip.cssv -o room.glb",
    "cssv room clip.cssv -o first.glb --version 1",
)
@source_argument("FILE")
@click.option("-o", "--output", type=PATH, required=True, metavar="OUT", help="The .glb to write.")
@version_option()
@stream_option
@password_option()
@force_option
def room(console: Console, source: Path, output: Path, **options: Any) -> None:
    """Write the room of FILE as a 3D model (glTF).

    FILE is a .cssv or a copy of one. Blender and viewers of 3D models open OUT. It has the ground with a
    frame of the clip on it, the camera, and the paths and moving bodies of the objects. Without a calibrated
    camera, the picture stands upright.
    """
    done = cssv.room(source, output, progress=console.progress, **options)
    console.show(media_report.room(done))
