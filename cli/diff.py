"""``cssv diff``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import PATH, command, file_argument, force_option, revision
from cssv_cli.password import password_option


@command(
    "cssv diff clip.cssv 1 2",
    "cssv diff clip.cssv calibrated --picture worst.png",
    "cssv diff clip.cssv 1 2 --json",
)
@file_argument
@click.argument("before", metavar="A", type=revision)
@click.argument("after", metavar="[B]", type=revision, required=False)
@click.option(
    "--picture",
    type=PATH,
    metavar="PNG",
    help="Picture to write of the frame that differs most: both versions, their heat maps, the differences.",
)
@password_option()
@force_option
def diff(
    console: Console,
    path: Path,
    before: int | str,
    after: int | str | None,
    picture: Path | None,
    password: str | None,
    *,
    overwrite: bool,
) -> None:
    """Compare versions A and B of FILE.

    A and B are numbers or tags; without B, A is compared with the version that plays. The report lists what
    differs in the scene and in the objects, and the frames whose heat maps differ.
    """
    found = cssv.diff(
        path,
        before,
        after,
        picture=picture,
        password=password,
        overwrite=overwrite,
        progress=console.progress,
    )
    console.show(version_report.differed(found, picture))
