"""Steps of the quantisation, and which of them the known chips of received frames fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.qim import SLOT_CLASSES, soft_bits
from cssv.carriers.robust.transform import F32, F64

#: Steps that writers use: powers of 2 ** (1 / 8), rounded.
STEPS = (12, 13, 14, 16, 17, 19, 20, 22, 24, 26, 28, 31, 34, 37, 40, 44, 48, 52, 57, 62, 68, 74, 81, 88, 96)


def score_known_chips(layer: DataLayer, coefficients: F32, steps: Sequence[int] = STEPS) -> F64:
    """Mean soft value of the known chips of a frame, for each step and slot class, (steps, classes)."""
    found = coefficients[layer.known]
    if not found.size:
        return np.zeros((len(steps), SLOT_CLASSES))
    soft = [soft_bits(found, layer.known_dithers(step), step) for step in steps]
    return np.stack([each.mean(axis=1, dtype=np.float64) for each in soft])


def best_step(layer: DataLayer, frames: Sequence[F32], slot: int, steps: Sequence[int] = STEPS) -> int:
    """The step that the known chips of the frames of a slot fit best.

    Args:
        layer: of the chips.
        frames: coefficients of each frame, (rows, columns, coefficients); at least one.
        slot: of the frames. Only its remainder modulo 4 must be right.
        steps: to choose from.
    """
    found = np.stack([each[layer.known] for each in frames])
    at = slot % SLOT_CLASSES
    scores = [float(soft_bits(found, layer.known_dithers(step)[at], step).sum()) for step in steps]
    return steps[int(np.argmax(scores))]
