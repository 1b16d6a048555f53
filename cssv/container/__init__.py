"""The ``.cssv`` file: an append-only MP4. ``SPEC.md`` beside this module is normative."""

from __future__ import annotations

from cssv.container.boxes import Box, boxes
from cssv.container.entries import Kind, lift_entry
from cssv.container.index import FrameTable, Index, IndexMeta, Version
from cssv.container.moov import Track
from cssv.container.reader import Problem, Reader, is_cssv
from cssv.container.tables import SampleTable
from cssv.container.writer import Writer

__all__ = [
    "Box",
    "FrameTable",
    "Index",
    "IndexMeta",
    "Kind",
    "Problem",
    "Reader",
    "SampleTable",
    "Track",
    "Version",
    "Writer",
    "boxes",
    "is_cssv",
    "lift_entry",
]
