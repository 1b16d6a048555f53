"""Which version was made from which, as lines of text.

Lanes are two columns wide and never cross: children of one version stand side by side, so a version's
lanes meet in its own. A lane that comes in between pushes the others to the right, and where lanes end
the others come back; that takes lines of their own.

::

    * 6
    | * 5
    |/
    * 2
    * 1
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field


def draw_blocks(rows: Sequence[tuple[int, int]], heights: Sequence[int]) -> list[tuple[str, ...]]:
    """Draw the lanes of a forest of versions.

    Args:
        rows: number and parent of each version, the newest first. A parent that is not further down counts as
            none.
        heights: lines of text of each row, at least 1.

    Returns:
        The lines of each row, without trailing space. The first has its ``*``; the next ``height - 1`` stand
        beside the rest of its text; those after them connect it to the next row.
    """
    forest = _Forest(rows)
    drawing = _Drawing()
    blocks: list[tuple[str, ...]] = []
    for row, height in enumerate(heights):
        connecting = drawing.enter(row, forest)
        # Lines that connect two rows stand after the text of the upper one.
        if blocks:
            blocks[-1] += connecting
        blocks.append(drawing.stand(row, forest, height))
    return blocks


class _Forest:
    """Parents by their rows, and the places of all rows from left to right."""

    def __init__(self, rows: Sequence[tuple[int, int]]) -> None:
        index = {number: row for row, (number, _) in enumerate(rows)}
        found = [index.get(parent) for _, parent in rows]
        self.parents = [p if p is not None and p > row else None for row, p in enumerate(found)]
        children: list[list[int]] = [[] for _ in rows]
        newest = list(range(len(rows)))
        roots = []
        for row, parent in enumerate(self.parents):
            # Every child has been here before its parent, so what is newest below is known.
            children[row].sort(key=newest.__getitem__)
            if parent is None:
                roots.append(row)
            else:
                children[parent].append(row)
                newest[parent] = min(newest[parent], newest[row])
        self.places = [0] * len(rows)
        waiting = sorted(roots, key=newest.__getitem__, reverse=True)
        for place in range(len(rows)):
            row = waiting.pop()
            self.places[row] = place
            waiting += reversed(children[row])


@dataclass(slots=True)
class _Drawing:
    """The lanes after the last line.

    Attributes:
        lanes: the row that each came from, in the order of their places.
        ended: lane that the last row, a root, left empty; its place among ``lanes``.
    """

    lanes: list[int] = field(default_factory=list)
    ended: int | None = None

    def enter(self, row: int, forest: _Forest) -> tuple[str, ...]:
        """Make the lanes ready for a row: one of them is its own. Returns the lines that this takes."""
        own = [k for k, child in enumerate(self.lanes) if forest.parents[child] == row]
        if own:
            return (*self._close(), *self._merge(row, own[0], len(own)))
        places = [forest.places[child] for child in self.lanes]
        k = bisect_left(places, forest.places[row])
        if self.ended == k:
            self.ended = None
            # Without a line between them the two would read as parent and child.
            lines = [_line(["|"] * k + [" "] + ["|"] * (len(self.lanes) - k))]
        else:
            lines = [*self._close()]
            if k < len(self.lanes):
                lines.append("| " * k + " " + " ".join("\\" * (len(self.lanes) - k)))
        self.lanes.insert(k, row)
        return tuple(lines)

    def stand(self, row: int, forest: _Forest, height: int) -> tuple[str, ...]:
        """Draw the row beside its text."""
        k = self.lanes.index(row)
        marks = ["|"] * len(self.lanes)
        is_root = forest.parents[row] is None
        marks[k] = " " if is_root else "|"
        beside = _line(marks)
        marks[k] = "*"
        if is_root:
            del self.lanes[k]
            self.ended = k
        return (_line(marks), *[beside] * (height - 1))

    def _close(self) -> list[str]:
        """Close the gap of an ended lane, if lanes stand to the right of it."""
        k, self.ended = self.ended, None
        if k is None or k == len(self.lanes):
            return []
        return ["| " * k + " " + " ".join("/" * (len(self.lanes) - k))]

    def _merge(self, row: int, first: int, count: int) -> list[str]:
        """Lead ``count`` lanes from ``first`` on into one, the row's own."""
        lines = []
        while count > 1:
            moving = len(self.lanes) - first - 1
            lines.append("| " * first + "|" + " ".join("/" * moving))
            del self.lanes[first + 1]
            count -= 1
        self.lanes[first] = row
        return lines


def _line(marks: Sequence[str]) -> str:
    return " ".join(marks).rstrip()
