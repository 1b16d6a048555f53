"""``cssv artefacts``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv.perception.transformer.features import SIDE_PX, SIDE_RANGE
from cssv_cli.console import Console, with_console
from cssv_cli.norms import measured
from cssv_cli.options import PATH, examples


@click.command(
    epilog=examples(
        "cssv artefacts photo.jpg --weights dinov2-small.safetensors",
        "cssv artefacts photo.jpg --weights dinov2-small.safetensors --plot norms.png",
        "cssv artefacts photo.jpg --weights dinov2-small.safetensors --heal --json",
    )
    + "Weights are a local file: safetensors of DINO v1 or DINOv2 in the names of Facebook, timm or Hugging "
    "Face, or an export to .onnx. Nothing is downloaded."
)
@click.argument("image", type=PATH)
@click.option("--weights", type=PATH, required=True, metavar="FILE", help="The vision transformer.")
@click.option("--plot", type=PATH, metavar="PNG", help="Draw the histograms and where the outliers are.")
@click.option(
    "--side",
    type=int,
    default=SIDE_PX,
    metavar="PX",
    help=f"Long side at which the model looks at the picture, {SIDE_RANGE[0]} to {SIDE_RANGE[1]}.",
)
@click.option(
    "--heal",
    is_flag=True,
    help="Move the outliers into a test-time register, and measure again.",
)
@with_console
def artefacts(console: Console, image: Path, weights: Path, plot: Path | None, side: int, heal: bool) -> None:
    """Measure whether a vision transformer makes artefacts of IMAGE.

    Models without registers make a few patches far longer than all others, and finding objects among
    their patches ('--detector lost') finds those. The lengths after each block are shown as a histogram,
    and every patch is named that lies far above its block's median.
    """
    done = cssv.artefacts(image, weights=weights, plot=plot, side=side, heal=heal)
    console.show(measured(done, image, is_healing=heal))
