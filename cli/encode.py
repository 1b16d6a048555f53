"""``cssv encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import estimate_report, media_report
from cssv_cli.console import Console
from cssv_cli.options import (
    INPUT,
    PATH,
    Choice,
    block,
    command,
    damaged_option,
    date_option,
    force_option,
    perception_options,
    scene_option,
    seconds,
    source_argument,
    stream_option,
    workers_option,
)
from cssv_cli.password import password_option
from cssv_cli.standard_input import is_saved
from cssv_cli.strength_options import strength_option, survive_option

SCENE = block(
    "A scene.json; all but the first entry are optional:",
    '{"cssv_scene": 1,',
    ' "environment": {"ambient_temperature_c": 17.5},',
    ' "objects": [{"match": {"label": "*"}, "temperature_c": 36.6, "density_kg_m3": 985}]}',
)
THERMAL = block(
    "Its entry for --thermal, needed if the thermal file has no temperatures or shows another view:",
    '"thermal": {"homography": [[4.8, 0, 0], [0, 4.8, 0], [0, 0, 1]], "time_offset_s": -2.5,',
    '            "scale": 0.01, "offset_c": -273.15, "sigma_c": 0.5, "rate": 9}',
    "homography maps thermal pixels to pixels of CLIP; degrees Celsius = scale * counts + offset_c;",
    "time_offset_s is the time in CLIP of the first thermal picture.",
)

#: Options without effect on an estimate.
_OF_WRITING = {"output", "overwrite", "thermal", "fit", "workers", "created_s"}
_CRF_DEFAULTS = ", ".join(f"{lossy.crf} for {codec}" for codec, lossy in choices.LOSSY_CODECS.items())


@command(
    "cssv encode clip.mp4",
    "cssv encode clip.mp4 --meta scene.json -o out.cssv",
    "cssv encode clip.mp4 --boxes detections.txt --start 1:30 --stop 1:45",
    "cssv encode clip.mp4 --thermal thermal.cptv --meta scene.json",
    "cssv encode clip.mp4 --detector onnx --weights yolox.onnx --classes person,car",
    "cssv encode clip.mp4 --dry-run",
    more=SCENE + THERMAL,
)
@source_argument("CLIP")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="OUT",
    help=f"File to write.  [default: the name of CLIP with {choices.EXTENSION}]",
)
@force_option
@scene_option(
    required=False, help="scene.json: what is known about the camera, the surroundings and the objects."
)
@perception_options
@click.option(
    "--thermal",
    type=INPUT,
    metavar="FILE",
    help="Recording of a thermal camera beside CLIP, for the temperatures of the objects: CPTV, a FLIR "
    "radiometric JPEG, a 16-bit video or a folder of 16-bit PNGs. See below for its entry in SCENE.",
)
@click.option(
    "--planes",
    type=Choice(choices.PLANES),
    default=choices.DEFAULT_PLANES,
    help="native: the planes of the clip as they are. rgb: PNG screenshots carry the heat map too, but the "
    "file is larger.",
)
@click.option(
    "--codec",
    type=Choice(choices.CODEC_NAMES),
    default=choices.DEFAULT_CODEC,
    help="Lossless with the carriers nibble and constructive: h264, ffv1 or vp9. With a carrier that "
    "survives lossy coding, all but ffv1 are lossy. h264 gives small files that most players show, browsers "
    "included. Browsers do not play ffv1 and hevc.",
)
@click.option(
    "--quality",
    "--crf",
    "crf",
    type=int,
    metavar="N",
    help="Quality of lossy coding, as the codec's own CRF: more means a smaller file.  [default: "
    f"{choices.REGION_H264.crf} for the carrier nibble; for robust {_CRF_DEFAULTS}]",
)
@click.option(
    "--effort",
    type=Choice(choices.EFFORTS),
    help="Of lossless h264. small: a file smaller by about a tenth, for about twice the coding time.  "
    f"[default: {choices.DEFAULT_EFFORT}]",
)
@click.option(
    "--carrier",
    type=Choice([name for name in choices.CARRIERS if name not in choices.FORM_NAMES]),
    default=choices.DEFAULT_CARRIER,
    help="How the pixels carry the heat map. nibble: its rings, drawn around the objects, in a file of "
    "ordinary size; copies that were coded again still tell of all objects. constructive: only what is "
    "needed to draw it again, a few bytes for each window, lossless; the picture stays nearly the same. "
    "robust: the same in a lossy file; it survives re-encoding, scaling and cropping.",
)
@click.option(
    "--lossless",
    is_flag=True,
    help="Keep every pixel of CLIP that does not carry. The file is larger.",
)
@click.option(
    "--merge",
    type=Choice(choices.MERGES),
    help="Of the nibble carrier. opap: change each byte to the nearest one with the wanted low nibble. "
    f"plain: only replace the low nibble.  [default: {choices.DEFAULT_MERGE}]",
)
@click.option(
    "--fidelity",
    type=Choice(choices.FIDELITIES),
    help="Of the nibble carrier. sparse: draw the rings only. full: embed in every byte, lossless; the "
    f"picture loses quality.  [default: {choices.DEFAULT_FIDELITY}]",
)
@password_option(is_new=True)
@click.option(
    "--window",
    type=seconds,
    metavar="T",
    help="Of the constructive carrier. Seconds of frames that carry a payload of their own. Any part of a "
    f"copy that is twice as long holds a whole window.  [default: {choices.WINDOW_S}]",
)
@strength_option
@survive_option
@click.option(
    "--fit",
    is_flag=True,
    help="Of the robust carrier. Thin a scene that does not fit, and say what is lost. By default it is an "
    "error.",
)
@click.option(
    "--start",
    type=seconds,
    metavar="T",
    help="Begin at this time of CLIP: seconds or [HH:]MM:SS(.fff). Times in the scene remain those of CLIP. "
    "Some clips begin late by their own clock: see 'cssv info'.",
)
@click.option("--stop", type=seconds, metavar="T", help="End before this time of CLIP.")
@stream_option
@damaged_option
@workers_option
@date_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Write nothing. Encode a sample of CLIP in every form instead, and show what each would cost: size "
    "of the file and difference to CLIP. --thermal is left out.",
)
def encode(console: Console, scene: Path | None, *, dry_run: bool, **options: Any) -> None:
    """Embed a heat map of the objects in the pixels of CLIP.

    CLIP is a video, a folder of numbered pictures, a pattern such as frame_%04d.png, or - for the standard
    input. If it is a .cssv, the objects and the scene of its playing version are taken over, unless others
    are given.

    Finds and tracks the objects, draws their heat map, and hides it in the pixels.

    The result is an MP4 that plays anywhere and looks like the clip. It is written under a temporary name and
    read back; only then it gets its name, so an existing file is never left half-written.
    """
    if dry_run:
        asked = {name: value for name, value in options.items() if name not in _OF_WRITING}
        console.show(
            estimate_report.estimated(cssv.estimate(scene=scene, progress=console.progress, **asked))
        )
        return
    if options["output"] is None and is_saved(options["source"]):
        raise click.UsageError("A clip from the standard input has no name: give the output by -o.")
    done = cssv.encode(scene=scene, progress=console.progress, **options)
    console.show(media_report.encoded(done, has_scene=scene is not None))
