"""``cssv info``."""

from __future__ import annotations

from pathlib import Path

import click
from cssv_cli import report
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH

import cssv


@click.command()
@click.argument("source", type=PATH)
@with_console
def info(console: Console, source: Path) -> None:
    r"""Say what SOURCE is and carries: picture, length, ranges, versions, boxes.

    SOURCE is a .cssv, any other video, a PNG or a folder of PNGs. One frame is decoded, no more.

    \b
    Examples:
      cssv info clip.cssv
      cssv info clip.cssv --json
    """
    console.show(report.informed(cssv.info(source)))
