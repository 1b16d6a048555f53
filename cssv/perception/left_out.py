"""Count of what tracking leaves out, so that no detection is lost without a note."""

from __future__ import annotations

import math

from cssv.boxes import F64
from cssv.perception.selection import STEADY_SCORE

#: Fewer boxes than this that belong to no object are not noted: they could not be an object.
FEWEST_NOTED = 5


class LeftOut:
    """Numbers of objects and boxes left out for their scores, with the range of these, or for their rest."""

    def __init__(self) -> None:
        self._objects = self._object_boxes = self._single_boxes = 0
        self._low, self._high = math.inf, -math.inf
        self._still_objects = self._still_boxes = 0

    def add_object(self, boxes: int, low: float, high: float) -> None:
        """Add an object of ``boxes`` boxes with scores from ``low`` to ``high``."""
        self._objects += 1
        self._object_boxes += boxes
        self._low, self._high = min(self._low, low), max(self._high, high)

    def add_still(self, boxes: int) -> None:
        """Add an object of ``boxes`` boxes that never moved."""
        self._still_objects += 1
        self._still_boxes += boxes

    def add_boxes(self, scores: F64) -> None:
        """Add boxes of these scores that belong to no object."""
        if len(scores):
            self._single_boxes += len(scores)
            self._low, self._high = min(self._low, scores.min()), max(self._high, scores.max())

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each reason, none if nothing was left out."""
        return (*self._notes_of_scores(), *self._notes_of_rest())

    def _notes_of_rest(self) -> tuple[str, ...]:
        if not self._still_objects:
            return ()
        return (
            f"{_count(self._still_boxes, 'box', 'es')} of {_count(self._still_objects, 'object')} left out "
            "because they never moved; the detector finds moving objects only",
        )

    def _notes_of_scores(self) -> tuple[str, ...]:
        parts = []
        if self._objects:
            parts.append(f"{_count(self._object_boxes, 'box', 'es')} of {_count(self._objects, 'object')}")
        if self._single_boxes >= FEWEST_NOTED:
            parts.append(f"{_count(self._single_boxes, 'box', 'es')} of no object")
        if not parts:
            return ()
        scores = f"{self._low:.2f} to {self._high:.2f}"
        return (
            f"{' and '.join(parts)} left out, scores {scores}, low beside the others; boxes with ids, and "
            f"objects seen in every frame with scores from {STEADY_SCORE}, are always kept",
        )


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
