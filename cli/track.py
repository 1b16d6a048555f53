"""``cssv track``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv.api.track import DEFAULT_RATE
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, perception_options


@click.command(
    epilog=examples(
        "cssv track clip.mp4 -o tracks.txt",
        "cssv track clip.mp4 --boxes detections.txt | head",
        "cssv track --boxes detections.txt --rate 30 --json",
        "cssv track clip.mp4 --detector onnx --weights yolox.onnx --classes person",
    )
    + f"A box file without a clip has {DEFAULT_RATE} frames per second unless --rate is given."
)
@click.argument("clip", type=PATH, required=False)
@perception_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="MOT text file to write.  [default: the standard output]",
)
@with_console
def track(
    console: Console,
    clip: Path | None,
    output: Path | None,
    detector: str | None,
    weights: Path | None,
    classes: str | None,
    min_score: float | None,
    boxes: Path | None,
    rate: str | None,
) -> None:
    """Track the objects of CLIP or of a box file: MOT text.

    CLIP may be left out where --boxes is given. One line per object and frame:
    frame,id,x,y,w,h,score,-1,-1,-1.
    """
    done = cssv.track(
        clip, output, boxes=boxes, detector=detector, weights=weights, classes=classes, min_score=min_score,
        rate=rate, progress=console.progress,
    )  # fmt: skip
    if output is None:
        console.pour(done.mot_text)
    console.show(report.tracked(done))
