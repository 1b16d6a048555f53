"""``cssv diff``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, revision


@click.command(
    epilog=examples(
        "cssv diff clip.cssv 1 2",
        "cssv diff clip.cssv calibrated --picture worst.png",
        "cssv diff clip.cssv 1 2 --json",
    )
)
@click.argument("file", type=PATH)
@click.argument("before", metavar="A", type=revision)
@click.argument("after", metavar="[B]", type=revision, required=False)
@click.option(
    "--picture",
    type=PATH,
    metavar="PNG",
    help="Draw the frame that differs most: both versions, their heat maps, and where they differ.",
)
@with_console
def diff(
    console: Console, file: Path, before: int | str, after: int | str | None, picture: Path | None
) -> None:
    """Say what differs between versions A and B of FILE.

    A and B are numbers or tags; without B, A is compared with the version that plays. Told are the
    changes of the scene, of the objects shown, and how much the heat of which frames differs.
    """
    console.show(
        history.differed(cssv.diff(file, before, after, picture=picture, progress=console.progress), picture)
    )
