"""Options that several commands share, and the kinds of value they take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from cssv.perception import DETECTORS

Command = TypeVar("Command", bound=Callable[..., Any])


class _AnyPath(click.Path):
    """Any path but an empty one, which would become the folder that one is in."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; a usage error where nothing is named."""
        if value == "":
            self.fail("no file is named. Give a path.", param, ctx)
        return super().convert(value, param, ctx)


#: Type of an option: any path; the library says what is wrong with one that cannot be used.
PATH = _AnyPath(path_type=Path)


def revision(text: str) -> int | str:
    """Which version of a file: digits are its number, anything else is a tag."""
    return int(text) if text.isdecimal() and text.isascii() else text


_TIME = re.compile(r"(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d*)?|\.\d+)", re.ASCII)


def seconds(text: str) -> Fraction:
    """A moment in a clip as people write it, in seconds, exact: 7, 7.25, 1:30, 1:02:03.5."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a time. Write seconds (12.5) or [HH:]MM:SS (1:02:03.5).")
    hours, minutes, rest = (Fraction(found[part] or 0) for part in "hms")
    if (found["m"] and rest >= 60) or (found["h"] and minutes >= 60):
        raise click.BadParameter(f"{text!r} counts 60 or more minutes or seconds; the bound is below 60.")
    return 3600 * hours + 60 * minutes + rest


def block(title: str, *lines: str) -> str:
    """A paragraph of help that keeps its lines."""
    # click's mark against rewrapping is a backspace on a line of its own.
    return "\n".join(("\b", title, *(f"  {line}" for line in lines), "", ""))


def examples(*commands: str) -> str:
    """The examples at the end of a command's help."""
    return block("Examples:", *commands)


def version_option(command: Command) -> Command:
    """``--version`` of commands that read a file."""
    option = click.option(
        "--version",
        type=revision,
        metavar="VERSION",
        help="Of a .cssv: a number or a tag, see 'cssv log'.  [default: what plays]",
    )
    return option(command)


def perception_options(command: Command) -> Command:
    """``--detector`` and its options, ``--boxes`` and ``--rate``."""
    for option in reversed(
        (
            click.option(
                "--detector",
                type=click.Choice(tuple(DETECTORS)),
                help="What finds the objects: 'motion' sees what moves, 'boxes' reads --boxes, 'onnx' runs a "
                "YOLOX or YOLOv8 network of --weights, 'yolo' one of ultralytics (an extra; AGPL-3.0), "
                "'lost' finds objects of any kind by a DINO or DINOv2 of --weights.  [default: boxes with "
                "--boxes, otherwise motion]",
            ),
            click.option(
                "--weights",
                type=PATH,
                metavar="FILE",
                help="The detector's network, a file on this machine; nothing is downloaded.",
            ),
            click.option(
                "--classes",
                metavar="NAMES",
                help="What to look for, with commas: person,car.  [default: all that the network knows]",
            ),
            click.option(
                "--min-score",
                type=float,
                metavar="S",
                help="Leave out detections below this score, 0 to 1. Low ones help to follow objects.  "
                "[default: the detector's own]",
            ),
            click.option(
                "--boxes",
                type=PATH,
                metavar="FILE",
                help="Detections of your own, MOT text: frame,id,x,y,w,h,score; frames count from 1. Scores "
                "are 0 to 1, or percent or log-odds, which a note tells.",
            ),
            click.option(
                "--rate",
                metavar="R",
                help="True frames per second where the clip's header is wrong: 7, 29.97 or 30000/1001.",
            ),
        )
    ):
        command = option(command)
    return command
