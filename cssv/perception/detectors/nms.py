"""Non-maximum suppression: one box per object."""

from __future__ import annotations

import cv2
import numpy as np

from cssv.boxes import F64, I64, overlaps, overlaps_of_pairs
from cssv.perception.detections import Detections
from cssv.perception.detectors.options import NMS_IOU_ACROSS, NMS_IOU_WITHIN
from cssv.perception.kinematics import Bools
from cssv.perception.sparse_pairs import DENSE_PAIRS, overlapping_pairs


def suppress(boxes_px: F64, scores: F64, classes: I64, nms_iou: float | None = None) -> I64:
    """Greedy non-maximum suppression, first within each class, then across classes.

    Args:
        boxes_px: (n, 4) x, y, w, h.
        scores: (n,) above 0.
        classes: (n,).
        nms_iou: intersection over union above which the weaker of two boxes is removed. None:
            :data:`NMS_IOU_WITHIN` for two boxes of one class, :data:`NMS_IOU_ACROSS` for two of different
            classes.

    Returns:
        Indices of the boxes kept, best score first.
    """
    within = NMS_IOU_WITHIN if nms_iou is None else nms_iou
    kept = [np.empty(0, dtype=np.int64)]
    # Class by class first: a box that another class removes later has then removed the boxes beside it.
    for each in np.unique(classes):
        members = np.flatnonzero(classes == each)
        chosen = cv2.dnn.NMSBoxes(boxes_px[members].tolist(), scores[members].tolist(), 0.0, within)
        kept.append(members[np.asarray(chosen, dtype=np.int64).reshape(-1)])
    found = np.concatenate(kept)
    found = found[np.argsort(-scores[found], kind="stable")]
    return found[_are_best(boxes_px[found], NMS_IOU_ACROSS if nms_iou is None else nms_iou)]


class DuplicateFilter:
    """Filter that removes detections of an object that has a better one, with a count for the user.

    Networks report one object under two labels, and box files can hold several boxes of one object. Boxes of
    equal labels count as well. A detection with an id is exact information and is never removed.

    Args:
        nms_iou: intersection over union above which two boxes are one object; None:
            :data:`NMS_IOU_ACROSS`.
    """

    def __init__(self, nms_iou: float | None = None) -> None:
        self._nms_iou = NMS_IOU_ACROSS if nms_iou is None else nms_iou
        self._removed = self._frames = 0

    def apply(self, found: Detections) -> Detections:
        """Select the detections of a frame that are the best of their object, in their order."""
        anonymous = found.ids < 0
        if len(found) < 2 or not anonymous.any():
            return found
        order = np.lexsort((-found.scores, anonymous))
        is_kept = np.zeros(len(found), dtype=np.bool_)
        is_kept[order] = _are_best(found.boxes_px[order], self._nms_iou)
        is_kept |= ~anonymous
        removed = len(found) - int(is_kept.sum())
        if not removed:
            return found
        self._removed += removed
        self._frames += 1
        return found.select(np.flatnonzero(is_kept))

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence with the number of detections removed so far; none if that is 0."""
        if not self._removed:
            return ()
        return (
            f"{self._removed} boxes in {self._frames} frames left out: each shows the object of a better "
            f"box, their intersection over union is above {self._nms_iou:g}; boxes with ids are always kept",
        )


def _are_best(boxes_px: F64, nms_iou: float) -> Bools:
    """(n,) True for each box, best first, that overlaps no better one that is kept by more than a bound."""
    is_best = np.ones(len(boxes_px), dtype=np.bool_)
    if len(boxes_px) ** 2 > DENSE_PAIRS:
        better, worse = overlapping_pairs(boxes_px, boxes_px)
        better, worse = better[better < worse], worse[better < worse]
        near = overlaps_of_pairs(boxes_px[better], boxes_px[worse]) > nms_iou
        better, worse = better[near], worse[near]
    else:
        better, worse = np.nonzero(np.triu(overlaps(boxes_px, boxes_px) > nms_iou, 1))
    for box in np.unique(better):
        if is_best[box]:
            is_best[worse[better == box]] = False
    return is_best
