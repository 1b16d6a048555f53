"""``cssv view``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import cssv
from cssv.api import choices
from cssv_cli import page_report
from cssv_cli.console import Console
from cssv_cli.options import PATH, Choice, command, force_option, version_option


@command(
    "cssv view clip.cssv --open",
    "cssv view clip.cssv -o page.html --version 1",
    "cssv view clip.cssv --embed planes",
    "cssv view --embed none -o viewer.html",
)
@click.argument("path", metavar="[FILE]", type=PATH, required=False)
@click.option(
    "-o", "--output", type=PATH, metavar="PAGE", help="The page to write.  [default: FILE with .html]"
)
@version_option()
@click.option(
    "--embed",
    type=Choice(choices.EMBEDS),
    default=choices.DEFAULT_EMBED,
    help="What the page holds: the clip; its decoded planes, for browsers that cannot decode it; or none, "
    "for a page that takes a file dropped on it.",
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@force_option
def view(console: Console, path: Path | None, **options: Any) -> None:
    """Make a page that shows FILE in a browser.

    The page is one HTML file that needs no network, with picture, heat map, objects and all versions. The
    browser decodes the clip, compares each frame with its checksum, and reads the heat map from the pixels.
    """
    console.show(page_report.paged(cssv.page(path, progress=console.progress, **options)))
