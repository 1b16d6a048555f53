"""The ``.cssv`` file: an append-only MP4. ``SPEC.md`` beside this module is normative.

Every name is imported when it is first used (PEP 562): a reader of the versions needs no lock and no writer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cssv.container.appender import Appender, repair
    from cssv.container.archive import Archive, is_cssv
    from cssv.container.check import Problem, find_problems
    from cssv.container.compactor import compact
    from cssv.container.entries import Kind, extract_entry, parameter_sets
    from cssv.container.index import FrameTable, Index, IndexMeta, Revision, VersionRow
    from cssv.container.journal import Journal, read_journal
    from cssv.container.moov import MediaTrack
    from cssv.container.mp4_boxes import Box, walk_boxes
    from cssv.container.reader import Reader
    from cssv.container.tables import SampleTable
    from cssv.container.texts import check_tag, check_texts, created_or_now
    from cssv.container.writer import Writer

__all__ = [
    "Appender",
    "Archive",
    "Box",
    "FrameTable",
    "Index",
    "IndexMeta",
    "Journal",
    "Kind",
    "MediaTrack",
    "Problem",
    "Reader",
    "Revision",
    "SampleTable",
    "VersionRow",
    "Writer",
    "check_tag",
    "check_texts",
    "compact",
    "created_or_now",
    "extract_entry",
    "find_problems",
    "is_cssv",
    "parameter_sets",
    "read_journal",
    "repair",
    "walk_boxes",
]

#: Module -> the names that it defines.
_PUBLIC = {
    "appender": ("Appender", "repair"),
    "archive": ("Archive", "is_cssv"),
    "check": ("Problem", "find_problems"),
    "compactor": ("compact",),
    "entries": ("Kind", "extract_entry", "parameter_sets"),
    "index": ("FrameTable", "Index", "IndexMeta", "Revision", "VersionRow"),
    "journal": ("Journal", "read_journal"),
    "moov": ("MediaTrack",),
    "mp4_boxes": ("Box", "walk_boxes"),
    "reader": ("Reader",),
    "tables": ("SampleTable",),
    "texts": ("check_tag", "check_texts", "created_or_now"),
    "writer": ("Writer",),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
