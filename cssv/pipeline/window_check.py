"""Check that frames of a file carry what was embedded in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from cssv.carriers.base import AnyCarrier, Hint
from cssv.carriers.windows import group_frames, window_codec
from cssv.frames import Frame, Layout


def windows_of(
    carrier: AnyCarrier, times: Iterable[Fraction], layout: Layout, size: tuple[int, int]
) -> Sequence[range]:
    """The windows of a clip, each as the numbers of its frames.

    Args:
        carrier: of the clip.
        times: presentation times of its frames in seconds.
        layout: of its frames.
        size: their width and height.
    """
    return group_frames(times, window_codec(carrier).span(layout, *size))


def whole_windows(numbers: Iterable[int], windows: Sequence[range]) -> Iterator[tuple[int, range]]:
    """The windows that hold any of some frames, with their numbers, in order.

    Args:
        numbers: ascending numbers of frames.
        windows: of the clip, from :func:`windows_of`.
    """
    starts, last = [window.start for window in windows], -1
    for number in numbers:
        at = bisect_right(starts, number) - 1
        if at != last:
            last = at
            yield at, windows[at]


def is_intact(carrier: AnyCarrier, frames: Iterable[Frame]) -> bool:
    """Whether everything that was embedded in the frames of a window reads back."""
    extractor, hint = window_codec(carrier).extractor(), Hint()
    for frame in frames:
        for _, found in extractor.feed(frame, hint):
            if found is None or not found.is_intact:
                return False
    return all(found is not None and found.is_intact for _, found in extractor.finish())
