"""``cssv tag``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, revision


@click.command(
    epilog=examples(
        "cssv tag clip.cssv calibrated",
        "cssv tag clip.cssv first --version 1",
        "cssv tag clip.cssv calibrated --delete",
        "cssv tag clip.cssv",
    )
)
@click.argument("file", type=PATH)
@click.argument("name", required=False)
@click.option(
    "--version", type=revision, metavar="VERSION", help="A number or another tag.  [default: what plays]"
)
@click.option("-d", "--delete", is_flag=True, help="Take the name away again.")
@with_console
def tag(console: Console, file: Path, name: str | None, version: int | str | None, delete: bool) -> None:
    """Give a version of FILE the name NAME, or move the name to it.

    Wherever a version is asked for, its name will do. Without NAME, the tags are listed.
    """
    if name is None:
        if version is not None or delete:
            raise click.UsageError("Which name? Give it after FILE.")
        console.show(history.tags(cssv.log(file)))
        return
    if delete and version is not None:
        raise click.UsageError(
            "--delete takes a name away from whichever version has it: leave --version out."
        )
    console.show(history.tagged(cssv.tag(file, name, version, delete=delete), name, delete=delete))
