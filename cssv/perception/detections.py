"""Detections of one frame: boxes, scores, labels and optional identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from cssv.boxes import ANY_OBJECT, F64, I64, LARGEST_NUMBER, LARGEST_PX, LEAST_SIDE_PX, UNKNOWN_ID
from cssv.errors import LONGEST_QUOTE, BoxesError, OptionError, OptionTypeError, check_choice
from cssv.perception.detector_results import read_results, to_plain

_REMEDY = "Make them by `cssv.detections`."
#: What the four numbers of a box are: place and size, or two corners.
BoxForm = Literal["xywh", "xyxy"]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The detected objects of one frame, in any order. Arrays are read-only.

    Attributes:
        boxes_px: float64 (n, 4): x, y, width, height in pixels; x, y is the top left corner, measured
            from the top left of the frame. Within :data:`LARGEST_PX`; width and height at least
            :data:`LEAST_SIDE_PX`. A box can extend beyond the frame.
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
        self._check_types()
        count = len(self.boxes_px) if self.boxes_px.ndim else 0
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
        if count and self.boxes_px[:, 2:].min() < LEAST_SIDE_PX:
            raise BoxesError(
                "a box has no area",
                found=self.boxes_px[:, 2:].min(),
                bound=f"sizes of at least {LEAST_SIDE_PX:g} px",
            )
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

    def _check_types(self) -> None:
        arrays = {"boxes": self.boxes_px, "scores": self.scores, "ids": self.ids}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
                raise BoxesError(f"{name} are not an array of numbers", found=_quoted(array), remedy=_REMEDY)
        if not isinstance(self.labels, tuple):
            raise BoxesError("labels are not a tuple of texts", found=_quoted(self.labels), remedy=_REMEDY)

    def __len__(self) -> int:
        return len(self.boxes_px)

    def at_least(self, min_score: float) -> Detections:
        """Select the detections with a score of at least ``min_score``."""
        if not isinstance(min_score, Real):
            raise OptionTypeError("a score is a number", found=_quoted(min_score))
        return self.select(np.flatnonzero(self.scores >= min_score))

    def best(self, count: int) -> Detections:
        """Select the ``count`` highest scores, in their present order; of equal scores the first."""
        if not isinstance(count, Integral) or count < 0:
            raise OptionTypeError("a number of detections is a whole number", found=_quoted(count))
        # A stable sort makes the choice among equal scores reproducible.
        order = np.argsort(-self.scores, kind="stable")
        return self.select(np.sort(order[:count]))

    def select(self, kept: I64) -> Detections:
        """Select the detections at these positions."""
        if len(kept) == len(self):
            return self
        labels = tuple(self.labels[k] for k in kept)
        return Detections(self.boxes_px[kept], self.scores[kept], labels, self.ids[kept])


def _quoted(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:LONGEST_QUOTE]


def _check_labels(labels: Sequence[str]) -> None:
    try:
        "".join(labels).encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise BoxesError("a label is not a string that UTF-8 can encode", found=str(error)) from error


def detections(
    boxes_px: object,
    scores: ArrayLike | None = None,
    labels: Sequence[str] | str | None = None,
    ids: ArrayLike | None = None,
    *,
    form: BoxForm | None = None,
) -> Detections:
    """Build detections from array-likes, or from the results of a detector of another package.

    Of such results, ``supervision.Detections`` and the ``Results`` of one picture of ultralytics are known.
    They state boxes, scores, names of classes and identities; an argument that is given replaces theirs. For
    what is stated nowhere, the score is 1, the label ``"object"``, and there is no identity. Tensors are
    fetched from their device.

    Args:
        boxes_px: (n, 4) numbers in pixels, origin at the frame's top left corner; or the results.
        scores: (n,) 0 to 1.
        labels: one for all boxes, or one per box.
        ids: (n,) identities, -1 for unknown.
        form: what the four numbers of a box are: ``"xywh"``, left, top, width and height, which is the
            default of arrays; or ``"xyxy"``, left, top, right and bottom, as in results.

    Raises:
        BoxesError: see :class:`Detections`; boxes of another shape; corners in the wrong order; results
            without boxes, or of several pictures.
        OptionError: an unknown form, or ``"xywh"`` for results.
    """
    if form is not None:
        check_choice("form of boxes", form, get_args(BoxForm))
    results = read_results(boxes_px)
    if results is not None:
        if form == "xywh":
            raise OptionError(
                "results of a detector hold corners", found=form, bound="xyxy", remedy="Leave out `form=`."
            )
        boxes_px, form = results.corners_px, "xyxy"
        scores = results.scores if scores is None else scores  # type: ignore[assignment]  # checked below
        labels = results.labels if labels is None else labels
        ids = results.ids if ids is None else ids  # type: ignore[assignment]  # checked below
    boxes = _rows_of_four(_numbers("boxes", boxes_px))
    if form == "xyxy":
        boxes = _from_corners(boxes)
    labels = ANY_OBJECT if labels is None else labels
    if not isinstance(labels, str | Sequence | np.ndarray) or isinstance(labels, bytes):
        raise BoxesError("labels are no texts", found=_quoted(labels), bound="one text, or one per box")
    count = len(boxes)
    return Detections(
        boxes,
        np.ones(count) if scores is None else _numbers("scores", scores),
        (labels,) * count if isinstance(labels, str) else tuple(labels),
        np.full(count, UNKNOWN_ID, dtype=np.int64) if ids is None else _identities(ids),
    )


def _rows_of_four(boxes: F64) -> F64:
    """The boxes as (n, 4)."""
    # One box, or several in one row of numbers. Rows of another length would mix several boxes.
    if boxes.size == 0 or (boxes.ndim == 1 and boxes.size % 4 == 0):
        return boxes.reshape(-1, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise BoxesError(
            "boxes are not rows of four numbers",
            found=f"shape {boxes.shape}",
            bound="(n, 4)",
            remedy="Give scores, labels and identities by `scores=`, `labels=` and `ids=`.",
        )
    return boxes


def _from_corners(corners: F64) -> F64:
    """Left, top, right and bottom edges as left, top, width and height."""
    # NaN and infinity are left to the check of the boxes.
    wrong = ((corners[:, 2:] < corners[:, :2]) & np.isfinite(corners).all(axis=1, keepdims=True)).any(axis=1)
    if wrong.any():
        raise BoxesError(
            "the corners of a box are in the wrong order",
            found=str(corners[wrong][0].tolist()),
            bound="left, top, right, bottom",
            remedy='Give `form="xywh"` if these are left, top, width and height.',
        )
    with np.errstate(invalid="ignore"):  # infinite corners
        return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])


def _numbers(name: str, values: object) -> F64:
    try:
        return np.array(to_plain(values), dtype=np.float64)
    # RuntimeError: of tensors that cannot be fetched.
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise BoxesError(f"{name} are not numbers", found=_quoted(values)) from error


def _identities(values: object) -> I64:
    numbers = _numbers("ids", values)
    # Not by a cast, which would cut off fractions and turn infinity into some number.
    if not (np.isfinite(numbers) & (np.rint(numbers) == numbers) & (np.abs(numbers) < 2.0**53)).all():
        raise BoxesError("ids are not whole numbers", found=_quoted(values))
    return numbers.astype(np.int64)


#: Detections of a frame without objects.
EMPTY = detections([])
