"""What is known of a clip before its frames are read: opened once, used by every pass."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from cssv.errors import VideoError
from cssv.perception.thermal.timeline import Stamps
from cssv.video import WHOLE_CLIP, AudioCopy, Planes, Span, VideoInfo, VideoReader, shown_stamps


@dataclass(frozen=True, slots=True, eq=False)
class ClipPlan:
    """A clip, how it is opened, and the times of its frames.

    Every pass over the clip (perception, embedding) and every worker process opens its own reader from the
    same plan. A plan is a plain value: it can be pickled and holds no open file.

    Attributes:
        source: the clip.
        planes: ``"native"`` or ``"rgb"``.
        rate: true frame rate if the header is wrong, else None.
        span: the part that is encoded.
        info: size, layout, time base and rate of the frames.
        stamps: pts of all frames of the clip.
        first, end: numbers of the first frame of the part and of the first one after it.
    """

    source: Path
    planes: Planes
    rate: Fraction | None
    span: Span
    info: VideoInfo
    stamps: Stamps
    first: int
    end: int

    @classmethod
    def open(
        cls,
        source: Path,
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
    ) -> ClipPlan:
        """Open a clip and list its frames; only the first one is decoded.

        Raises:
            VideoError: not a video, or no frame lies between start and stop.
            OptionError: rate out of bounds.
        """
        with VideoReader(source, planes=planes, rate=rate) as reader:
            info, pts = reader.info, np.array(shown_stamps(reader), np.int64)
        low, high = span.first_pts(info.time_base), span.stop_pts(info.time_base)
        first = 0 if low is None else int(np.searchsorted(pts, low))
        end = len(pts) if high is None else int(np.searchsorted(pts, high))
        if first >= end:
            raise VideoError("no frame lies between start and stop", found=str(source))
        return cls(source, planes, rate, span, info, Stamps(pts, info.time_base), first, end)

    def __len__(self) -> int:
        """Frames of the part."""
        return self.end - self.first

    @property
    def part(self) -> Stamps:
        """Times of the frames of the part."""
        return Stamps(self.stamps.pts[self.first : self.end], self.info.time_base)

    def reader(self, planes: Planes | None = None) -> VideoReader:
        """A reader of the part, newly opened; in the plan's planes unless others are given."""
        return VideoReader(self.source, planes=planes or self.planes, rate=self.rate, span=self.span)

    def audio(self) -> AudioCopy | None:
        """The audio of the part; None if the clip has none."""
        return AudioCopy(self.source, span=self.span) if self.info.has_audio else None

    def opened(self) -> dict[str, str]:
        """How the clip was opened, for the facts of the file: options that are not the default."""
        options = {"rate": self.rate, "start": self.span.start, "stop": self.span.stop}
        return {"planes": self.planes} | {k: str(v) for k, v in options.items() if v is not None}
