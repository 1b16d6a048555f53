"""The form of all commands, the options that several of them share, and the kinds of value they take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from cssv.api import choices
from cssv.errors import did_you_mean
from cssv_cli.console import FLAGS, Command, with_console
from cssv_cli.standard_input import STANDARD_INPUT

Function = TypeVar("Function", bound=Callable[..., Any])


def block(title: str, *lines: str) -> str:
    """A paragraph of help that keeps its lines."""
    # click's mark against rewrapping is a backspace on a line of its own.
    return "\n".join(("\b", title, *(f"  {line}" for line in lines), "", ""))


def command(*examples: str, more: str = "") -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function that takes a Console first.

    Args:
        examples: the command lines at the end of its help.
        more: paragraphs after them.
    """

    def make(function: Callable[..., None]) -> Command:
        epilog = block("Examples:", *examples) + more
        made = click.command(cls=Command, epilog=epilog)(with_console(function))
        # Options that every command has stand last in its help.
        made.params.extend(FLAGS)
        return made

    return make


class _AnyPath(click.Path):
    """Any path but an empty one, which would stand for the current folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; a usage error for an empty one."""
        if value == "":
            self.fail("no file is named. Give a path.", param, ctx)
        return super().convert(value, param, ctx)


class Choice(click.Choice[str]):
    """One of several names; the error for another one suggests the most similar."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """The chosen name; a usage error for any other."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            hint = did_you_mean(value, map(str, self.choices))
            if hint is None:
                raise
            raise click.BadParameter(f"{error.message} {hint}", ctx, param) from None


#: Type of an option: any path; the library finds out whether it can be used.
PATH = _AnyPath(path_type=Path)


class _InputPath(_AnyPath):
    """Any path, and ``-`` for the standard input."""

    takes_standard_input = True

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; the command replaces that of the standard input by a temporary file."""
        return STANDARD_INPUT if value == "-" else super().convert(value, param, ctx)


#: Type of an option: a file that is only read, so that it may also come from the standard input.
INPUT = _InputPath(path_type=Path)


def revision(text: str) -> int | str:
    """A version of a file: digits are its number, any other text is a tag."""
    return int(text) if text.isdecimal() and text.isascii() else text


_TIME = re.compile(r"(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d*)?|\.\d+)", re.ASCII)


def seconds(text: str) -> Fraction:
    """A time in a clip in exact seconds: 7, 7.25, 1:30, 1:02:03.5."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a time. Write seconds (12.5) or [HH:]MM:SS (1:02:03.5).")
    hours, minutes, rest = (Fraction(found[part] or 0) for part in "hms")
    # 1:75 is more likely a slip than 2:15; without a larger unit, 90 seconds are as good as 1:30.
    if (found["m"] and rest >= 60) or (found["h"] and minutes >= 60):
        raise click.BadParameter(f"{text!r} has 60 or more minutes or seconds; the bound is below 60.")
    return 3600 * hours + 60 * minutes + rest


def date(text: str) -> int:
    """A date in seconds since 1970 UTC: 2026-11-30, 2026-11-30T14:05:00Z, or the seconds themselves."""
    if text.isdecimal() and text.isascii():
        return int(text)
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        example = "2026-11-30, 2026-11-30T14:05:00Z or seconds since 1970"
        raise click.BadParameter(f"{text!r} is not a date. Write {example}.") from error
    # Without a zone, the date of one machine would be another one on the next.
    return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())


def file_argument(function: Function) -> Function:
    """FILE, a ``.cssv`` of versions."""
    return click.argument("path", metavar="FILE", type=PATH)(function)


def source_argument(metavar: str) -> Callable[[Function], Function]:
    """The file that a command reads."""
    return click.argument("source", metavar=metavar, type=INPUT)


def scene_option(*, required: bool, help: str) -> Callable[[Function], Function]:  # noqa: A002 - as click has it
    """``--meta``, the scene of a clip."""
    return click.option("--meta", "scene", type=INPUT, metavar="SCENE", required=required, help=help)


def version_option(*, has_default: bool = True) -> Callable[[Function], Function]:
    """``--version`` of commands that read or change a file."""
    default = "  [default: the one that plays]" if has_default else ""
    return click.option(
        "--version",
        type=revision,
        metavar="VERSION",
        help=f"Version of the .cssv: a number or a tag, see 'cssv log'.{default}",
    )


def stream_option(function: Function) -> Function:
    """``--stream``, of commands that read a video."""
    return click.option(
        "--stream",
        type=click.IntRange(min=0),
        metavar="N",
        help="The video stream to read, as ffprobe counts, of a file that holds several.  [default: the one "
        "that carries a heat map, otherwise the one that moves, is flagged as default, and is the largest]",
    )(function)


def damaged_option(function: Function) -> Function:
    """``--damaged``, of commands that read a clip."""
    return click.option(
        "--damaged",
        type=click.Choice(choices.DAMAGED),
        default=choices.DEFAULT_DAMAGED,
        help="At a damaged frame. error: refuse the clip. skip: leave the frame out. stop: end the clip "
        "before it. A note counts them.",
    )(function)


def date_option(function: Function) -> Function:
    """``--date`` of commands that write a version."""
    return click.option(
        "--date",
        "created_s",
        type=date,
        metavar="DATE",
        help="Date recorded with the version, in UTC: 2026-11-30, 2026-11-30T14:05:00Z or seconds since "
        "1970. With a date, the same input gives the same bytes.  [default: the environment variable "
        "SOURCE_DATE_EPOCH, otherwise now]",
    )(function)


def workers_option(function: Function) -> Function:
    """``--workers`` of commands that use several processes."""
    return click.option(
        "--workers",
        type=int,
        metavar="N",
        help="Number of processes; 1 for one alone. The file has the same bytes for any number.  [default: "
        "one per core]",
    )(function)


def force_option(function: Function) -> Function:
    """``--force`` of commands that write files."""
    option = click.option("-f", "--force", "overwrite", is_flag=True, help="Replace outputs that exist.")
    return option(function)


def _box_file_options() -> tuple[Callable[[Function], Function], ...]:
    """``--boxes`` and the options that say how the file is read."""
    return (
        click.option(
            "--boxes",
            type=INPUT,
            metavar="FILE",
            help="Your own boxes, as MOT text: frame,id,x,y,w,h,score, perhaps a class, or with a heading "
            "that names the columns. Scores are 0 to 1; percent and log-odds are recognised, with a note.",
        ),
        click.option(
            "--boxes-from",
            type=int,
            metavar="N",
            help="Number of the first frame of CLIP in the box file.  [default: 0 if the file has boxes in "
            "frame 0, otherwise 1]",
        ),
        click.option(
            "--boxes-are",
            type=Choice(choices.BOXES_ARE),
            help="What boxes with ids are. truth: annotations, kept as given. detections: of a tracker, "
            "whose ids are kept and whose boxes are smoothed.  [default: truth if no score is below 1]",
        ),
        click.option(
            "--label",
            metavar="NAME",
            help="Label of all boxes of the file, such as person.  [default: those of its class column, if "
            "it has one]",
        ),
    )


def perception_options(function: Function) -> Function:
    """``--detector`` and its options, ``--boxes`` and ``--rate``."""
    # The list of detectors is read here, not above, since it loads OpenCV, which other commands do not need.
    options = (
        click.option(
            "--detector",
            type=Choice(tuple(choices.DETECTORS)),
            help="How objects are found. motion: whatever moves. boxes: read from --boxes. onnx: by a YOLOX "
            "or YOLOv8 network in --weights. yolo: by a network of ultralytics in --weights (an extra; "
            "AGPL-3.0). lost: objects of any kind, by a DINO or DINOv2 in --weights.  [default: boxes with "
            f"--boxes, otherwise {choices.DEFAULT_DETECTOR}]",
        ),
        click.option(
            "--weights",
            type=PATH,
            metavar="FILE",
            help="The detector's network, a local file; nothing is downloaded.",
        ),
        click.option(
            "--classes",
            metavar="NAMES",
            help="Classes to detect, separated by commas: person,car.  [default: all that the network knows]",
        ),
        click.option(
            "--min-score",
            type=float,
            metavar="S",
            help="Ignore detections with a lower score, 0 to 1. Low ones help to follow objects.  [default: "
            "the detector's own]",
        ),
        click.option(
            "--nms-iou",
            type=float,
            metavar="S",
            help="Two boxes with a larger intersection over union are one object; the weaker is left out. "
            f"0 to 1.  [default: {choices.NMS_IOU_WITHIN} for boxes of one class of a network, "
            f"{choices.NMS_IOU_ACROSS} for all others]",
        ),
        *_box_file_options(),
        click.option(
            "--rate",
            metavar="R",
            help="The true frames per second, of pictures or of a clip whose header is wrong: 7, 29.97 or "
            "30000/1001.",
        ),
    )
    return reduce(lambda made, option: option(made), reversed(options), function)
