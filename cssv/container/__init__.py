"""The ``.cssv`` file: an append-only MP4. ``SPEC.md`` beside this module is normative."""

from __future__ import annotations

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
