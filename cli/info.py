"""``cssv info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import Choice, command, source_argument, stream_option
from cssv_cli.password import password_option


@command(
    "cssv info clip.cssv",
    "cssv info clip.cssv --json",
    "cssv info clip.cssv --equations",
    more="Equations can be given too: see trajectories as equations in docs/scene.md.",
)
@source_argument("SOURCE")
@click.option(
    "--equations",
    is_flag=True,
    help="Describe the motion of each track by equations. For this, all frames of a copy are decoded.",
)
@click.option(
    "--bound",
    "bound_px",
    type=float,
    metavar="PX",
    default=choices.DEFAULT_BOUND_PX,
    show_default=True,
    help=f"Largest error of a stored track, {choices.LEAST_BOUND_PX:g} to {choices.MOST_BOUND_PX:g} pixels.",
)
@click.option(
    "--symbolic",
    type=Choice(tuple(choices.SYMBOLIC_BACKENDS)),
    help="A package for symbolic regression that proposes more equations; slow. pyoperon is an extra; pysr "
    "needs Julia.",
)
@stream_option
@password_option()
def info(console: Console, source: Path, **options: Any) -> None:
    """Show what SOURCE is and what its pixels carry.

    SOURCE is a .cssv, any other video, a picture or a folder of pictures. Only one frame is decoded.
    """
    if not options["equations"] and options["symbolic"]:
        raise click.UsageError("--symbolic proposes equations: give --equations too.")
    console.show(media_report.informed(cssv.info(source, progress=console.progress, **options)))
