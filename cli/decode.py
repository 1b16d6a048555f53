"""``cssv decode``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv.interop.table import extensions
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, version_option


@click.command(
    epilog=examples(
        "cssv decode clip.cssv -o heat.mp4",
        "cssv decode clip.cssv --objects objects.csv --scene scene.json",
        "cssv decode clip.cssv --overlay overlay.mp4",
    )
)
@click.argument("source", type=PATH)
@click.option(
    "-o",
    "--output",
    "heat",
    type=PATH,
    metavar="HEAT",
    help="The heat map: .mp4 to look at, .mkv bit for bit as carried, or a folder of PNGs (no extension).",
)
@click.option(
    "--objects",
    type=PATH,
    metavar="FILE",
    help=f"A table of every object in every frame: {', '.join(extensions())}.",
)
@click.option("--scene", type=PATH, metavar="FILE", help="The scene, as JSON.")
@click.option(
    "--overlay",
    type=PATH,
    metavar="FILE",
    help="The clip with heat map and readings drawn over it: .mp4 or a folder of PNGs (no extension).",
)
@version_option
@with_console
def decode(
    console: Console,
    source: Path,
    heat: Path | None,
    objects: Path | None,
    scene: Path | None,
    overlay: Path | None,
    version: int | str | None,
) -> None:
    """Write what the pixels of SOURCE carry, in any of four forms.

    SOURCE is a .cssv, any lossless copy of its video (remuxed, trimmed, cropped), one of its frames
    as PNG, or a folder of those.
    """
    if not (heat or objects or scene or overlay):
        raise click.UsageError("Nothing to write: give -o, --objects, --scene or --overlay, or several.")
    done = cssv.decode(
        source,
        heat,
        objects=objects,
        scene=scene,
        overlay=overlay,
        version=version,
        progress=console.progress,
    )
    console.show(report.decoded(done))
