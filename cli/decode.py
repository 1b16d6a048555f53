"""``cssv decode``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import (
    INPUT,
    PATH,
    command,
    force_option,
    source_argument,
    stream_option,
    version_option,
)
from cssv_cli.password import password_option


@command(
    "cssv decode clip.cssv -o heat.mp4",
    "cssv decode clip.cssv --objects objects.csv --scene scene.json",
    "cssv decode clip.cssv --scene scene.json --equations",
    "cssv decode clip.cssv --overlay overlay.mp4",
    "cssv decode clip.cssv --overlay overlay.mp4 --cover clip.mp4 --units km/h",
)
@source_argument("SOURCE")
@click.option(
    "-o",
    "--output",
    "heat",
    type=PATH,
    metavar="HEAT",
    help="The heat map: .mp4 to look at, .mkv with the exact bytes, or a folder of PNGs (no extension).",
)
@click.option(
    "--objects",
    type=PATH,
    metavar="FILE",
    help=f"A table of every object in every frame: {', '.join(choices.table_extensions())}.",
)
@click.option("--scene", type=PATH, metavar="FILE", help="The scene, as JSON.")
@click.option(
    "--equations",
    is_flag=True,
    help="Add the perceived tracks to the scene, as equations with their bounds. This takes time.",
)
@click.option(
    "--overlay",
    type=PATH,
    metavar="FILE",
    help="The clip with heat map, boxes, values, trails, time and legend drawn over it: .mp4 or a folder of "
    "PNGs (no extension).",
)
@click.option(
    "--cover",
    type=INPUT,
    metavar="CLIP",
    help="The clip that was encoded: the overlay is drawn over its frames, found by exact time.",
)
@click.option(
    "--units",
    metavar="UNIT",
    help=f"Unit of the speeds in the overlay: {', '.join(choices.SPEED_UNITS)}; also written kmh.  "
    "[default: m/s where the ground is known, else px/s]",
)
@version_option()
@stream_option
@password_option()
@force_option
def decode(console: Console, source: Path, **options: Any) -> None:
    """Read heat map, objects and scene from the pixels of SOURCE.

    SOURCE is a .cssv, any lossless copy of its video (remuxed, trimmed, cropped), one of its frames as PNG,
    or a folder of those. A .cssv also gives the exact values of its scene track.
    """
    if not any(options[name] for name in ("heat", "objects", "scene", "overlay")):
        raise click.UsageError("No output: give -o, --objects, --scene or --overlay.")
    done = cssv.decode(source, progress=console.progress, **options)
    console.show(media_report.decoded(done))
