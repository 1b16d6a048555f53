"""Labels of an object, weighted by the evidence for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.boxes import ANY_OBJECT, I64
from cssv.perception.kinematics import Bools

#: An object also has another label than its first one if that has at least this share of the evidence.
OTHER_SHARE = 0.1
#: A stream keeps the label of an object until another one has this many times its evidence.
CLEAR_LEAD = 1.25


class LabelVotes:
    """The labels of one object's boxes, each with the sum of their evidence.

    A network can name one vehicle a car in one frame and a truck in the next. The general label states no
    class and has no vote.
    """

    __slots__ = ("_names", "_weights")

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._names: frozenset[str] | None = frozenset()

    def add(self, label: str, worth: float) -> None:
        """Add a box with this label and evidence (:func:`cssv.perception.evidence.evidence`)."""
        if label != ANY_OBJECT:
            self._weights[label] = self._weights.get(label, 0.0) + worth
            self._names = None

    @property
    def best(self) -> str:
        """The label with most evidence, of equal ones the first; the general label without any other."""
        return max(self._weights, key=self._weights.__getitem__, default=ANY_OBJECT)

    def settled(self, before: str) -> str:
        """The label of an object that was called ``before`` so far; it changes only for a clear lead."""
        best = self.best
        is_clear = self._weights.get(best, 0.0) >= CLEAR_LEAD * self._weights.get(before, 0.0)
        return best if is_clear else before

    @property
    def names(self) -> frozenset[str]:
        """The labels that the object may have; empty if no class is known."""
        if self._names is None:
            least = OTHER_SHARE * max(self._weights.values())
            self._names = frozenset(label for label, worth in self._weights.items() if worth >= least)
        return self._names

    def fits(self, label: str) -> bool:
        """True if a box with this label can belong to the object."""
        return label == ANY_OBJECT or not self.names or label in self.names


def unfit(labels: Sequence[str], objects: Sequence[LabelVotes]) -> tuple[I64, Bools]:
    """Find the objects that boxes with these labels do not fit.

    Returns:
        (n,) row of each label in the table, and (rows, objects) True where the label does not fit.
    """
    rows = {label: row for row, label in enumerate(dict.fromkeys(labels))}
    table = np.zeros((len(rows), len(objects)), dtype=np.bool_)
    for label, row in rows.items():
        if label != ANY_OBJECT:
            table[row] = [not votes.fits(label) for votes in objects]
    return np.array([rows[label] for label in labels], dtype=np.int64), table
