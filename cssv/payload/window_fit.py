"""Windows from the states of objects: segments, and the shortest curves within the bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np

from cssv.errors import FramingError
from cssv.payload.channels import (
    AXIS_BOUND,
    BOX,
    F64,
    MOTION,
    UNITS_A_PX,
    UNITS_A_RANGE,
    bound_of,
    sigma_to_units,
    to_units,
)
from cssv.payload.curves import I64, Method, evaluate, write_curve
from cssv.payload.expectation import Expectation
from cssv.payload.facts import write_facts, write_reach
from cssv.payload.fitting import ALL_METHODS, fit_curve
from cssv.payload.goals import round_goal
from cssv.payload.head import single_precision, write_head
from cssv.payload.models import Models, Table
from cssv.payload.motion import REACHES, slopes
from cssv.payload.outlines import fit_outline
from cssv.payload.range_coder import LengthMeter
from cssv.payload.texts import Texts, cut_text
from cssv.payload.window import MOST_STATES, SCORES, Segment, Window
from cssv.payload.window_scene import part_of
from cssv.scene import Ranges, Scene
from cssv.template.certainty import value_certainty
from cssv.template.state import ObjectState

#: Bits of a change of the reach.
_OTHER_REACH = 2


@dataclass(slots=True)
class _Run:
    """Successive states with the same facts."""

    segment: Segment
    states: list[ObjectState]


def fit_window(
    number: int,
    pts: Sequence[int],
    time_base: Fraction,
    size: tuple[int, int],
    ranges: Ranges,
    objects: Sequence[Iterable[ObjectState]],
    bound_px: float = 1.0,
    priors: Table | None = None,
    *,
    halves: bool = True,
    halves_above: float = 0.0,
    scene: Scene | None = None,
    turn: int = 0,
    methods: Collection[Method] = ALL_METHODS,
    outlines: Sequence[Mapping[int, F64]] | None = None,
) -> Window:
    """The window of the fewest bytes that holds the objects of its frames.

    A box's centre, foot, width and height are kept within ``bound_px``, all other values within 1/32 of their
    range, with two exceptions: a deviation above the range becomes the range, and the velocities from the
    past and to the future frames are kept within 1/16. The score becomes the mean of a segment. Labels and
    names are cut to 255 bytes.

    Args:
        number: number of the first frame in the clip.
        pts: presentation times of the frames.
        time_base: seconds per unit of ``pts``.
        size: width and height of the frames.
        ranges: of the values; they are rounded to single precision.
        objects: the objects of each frame.
        bound_px: largest error of boxes, in steps of 1/16 px.
        priors: the states of the models at the beginning; by default those shipped.
        halves: whether the velocities from the past and to the future frames are held; if not, they become
            their mean.
        halves_above: share of the range of speeds. An object whose velocities from the past and to the future
            frames never differ by more from their mean gets the mean.
        scene: what the window tells one part of; None tells nothing but the objects.
        turn: place of the window in the clip, from 0; it chooses the part.
        outlines: of each frame the shares of outlines by track, as :func:`.radii_to_shares` gives them; a
            segment holds their mean. None holds no outlines.
        methods: those that curves may have; deltas always may.

    Raises:
        FramingError: a number does not fit.
    """
    frames = [tuple(states) for states in objects]
    if sum(map(len, frames)) > MOST_STATES:
        raise FramingError(
            "a window holds too many objects",
            bound=f"{MOST_STATES} in all its frames",
            remedy="Make the window shorter.",
        )
    runs = _runs(frames, halves=halves)
    for run in runs:
        if run.segment.has_turn and _largest_turn(run.states, ranges) <= halves_above:
            run.segment = replace(run.segment, has_turn=False)
    if outlines is not None:
        for run in runs:
            run.segment = replace(run.segment, outline=_outline_of(run.segment, outlines))
    spans = {each.name: single_precision(getattr(ranges, each.name)) for each in fields(Ranges)}
    bound = round(bound_px * UNITS_A_PX)
    part = None if scene is None else part_of(scene, turn)
    head = Window(number, tuple(pts), time_base, size, Ranges(**spans), bound, part=part)
    window = replace(head, segments=tuple(run.segment for run in runs))
    meter, expectation, texts = LengthMeter(Models(priors)), Expectation(), Texts()
    write_head(meter, window)
    fitted = []
    for run in runs:
        write_facts(meter, run.segment, len(pts), expectation, texts)
        fitted.append(_fit_segment(run, head, meter, expectation, methods))
    return replace(head, segments=tuple(fitted))


def _facts_of(state: ObjectState, *, halves: bool) -> Segment:
    """The facts of a state that hold for a whole segment."""
    return Segment(
        track=state.track,
        start=0,
        count=1,
        label=cut_text(state.label),
        name=None if state.name is None else cut_text(state.name),
        selector=state.selector,
        is_given=state.is_given,
        goal_m=round_goal("goal_m", state.goal_m),
        goal_px=round_goal("goal_px", state.goal_px),
        has_motion=bool(np.isfinite(state.sigma_px_s)),
        has_turn=halves and bool(np.isfinite(state.sigma_px_s)),
        has_temperature=state.temperature_c is not None,
        has_density=state.density_kg_m3 is not None,
    )


def _runs(objects: Sequence[Iterable[ObjectState]], *, halves: bool) -> list[_Run]:
    """The states of each object, split where it is missing or its facts change; by track, then by start."""
    done: list[_Run] = []
    current: dict[int, _Run] = {}
    for at, states in enumerate(objects):
        for state in states:
            facts, run = _facts_of(state, halves=halves), current.get(state.track)
            continues = run is not None and run.segment.start + len(run.states) == at
            if run is not None and continues and replace(run.segment, start=0) == facts:
                run.states.append(state)
            else:
                current[state.track] = _Run(replace(facts, start=at), [state])
                done.append(current[state.track])
    for run in done:
        score = round(SCORES * float(np.mean([state.score for state in run.states])))
        run.segment = replace(run.segment, count=len(run.states), score=min(max(score, 0), SCORES))
    return sorted(done, key=lambda run: (run.segment.track, run.segment.start))


def _largest_turn(states: Sequence[ObjectState], ranges: Ranges) -> float:
    """Largest difference of the velocities from their mean, as a share of the range of speeds."""
    past, future = (
        np.array([getattr(state, name) for state in states]) for name in ("past_px_s", "future_px_s")
    )
    low, high = ranges.speed_px_s
    return float(np.hypot(*((future - past) / 2).T).max() / (high - low))


def _outline_of(segment: Segment, outlines: Sequence[Mapping[int, F64]]) -> tuple[int, ...] | None:
    """The mean outline of a segment; None if no frame has one."""
    frames = outlines[segment.start : segment.start + segment.count]
    known = [frame[segment.track] for frame in frames if segment.track in frame]
    return fit_outline(known) if known else None


def _fit_segment(
    run: _Run, head: Window, meter: LengthMeter, expectation: Expectation, methods: Collection[Method]
) -> Segment:
    """The segment with its curves, which are also written to the meter."""
    segment = run.segment
    axis, curves = head.axis_of(segment), []
    decoded: dict[str, I64] = {}
    wanted = _values(run.states, head.ranges, segment)
    for channel in segment.channels:
        if channel == MOTION[0]:
            # The slopes are those of the decoded boxes, which are known only now.
            reach, velocities = _velocities(run, head, decoded, expectation.reach)
            wanted |= velocities
            segment = replace(segment, reach=reach)
            write_reach(meter, reach, expectation)
        bound, expected = bound_of(channel, head.bound), expectation.of(channel)
        curve = fit_curve(wanted[channel], axis, bound, meter.models, channel, expected, methods)
        write_curve(meter, channel, curve, bound, expected)
        decoded[channel] = evaluate(curve, axis, bound)
        expectation.note(channel, decoded[channel])
        curves.append(curve)
    return replace(segment, curves=tuple(curves))


def _values(states: Sequence[ObjectState], ranges: Ranges, segment: Segment) -> dict[str, F64]:
    """What the channels shall hold, in their units; velocities excepted."""
    boxes = np.array([state.box_px for state in states]) * UNITS_A_PX
    centre = boxes[:, 0] + boxes[:, 2] / 2
    box = (boxes[:, 1] + boxes[:, 3], boxes[:, 3], boxes[:, 2], centre)
    values = dict(zip(BOX, box, strict=True))
    if segment.has_motion:
        sigma = np.array([state.sigma_px_s for state in states])
        values["sigma"] = sigma_to_units(sigma, ranges.speed_px_s)
    for name, span, sensed in (
        ("temperature", ranges.temperature_c, [state.temperature_c for state in states]),
        ("density", ranges.density_kg_m3, [state.density_kg_m3 for state in states]),
    ):
        known = [each for each in sensed if each is not None]
        if known:
            certainties = [value_certainty(each, span) for each in known]
            values[name] = to_units(np.array([each.value for each in known]), span)
            values[f"{name}_certainty"] = np.array(certainties) * UNITS_A_RANGE
    return values


def _velocities(
    run: _Run, head: Window, decoded: Mapping[str, I64], before: int
) -> tuple[int, dict[str, F64]]:
    """The best reach of slopes, and the channels of velocity and turn in units of the range.

    The velocity is what the slopes of the decoded boxes lack. The turn is half the difference of the
    velocities to the future frames and from the past frames.

    Args:
        run: the segment and its states.
        head: the window.
        decoded: the decoded channels of the box.
        before: the reach of the segment before; another one costs about as much as _OTHER_REACH.
    """
    span = head.ranges.speed_px_s
    unit = (span[1] - span[0]) / UNITS_A_RANGE
    past, future = (
        np.array([getattr(state, name) for state in run.states]) / unit
        for name in ("past_px_s", "future_px_s")
    )
    lacking = [
        (past + future) / 2 - slopes(head, replace(run.segment, reach=reach), decoded)
        for reach in range(len(REACHES))
    ]
    best = min(
        range(len(REACHES)), key=lambda reach: _roughness(lacking[reach]) + _OTHER_REACH * (reach != before)
    )
    wanted = {"velocity": lacking[best], "turn": (future - past) / 2}
    return best, {
        f"{name}_{axis}": values[:, k] for name, values in wanted.items() for k, axis in enumerate("xy")
    }


def _roughness(lacking: F64) -> float:
    """About the bits of the curves of a velocity: those of its size, its extent and its steps."""
    steps = lacking / AXIS_BOUND
    extents = np.log2(1 + np.abs(steps).max(axis=0)) + np.log2(1 + np.ptp(steps, axis=0) / 2)
    return float(2 * extents.sum() + np.abs(np.diff(steps, axis=0)).sum() / 2)
