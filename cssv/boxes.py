"""Boxes: arrays of ``x, y, w, h`` in pixels, conversions and overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
#: Identity of a detection of an unknown object.
UNKNOWN_ID = -1
#: General label of an object of unknown class.
ANY_OBJECT = "object"
#: Identities are below this number, coordinates within +- this many pixels.
LARGEST_NUMBER = 2**31
LARGEST_PX = 1e6
#: Width and height of a box are at least this many pixels: numbers near 0 overflow in quotients and squares.
LEAST_SIDE_PX = 1e-6


def to_centres(boxes_px: F64) -> F64:
    """(..., 4) x, y, w, h from the top left corner -> centre x, centre y, w, h."""
    centred = boxes_px.copy()
    centred[..., :2] += boxes_px[..., 2:] / 2
    return centred


def from_centres(centred_px: F64) -> F64:
    """(..., 4) centre x, centre y, w, h -> x, y, w, h from the top left corner."""
    boxes = centred_px.copy()
    boxes[..., :2] -= centred_px[..., 2:] / 2
    return boxes


def overlaps(a_px: F64, b_px: F64) -> F64:
    """(n, m) intersection over union of each box of ``a_px`` (n, 4) with each box of ``b_px`` (m, 4)."""
    sides = []
    for k in (0, 1):  # one axis after the other: two arrays (n, m) are faster than one (n, m, 2)
        low = np.maximum(a_px[:, k, None], b_px[:, k])
        sides.append(np.minimum((a_px[:, k] + a_px[:, k + 2])[:, None], b_px[:, k] + b_px[:, k + 2]) - low)
    common = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
    union = (a_px[:, 2] * a_px[:, 3])[:, None] + b_px[:, 2] * b_px[:, 3] - common
    result: F64 = common / union
    return result


def overlaps_of_pairs(a_px: F64, b_px: F64) -> F64:
    """(n,) intersection over union of each box of ``a_px`` (n, 4) with that of ``b_px`` in the same row."""
    low = np.maximum(a_px[:, :2], b_px[:, :2])
    sides = np.maximum(np.minimum(a_px[:, :2] + a_px[:, 2:], b_px[:, :2] + b_px[:, 2:]) - low, 0)
    common = sides[:, 0] * sides[:, 1]
    result: F64 = common / (a_px[:, 2] * a_px[:, 3] + b_px[:, 2] * b_px[:, 3] - common)
    return result
