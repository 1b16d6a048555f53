"""``cssv info``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples


@click.command(
    epilog=examples(
        "cssv info clip.cssv",
        "cssv info clip.cssv --json",
    )
)
@click.argument("source", type=PATH)
@with_console
def info(console: Console, source: Path) -> None:
    """Say what SOURCE is and what it carries.

    SOURCE is a .cssv, any other video, a PNG or a folder of PNGs. One frame is decoded, no more.
    """
    console.show(report.informed(cssv.info(source)))
