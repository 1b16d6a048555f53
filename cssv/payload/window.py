"""Windows: the objects of a short time as integers, independent of any other window.

:mod:`cssv.payload.window_bytes` writes and reads windows, :mod:`cssv.payload.window_fit` makes windows of
states, and :mod:`cssv.payload.window_states` states of windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.payload.channels import BOX, DENSITY, I64, MOTION, TEMPERATURE, TURN, UNITS_A_PX
from cssv.payload.curves import Curve, time_axis
from cssv.payload.scene_part import ScenePart
from cssv.scene import Point, Ranges
from cssv.template.drawing import Selector

#: Most segments of a window, and most frames of all its segments together.
MOST_SEGMENTS, MOST_STATES = 4096, 1 << 17
#: A score is a multiple of 1 / SCORES.
SCORES = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One object over successive frames of a window, with the same facts in all of them.

    Attributes:
        track: identity, 0 to 2^32 - 2.
        start, count: its first frame, counted from that of the window, and its number of frames.
        label: class name, may be empty.
        name: None if it has none.
        selector: which drawing; None chooses by what is known.
        is_given: whether the scene gives it outright.
        goal_m, goal_px: where it is heading; None if unknown.
        score: its mean score, a multiple of 1/16: 0 to 16.
        has_motion, has_turn, has_temperature, has_density: the groups of channels that are held. There is no
            turn without motion.
        outline: coefficients of its outline (:mod:`cssv.payload.outlines`); None if it is not held.
        reach: over which share of the window's frames its slopes reach, an index.
        curves: one for each of :attr:`channels`.
    """

    track: int
    start: int
    count: int
    label: str = ""
    name: str | None = None
    selector: Selector | None = None
    is_given: bool = False
    goal_m: Point | None = None
    goal_px: Point | None = None
    score: int = SCORES
    has_motion: bool = False
    has_turn: bool = False
    has_temperature: bool = False
    has_density: bool = False
    outline: tuple[int, ...] | None = None
    reach: int = 0
    curves: tuple[Curve, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels in order."""
        groups = (
            (self.has_motion, MOTION),
            (self.has_motion and self.has_turn, TURN),
            (self.has_temperature, TEMPERATURE),
            (self.has_density, DENSITY),
        )
        return BOX + sum((names for known, names in groups if known), ())


@dataclass(frozen=True, slots=True)
class Window:
    """The objects of a short time.

    Attributes:
        number: number of the first frame in the clip, from 0.
        pts: presentation times of its frames, growing, at least one.
        time_base: seconds per unit of ``pts``.
        size: width and height of the frames.
        ranges: of all values except boxes; ends are numbers of single precision.
        bound: largest error of a box's centre, foot, width and height, in 1/16 px.
        segments: by track, then by start.
        part: what it tells of the scene beside its objects; None tells nothing.
    """

    number: int
    pts: tuple[int, ...]
    time_base: Fraction
    size: tuple[int, int]
    ranges: Ranges
    bound: int = UNITS_A_PX
    segments: tuple[Segment, ...] = ()
    part: ScenePart | None = None

    def axis_of(self, segment: Segment) -> I64:
        """The abscissae of a segment's frames."""
        return time_axis(self.pts[segment.start : segment.start + segment.count])
