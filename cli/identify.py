"""``cssv identify``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import INPUT, command, source_argument, stream_option
from cssv_cli.password import password_option


@command(
    "cssv identify copy.mp4",
    "cssv identify copy.mp4 archive/*.cssv",
)
@source_argument("COPY")
@click.argument("originals", metavar="[ORIGINAL]...", nargs=-1, type=INPUT)
@stream_option
@password_option()
def identify(
    console: Console, source: Path, originals: tuple[Path, ...], stream: int | None, password: str | None
) -> None:
    """Find out which clip COPY comes from.

    The robust carrier embeds a digest of the clip and of its scene in all frames. It is read from copies so
    bad that their heat map is lost. ORIGINAL are .cssv files to compare with.
    """
    done = cssv.identify(source, originals, stream=stream, password=password, progress=console.progress)
    console.show(media_report.identified(done))
