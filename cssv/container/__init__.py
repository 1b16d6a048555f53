"""The ``.cssv`` file: an append-only MP4. ``SPEC.md`` beside this module is normative."""

from __future__ import annotations

from cssv.container.appender import Appender, check_tag, check_texts, repair
from cssv.container.archive import Archive, is_cssv
from cssv.container.boxes import Box, boxes
from cssv.container.check import Problem, find_problems
from cssv.container.compactor import compact
from cssv.container.entries import Kind, lift_entry, parameter_sets
from cssv.container.index import FrameTable, Index, IndexMeta, Revision, Version
from cssv.container.moov import Track
from cssv.container.reader import Reader
from cssv.container.tables import SampleTable
from cssv.container.writer import Writer

__all__ = [
    "Appender",
    "Archive",
    "Box",
    "FrameTable",
    "Index",
    "IndexMeta",
    "Kind",
    "Problem",
    "Reader",
    "Revision",
    "SampleTable",
    "Track",
    "Version",
    "Writer",
    "boxes",
    "check_tag",
    "check_texts",
    "compact",
    "find_problems",
    "is_cssv",
    "lift_entry",
    "parameter_sets",
    "repair",
]
