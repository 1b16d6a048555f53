"""The facts of a segment: everything but its curves."""

from __future__ import annotations

from cssv.errors import FramingError
from cssv.payload.expectation import Expectation
from cssv.payload.goals import GOALS
from cssv.payload.integers import (
    LARGEST,
    read_symbol,
    read_unsigned,
    write_symbol,
    write_unsigned,
)
from cssv.payload.motion import REACHES
from cssv.payload.outlines import read_outline, write_outline
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.payload.texts import Texts
from cssv.payload.window import SCORES, Segment
from cssv.template.drawing import Selector

#: The symbol of "no selector".
_AUTOMATIC = len(Selector)
_FLAGS = ("is_given", "has_motion", "has_turn", "has_temperature", "has_density")


def write_facts(
    writer: BitWriter, segment: Segment, frames: int, expectation: Expectation, texts: Texts
) -> None:
    """Write the facts of a segment in a window of ``frames`` frames, and begin it in ``expectation``.

    Raises:
        FramingError: a fact does not fit.
    """
    end = segment.start + segment.count
    if not (0 <= segment.start < end <= frames and 0 <= segment.score <= SCORES):
        raise FramingError(
            "a segment does not fit its window",
            found=f"frames {segment.start} to {end - 1}, score {segment.score}",
            bound=f"frames 0 to {frames - 1}, score 0 to {SCORES}",
        )
    write_unsigned(writer, expectation.track_model, segment.track - expectation.track)
    write_unsigned(writer, "begin", segment.start)
    write_unsigned(writer, "end", frames - end)
    texts.write(writer, "label", segment.label or None)
    texts.write(writer, "name", segment.name)
    selector = _AUTOMATIC if segment.selector is None else int(segment.selector)
    write_symbol(writer, "selector", selector, _AUTOMATIC + 1)
    # A flag is mostly that of the segment before, so each value before has a model of its own.
    for flag in _FLAGS:
        value = int(getattr(segment, flag))
        writer.put_bit(flag, expectation.flags.get(flag, 2), value)
        expectation.flags[flag] = value
    for name in GOALS:
        expectation.goals.write(writer, name, getattr(segment, name))
    write_symbol(writer, "score", segment.score, SCORES + 1)
    write_outline(writer, segment.outline, expectation.has_outline)
    expectation.has_outline = int(segment.outline is not None)
    expectation.begin(segment.track)


def read_facts(reader: RangeDecoder, frames: int, expectation: Expectation, texts: Texts) -> Segment:
    """Inverse of :func:`write_facts`: a segment without curves.

    Raises:
        FramingError: a number exceeds its bound.
    """
    track = expectation.track + read_unsigned(reader, expectation.track_model, LARGEST - expectation.track)
    start = read_unsigned(reader, "begin", frames - 1)
    count = frames - start - read_unsigned(reader, "end", frames - 1 - start)
    label, name = texts.read(reader, "label"), texts.read(reader, "name")
    selector = read_symbol(reader, "selector", _AUTOMATIC + 1)
    for flag in _FLAGS:
        expectation.flags[flag] = reader.get_bit(flag, expectation.flags.get(flag, 2))
    goal_m, goal_px = (expectation.goals.read(reader, name) for name in GOALS)
    score = read_symbol(reader, "score", SCORES + 1)
    outline = read_outline(reader, expectation.has_outline)
    expectation.has_outline = int(outline is not None)
    expectation.begin(track)
    return Segment(
        track=track,
        start=start,
        count=count,
        label=label or "",
        name=name,
        selector=None if selector == _AUTOMATIC else Selector(selector),
        score=score,
        is_given=bool(expectation.flags["is_given"]),
        has_motion=bool(expectation.flags["has_motion"]),
        has_turn=bool(expectation.flags["has_turn"]),
        has_temperature=bool(expectation.flags["has_temperature"]),
        has_density=bool(expectation.flags["has_density"]),
        goal_m=goal_m,
        goal_px=goal_px,
        outline=outline,
    )


def write_reach(writer: BitWriter, reach: int, expectation: Expectation) -> None:
    """Write the reach of a segment's slopes."""
    # It is mostly that of the segment before.
    write_symbol(writer, f"reach{expectation.reach}", reach, len(REACHES))
    expectation.reach = reach


def read_reach(reader: RangeDecoder, expectation: Expectation) -> int:
    """Inverse of :func:`write_reach`."""
    expectation.reach = read_symbol(reader, f"reach{expectation.reach}", len(REACHES))
    return expectation.reach
