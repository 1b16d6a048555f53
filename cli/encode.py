"""``cssv encode``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import click

import cssv
from cssv.api.encode import DEFAULT_PLANES, PLANES, Planes
from cssv.carriers.nibble.merge import DEFAULT_MERGE, MERGES, Merge
from cssv.carriers.nibble.planes import DEFAULT_FIDELITY, FIDELITIES, Fidelity
from cssv.pipeline.config import DEFAULT_CODEC, EXTENSION
from cssv.video import CODECS, Codec
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, block, examples, perception_options, seconds

SCENE = block(
    "A scene.json, in which all but the first entry is optional:",
    '{"cssv_scene": 1,',
    ' "environment": {"ambient_temperature_c": 17.5},',
    ' "objects": [{"match": {"label": "*"}, "temperature_c": 36.6, "density_kg_m3": 985}]}',
)
THERMAL = block(
    "In it, what --thermal needs, as far as FILE does not say it or shows another view:",
    '"thermal": {"homography": [[4.8, 0, 0], [0, 4.8, 0], [0, 0, 1]], "time_offset_s": -2.5,',
    '            "scale": 0.01, "offset_c": -273.15, "sigma_c": 0.5, "rate": 9}',
    "homography takes its pixels to CLIP's; degrees Celsius = scale * counts + offset_c; time_offset_s is",
    "the time in CLIP of its first picture.",
)


@click.command(
    epilog=examples(
        "cssv encode clip.mp4",
        "cssv encode clip.mp4 --meta scene.json -o out.cssv",
        "cssv encode clip.mp4 --boxes detections.txt --start 1:30 --stop 1:45",
        "cssv encode clip.mp4 --thermal thermal.cptv --meta scene.json",
        "cssv encode clip.mp4 --detector onnx --weights yolox.onnx --classes person,car",
    )
    + SCENE
    + THERMAL
)
@click.argument("clip", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="OUT",
    help=f"File to write.  [default: CLIP's name with {EXTENSION}]",
)
@click.option(
    "--meta",
    type=PATH,
    metavar="SCENE",
    help="scene.json: what is known of camera, surroundings and objects.",
)
@perception_options
@click.option(
    "--thermal",
    type=PATH,
    metavar="FILE",
    help="A thermal camera's record beside CLIP, for the objects' temperatures: CPTV, a FLIR radiometric "
    "JPEG, a 16-bit video or a folder of 16-bit PNGs. SCENE says how it belongs to CLIP.",
)
@click.option(
    "--planes",
    type=click.Choice(PLANES),
    default=DEFAULT_PLANES,
    help="'native' keeps the clip's own planes; 'rgb' makes PNG screenshots carry too, in a larger file.",
)
@click.option(
    "--codec",
    type=click.Choice(tuple(CODECS)),
    default=DEFAULT_CODEC,
    help="All are lossless; h264 is small and plays in most players, browsers included.",
)
@click.option(
    "--merge",
    type=click.Choice(MERGES),
    default=DEFAULT_MERGE,
    help="'opap' moves each byte to the nearest that fits; 'plain' only replaces its low nibble.",
)
@click.option(
    "--fidelity",
    type=click.Choice(FIDELITIES),
    default=DEFAULT_FIDELITY,
    help="'full' carries in every pixel; 'sparse' leaves pixels away from the objects as they are.",
)
@click.option(
    "--start",
    type=seconds,
    metavar="T",
    help="Begin here: seconds or [HH:]MM:SS(.fff). The scene's times stay the clip's.",
)
@click.option("--stop", type=seconds, metavar="T", help="End before here, in the clip's own time.")
@with_console
def encode(
    console: Console,
    clip: Path,
    output: Path | None,
    meta: Path | None,
    detector: str | None,
    weights: Path | None,
    classes: str | None,
    min_score: float | None,
    boxes: Path | None,
    rate: str | None,
    thermal: Path | None,
    planes: Planes,
    codec: Codec,
    merge: Merge,
    fidelity: Fidelity,
    start: Fraction | None,
    stop: Fraction | None,
) -> None:
    """Hide the heat map of CLIP's objects in its pixels.

    Finds and tracks the objects, draws them, and merges the drawing into the low half of every byte.

    The file written is an MP4 that plays anywhere and looks like the clip. It appears when it is
    whole and has been read back; until then, what was there stays.
    """
    done = cssv.encode(
        clip, output, scene=meta, detector=detector, weights=weights, classes=classes, min_score=min_score,
        boxes=boxes, thermal=thermal, rate=rate, planes=planes, codec=codec, merge=merge, fidelity=fidelity,
        start=start, stop=stop, progress=console.progress,
    )  # fmt: skip
    console.show(report.encoded(done, has_scene=meta is not None))
