"""Coding runs of frames anew, in the middle of what is coded already."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cssv.container import Appender
from cssv.frames import Frame
from cssv.video import FrameEncoder, Packet


def spans(
    changed: Sequence[int], syncs: NDArray[np.uint32] | None, count: int, *, whole: bool = False
) -> list[range]:
    """The runs of frames to be coded when some frames change.

    Args:
        changed: ascending numbers of the frames that change.
        syncs: ascending, frames at which decoding can start, counted from 1; None where every one is.
        count: frames in all.
        whole: begin each run where decoding can start.

    Returns:
        Ascending runs. Each begins at a changed frame, unless ``whole``, and ends before one at which
        decoding can start, so that every frame behind a changed one that depends on it is in the run, and
        no run spans a place where an older version could be decoded from.
    """
    found: list[range] = []
    for number in changed:
        if found and number < found[-1].stop:
            continue
        if syncs is None:
            if found and number == found[-1].stop and not whole:
                found[-1] = range(found[-1].start, number + 1)
                continue
            found.append(range(number, number + 1))
            continue
        at = int(np.searchsorted(syncs, number + 1, side="right"))
        stop = int(syncs[at]) - 1 if at < len(syncs) else count
        found.append(range(int(syncs[at - 1]) - 1 if whole else number, stop))
    return found


class Coder:
    """Codes a run of frames into the file; in the relay's thread."""

    def __init__(self, encoder: FrameEncoder, appender: Appender, first: int) -> None:
        self._encoder = encoder
        self._appender = appender
        self._next = first
        self._crcs: deque[int] = deque()

    def code(self, frame: Frame, crc: int, sample: bytes | None) -> None:
        """Take the next frame, its planes' CRC-32 and its scene sample, where that is new."""
        self._crcs.append(crc)
        if sample is not None:
            self._appender.write_scene(frame.number, sample)
        self._put(self._encoder.encode(frame))

    def finish(self) -> None:
        """Write what is still inside."""
        self._put(self._encoder.flush())

    def _put(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._appender.write_video(
                self._next,
                packet.data,
                is_key=packet.is_key,
                stego_crc=self._crcs.popleft(),
                head=self._encoder.mp4_head(),
            )
            self._next += 1
