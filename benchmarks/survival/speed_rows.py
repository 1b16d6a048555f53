"""Rows of processor time: embedding, extraction, geometry, and clips in which nothing is hidden."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lock import find_lock
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.pilot import slot_of
from cssv.frames import U8
from cssv.testing.received import Edit
from survival.channel_rows import PIECE_S, Study
from survival.coding import code
from survival.results import Row


def speed_row(study: Study) -> Row:
    """Times for one clip; the geometry is that of a copy at three quarters of the size, CRF 23."""
    clip, count = study.clip, study.piece_frames
    _, marked = study.marked(study.class_bytes, study.survive)
    spent = _seconds(lambda: _extract(study, marked.planes[:count]))
    width, height = (side * 3 // 4 // 2 * 2 for side in (clip.width, clip.height))
    edit = Edit((0, 0, clip.width, clip.height), (width, height))
    smaller, _ = code([edit.apply(each) for each in marked.planes[:count]], clip.rate, "h264-23")
    return {
        "clip": clip.title,
        "embed, ms a frame": f"{1000 * marked.seconds / len(marked.planes):.1f}",
        "extract, ms a frame": f"{1000 * spent / count:.1f}",
        "own size, s": _lock(marked.planes[:count], clip.rate, full_search=False),
        "copy x 3/4, s": _lock(smaller, clip.rate, full_search=True),
        "unmarked, own size, s": _lock(clip.planes[:count], clip.rate, full_search=False),
        "unmarked, all sizes, s": _lock(clip.planes[:count], clip.rate, full_search=True),
    }


def _extract(study: Study, planes: list[U8]) -> None:
    clip = study.clip
    reader = ChannelReader(MarkWriter(clip.height, clip.width).layer.area)
    slots = [slot_of(number / clip.rate) for number in range(len(planes))]
    for slot, each in zip(slots, planes, strict=True):
        reader.add(each[: clip.height], slot)
    for window in range(slots[-1] // 2 + 1):
        reader.read_window(window)


def _lock(planes: list[U8], rate: Fraction, *, full_search: bool) -> str:
    """Seconds of the search, and whether it finds anything."""
    lumas = [each[: each.shape[0] * 2 // 3] for each in planes]
    times = [number / rate for number in range(len(planes))]
    found = []
    spent = _seconds(lambda: found.append(find_lock(lumas, times, PUBLIC_KEY, full_search=full_search)))
    return f"{spent:.2f} ({'found' if found[0] is not None else 'nothing'}, {PIECE_S} s)"


def _seconds(call: Callable[[], None]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began
