"""Frames of a source by number, where going forward costs no seek."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cssv.errors import VideoError
from cssv.files.closing import Closing
from cssv.frames import Frame
from cssv.video import FrameSource


class Cursor(Closing):
    """Hands out the frames of a source in any order; owns the source.

    Args:
        source: where they come from.
        stamps: the pts of all its frames.
    """

    def __init__(self, source: FrameSource, stamps: Sequence[int]) -> None:
        self.info = source.info
        self.stamps = stamps
        self._source = source
        self._frames: Iterator[Frame] = iter(())
        self._next = -1

    def __len__(self) -> int:
        return len(self.stamps)

    def at(self, number: int) -> Frame:
        """The frame, counted from 0. Raises VideoError where the source has none."""
        if not 0 <= number < len(self):
            raise VideoError("the clip has no such frame", found=number, bound=f"0 to {len(self) - 1}")
        if number != self._next:
            self._source.seek(number, self.stamps[number])
            self._frames = iter(self._source)
        # What breaks off leaves the position unknown; -1 matches no frame.
        self._next = -1
        frame = next(self._frames, None)
        if frame is None:
            raise VideoError("the clip ended early", found=f"no frame {number}", bound=f"{len(self)} frames")
        self._next = number + 1
        return frame

    def close(self) -> None:
        """Close the source."""
        self._source.close()
