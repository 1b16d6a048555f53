"""What is known of a clip before its frames are read: opened once, used by every pass."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from cssv.perception.thermal.timeline import Stamps
from cssv.video import (
    AS_STORED,
    DEFAULT_DAMAGED,
    ENDED,
    WHOLE_CLIP,
    AudioCopy,
    Damaged,
    FrameReader,
    Planes,
    Span,
    StampRow,
    VideoInfo,
    no_frame,
    nominal_step,
    open_clip,
    shown_stamps,
)


@dataclass(frozen=True, slots=True, eq=False)
class ClipPlan:
    """A clip, how it is opened, and the times of its frames.

    Every pass over the clip (perception, embedding) and every worker process opens its own reader from the
    same plan. A plan is a plain value: it can be pickled and holds no open file.

    Attributes:
        source: the clip.
        planes: ``"native"``, ``"rgb"`` or ``"yuv"``.
        rate: true frame rate if the header is wrong, else None.
        span: the part that is encoded.
        stream: number of the video stream; None for the best one.
        damaged: what is done at a damaged frame.
        info: size, layout, time base and rate of the frames.
        stamps: pts of all frames of the clip.
        first, end: numbers of the first frame of the part and of the first one after it.
        times: stamps of the file as repaired; without stamps where it needs no repair.
    """

    source: Path
    planes: Planes
    rate: Fraction | None
    span: Span
    stream: int | None
    damaged: Damaged
    info: VideoInfo
    stamps: Stamps
    first: int
    end: int
    times: StampRow

    @classmethod
    def open(
        cls,
        source: Path,
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
        stream: int | None = None,
        damaged: Damaged = DEFAULT_DAMAGED,
    ) -> ClipPlan:
        """Open a clip and list its frames; only the first one is decoded, unless damaged ones are left out.

        Raises:
            VideoError: not a video, or no frame lies between start and stop.
            OptionError: rate out of bounds, or no video stream of this number.
        """
        with open_clip(source, planes=planes, rate=rate, stream=stream, damaged=damaged) as reader:
            pts = np.array(shown_stamps(reader), np.int64)
            # Only now, since reading the stamps may correct the rate and add notes.
            info, times = reader.info, reader.times or AS_STORED
        low, high = span.first_pts(info.time_base), span.stop_pts(info.time_base)
        first = 0 if low is None else int(np.searchsorted(pts, low))
        end = len(pts) if high is None else int(np.searchsorted(pts, high))
        if first >= end:
            raise no_frame(source, int(pts[0]) * info.time_base, int(pts[-1]) * info.time_base)
        # Stamps as in the file are read again by each reader, and need no memory here.
        times = times if times.is_repaired else AS_STORED
        return cls(
            source, planes, rate, span, stream, damaged, info, Stamps(pts, info.time_base), first, end, times
        )

    def __len__(self) -> int:
        """Frames of the part."""
        return self.end - self.first

    @property
    def part(self) -> Stamps:
        """Times of the frames of the part."""
        return Stamps(self.stamps.pts[self.first : self.end], self.info.time_base)

    def reader(self, planes: Planes | None = None) -> FrameReader:
        """A reader of the part, newly opened; in the plan's planes unless others are given."""
        return open_clip(
            self.source,
            planes=planes or self.planes,
            rate=self.rate,
            span=self.span,
            stream=self.stream,
            damaged=self.damaged,
            times=self.times,
        )

    def audio(self) -> AudioCopy | None:
        """The audio of the part; None if the clip has none."""
        if not self.info.has_audio:
            return None
        shifts_s = [shift * self.info.time_base for shift in self.times.shifts]
        return AudioCopy(self.source, span=self._audible, shifts_s=shifts_s)

    @property
    def _audible(self) -> Span:
        """The part whose sound belongs to the frames."""
        if not any(note.startswith(ENDED) for note in self.info.notes):
            return self.span
        # The sound of a damaged file may go on long after its last sound frame.
        step = nominal_step(self.info.time_base, self.info.rate)
        return Span(self.span.start, (int(self.stamps.pts[self.end - 1]) + step) * self.info.time_base)

    def opened(self) -> dict[str, str]:
        """How the clip was opened, for the facts of the file: options that are not the default."""
        damaged = None if self.damaged == DEFAULT_DAMAGED else self.damaged
        options = {
            "rate": self.rate,
            "start": self.span.start,
            "stop": self.span.stop,
            # Recorded also where the best one was taken: the clip must be opened in the same way again.
            "stream": self.info.stream,
            "damaged": damaged,
        }
        return {"planes": self.planes} | {k: str(v) for k, v in options.items() if v is not None}
