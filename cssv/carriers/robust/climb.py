"""Improvement of a geometry by a score, such as the agreement of bits that the reader knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from cssv.carriers.robust.geometry import Geometry, Sides

#: Score of a geometry; the higher, the better.
Score = Callable[[Geometry], float]

#: Most calls of the score.
MOST_CALLS = 120
#: Steps of the climb in sender pixels.
_STEPS = (0.5, 0.25, 0.12, 0.06)
#: Part of the best score that whole pixels must reach to be preferred. Pictures are cut at whole pixels.
_WHOLE = 0.97
#: Moves of the sides: both of a direction together, then each.
_MOVES = ((1, 0, 1, 0), (0, 1, 0, 1), (1, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 0, 0, 1))


def climb(
    geometry: Geometry, score: Score, noise: float = 0.0, most_calls: int = MOST_CALLS
) -> tuple[Geometry, float]:
    """Improve the sides of the content.

    Args:
        geometry: first estimate, about one sender pixel off.
        score: the higher, the better. It is called at most ``most_calls`` times.
        noise: scores that differ by no more tell nothing about the sides.
        most_calls: at least 1.

    Returns:
        The best geometry, and its score.
    """
    search = _Search(geometry, score, most_calls)
    start = geometry.content_sides
    search.add(start)
    search.try_whole(start)
    for step in _STEPS:
        search.climb(step)
    best = search.nearest_whole(start, noise)
    if best is None:
        search.try_whole(search.best)
        best = search.nearest_whole(start, noise) or search.best
    return geometry.with_content_sides(best), search.scores[best]


class _Search:
    """Scores of the sides that were tried."""

    def __init__(self, geometry: Geometry, score: Score, most_calls: int) -> None:
        self.scores: dict[Sides, float] = {}
        self.best: Sides = geometry.content_sides
        self._geometry, self._score, self._most_calls = geometry, score, most_calls

    @property
    def best_score(self) -> float:
        """Score of the best sides."""
        return self.scores[self.best]

    def add(self, sides: Sides) -> bool:
        """Try sides; whether they are better than all before."""
        if sides in self.scores or len(self.scores) >= self._most_calls:
            return False
        left, top, right, bottom = sides
        if right - left < 1 or bottom - top < 1:
            return False
        self.scores[sides] = self._score(self._geometry.with_content_sides(sides))
        if self.best not in self.scores or self.scores[sides] > self.best_score:
            self.best = sides
            return True
        return False

    def nearest_whole(self, start: Sides, noise: float) -> Sides | None:
        """Of the whole sides that are as good as the best ones, those nearest to ``start``.

        If there are any, the climb has led away from whole pixels by what noise explains. The pilot has more
        energy than the known chips: where these cannot decide, it does.
        """
        least = min(_WHOLE * self.best_score, self.best_score - noise)
        good = [sides for sides, score in self.scores.items() if score >= least and _is_whole(sides)]
        return min(good, key=lambda sides: float(np.abs(np.subtract(sides, start)).max()), default=None)

    def try_whole(self, start: Sides) -> None:
        """Try whole sides near ``start``, one direction after the other."""
        x, y, width, height = np.rint(start)
        best: Sides = (float(x), float(y), float(width), float(height))
        # Two rounds: the vertical sides may be wrong while the horizontal ones are chosen.
        for axis in (0, 1, 0):
            tried = list(self._tried(_whole_moves(best, axis)))
            if tried:
                best = max(tried, key=self.scores.__getitem__)

    def climb(self, step: float) -> None:
        """Move sides by ``step`` as long as that improves the score."""
        for move in _MOVES:
            for sign in (1, -1):
                while self.add(_moved(self.best, move, sign * step)):
                    pass

    def _tried(self, candidates: Iterable[Sides]) -> Iterator[Sides]:
        for sides in candidates:
            self.add(sides)
            if sides in self.scores:
                yield sides


def _is_whole(sides: Sides) -> bool:
    return all(float(side).is_integer() for side in sides)


def _whole_moves(sides: Sides, axis: int) -> list[Sides]:
    """The sides, and those with one or both sides of a direction moved by one pixel."""
    moves = [(0, 0), (1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)]
    return [_moved(sides, (near, 0, far, 0) if axis == 0 else (0, near, 0, far), 1.0) for near, far in moves]


def _moved(sides: Sides, move: tuple[int, int, int, int], step: float) -> Sides:
    left, top, right, bottom = (side + step * by for side, by in zip(sides, move, strict=True))
    return left, top, right, bottom
