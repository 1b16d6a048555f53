"""Report of the command that makes a page: view."""

from __future__ import annotations

import cssv
from cssv_cli.report import Report, notes_text
from cssv_cli.words import count, quoted, size_text


def paged(done: cssv.Page) -> Report:
    """The page written by ``view``."""
    holds = count(done.versions, "version") if done.versions else "it shows a .cssv that is dropped on it"
    lines = [
        f"Wrote {done.path}: {size_text(done.bytes)}, {holds}.",
        *notes_text(done.notes),
        f"Open {quoted(done.path)} in a browser; it needs no network.",
    ]
    return Report(lines, done.to_json())
