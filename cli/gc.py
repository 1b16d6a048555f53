"""``cssv gc``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import PATH, command, file_argument, force_option, revision


@command(
    "cssv gc clip.cssv small.cssv --keep 7",
    "cssv gc clip.cssv small.cssv --keep 1 --keep calibrated --keep-playing",
    "cssv gc clip.cssv small.cssv --keep-tagged --keep-last 3",
)
@file_argument
@click.argument("output", metavar="OUT", type=PATH)
@click.option(
    "--keep",
    type=revision,
    metavar="VERSION",
    multiple=True,
    help="Keep this version, a number or a tag; may be given several times.",
)
@click.option("--keep-playing", is_flag=True, help="Keep the version that plays.")
@click.option("--keep-tagged", is_flag=True, help="Keep every version that has a tag.")
@click.option("--keep-last", type=click.IntRange(1), metavar="N", help="Keep the N newest versions.")
@force_option
def gc(
    console: Console, path: Path, output: Path, keep_last: int | None, *, overwrite: bool, **options: Any
) -> None:
    """Write a copy of FILE that holds only some of its versions.

    They keep their numbers, messages, tags and all their pixels. FILE itself is not changed.
    """
    if not (keep_last or any(options.values())):
        raise click.UsageError("Nothing to keep: give --keep, --keep-playing, --keep-tagged or --keep-last.")
    last = keep_last or 0
    done = cssv.gc(path, output, keep_last=last, overwrite=overwrite, progress=console.progress, **options)
    console.show(version_report.compacted(done))
