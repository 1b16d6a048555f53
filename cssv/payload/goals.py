"""Goals of objects: an index where the place is known, else its coordinates."""

from __future__ import annotations

from cssv.payload.integers import read_unsigned, write_unsigned
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.payload.reals import Real, read_sensed, round_sensed, write_sensed
from cssv.scene import Point

#: The goals of a segment with the formats of their coordinates.
GOALS: dict[str, tuple[Real, ...]] = {
    "goal_m": (Real(-1e9, 1e9, 10),) * 2,
    "goal_px": (Real(-1e6, 1e6, 10),) * 2,
}


def round_goal(name: str, goal: Point | None) -> Point | None:
    """The goal that a reader gets."""
    return None if goal is None else round_sensed(goal, GOALS[name])


class Goals:
    """The goals of the segments so far, by name."""

    def __init__(self) -> None:
        self._known: dict[str, list[Point]] = {name: [] for name in GOALS}

    def write(self, writer: BitWriter, name: str, goal: Point | None) -> None:
        """Write a rounded goal, or None."""
        known = self._known[name]
        if goal is None:
            write_unsigned(writer, name, 0)
        elif goal in known:
            write_unsigned(writer, name, 1 + known.index(goal))
        else:
            write_unsigned(writer, name, 1 + len(known))
            known.append(goal)
            write_sensed(writer, goal, GOALS[name])

    def read(self, reader: RangeDecoder, name: str) -> Point | None:
        """Inverse of :meth:`write`.

        Raises:
            FramingError: there is no goal of this index, or a number exceeds its bound.
        """
        known = self._known[name]
        index = read_unsigned(reader, name, 1 + len(known))
        if index == 0:
            return None
        if index == 1 + len(known):
            known.append(read_sensed(reader, Point, GOALS[name]))
        return known[index - 1]
