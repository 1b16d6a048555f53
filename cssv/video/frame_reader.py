"""Common base of the readers of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, TypedDict

from cssv.errors import VideoError
from cssv.files.closing import Closing
from cssv.frames import U8, Frame
from cssv.video.decoding import Damaged
from cssv.video.info import VideoInfo
from cssv.video.span import Span
from cssv.video.timing import StampRow

#: ``"native"`` keeps 8-bit 4:2:0 and 8-bit RGB as they are; ``"rgb"`` converts to RGB, ``"yuv"`` to yuv420p.
Planes = Literal["native", "rgb", "yuv"]


class PictureOptions(TypedDict, total=False):
    """Keyword arguments that all readers take.

    Attributes:
        planes: layout of the frames.
        rate: frames per second, in place of what the file says.
        span: the part to read.
    """

    planes: Planes
    rate: Fraction | None
    span: Span


class ReadOptions(PictureOptions, total=False):
    """Keyword arguments that readers of videos take.

    Attributes:
        stream: number of the video stream in the file; None for the best one.
        damaged: what is done at a damaged frame.
        times: time stamps of all frames of the file, where an earlier reader has read them.
    """

    stream: int | None
    damaged: Damaged | None
    times: StampRow | None


class FrameReader(Closing):
    """Reader of the frames of a clip in presentation order.

    Every ``for`` loop starts at the first frame, or where :meth:`seek` was called last. Only one loop runs
    at a time.

    Attributes:
        info: properties of the frames.
        times: time stamps of all frames of the file, once they were read; None for pictures.
    """

    info: VideoInfo
    times: StampRow | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in presentation order."""

    @abstractmethod
    def timestamps(self) -> list[int]:
        """Return the pts of every frame in the span, without decoding."""

    @abstractmethod
    def seek(self, number: int, pts: int | None = None) -> None:
        """Let the next loop start at frame ``number``, counted from 0 at the start of the span.

        Args:
            number: of the frame.
            pts: its time stamp in units of ``info.time_base``, where the caller knows it.

        Raises:
            VideoError: the clip has no such frame.
        """

    def following(self) -> U8 | None:
        """The planes of the frame that a loop yields next; None at the end of the clip, or if unknown."""
        return None

    def is_at_end(self) -> bool:
        """Whether no frame follows those that the loop has yielded; False where only the loop tells."""
        return False

    def check_whole(self) -> None:
        """Raise VideoError for a clip that is cut short, wherever the last loop began."""


def check_number(number: int, count: int) -> None:
    """Raise VideoError unless ``number`` is that of one of ``count`` frames."""
    if not 0 <= number < count:
        raise VideoError("the clip has no such frame", found=number, bound=f"0 to {count - 1}")


def shown_stamps(reader: FrameReader) -> list[int]:
    """Return the pts of the frames that a reader yields; only the first frame is decoded.

    ``timestamps`` lists the packets of the file. Here packets at the beginning that cannot be decoded are
    left out. The next loop over the reader starts at its first frame.
    """
    first = next(iter(reader)).pts
    return [pts for pts in reader.timestamps() if pts >= first]
