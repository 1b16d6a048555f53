"""Stego frames of a version of a .cssv by number, each checked."""

from __future__ import annotations

from cssv.carriers import carrier_of_file
from cssv.container import Reader
from cssv.errors import ChecksumError, VideoError
from cssv.files.system import is_of_system
from cssv.frames import Frame, planes_crc
from cssv.video import FrameCursor, VideoReader


class StegoCursor(FrameCursor):
    """Cursor over the stego frames of a version of a ``.cssv``; each frame is checked.

    Raises:
        ChecksumError: what the file holds is not what was written.
    """

    def __init__(self, reader: Reader) -> None:
        self._version = reader.version.number
        self._crcs = reader.frames.stegos
        # A lossy codec gives other pixels than were coded; then no checksum can be compared.
        self._is_exact = carrier_of_file(reader.version.about.meta).needs_lossless
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
        if self._is_exact and planes_crc(frame.planes) != int(self._crcs[number]):
            raise self._damaged(f"frame {number} decodes to other pixels")
        return frame

    def _damaged(self, what: str) -> ChecksumError:
        return ChecksumError(
            f"version {self._version} is not what was written: {what}",
            remedy="Run `cssv.verify()` to find the damage.",
        )
