"""Segments of a clip: runs of whole windows and groups of pictures that are embedded and coded on their own.

Where they begin depends on the clip, the carrier and the codec, and not on who codes them. So a file has the
same bytes, however many processes have coded its segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cssv.carriers.windows import WindowGrouping, window_codec
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.stego_coding import GroupRule
from cssv.pipeline.thermal_file import ThermalReadings
from cssv.pipeline.time_origin import TimeOrigin
from cssv.scene import Ranges, Scene
from cssv.video import gop_length

#: Least frames of a segment where frames are coded one by one. Shorter ones would cost time for each start of
#: the codec, and longer ones leave cores idle at the end of a short clip.
SEGMENT_FRAMES = 50


@dataclass(frozen=True, slots=True)
class ClipContent:
    """What all frames of a clip share.

    Attributes:
        scene: of the clip, in the clip's own times.
        config: how frames are drawn, hidden and coded; its carrier is prepared for the clip.
        annotator: gives the objects of each frame.
        thermal: readings of a thermal camera; None without one.
        ranges: values at the bottom and top of each ring.
    """

    scene: Scene
    config: EncoderConfig
    annotator: TrackAnnotator
    thermal: ThermalReadings | None
    ranges: Ranges


@dataclass(frozen=True, slots=True, eq=False)
class SegmentWork:
    """What all segments of a clip share. It is a plain value that can be pickled, and holds no open file.

    Attributes:
        plan: how the clip is opened.
        content: what its frames share.
        origin: the time of the clip at which the file begins.
        is_checked: whether what is coded is read back.
    """

    plan: ClipPlan
    content: ClipContent
    origin: TimeOrigin
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """Successive frames that are embedded and coded on their own.

    Attributes:
        frames: numbers of the frames in the part that is encoded.
        window: number of the first window of the carrier.
        is_last: whether the clip ends with it.
    """

    frames: range
    window: int
    is_last: bool


def plan_segments(work: SegmentWork) -> list[Segment]:
    """The segments of a clip, in order.

    Lossy groups of pictures with exact content are one segment each. Otherwise a segment ends at the first
    window that begins after as many frames as a group of pictures has.
    """
    starts = list(_starts(work))
    stops = [*(first for first, _ in starts[1:]), len(work.plan)]
    return [
        Segment(range(first, stop), window, stop == len(work.plan))
        for (first, window), stop in zip(starts, stops, strict=True)
    ]


def _starts(work: SegmentWork) -> Iterator[tuple[int, int]]:
    """The first frame and the number of the first window of each segment."""
    info, config = work.plan.info, work.content.config
    windows = WindowGrouping(window_codec(config.carrier).span(info.layout, info.width, info.height))
    rule = GroupRule(info) if config.has_regions else None
    length = _length(work)
    first, window = 0, -1
    for number, pts in enumerate(work.plan.part.pts.tolist()):
        moved = pts - work.origin.pts
        begins_window = windows.begins(moved * info.time_base)
        window += begins_window
        # A group that is too large is cut inside a window.
        begins = number - first >= length if rule is None else rule.begins(moved, begins_window=begins_window)
        if (begins and begins_window) or not number:
            first = number
            yield first, window


def _length(work: SegmentWork) -> int:
    """Frames of a segment, at least, where frames are coded one by one: whole groups of pictures."""
    gop = gop_length(work.content.config.settings, work.plan.info.rate)
    return gop * -(-SEGMENT_FRAMES // gop)
