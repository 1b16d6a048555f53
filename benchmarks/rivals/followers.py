"""Trackers of the package ``trackers`` (Apache-2.0) on the same boxes, with their own defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from cssv.interop.mot import MotRows
from cssv.perception import Detections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import supervision
    import trackers

#: Name -> function that makes the tracker for a frame rate.
FOLLOWERS: dict[str, Callable[[float], Any]] = {
    "SORT": lambda rate: trackers.SORTTracker(frame_rate=rate),
    "OC-SORT": lambda rate: trackers.OCSORTTracker(frame_rate=rate),
    "ByteTrack": lambda rate: trackers.ByteTrackTracker(frame_rate=rate),
    "C-BIoU": lambda rate: trackers.CBIoUTracker(frame_rate=rate),
}


def follow(name: str, frames: Sequence[Detections], rate: Fraction) -> MotRows:
    """Rows of one rival for these boxes."""
    tracker = FOLLOWERS[name](float(rate))
    numbers, ids, boxes, scores = [], [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, seen in enumerate(frames):
            corners = seen.boxes_px.copy()
            corners[:, 2:] += corners[:, :2]
            given = supervision.Detections(
                xyxy=corners, confidence=seen.scores.copy(), class_id=np.zeros(len(seen), dtype=int)
            )
            found = tracker.update(given)
            if found.tracker_id is None:
                continue
            kept = found.tracker_id >= 0
            numbers.append(np.full(int(kept.sum()), number))
            ids.append(found.tracker_id[kept])
            boxes.append(found.xyxy[kept])
            scores.append(found.confidence[kept])
    xywh = np.concatenate([np.empty((0, 4)), *boxes]).astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    return MotRows(
        np.concatenate([np.empty(0), *numbers]).astype(np.int64),
        np.concatenate([np.empty(0), *ids]).astype(np.int64),
        xywh,
        np.concatenate([np.empty(0), *scores]).astype(np.float64),
    )
