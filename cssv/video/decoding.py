"""Decoding of one video stream, with an error where the file is damaged or cut short."""

from __future__ import annotations

from collections.abc import Iterator

from av.container.input import InputContainer
from av.video.frame import VideoFrame

from cssv.errors import VideoError
from cssv.files.patched import InputFile
from cssv.video.ffmpeg import AV_ERRORS, reason, video_stream
from cssv.video.truncation import shortfall


class PictureDecoder:
    """Decoder of the first video stream of an open file.

    Args:
        container: the open file.
        path: its name, for error messages and for checking its length.
        skip_undecodable: skip packets before the first picture that cannot be decoded. Recordings often
            begin in the middle of a group of pictures.

    Attributes:
        stream: the video stream.
        skipped: packets skipped so far.

    Raises:
        VideoError: the file holds no video stream.
    """

    def __init__(self, container: InputContainer, path: InputFile, *, skip_undecodable: bool = False) -> None:
        self._container, self._path = container, path
        self._skip_undecodable = skip_undecodable
        self.stream = video_stream(container, path)
        self.stream.thread_type = "AUTO"
        self.skipped = 0
        self._packets = 0

    def pictures(self) -> Iterator[VideoFrame]:
        """Yield pictures in presentation order, from where the file stands. Raises VideoError at damage."""
        count = 0
        packets = self._container.demux(self.stream)
        while True:
            packet = None
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                self._packets += packet.dts is not None or packet.size > 0
                if packet.is_corrupt:
                    raise self.broken(count, "a packet is cut short")
                pictures = packet.decode()
            except AV_ERRORS as error:
                if self._skip_undecodable and count == 0 and packet is not None and packet.size:
                    self.skipped += 1
                    continue
                raise self.broken(count, reason(error)) from error
            for picture in pictures:
                # FFmpeg also returns pictures in which it has concealed errors.
                if picture.is_corrupt:
                    raise self.broken(count, "a picture is damaged")
                yield picture
                count += 1

    def check_complete(self, count: int) -> None:
        """Raise VideoError if the file ended early, after ``count`` pictures from its beginning."""
        missing = shortfall(self._container, self.stream, self._path, self._packets)
        if missing:
            raise self.broken(count, missing)

    def broken(self, count: int, found: str) -> VideoError:
        """The error for a file that ends or is damaged after ``count`` pictures."""
        return VideoError(
            f"the clip breaks off after {count} frames",
            found=f"{self._path}: {found}",
            remedy="Use a whole copy, or cut the clip before this point.",
        )
