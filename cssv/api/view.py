"""Make a page that shows a clip in a browser, with the heat map read from its pixels there."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from cssv import __version__
from cssv.container import Archive, Reader, Revision
from cssv.errors import OptionError, check_choice
from cssv.files.atomic import check_output, whole_file
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.embedded_planes import embed_planes, without_media
from cssv.pipeline.sealed_track import are_sealed
from cssv.video import CODEC_NAMES, browser_notes
from cssv.view.html import PageContent, check_embedded, make_page

#: What a page holds of the clip.
Embed = Literal["clip", "planes", "none"]
EMBEDS: tuple[Embed, ...] = get_args(Embed)
DEFAULT_EMBED: Embed = "clip"
#: Name of a page without a clip.
_EMPTY_NAME = "viewer.html"


@dataclass(frozen=True, slots=True)
class Page:
    """Result of :func:`page`.

    Attributes:
        path: the page.
        embed: what it holds of the clip: ``"clip"``, ``"planes"`` or ``"none"``.
        bytes: its size.
        version: number of the version that it shows first; None for a page without a clip.
        versions: versions that it can show; 0 without a clip.
        notes: what browsers cannot show of the clip.
    """

    path: Path
    embed: Embed
    bytes: int
    version: int | None
    versions: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "embed": self.embed,
            "bytes": self.bytes,
            "version": self.version,
            "versions": self.versions,
            "notes": list(self.notes),
        }


@checked_call
def page(
    path: Path_ | None = None,
    output: Path_ | None = None,
    *,
    version: Revision = None,
    embed: Embed = DEFAULT_EMBED,
    show: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Page:
    """Write one HTML file that shows a ``.cssv`` in a browser; it needs no other file and no network.

    The browser decodes the clip, compares each frame with its checksum, and reads the heat map from its
    pixels. The page has all versions of the file.

    Args:
        path: a ``.cssv``; None for a page that shows files dropped on it.
        output: the page; None for the name of the file with ``.html``.
        version: number or tag of the version to show first; None for the one that plays.
        embed: ``"clip"``: the file itself. ``"planes"``: decoded pictures, deflated, for browsers that cannot
            decode the codec. ``"none"``: no clip; the page takes a file that is dropped on it.
        show: open the page in the browser.
        overwrite: replace an existing file.
        progress: called after every frame that is decoded.

    Raises:
        ContainerError: not a ``.cssv``, no such version, or a damaged file.
        OptionError: an unknown ``embed``, or a clip that is too large to be embedded.
        OutputError: the page exists or cannot be written; no part of it is left.
    """
    check_choice("embed", embed, EMBEDS)
    if path is None and embed != "none":
        raise OptionError(
            "no file is named", remedy='Give `path=` a .cssv, or `embed="none"` for a page without a clip.'
        )
    made = Path(output) if output is not None else _default_name(path, embed)
    if path is not None:
        check_distinct(path, made)
    check_output(made, overwrite=overwrite)
    content, versions, notes = _content(path, version, embed, progress)
    with whole_file(made, overwrite=overwrite) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(make_page(content))
    if show:
        webbrowser.open(made.resolve().as_uri())
    return Page(made, embed, made.stat().st_size, content.version, versions, notes)


def _default_name(path: Path_ | None, embed: Embed) -> Path:
    return Path(_EMPTY_NAME) if path is None or embed == "none" else Path(path).with_suffix(".html")


def _content(
    path: Path_ | None, version: Revision, embed: Embed, progress: Progress | None
) -> tuple[PageContent, int, tuple[str, ...]]:
    """What the page holds, the number of versions, and notes."""
    generator = f"cssv {__version__}"
    if path is None:
        return PageContent("CSSV viewer", generator), 0, ()
    with Reader(path, version=version) as reader:
        archive = reader.archive
        if embed == "none":
            return PageContent("CSSV viewer", generator), 0, ()
        check_embedded(archive.end)
        content = PageContent(
            Path(path).name,
            generator,
            clip=without_media(archive) if embed == "planes" else archive.read(0, archive.end),
            version=reader.version.number,
            planes=embed_planes(archive, progress) if embed == "planes" else None,
        )
        return content, len(reader.index.versions), _notes(reader, archive, embed)


def _notes(reader: Reader, archive: Archive, embed: Embed) -> tuple[str, ...]:
    """What browsers cannot show, in words."""
    facts = reader.version.about.meta
    notes = list(archive.index.notes)
    codec = facts.get("codec")
    if embed == "clip" and codec in CODEC_NAMES:
        notes += [f'{note}: make the page by `embed="planes"`' for note in browser_notes(codec)]
    if are_sealed(facts):
        notes.append("the file has a password: the page shows its pictures, but not its objects")
    return tuple(notes)
