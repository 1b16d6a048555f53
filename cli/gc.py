"""``cssv gc``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, revision


@click.command(
    epilog=examples(
        "cssv gc clip.cssv small.cssv --keep 7",
        "cssv gc clip.cssv small.cssv --keep 1 --keep calibrated --keep-playing",
        "cssv gc clip.cssv small.cssv --keep-tagged --keep-last 3",
    )
)
@click.argument("file", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@click.option(
    "--keep", type=revision, metavar="VERSION", multiple=True, help="A number or a tag; as often as you like."
)
@click.option("--keep-playing", is_flag=True, help="Keep the version that plays.")
@click.option("--keep-tagged", is_flag=True, help="Keep every version that has a tag.")
@click.option("--keep-last", type=click.IntRange(1), metavar="N", help="Keep the N newest versions.")
@with_console
def gc(
    console: Console,
    file: Path,
    output: Path,
    keep: tuple[int | str, ...],
    keep_playing: bool,
    keep_tagged: bool,
    keep_last: int | None,
) -> None:
    """Write a copy of FILE that holds only the versions to be kept.

    They keep their numbers, messages, tags and every bit of their pixels. FILE stays as it is.
    """
    if not (keep or keep_playing or keep_tagged or keep_last):
        raise click.UsageError("Nothing to keep: give --keep, --keep-playing, --keep-tagged or --keep-last.")
    done = cssv.gc(
        file, output, keep, keep_playing=keep_playing, keep_tagged=keep_tagged, keep_last=keep_last or 0,
        progress=console.progress,
    )  # fmt: skip
    console.show(history.compacted(done))
