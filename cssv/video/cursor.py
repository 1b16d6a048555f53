"""Random access to what a reader delivers in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from cssv.errors import VideoError
from cssv.files.access import Access
from cssv.files.closing import Closing
from cssv.frames import Frame
from cssv.video.frame_reader import FrameReader, check_number

Item = TypeVar("Item")


class Cursor(Generic[Item]):
    """Items of a sequence by number, in any order; the next item needs no seek.

    Args:
        seek: moves the sequence to an item; the next iteration starts there.
        iterate: starts an iteration.
        length: number of items.
    """

    def __init__(
        self, seek: Callable[[int], None], iterate: Callable[[], Iterator[Item]], length: int
    ) -> None:
        self._seek = seek
        self._iterate = iterate
        self._length = length
        # Threads read one after another, because each reading moves the sequence.
        self._reading = Access(self, "the cursor")
        self._forget_place()

    def __len__(self) -> int:
        return self._length

    def _forget_place(self) -> None:
        self._items: Iterator[Item] = iter(())
        self._next = -1

    def read(self, number: int) -> Item:
        """Return an item by its number, counted from 0. Raises VideoError for a number out of range."""
        check_number(number, self._length)
        with self._reading.renewed(self._forget_place):
            if number != self._next:
                self._seek(number)
                self._items = self._iterate()
            # After an error the position is unknown; -1 lets the next call seek.
            self._next = -1
            item = next(self._items, None)
            if item is None:
                raise VideoError(
                    "the clip ended early", found=f"no frame {number}", bound=f"{self._length} frames"
                )
            self._next = number + 1
            return item


class FrameCursor(Cursor[Frame], Closing):
    """Frames of a reader by number, in any order; the next frame needs no seek.

    Args:
        reader: the reader; closed together with the cursor.
        stamps: the pts of all its frames.
    """

    def __init__(self, reader: FrameReader, stamps: Sequence[int]) -> None:
        self.info = reader.info
        self.stamps = stamps
        self._reader = reader
        super().__init__(self._seek_frame, lambda: iter(reader), len(stamps))

    def _seek_frame(self, number: int) -> None:
        # The pts saves the reader a look-up.
        self._reader.seek(number, self.stamps[number])

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
