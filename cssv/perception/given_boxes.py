"""Boxes that come with ids: the truth, such as annotations, or the detections of a tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64, I64
from cssv.errors import LONGEST_QUOTE, BoxesError, OptionError, OptionTypeError, did_you_mean
from cssv.perception.detections import Detections

#: What boxes with ids are: the truth, which is kept as given, or detections, which are smoothed.
BoxesAre = Literal["truth", "detections"]
BOXES_ARE: tuple[BoxesAre, ...] = ("truth", "detections")
TRUTH, DETECTIONS = BOXES_ARE
_NO_IDS = "boxes are stated to be the truth, but some have no id"
_IDS = "an id of 0 or more for each box"
_GIVE_IDS = "Give every box the id of its object, or leave out `boxes_are=`."


def check_boxes_are(boxes_are: object) -> None:
    """Raise an OptionError unless this is one of :data:`BOXES_ARE`, or None."""
    bound = ", ".join(BOXES_ARE)
    if boxes_are is None:
        return
    if not isinstance(boxes_are, str):
        raise OptionTypeError("boxes_are is not a name", found=repr(boxes_are)[:LONGEST_QUOTE], bound=bound)
    if boxes_are not in BOXES_ARE:
        remedy = did_you_mean(boxes_are, BOXES_ARE)
        raise OptionError("unknown boxes_are", found=boxes_are, bound=bound, remedy=remedy)


def check_ids(detections: Detections, boxes_are: BoxesAre | None) -> None:
    """Raise a BoxesError if all boxes are stated to be the truth, but one has no id."""
    unknown = int(np.count_nonzero(detections.ids < 0))
    # Without an id it is not known which boxes show the same object.
    if boxes_are == TRUTH and unknown:
        found = f"{unknown} of {len(detections)} boxes of a frame"
        raise BoxesError(_NO_IDS, found=found, bound=_IDS, remedy=_GIVE_IDS)


class TruthDecision:
    """The decision whether boxes with ids are the truth, from all boxes so far.

    Without ``boxes_are`` they are the truth until one of them has a score below 1, and never again after it:
    detectors give scores, annotations do not.

    Args:
        boxes_are: what they are; None decides by the scores.

    Raises:
        OptionError: ``boxes_are`` is none of :data:`BOXES_ARE`.
    """

    def __init__(self, boxes_are: BoxesAre | None = None) -> None:
        check_boxes_are(boxes_are)
        self._boxes_are = boxes_are
        self._first_id: int | None = None
        self._first_score: int | None = None

    def learn(self, number: int, detections: Detections) -> None:
        """Take the boxes of frame ``number``, the next one, into account."""
        scores = detections.scores[detections.ids >= 0]
        if self._first_id is None and len(scores):
            self._first_id = number
        if self._first_score is None and (scores < 1).any():
            self._first_score = number

    @property
    def is_truth(self) -> bool:
        """Whether boxes with ids are kept as given."""
        return self._first_score is None if self._boxes_are is None else self._boxes_are == TRUTH

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence where boxes were kept as given and nobody has stated that they are the truth."""
        if self._boxes_are is not None or self._first_id in (None, self._first_score):
            return ()
        reason = "no score is" if self.is_truth else f"frame {self._first_score} has a score"
        return (_note(TRUTH if self.is_truth else DETECTIONS, f"because {reason} below 1"),)


def ignored_entries(scores: F64, boxes_are: BoxesAre | None) -> NDArray[np.bool_]:
    """(n,) True for entries that a file marks as ignored, by score 0."""
    is_zero: NDArray[np.bool_] = scores == 0
    # Negative scores are log-odds or "no score", among which 0 is an ordinary value.
    is_flag = scores.min() >= 0
    # Tracks have score 0 in frames without a detection, beside scores below 1.
    if boxes_are == TRUTH:
        is_flag &= bool((scores[~is_zero] >= 1).all())
    return is_zero if is_flag else np.zeros_like(is_zero)


def decide(
    path: Path, ids: I64, scores: F64, boxes_are: BoxesAre | None
) -> tuple[BoxesAre | None, tuple[str, ...]]:
    """Decide what the boxes of a file are, from all of them; also notes on it.

    Args:
        path: of the file, for errors.
        ids: (n,) negative for unknown.
        scores: (n,) 0 to 1.
        boxes_are: what they are stated to be; None decides by the scores.

    Returns:
        What the boxes with ids are; None without any id.

    Raises:
        BoxesError: they are stated to be the truth, but some have no id.
    """
    known = ids >= 0
    count, total = int(known.sum()), len(ids)
    if boxes_are == TRUTH and count < total:
        found = f"{total - count} of {total} boxes"
        raise BoxesError(f"{path}: {_NO_IDS}", found=found, bound=_IDS, remedy=_GIVE_IDS)
    if not count:
        return None, ()
    below = int((scores[known] < 1).sum())
    meaning = boxes_are or (DETECTIONS if below else TRUTH)
    reason = "as stated"
    if boxes_are is None:
        reason = f"because {below} of {count} scores are below 1" if below else "because no score is below 1"
    # Smoothing that was asked for needs no note.
    notes = [] if boxes_are == DETECTIONS else [_note(meaning, reason)]
    if meaning == TRUTH and count < total:
        notes.append(f"{total - count} of {total} boxes have no id: they are detections")
    return meaning, tuple(notes)


def _note(meaning: BoxesAre, reason: str) -> str:
    """The sentence that states a decision."""
    if meaning == TRUTH:
        return f"boxes with ids are the truth, {reason}: they are kept as given, and no others are added"
    return f"boxes with ids are detections, {reason}: the ids are kept, and the boxes smoothed"
