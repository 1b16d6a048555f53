"""``cssv ground``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import click

import cssv
from cssv_cli.console import Console
from cssv_cli.options import (
    PATH,
    command,
    force_option,
    scene_option,
    seconds,
    source_argument,
    stream_option,
)
from cssv_cli.report import Report, notes_text, table
from cssv_cli.words import count

_Point = tuple[tuple[float, float], tuple[float, float]]
_Length = tuple[tuple[float, float], tuple[float, float], float]


def _numbers(text: str, amount: int) -> list[float] | None:
    """So many numbers between commas; None for any other text."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    return found if len(found) == amount and all(map(math.isfinite, found)) else None


def _entries(text: str, form: str, left: int, right: int) -> Iterator[list[float]]:
    """The numbers of entries such as ``x,y=X,Y``, separated by spaces or semicolons."""
    for word in re.split(r"[\s;]+", text.strip()):
        before, equals, after = word.partition("=")
        one, other = _numbers(before, left), _numbers(after, right)
        if not equals or one is None or other is None:
            raise click.BadParameter(f"{word!r} is not of the form {form}.")
        yield one + other


def ground_points(text: str) -> list[_Point]:
    """``x,y=X,Y`` several times: points of the picture and their places on the ground."""
    return [((a, b), (c, d)) for a, b, c, d in _entries(text, "x,y=X,Y", 2, 2)]


def ground_lengths(text: str) -> list[_Length]:
    """``x1,y1,x2,y2=L`` once or several times: two points of the picture and the metres between them."""
    return [((a, b), (c, d), e) for a, b, c, d, e in _entries(text, "x1,y1,x2,y2=LENGTH", 4, 1)]


@command(
    'cssv ground clip.mp4 --points "102,560=0,0 655,548=7.5,0 480,230=7.5,20 231,236=0,20" -o scene.json',
    'cssv ground clip.mp4 --points "..." --meta scene.json -o scene.json --force --picture grid.png',
    'cssv ground drone.mp4 --top-view --length "100,200,460,200=12.5" -o scene.json',
    'cssv ground clip.mp4 --meta tilt.json --length "100,500,300,500=3.5" --length "50,300,90,330=4"',
    "cssv ground clip.mp4 --meta scene.json --picture grid.png --at 12.5",
)
@source_argument("CLIP")
@click.option(
    "--points",
    type=ground_points,
    metavar="POINTS",
    multiple=True,
    help='Points of the picture in pixels with their places on the ground in metres, as "x,y=X,Y x,y=X,Y '
    '...": at least four, of which no three lie on one line.',
)
@click.option(
    "--length",
    "lengths",
    type=ground_lengths,
    metavar="LENGTH",
    multiple=True,
    help='A known length on the ground, as "x1,y1,x2,y2=METRES". It gives only the scale: also give '
    "--top-view, or --meta with the camera's tilt and field of view. Beside --points it is a check.",
)
@click.option("--top-view", is_flag=True, help="The camera looks straight down.")
@scene_option(required=False, help="scene.json that gets the homography; all else in it is kept.")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="scene.json to write; - is the standard output.  [default: the standard output]",
)
@click.option(
    "--picture",
    type=PATH,
    metavar="PNG",
    help="Picture to write: a grid of metres over a frame, with the points and lengths.",
)
@click.option("--frame", type=int, metavar="N", help="Number of the frame under the grid.  [default: 0]")
@click.option("--at", type=seconds, metavar="S", help="Its time instead: 12.5 or 1:02:03.5.")
@stream_option
@force_option
def ground(
    console: Console,
    source: Path,
    points: tuple[list[_Point], ...],
    lengths: tuple[list[_Length], ...],
    at: Fraction | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Find the ground of CLIP from known points or lengths.

    The result is a scene with the camera's homography, for --meta of 'cssv encode' and 'cssv commit': speeds
    are then known in metres per second.
    Without points and lengths, the ground of --meta is drawn and measured.
    """
    given: dict[str, Any] = {"points": list(chain(*points)), "lengths": list(chain(*lengths)), "at": at}
    # The scene can be printed, as the tracks of 'cssv track' can.
    output = None if output == Path("-") else output
    found = cssv.ground(source, output=output, **given, **options)
    # A scene that was only drawn is not printed again.
    is_printed = found.output is None and found.method != "scene"
    if is_printed:
        console.write_file(found.scene.dumps())
    console.show(_report(found, is_remark=is_printed))


def _report(found: cssv.GroundCalibration, *, is_remark: bool) -> Report:
    lines = [f"Ground by {_method(found)}; {found.ground_share:.0%} of the picture shows it."]
    if found.points:
        rows = [("point", "picture, px", "ground, m", "off, px", "off, m")]
        residuals = zip(found.points, found.residuals_px, found.residuals_m, strict=True)
        for number, ((px, m), off_px, off_m) in enumerate(residuals, 1):
            rows.append(
                (str(number), f"{px[0]:g}, {px[1]:g}", f"{m[0]:g}, {m[1]:g}", f"{off_px:.2f}", f"{off_m:.3f}")
            )
        lines += table(rows)
    for number, ((_, _, length), measured) in enumerate(zip(found.lengths, found.measured_m, strict=True), 1):
        known = "above the horizon" if math.isnan(measured) else f"{measured:.3f} m by the homography"
        lines.append(f"  length {number}: {length:g} m, {known}")
    if found.speed_sigma is not None:
        where = "point" if found.points else "end of a length"
        lines.append(
            f"An error of {found.sigma_px:.2g} px in each {where} changes speeds by {found.speed_sigma:.1%} "
            "(one standard deviation)."
        )
    lines += notes_text(found.notes)
    if found.output is not None:
        lines.append(f"Wrote {found.output}.")
    if found.picture is not None:
        lines.append(f"Wrote {found.picture}: grid of {found.step_m:g} m.")
    return Report(lines, found.to_json(), is_remark=is_remark)


def _method(found: cssv.GroundCalibration) -> str:
    if found.method == "points":
        return count(len(found.points), "point")
    if found.method == "scene":
        return "the scene's camera"
    lengths = count(len(found.lengths), "length")
    return f"{lengths} {'seen from above' if found.method == 'top view' else 'and the camera of the scene'}"
