"""``cssv info``."""

from __future__ import annotations

from pathlib import Path

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import command, source_argument, stream_option
from cssv_cli.password import password_option


@command(
    "cssv info clip.cssv",
    "cssv info clip.cssv --json",
)
@source_argument("SOURCE")
@stream_option
@password_option()
def info(console: Console, source: Path, stream: int | None, password: str | None) -> None:
    """Show what SOURCE is and what its pixels carry.

    SOURCE is a .cssv, any other video, a picture or a folder of pictures. Only one frame is decoded.
    """
    console.show(media_report.informed(cssv.info(source, stream=stream, password=password)))
