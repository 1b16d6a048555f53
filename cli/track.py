"""``cssv track``."""

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
    damaged_option,
    force_option,
    perception_options,
    stream_option,
)


@command(
    "cssv track clip.mp4 -o tracks.txt",
    "cssv track clip.mp4 --boxes detections.txt | head",
    "cssv track --boxes detections.txt --rate 30 --json",
    "cssv track clip.mp4 --detector onnx --weights yolox.onnx --classes person",
    more=f"A box file without a clip has {choices.DEFAULT_RATE} frames per second unless --rate is given.",
)
@click.argument("source", metavar="[CLIP]", type=INPUT, required=False)
@perception_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="MOT text file to write; - is the standard output.  [default: the standard output]",
)
@stream_option
@damaged_option
@force_option
def track(console: Console, output: Path | None, **options: Any) -> None:
    """Track the objects of CLIP and write them as MOT text.

    CLIP may be omitted if --boxes is given: the boxes alone are tracked then. Each line is one object in
    one frame: frame,id,x,y,w,h,score,-1,-1,-1.
    """
    # The result can be printed; those of other commands are read back, and get their names at the end.
    output = None if output == Path("-") else output
    done = cssv.track(output=output, progress=console.progress, **options)
    if output is None:
        console.write_file(done.mot_text)
    console.show(media_report.tracked(done))
