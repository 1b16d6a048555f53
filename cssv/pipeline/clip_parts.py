"""Parts of a clip as clips of their own: successive frames from several places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import islice
from typing import Any

from cssv.frames import Frame
from cssv.pipeline.clip_plan import ClipPlan
from cssv.video import AudioCopy, FrameReader, Planes, Span, VideoInfo, is_sequence

#: Where frames are counted, a place is reached only by decoding all frames before it: parts of such a clip
#: come from its first frames.
_MOST_COUNTED = 1000


class PartReader(FrameReader):
    """Reader of successive frames of a clip, counted from 0.

    Args:
        inner: a reader of the clip; it is closed with this one.
        place: numbers of the frames in the clip.
        pts: presentation times of these frames.
    """

    def __init__(self, inner: FrameReader, place: range, pts: list[int]) -> None:
        self.info = inner.info
        self._inner, self._place, self._pts = inner, place, pts
        self._next = 0

    def __iter__(self) -> Iterator[Frame]:
        first, self._next = self._next, 0
        # A seek to the beginning would cost a second opening of the file.
        if number := self._place.start + first:
            self._inner.seek(number, self._pts[first])
        frames = islice(self._inner, len(self._place) - first)
        for number, frame in enumerate(frames, first):
            yield replace(frame, number=number)

    def timestamps(self) -> list[int]:
        """Return the pts of the frames."""
        return list(self._pts)

    def seek(self, number: int, pts: int | None = None) -> None:  # noqa: ARG002 - the number is enough
        """Let the next loop start at frame ``number`` of the part."""
        self._next = number

    def close(self) -> None:
        """Close the clip."""
        self._inner.close()


class FrameList(FrameReader):
    """Reader of frames that are in memory.

    Args:
        frames: at least one.
        info: their properties.
    """

    def __init__(self, frames: tuple[Frame, ...], info: VideoInfo) -> None:
        first = frames[0]
        self.info = replace(info, layout=first.layout, width=first.width, height=first.height)
        self._frames = frames
        self._next = 0

    def __iter__(self) -> Iterator[Frame]:
        first, self._next = self._next, 0
        return iter(self._frames[first:])

    def timestamps(self) -> list[int]:
        """Return the pts of the frames."""
        return [frame.pts for frame in self._frames]

    def seek(self, number: int, pts: int | None = None) -> None:  # noqa: ARG002 - the number is enough
        """Let the next loop start at frame ``number``."""
        self._next = number

    def close(self) -> None:
        """Do nothing: no file is open."""


@dataclass(frozen=True, slots=True, eq=False)
class PartPlan(ClipPlan):
    """A part of a clip as a clip of its own, without sound.

    Its frames are counted from 0; their times are those of the clip.

    Attributes:
        whole: the clip.
        frames: the frames, in the planes of the plan; empty if they are read from the clip at each pass.
    """

    whole: ClipPlan
    frames: tuple[Frame, ...]

    @classmethod
    def cut(cls, whole: ClipPlan, place: range) -> PartPlan:
        """The part with the frames of these numbers, read at each pass."""
        kept: dict[str, Any] = {each.name: getattr(whole, each.name) for each in fields(ClipPlan)}
        first = whole.first + place.start
        # A part with a start begins at time 0 of its file.
        start = max(int(whole.stamps.pts[first]) * whole.info.time_base, Fraction(0))
        kept |= {"span": Span(start), "first": first, "end": first + len(place)}
        return cls(**kept, whole=whole, frames=())

    def loaded(self) -> PartPlan:
        """The part with its frames in memory."""
        with self.reader() as reader:
            return replace(self, frames=tuple(reader))

    def reader(self, planes: Planes | None = None) -> FrameReader:
        """A reader of the part, in the plan's planes unless others are given."""
        if self.frames and planes in (None, self.planes):
            return FrameList(self.frames, self.info)
        start = self.first - self.whole.first
        place = range(start, start + len(self))
        return PartReader(self.whole.reader(planes), place, self.part.pts.tolist())

    def audio(self) -> AudioCopy | None:
        """None."""
        return None


def choose_places(plan: ClipPlan, count: int, length: int, most_pixels: int, least: int) -> list[range]:
    """Places of a clip, equally distant, as numbers of frames; the whole clip if it is short.

    Args:
        plan: the clip.
        count: number of places, at least 1.
        length: frames of each.
        most_pixels: pixels of all frames of all places; large frames are fewer.
        least: frames of each, however large they are.
    """
    room = most_pixels // (count * plan.info.width * plan.info.height)
    length = min(length, max(least, room))
    frames = len(plan)
    is_counted = plan.times.is_repaired or (plan.rate is not None and not is_sequence(plan.source))
    if is_counted:
        frames = min(frames, _MOST_COUNTED)
    if frames <= count * length:
        return [range(frames)]
    starts = [(frames - length) * (2 * place + 1) // (2 * count) for place in range(count)]
    return [range(start, start + length) for start in starts]


def widen(place: range, length: int, frames: int) -> range:
    """So many frames around a place, within the clip's number of frames."""
    length = min(max(length, len(place)), frames)
    start = place.start - (length - len(place)) // 2
    start = min(max(start, 0), frames - length)
    return range(start, start + length)
