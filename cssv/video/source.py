"""One door for whatever a user names: a clip, a picture, a folder of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self

from cssv.files.patched import PatchedFile, as_input_file
from cssv.frames import Frame
from cssv.video.ffmpeg import check_readable
from cssv.video.info import VideoInfo
from cssv.video.pictures import PictureReader, is_png
from cssv.video.planes import Planes
from cssv.video.reader import VideoReader
from cssv.video.span import WHOLE_CLIP, Span


class FrameSource(Protocol):
    """What readers of frames have in common."""

    info: VideoInfo

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in presentation order, from the first, or from where ``seek`` went."""

    def timestamps(self) -> list[int]:
        """Return the pts of every frame that will be delivered, without decoding."""

    def seek(self, number: int, pts: int | None = None) -> None:
        """Let the next loop start at frame ``number``."""

    def close(self) -> None:
        """Let go of the file; may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_source(
    path: str | os.PathLike[str],
    *,
    planes: Planes = "native",
    rate: Fraction | None = None,
    span: Span = WHOLE_CLIP,
) -> FrameSource:
    """Open a folder of PNGs or a PNG as :class:`PictureReader`, all else as :class:`VideoReader`.

    Options and errors are those of the two.
    """
    place = as_input_file(path)
    if isinstance(place, PatchedFile):
        return VideoReader(place, planes=planes, rate=rate, span=span)
    if not place.is_dir():
        check_readable(place)
    kind = PictureReader if place.is_dir() or is_png(place) else VideoReader
    return kind(place, planes=planes, rate=rate, span=span)


def shown_stamps(source: FrameSource) -> list[int]:
    """Return the pts of the frames that a source delivers, having decoded only the first.

    What ``timestamps`` lists, but as the frames come: packets at the beginning that cannot be decoded
    are left out, and frames that claim one time are moved behind each other. The source's next loop
    starts anew.
    """
    stamps: list[int] = []
    first = next(iter(source)).pts
    for pts in source.timestamps():
        if pts >= first:
            stamps.append(max(pts, stamps[-1] + 1) if stamps else pts)
    return stamps
