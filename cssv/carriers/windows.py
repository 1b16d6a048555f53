"""Windows: which successive frames are embedded together.

The pipeline embeds window by window. :func:`window_codec` lets it treat both kinds of carriers alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Protocol, runtime_checkable

from cssv.carriers.base import (
    AnyCarrier,
    Carrier,
    Embedded,
    FrameContent,
    Hint,
    Read,
    WindowCodec,
    WindowSpan,
)
from cssv.frames import Frame, Layout
from cssv.template.draw import draw
from cssv.template.drawing import Outline


class WindowGrouping:
    """Grouping of successive frames to windows.

    A window ends where the span is full: at a multiple of its seconds, or when it has its most frames.

    Args:
        span: of a window.
    """

    def __init__(self, span: WindowSpan) -> None:
        self._span = span
        self._place = 0
        self._frames = 0

    def begins(self, time: Fraction) -> bool:
        """Whether the next frame, shown at ``time`` seconds, begins a window."""
        seconds = self._span.seconds
        place = 0 if seconds is None else time // seconds
        is_first = not self._frames or place != self._place or self._frames >= self._span.frames
        self._place = place
        self._frames = 1 if is_first else self._frames + 1
        return is_first


def group_frames(times: Iterable[Fraction], span: WindowSpan) -> list[range]:
    """The windows of a clip, each as the numbers of its frames.

    Args:
        times: presentation times of all frames in seconds, growing.
        span: of a window.
    """
    grouping, firsts, count = WindowGrouping(span), list[int](), 0
    for time in times:
        if grouping.begins(time):
            firsts.append(count)
        count += 1
    return [range(first, stop) for first, stop in zip(firsts, [*firsts[1:], count], strict=True)]


def drawings_differ(old: Sequence[FrameContent], new: Sequence[FrameContent], size: tuple[int, int]) -> bool:
    """Whether the drawings of two contents of the same frames differ.

    Args:
        old: content of each frame.
        new: the same, after a change.
        size: width and height of the frames.
    """
    for before, after in zip(old, new, strict=True):
        if before.ranges != after.ranges:
            return True
        # Most frames do not change at all, and drawings take long.
        if before.objects == after.objects and before.rings == after.rings:
            continue
        one, other = (
            [draw(state, content.ranges, None, size, rings=content.rings) for state in content.objects]
            for content in (before, after)
        )
        if one != other:
            return True
    return False


class DrawingWindows:
    """Part of a codec of windows that hides the heat map itself, and no payload."""

    __slots__ = ()

    def payload(self, contents: Sequence[FrameContent], number: int, size: tuple[int, int]) -> None:
        """None: the heat map itself is hidden."""

    def capacity_bytes(self, layout: Layout, width: int, height: int, frames: int) -> None:
        """None: every frame has room for its heat map."""

    def expected_distortion(
        self, layout: Layout, width: int, height: int, frames: int, payload_bytes: int
    ) -> None:
        """None: it depends on the heat map."""

    def differs(
        self,
        old: Sequence[FrameContent],
        new: Sequence[FrameContent],
        number: int,  # noqa: ARG002 - a frame has its own number
        size: tuple[int, int],
    ) -> bool:
        """Whether any drawing differs."""
        return drawings_differ(old, new, size)


@dataclass(frozen=True, slots=True)
class FrameWindows(DrawingWindows):
    """Codec of one-frame windows of a frame carrier; implements :class:`.base.WindowCodec`.

    Attributes:
        carrier: the frame carrier.
    """

    carrier: Carrier

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:  # noqa: ARG002 - always one
        """One frame."""
        return WindowSpan(None, 1)

    def embed_window(
        self,
        covers: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,  # noqa: ARG002 - a frame has its own number
    ) -> list[Embedded]:
        """Embed each frame."""
        return [self.carrier.embed(*pair) for pair in zip(covers, contents, strict=True)]

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,  # noqa: ARG002 - a frame has its own number
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),
    ) -> list[Embedded]:
        """Replace the content of each frame."""
        originals = [None] * len(stegos) if covers is None else covers
        outlines = unmarked or [()] * len(stegos)
        rows = zip(stegos, contents, originals, outlines, strict=True)
        return [self.carrier.replace(*row) for row in rows]

    def extractor(self) -> FrameExtractor:
        """An extractor that returns each frame at once."""
        return FrameExtractor(self.carrier)


@dataclass(frozen=True, slots=True)
class FrameExtractor:
    """Extractor of a frame carrier: each frame is returned at once.

    Attributes:
        carrier: the frame carrier.
    """

    carrier: Carrier

    @property
    def reach_s(self) -> Fraction:
        """A frame depends on itself alone."""
        return Fraction(0)

    def feed(self, stego: Frame, hint: Hint) -> tuple[Read, ...]:
        """Return the frame with its content."""
        return ((stego, self.carrier.extract(stego, hint)),)

    def finish(self) -> tuple[Read, ...]:
        """No frame waits."""
        return ()


@runtime_checkable
class FrameReplacer(Protocol):
    """What a window carrier offers beside, if frames need no window when their content is replaced.

    Attributes:
        replaces_frames: whether, without the covers, the result for a frame depends on this frame alone.
    """

    replaces_frames: ClassVar[bool]


def replaces_frames(carrier: AnyCarrier) -> bool:
    """Whether a carrier replaces the content of each frame by itself if the covers are not given."""
    return isinstance(carrier, Carrier) or (isinstance(carrier, FrameReplacer) and carrier.replaces_frames)


def window_codec(carrier: AnyCarrier) -> WindowCodec:
    """The codec of a carrier's windows, which are single frames for a frame carrier."""
    return FrameWindows(carrier) if isinstance(carrier, Carrier) else carrier
