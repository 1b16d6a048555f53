"""``cssv plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import (
    PATH,
    Choice,
    command,
    force_option,
    source_argument,
    stream_option,
    version_option,
)
from cssv_cli.password import password_option


@command(
    "cssv plot clip.cssv -o paths.png",
    "cssv plot clip.cssv -o presence.pdf --kind presence",
    "cssv plot clip.cssv -o values.svg --kind values --units kmh --track 3 --track 7",
    more="It needs matplotlib: pip install '.[plot]'",
)
@source_argument("FILE")
@click.option(
    "-o", "--output", type=PATH, required=True, metavar="OUT", help="The .png, .svg or .pdf to write."
)
@click.option(
    "--kind",
    type=Choice(choices.PLOT_KINDS),
    default=choices.DEFAULT_PLOT_KIND,
    help="paths: trajectories over a frame. presence: seconds of stay per place. speed: mean speed per "
    "place. values: speed, temperature and density over time, with their uncertainty. timeline: "
    "a bar per object.",
)
@click.option(
    "--colour",
    type=Choice(choices.PLOT_COLOURS),
    default=choices.DEFAULT_PLOT_COLOUR,
    help="Colour of the bars of a timeline.",
)
@click.option(
    "--units",
    metavar="UNIT",
    help="Unit of speed: px/s, m/s, km/h (or kmh) or mph.  [default: m/s where the ground is known, "
    "otherwise px/s]",
)
@click.option(
    "--track",
    "tracks",
    type=int,
    multiple=True,
    metavar="N",
    help="Show this object; may be repeated.  [default: all; with --kind values the most present ones]",
)
@version_option()
@stream_option
@password_option()
@force_option
def plot(console: Console, source: Path, output: Path, tracks: tuple[int, ...], **options: Any) -> None:
    """Draw the objects of FILE as a plot for a paper.

    FILE is a .cssv or a copy of one. Of a .cssv, the objects come from the scene track, and one frame at most
    is decoded.
    """
    done = cssv.plot(source, output, tracks=tracks or None, progress=console.progress, **options)
    console.show(media_report.plotted(done))
