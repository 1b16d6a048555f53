"""``cssv artefacts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli.artefacts_report import measured
from cssv_cli.console import Console
from cssv_cli.options import INPUT, PATH, command, force_option


@command(
    "cssv artefacts photo.jpg --weights dinov2-small.safetensors",
    "cssv artefacts photo.jpg --weights dinov2-small.safetensors --plot norms.png",
    "cssv artefacts photo.jpg --weights dinov2-small.safetensors --heal --json",
    more="Weights are a local file: safetensors of DINO v1 or DINOv2 with the names of Facebook, timm or "
    "Hugging Face, or an export to .onnx. Nothing is downloaded.",
)
@click.argument("image", type=INPUT)
@click.option("--weights", type=PATH, required=True, metavar="FILE", help="The vision transformer.")
@click.option("--plot", type=PATH, metavar="PNG", help="Write a plot of the histograms and of the outliers.")
@click.option(
    "--side",
    type=int,
    default=choices.SIDE_PX,
    metavar="PX",
    help=f"Long side to which the picture is scaled for the model, {choices.SIDE_RANGE[0]} to "
    f"{choices.SIDE_RANGE[1]}.",
)
@force_option
@click.option("--heal", is_flag=True, help="Add a test-time register to the model and measure again.")
def artefacts(console: Console, image: Path, heal: bool, **options: Any) -> None:
    """Measure the artefacts of a vision transformer on IMAGE.

    Models without registers give a few patches far longer tokens than all others. A detector that searches
    among the patches ('--detector lost') then finds those instead of objects. The report has a histogram of
    the lengths after each block, and every patch that lies far above its block's median.
    """
    done = cssv.artefacts(image, heal=heal, **options)
    console.show(measured(done, image, is_healing=heal))
