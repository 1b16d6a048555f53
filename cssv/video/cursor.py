"""Random access to the frames of a reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cssv.errors import VideoError
from cssv.files.closing import Closing
from cssv.frames import Frame
from cssv.video.frame_reader import FrameReader, check_number


class FrameCursor(Closing):
    """Frames of a reader by number, in any order; the next frame needs no seek.

    Args:
        reader: the reader; closed together with the cursor.
        stamps: the pts of all its frames.
    """

    def __init__(self, reader: FrameReader, stamps: Sequence[int]) -> None:
        self.info = reader.info
        self.stamps = stamps
        self._reader = reader
        self._frames: Iterator[Frame] = iter(())
        self._next = -1

    def __len__(self) -> int:
        return len(self.stamps)

    def read(self, number: int) -> Frame:
        """Return a frame by its number, counted from 0. Raises VideoError for a number out of range."""
        check_number(number, len(self))
        if number != self._next:
            self._reader.seek(number, self.stamps[number])
            self._frames = iter(self._reader)
        # After an error the position is unknown; -1 lets the next call seek.
        self._next = -1
        frame = next(self._frames, None)
        if frame is None:
            raise VideoError("the clip ended early", found=f"no frame {number}", bound=f"{len(self)} frames")
        self._next = number + 1
        return frame

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
