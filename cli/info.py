"""``cssv info``."""

from __future__ import annotations

from pathlib import Path

import cssv
from cssv_cli import media_report
from cssv_cli.console import Console
from cssv_cli.options import command, source_argument


@command(
    "cssv info clip.cssv",
    "cssv info clip.cssv --json",
)
@source_argument("SOURCE")
def info(console: Console, source: Path) -> None:
    """Show what SOURCE is and what its pixels carry.

    SOURCE is a .cssv, any other video, a PNG or a folder of PNGs. Only one frame is decoded.
    """
    console.show(media_report.informed(cssv.info(source)))
