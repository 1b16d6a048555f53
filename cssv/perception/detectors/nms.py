"""Non-maximum suppression: one box per object."""

from __future__ import annotations

import cv2
import numpy as np

from cssv.boxes import F64, I64


def suppress(boxes_px: F64, scores: F64, classes: I64, most_overlap: float) -> I64:
    """Greedy non-maximum suppression within each class.

    Args:
        boxes_px: (n, 4) x, y, w, h.
        scores: (n,) above 0.
        classes: (n,); boxes of different classes never suppress each other.
        most_overlap: intersection over union above which the weaker of two boxes is removed.

    Returns:
        Indices of the boxes kept, best score first.
    """
    kept = [np.empty(0, dtype=np.int64)]
    # Class by class, because an object may truly overlap one of another class, such as a rider a bicycle.
    for each in np.unique(classes):
        members = np.flatnonzero(classes == each)
        chosen = cv2.dnn.NMSBoxes(boxes_px[members].tolist(), scores[members].tolist(), 0.0, most_overlap)
        kept.append(members[np.asarray(chosen, dtype=np.int64).reshape(-1)])
    found = np.concatenate(kept)
    return found[np.argsort(-scores[found], kind="stable")]
