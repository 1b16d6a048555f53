"""Decoding of one video stream, with an error where the file is damaged or cut short."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from av.container.input import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cssv.errors import VideoError
from cssv.files.patched import InputFile
from cssv.video.ffmpeg import AV_ERRORS, reason
from cssv.video.streams import choose_stream
from cssv.video.truncation import shortfall

#: What is done at a damaged frame: raise an error, leave the frame out, or end the clip before it.
Damaged = Literal["error", "skip", "stop"]
DAMAGED: tuple[Damaged, ...] = ("error", "skip", "stop")
DEFAULT_DAMAGED: Damaged = "error"

#: How the note begins on a clip that ``damaged="stop"`` has made shorter.
ENDED = "the clip was ended"

# Its demuxer flags a packet after a jump of a counter, as every joined recording has one. In other formats a
# flagged packet at the end of the file is one of which only the beginning was read.
_FLAGS_JUMPS = "mpegts"

_REMEDY = "Use a whole copy, or cut the clip before this point."
_OPTION_REMEDY = (
    'Use a whole copy. `damaged="skip"` leaves damaged frames out, `damaged="stop"` ends the clip before the '
    "first one."
)


class PictureDecoder:
    """Decoder of one video stream of an open file.

    Args:
        container: the open file.
        path: its name, for error messages and for checking its length.
        stream: number of the stream; None for the best one (:func:`choose_stream`).
        damaged: what is done at a damaged frame; None is ``"error"`` where users have no such option.
        skip_undecodable: skip packets before the first picture that cannot be decoded. Recordings often
            begin in the middle of a group of pictures.
        pix_fmts: pixel formats of streams that are chosen before all others.

    Attributes:
        stream: the video stream.
        skipped: packets skipped so far.

    Raises:
        VideoError: the file holds no video stream.
        OptionError: it has no video stream of the number given.
    """

    def __init__(
        self,
        container: InputContainer,
        path: InputFile,
        *,
        stream: int | None = None,
        damaged: Damaged | None = None,
        skip_undecodable: bool = False,
        pix_fmts: Collection[str] = (),
    ) -> None:
        self._container, self._path = container, path
        self._skip_undecodable = skip_undecodable
        self._damaged = damaged
        self.chosen = choose_stream(container, path, stream, pix_fmts=pix_fmts)
        self.stream = self.chosen.stream
        # With several threads, what FFmpeg conceals differs between runs: two passes over a damaged clip
        # would see other pixels.
        self.stream.thread_type = "NONE" if damaged in ("skip", "stop") else "AUTO"
        self.skipped = 0
        self._packets = 0
        self._count = 0
        self._left_out = 0
        self._end: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the damage met so far, where the options allow it."""
        notes = []
        if self._left_out:
            notes.append(
                f"damaged frames left out: {self._left_out}; those from there to the next key frame may show "
                "traces of the damage"
            )
        if self._end is not None:
            notes.append(f"{ENDED} after {self._count} frames, where the file is damaged: {self._end}")
        return tuple(notes)

    def pictures(self) -> Iterator[VideoFrame]:
        """Yield sound pictures in presentation order, from where the file stands.

        Raises:
            VideoError: a damaged picture, unless ``damaged`` allows it.
        """
        self._count, self._left_out, self._end = 0, 0, None
        for item in self._decoded():
            if isinstance(item, VideoFrame):
                # Counted before the picture leaves: the caller may stop at any picture.
                self._count += 1
                yield item
            elif self._damaged == "skip":
                self._left_out += 1
            elif self._damaged == "stop":
                self._end = item
                return
            else:
                raise self.broken(self._count, item)

    def _decoded(self) -> Iterator[VideoFrame | str]:
        """Yield every picture, or the description of its damage."""
        packets = self._container.demux(self.stream)
        following: Packet[VideoStream] | None = None
        is_first = True
        while True:
            try:
                packet = next(packets, None) if following is None else following
                following = None
            except AV_ERRORS as error:
                # The demuxer cannot go on behind this place.
                yield reason(error)
                return
            if packet is None:
                return
            self._packets += packet.dts is not None or packet.size > 0
            try:
                if packet.is_corrupt and self._container.format.name != _FLAGS_JUMPS:
                    following = next(packets, None)
                    # Packets of no size end the stream.
                    if following is None or not following.size:
                        yield "a packet is cut short"
                        return
                pictures = packet.decode()
            except AV_ERRORS as error:
                if self._skip_undecodable and is_first and packet.size:
                    self.skipped += 1
                else:
                    yield reason(error)
                continue
            for picture in pictures:
                is_first = False
                # FFmpeg also returns pictures in which it has concealed errors. The flag of the packet is no
                # damage: the decoder may find all of it.
                yield "a picture is damaged" if picture.is_corrupt else picture

    def check_complete(self, count: int, packets: int | None = None) -> None:
        """Raise VideoError if the file ended early.

        Args:
            count: pictures from its beginning.
            packets: that the whole file holds; None for those read, of a decoder that began at the beginning.
        """
        read = self._packets if packets is None else packets
        missing = shortfall(self._container, self.stream, self._path, read)
        # The damage that was met explains what is missing, and was allowed.
        if missing and self._end is None and not self._left_out:
            if self._damaged not in ("skip", "stop"):
                raise self.broken(count, missing)
            self._end = missing

    def broken(self, count: int, found: str) -> VideoError:
        """The error for a file that ends or is damaged after ``count`` pictures."""
        return VideoError(
            f"the clip breaks off after {count} frames",
            found=f"{self._path}: {found}",
            remedy=_REMEDY if self._damaged is None else _OPTION_REMEDY,
        )
