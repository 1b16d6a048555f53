"""Frames of a source by number, where going forward costs no seek."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cssv.closing import Closing
from cssv.container import Reader
from cssv.errors import ChecksumError, VideoError
from cssv.frames import Frame
from cssv.stego import planes_crc
from cssv.video import FrameSource, VideoReader


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


class StegoCursor(Cursor):
    """Hands out the stego frames of a version of a ``.cssv``, each checked.

    Raises:
        ChecksumError: what the file holds is not what was written.
    """

    def __init__(self, reader: Reader) -> None:
        self._version = reader.version.number
        self._crcs = reader.frames.stegos
        try:
            super().__init__(VideoReader(reader.source), reader.video.pts().tolist())
        except VideoError as error:
            raise self._damaged(str(error)) from error

    def at(self, number: int) -> Frame:
        """The frame, counted from 0. Raises ChecksumError when it is not what was written."""
        try:
            frame = super().at(number)
        except VideoError as error:
            raise self._damaged(str(error)) from error
        if planes_crc(frame.planes) != int(self._crcs[number]):
            raise self._damaged(f"frame {number} decodes to other pixels")
        return frame

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"version {self._version} is not what was written: {what}",
            remedy="Run 'cssv verify' to see what is damaged.",
        )
