"""Stego frames of a version of a .cssv by number, each checked."""

from __future__ import annotations

from cssv.carriers import carrier_of_file
from cssv.container import Reader
from cssv.errors import ChecksumError, VideoError
from cssv.files.system import is_of_system
from cssv.frames import Frame
from cssv.pipeline.frame_check import FrameCheck
from cssv.video import FrameCursor, VideoReader


class StegoCursor(FrameCursor):
    """Cursor over the stego frames of a version of a ``.cssv``; each frame is checked.

    Raises:
        ChecksumError: what the file holds is not what was written.
    """

    def __init__(self, reader: Reader) -> None:
        self._version = reader.version.number
        self._check = FrameCheck(reader, carrier_of_file(reader.version.about.meta))
        try:
            super().__init__(VideoReader(reader.source), reader.video.pts().tolist())
        except VideoError as error:
            # Too many open files, for example, are no damage.
            if is_of_system(error):
                raise
            raise self._damaged(str(error)) from error

    def read(self, number: int) -> Frame:
        """The frame, counted from 0. Raises ChecksumError when it is not what was written."""
        try:
            frame = super().read(number)
        except VideoError as error:
            # Too many open files, for example, are no damage.
            if is_of_system(error):
                raise
            raise self._damaged(str(error)) from error
        if fault := self._check.fault(frame):
            raise self._damaged(fault)
        return frame

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"version {self._version} is not what was written: {what}",
            remedy="Run `cssv.verify()` to find the damage.",
        )
