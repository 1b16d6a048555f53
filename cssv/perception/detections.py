"""Detections of one frame: boxes, scores, labels and optional identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cssv.boxes import F64, I64, LARGEST_NUMBER, LARGEST_PX, UNKNOWN_ID
from cssv.errors import BoxesError

#: General label of an object of unknown class.
ANY_OBJECT = "object"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The detected objects of one frame, in any order. Arrays are read-only.

    Attributes:
        boxes_px: float64 (n, 4): x, y, width, height in pixels; x, y is the top left corner, measured
            from the top left of the frame. Within :data:`LARGEST_PX`; width and height above 0. A box can
            extend beyond the frame.
        scores: float64 (n,), 0 to 1.
        labels: n strings that can be encoded as UTF-8.
        ids: int64 (n,): identities from a tracking detector, below :data:`LARGEST_NUMBER`;
            :data:`UNKNOWN_ID` otherwise. No known identity occurs twice.

    Raises:
        BoxesError: an array violates one of these rules.
    """

    boxes_px: F64
    scores: F64
    labels: tuple[str, ...]
    ids: I64

    def __post_init__(self) -> None:
        count = len(self.boxes_px)
        shapes = (self.boxes_px.shape, self.scores.shape, (len(self.labels),), self.ids.shape)
        if shapes != ((count, 4), (count,), (count,), (count,)):
            raise BoxesError(
                "boxes, scores, labels and ids do not agree",
                found=f"shapes {shapes}",
                bound="(n, 4), (n,), (n,), (n,)",
            )
        # Written with a negation, because NaN fails every comparison.
        wrong = ~(np.abs(self.boxes_px) <= LARGEST_PX)
        if wrong.any():
            raise BoxesError(
                "a box is not finite or too far from the frame",
                found=self.boxes_px[wrong][0],
                bound=f"within {LARGEST_PX:.0f} px",
            )
        if count and self.boxes_px[:, 2:].min() <= 0:
            raise BoxesError("a box has no area", found=self.boxes_px[:, 2:].min(), bound="sizes above 0 px")
        if count and not (self.scores.min() >= 0 and self.scores.max() <= 1):
            raise BoxesError("a score is out of range", found=str(self.scores), bound="0 to 1")
        _check_labels(self.labels)
        known = self.ids[self.ids >= 0]
        if len(known) and known.max() >= LARGEST_NUMBER:
            raise BoxesError(
                "an identity is out of range", found=known.max(), bound=f"below {LARGEST_NUMBER}"
            )
        if len(np.unique(known)) != len(known):
            raise BoxesError("an identity occurs twice in one frame", found=str(known))
        for array in (self.boxes_px, self.scores, self.ids):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.boxes_px)

    def at_least(self, min_score: float) -> Detections:
        """Select the detections with a score of at least ``min_score``."""
        return self._of(np.flatnonzero(self.scores >= min_score))

    def best(self, count: int) -> Detections:
        """Select the ``count`` highest scores, in their present order; of equal scores the first."""
        # A stable sort makes the choice among equal scores reproducible.
        order = np.argsort(-self.scores, kind="stable")
        return self._of(np.sort(order[:count]))

    def _of(self, kept: I64) -> Detections:
        if len(kept) == len(self):
            return self
        labels = tuple(self.labels[k] for k in kept)
        return Detections(self.boxes_px[kept], self.scores[kept], labels, self.ids[kept])


def _check_labels(labels: Sequence[str]) -> None:
    try:
        "".join(labels).encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise BoxesError("a label is not a string that UTF-8 can encode", found=str(error)) from error


def detections(
    boxes_px: ArrayLike,
    scores: ArrayLike | None = None,
    labels: Sequence[str] | str = ANY_OBJECT,
    ids: ArrayLike | None = None,
) -> Detections:
    """Build detections from array-likes; defaults are score 1, label ``"object"`` and no identity.

    Args:
        boxes_px: (n, 4) x, y, w, h in pixels, origin at the frame's top left corner.
        scores: (n,) 0 to 1; 1 by default.
        labels: one for all boxes, or one per box.
        ids: (n,) identities, -1 for unknown; all unknown by default.

    Raises:
        BoxesError: see :class:`Detections`.
    """
    boxes = np.array(boxes_px, dtype=np.float64).reshape(-1, 4)
    count = len(boxes)
    return Detections(
        boxes,
        np.ones(count) if scores is None else np.array(scores, dtype=np.float64),
        (labels,) * count if isinstance(labels, str) else tuple(labels),
        np.full(count, UNKNOWN_ID, dtype=np.int64) if ids is None else np.array(ids, dtype=np.int64),
    )


#: Detections of a frame without objects.
EMPTY = detections([])
