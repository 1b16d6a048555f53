"""``cssv commit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import INPUT, command, date_option, file_argument, revision, scene_option
from cssv_cli.password import password_option


@command(
    'cssv commit clip.cssv --meta scene2.json -m "thermometer recalibrated"',
    "cssv commit clip.cssv --meta scene2.json --cover clip.mp4",
    "cssv commit clip.cssv --meta scene3.json --parent 1",
)
@file_argument
@scene_option(required=True, help="scene.json: the whole new scene. Its times are those of FILE.")
@click.option("-m", "--message", metavar="TEXT", help="Reason for the change, recorded with the version.")
@click.option(
    "--author",
    metavar="NAME",
    envvar="CSSV_AUTHOR",
    help="Name recorded with the version.  [default: the environment variable CSSV_AUTHOR]",
)
@click.option(
    "--parent",
    type=revision,
    metavar="VERSION",
    help="Version to start from, a number or a tag.  [default: the one that plays]",
)
@click.option(
    "--cover",
    type=INPUT,
    metavar="CLIP",
    help="The clip that was encoded. Changed frames are then embedded in the original pictures, not in an "
    "estimate of them.",
)
@date_option
@password_option()
def commit(
    console: Console, path: Path, scene: Path, message: str | None, author: str | None, **options: Any
) -> None:
    """Append a version with another scene to FILE.

    Only frames whose heat map changes are embedded and encoded again. All others are shared with the
    older versions, which stay as they are, bit for bit. The new version is read back and checked; then it
    is the one that plays.
    """
    done = cssv.commit(
        path, scene, message=message or "", author=author or "", progress=console.progress, **options
    )
    console.show(version_report.committed(done))
