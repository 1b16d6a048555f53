"""Selection of objects: which tracks are certain enough to be kept.

A detector reports false boxes, with lower scores than its true ones. The scores of detectors are not
comparable, so an object is compared with the typical evidence of its clip (:mod:`cssv.perception.evidence`).
An object that the detector sees in every frame with a score that is high by itself is kept in any case.
"""

from __future__ import annotations

import math

import numpy as np

from cssv.boxes import F64
from cssv.perception.evidence import evidence

#: Objects with fewer boxes than this are discarded as false alarms, unless their detections have ids.
FEWEST_BOXES = 5
#: At low frame rates fewer boxes are enough: the number of frames in this time, but at least the second.
SHORTEST_S = 0.7
LOWEST_BOXES = 3
#: Objects are discarded, too, if hardly any of their boxes has this share of the clip's typical evidence. The
#: most certain boxes count, because the score of an object is often low while it is half occluded.
LEAST_EVIDENCE = 0.8
#: Quantile of the evidence of an object's boxes that is compared with that bound.
EVIDENCE_QUANTILE = 0.85
#: Objects seen for this time or in this many frames, in nearly every one of them (the share), are kept if
#: half of their boxes have at least this score, whatever others score. False boxes seldom persist so long.
STEADY_S, STEADY_BOXES = 3.0, 90
STEADY_SHARE = 0.99
STEADY_SCORE = 0.7


def fewest_boxes(step_s: float, most: int = FEWEST_BOXES) -> int:
    """Smallest number of boxes per object for a frame interval of ``step_s`` seconds."""
    # At a low frame rate an object can leave the picture before it has the usual number.
    return min(most, max(LOWEST_BOXES, math.ceil(SHORTEST_S / step_s))) if step_s > 0 else most


def is_certain(scores: F64, typical: float) -> bool:
    """True if boxes with these scores are certain enough to be an object of a clip.

    Args:
        scores: (n,) scores of its boxes.
        typical: typical evidence of the clip.
    """
    # A high quantile instead of the mean: long occlusions must not remove a real object.
    return bool(np.quantile(evidence(scores), EVIDENCE_QUANTILE) >= LEAST_EVIDENCE * typical)


def is_steady(boxes: int, scored: int, frames: int, span_s: float) -> bool:
    """True if an object is seen for a while in nearly every frame, mostly with a high score.

    Args:
        boxes: number of its boxes.
        scored: how many of them have at least :data:`STEADY_SCORE`.
        frames: number of frames from the first to the last box.
        span_s: time from the first to the last box.
    """
    # The tolerance covers the rounding of frame times.
    is_long = span_s >= STEADY_S - 1e-9 or boxes >= STEADY_BOXES
    return is_long and boxes >= STEADY_SHARE * frames and scored >= boxes / 2
