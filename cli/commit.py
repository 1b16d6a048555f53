"""``cssv commit``."""

from __future__ import annotations

from pathlib import Path

import click

import cssv
from cssv_cli import history
from cssv_cli.console import Console, with_console
from cssv_cli.options import PATH, examples, revision


@click.command(
    epilog=examples(
        'cssv commit clip.cssv --meta scene2.json -m "thermometer recalibrated"',
        "cssv commit clip.cssv --meta scene2.json --cover clip.mp4",
        "cssv commit clip.cssv --meta scene3.json --parent 1",
    )
)
@click.argument("file", type=PATH)
@click.option(
    "--meta",
    type=PATH,
    metavar="SCENE",
    required=True,
    help="scene.json: the whole scene from now on, in the file's own time.",
)
@click.option("-m", "--message", metavar="TEXT", help="What for.")
@click.option(
    "--author",
    metavar="NAME",
    envvar="CSSV_AUTHOR",
    help="By whom.  [default: what the environment variable CSSV_AUTHOR says]",
)
@click.option(
    "--parent",
    type=revision,
    metavar="VERSION",
    help="Start from this version, a number or a tag.  [default: the one that plays]",
)
@click.option(
    "--cover",
    type=PATH,
    metavar="CLIP",
    help="The clip that was encoded: redraw from it, not from an estimate of the picture.",
)
@with_console
def commit(
    console: Console,
    file: Path,
    meta: Path,
    message: str | None,
    author: str | None,
    parent: int | str | None,
    cover: Path | None,
) -> None:
    """Append a version of FILE with another scene.

    Only frames whose drawing changes are drawn and coded anew; everything else is shared with the
    versions before, which stay as they are, bit for bit. The new version is read back, and then it
    is the one that plays.
    """
    done = cssv.commit(
        file, meta, parent=parent, cover=cover, message=message or "", author=author or "",
        progress=console.progress,
    )  # fmt: skip
    console.show(history.committed(done))
