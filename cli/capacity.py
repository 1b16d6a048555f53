"""``cssv capacity``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import capacity_report
from cssv_cli.console import Console
from cssv_cli.options import (
    Choice,
    command,
    damaged_option,
    perception_options,
    scene_option,
    seconds,
    source_argument,
    stream_option,
)
from cssv_cli.password import password_option
from cssv_cli.strength_options import strength_option, survive_option


@command(
    "cssv capacity clip.mp4 --meta scene.json",
    "cssv capacity clip.mp4 --boxes detections.txt --window 4",
    "cssv capacity clip.cssv --json",
)
@source_argument("CLIP")
@scene_option(
    required=False, help="scene.json: what is known about the camera, the surroundings and the objects."
)
@perception_options
@click.option(
    "--planes",
    type=Choice(choices.PLANES),
    default=choices.DEFAULT_PLANES,
    help="The planes to hide data in, as for 'cssv encode'.",
)
@click.option(
    "--window",
    type=seconds,
    metavar="T",
    help="Seconds of a window, as for 'cssv encode'.  [default: that of CLIP if it is a .cssv, otherwise "
    f"{choices.WINDOW_S}]",
)
@strength_option
@survive_option
@password_option()
@stream_option
@damaged_option
def capacity(console: Console, source: Path, scene: Path | None, **options: Any) -> None:
    """Show how many bytes CLIP needs and each carrier offers.

    The bytes are those of the objects and of the scene. CLIP is any clip that 'cssv encode' takes. Its
    objects are found and tracked in the same way, and nothing is written. Of a .cssv the objects and the
    scene of its playing version are used, unless others are given.

    A window is a span of time whose payload stands for itself.
    """
    done = cssv.capacity(source, scene=scene, progress=console.progress, **options)
    console.show(capacity_report.measured(done))
