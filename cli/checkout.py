"""``cssv checkout``."""

from __future__ import annotations

from pathlib import Path

import cssv
from cssv_cli import version_report
from cssv_cli.console import Console
from cssv_cli.options import command, file_argument, version_option


@command(
    "cssv checkout clip.cssv --version 1",
    "cssv checkout clip.cssv --version calibrated",
)
@file_argument
@version_option(required=True)
def checkout(console: Console, path: Path, version: int | str) -> None:
    """Choose the version of FILE that players show.

    No version is lost: the others stay in the file and can be chosen again.
    """
    console.show(version_report.checked_out(cssv.checkout(path, version), path))
