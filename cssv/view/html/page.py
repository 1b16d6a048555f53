"""One HTML file with our script, our style and what is shown: no other file and no network is needed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from cssv.errors import OptionError
from cssv.view.html.bundle import bundle_modules
from cssv.view.units import SPEED_UNITS

#: Bytes that a page holds at most, before base64 adds a third. Browsers keep a page in memory several times.
EMBED_LIMIT_BYTES = 200_000_000
_ENTRY = "viewer.js"
#: Characters of base64 in one piece; a multiple of 4, so that pieces can be joined.
_PIECE_BYTES = 3 * (1 << 20)


def check_embedded(size: int) -> None:
    """Raise OptionError if a page would hold more bytes than browsers open."""
    if size > EMBED_LIMIT_BYTES:
        raise OptionError(
            "the clip is too large to be embedded in a page",
            found=f"{size / 1e6:.0f} MB",
            bound=f"up to {EMBED_LIMIT_BYTES / 1e6:.0f} MB",
            remedy='Make a page without a clip by `embed="none"`, open it, and drop the file on it.',
        )


@dataclass(frozen=True, slots=True)
class PlaneStore:
    """Pictures as deflated differences.

    Attributes:
        group: pictures in a group; the first of each is complete, the others are differences to the one
            before.
        sizes: deflated bytes of each group.
        versions: number of a version -> the picture of each of its frames.
        data: all groups, one after the other.
    """

    group: int
    sizes: tuple[int, ...]
    versions: Mapping[int, tuple[int, ...]]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageContent:
    """What a page shows.

    Attributes:
        title: of the page; the name of the file.
        generator: program and version that make the page.
        clip: the bytes of the ``.cssv``, deflated if there are planes; None for a page that takes a dropped
            file.
        version: number of the version that is shown first; None without a clip.
        planes: pictures for browsers that cannot decode the clip; None where the clip itself is decoded.
    """

    title: str
    generator: str
    clip: bytes | None = field(default=None, repr=False)
    version: int | None = None
    planes: PlaneStore | None = None


def make_page(content: PageContent) -> Iterator[str]:
    """Yield the text of the page in pieces, in UTF-8 and without any part that depends on the time."""
    script, style = _script(), _read("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src blob: data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    head, tail = _read("page.html").split("<!-- data -->\n")
    yield (
        head.replace("<!-- policy -->", policy)
        .replace("<!-- title -->", _escaped(content.title))
        .replace("/* style */", style)
    )
    yield _data_element("facts", "application/json", _facts(content))
    stored = {"clip": content.clip, "planes": None if content.planes is None else content.planes.data}
    for name, data in stored.items():
        if data is not None:
            yield f'<script type="application/octet-stream" id="{name}">'
            for at in range(0, len(data), _PIECE_BYTES):
                yield base64.b64encode(data[at : at + _PIECE_BYTES]).decode("ascii")
            yield "</script>\n"
    yield tail.replace("/* script */", script)


def _facts(content: PageContent) -> str:
    planes = content.planes
    facts = {
        "title": content.title,
        "generator": content.generator,
        "version": content.version,
        "units": [
            {
                "name": unit.name,
                "factor": unit.factor,
                "is_of_picture": unit.is_of_picture,
                "decimals": unit.decimals,
            }
            for unit in SPEED_UNITS.values()
        ],
        "planes": planes and {"group": planes.group, "sizes": planes.sizes, "versions": planes.versions},
    }
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _data_element(name: str, kind: str, text: str) -> str:
    """A script element that no browser runs; the text is JSON, in which "<" can be written as an escape."""
    escaped = text.replace("<", "\\u003c")
    return f'<script type="{kind}" id="{name}">{escaped}</script>\n'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _hash(text: str) -> str:
    """The hash by which the policy of the page permits an inline element."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    folder = resources.files(__package__)
    names = [each.name for each in folder.iterdir() if each.name.endswith(".js")]
    return bundle_modules({name: _read(name) for name in names}, _ENTRY)
