"""Base of the readers of numbered pictures: one file for each frame, and no stream of time stamps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from cssv.errors import VideoError
from cssv.files.access import Access, Loop
from cssv.frames import U8, Frame
from cssv.video.frame_reader import FrameReader, check_number
from cssv.video.info import check_rate
from cssv.video.span import Span, no_frame

#: Frames per second of pictures without a stated rate.
PICTURE_RATE = Fraction(25)


class NumberedReader(FrameReader):
    """Reader of pictures as frames: file n is the frame with pts n in the time base 1 / rate.

    A subclass sets ``info``.

    Args:
        name: of the source, for messages.
        files: the pictures, in order.
        rate: frames per second; None means ``PICTURE_RATE``.
        span: frames outside are left out.

    Raises:
        OptionError: ``rate`` out of range.
    """

    def __init__(self, name: str, files: Sequence[Path], rate: Fraction | None, span: Span) -> None:
        self._access = Access(self, f"the reader of {name}")
        self._files = files
        # A whole number would make the time base a float.
        self._rate = PICTURE_RATE if rate is None else Fraction(rate)
        check_rate(self._rate)
        time_base = 1 / self._rate
        stop = span.stop_pts(time_base)
        self._first = span.first_pts(time_base) or 0
        self._stop = len(files) if stop is None else min(len(files), stop)
        self._next = 0

    @abstractmethod
    def _planes(self, path: Path) -> U8:
        """Read the planes of one picture. Raises VideoError."""

    def __iter__(self) -> Iterator[Frame]:
        with self._access.renewed():
            number, self._next = self._next, 0
            return Loop(self._frames(number), self._access)

    def _frames(self, number: int) -> Iterator[Frame]:
        if self._first >= self._stop:
            count = len(self._files)
            raise no_frame(f"{count} pictures", Fraction(0), (count - 1) / self._rate)
        for pts in range(self._first + number, self._stop):
            planes = self._planes(self._files[pts])
            yield Frame(planes, self.info.layout, pts, self.info.time_base, pts - self._first)

    def timestamps(self) -> list[int]:
        """Return the pts of every frame that will be delivered."""
        return list(range(self._first, self._stop))

    def seek(self, number: int, pts: int | None = None) -> None:
        """Let the next loop start at frame ``number``; its ``pts`` may be given and must fit."""
        with self._access.renewed():
            if pts is not None and pts != self._first + number:
                raise VideoError("the clip has no frame at this time", found=f"pts {pts}")
            check_number(number, self._stop - self._first)
            self._next = number

    def close(self) -> None:
        """End the use of the reader; may be called twice. No file stays open between two frames."""
        with self._access.closing():
            pass
