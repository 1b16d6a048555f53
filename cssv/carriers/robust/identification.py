"""Identification: the base layer of a received clip, which outlives its payloads."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cssv.carriers.robust.base_layer import BaseReader
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lock import Lock, find_lock
from cssv.carriers.robust.marks import marks_transform
from cssv.carriers.robust.slot_search import SlotClock
from cssv.frames import Frame

#: Seconds of frames after which the message is tried.
TRY_AFTER_S = Fraction(5)
#: Seconds of frames for the search of the geometry.
_SEARCH_S = Fraction(4)


class Identification:
    """Reader of the base layer of one source; frames are added one by one.

    The geometry is searched by the other layers. Where a codec has left nothing of them, the source is taken
    for a clip of the original size.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes = PUBLIC_KEY) -> None:
        self._key = key
        self._waiting: list[Frame] = []
        self._lock: Lock | None = None
        self._reader: BaseReader | None = None
        self._first: Fraction | None = None
        self._tried: Fraction | None = None

    def add(self, frame: Frame) -> bytes | None:
        """Add the next frame; returns the message once it can be read."""
        if frame.layout != "yuv420p":
            return None
        self._first = frame.time if self._first is None else self._first
        self._tried = self._first if self._tried is None else self._tried
        if self._reader is None:
            self._waiting.append(frame)
            if frame.time - self._first < _SEARCH_S:
                return None
            self._search()
        else:
            self._read(frame)
        if frame.time - self._tried < TRY_AFTER_S:
            return None
        self._tried = frame.time
        return self._message()

    def finish(self) -> bytes | None:
        """The message from all frames added; None if it cannot be read."""
        if self._reader is None and self._waiting:
            self._search()
        return self._message()

    def _message(self) -> bytes | None:
        return None if self._reader is None else self._reader.read()

    def _search(self) -> None:
        frames, self._waiting = self._waiting, []
        self._lock = _find(frames, self._key)
        self._reader = BaseReader(self._lock.area, self._key)
        for frame in frames:
            self._read(frame)

    def _read(self, frame: Frame) -> None:
        assert self._lock is not None
        assert self._reader is not None
        means = marks_transform().forward(self._lock.luma(frame.luma()))[..., 0]
        self._reader.add(np.ascontiguousarray(means))


def _find(frames: Sequence[Frame], key: bytes) -> Lock:
    lumas, times = [frame.luma() for frame in frames], [frame.time for frame in frames]
    own = Lock(Geometry.identity(frames[0].width, frames[0].height), SlotClock(0, 0.0))
    return find_lock(lumas, times, key, full_search=True) or own
