"""The register meter: which tokens are far longer than their block's median.

"Vision Transformers Need Registers" (Darcet et al., ICLR 2024) calls tokens of DINOv2-g artefacts whose norm
is above 150. That number does not carry over to other sizes, so each block is measured against its own
median and spread, before the final LayerNorm, which would hide the lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.perception.transformer.features import Features

#: A token is an outlier from this many deviations above its block's median on.
OUTLIER_DEVIATIONS = 10.0
#: A deviation is at least this share of the median, so that an outlier is at least twice as long as it.
SMALLEST_DEVIATION = 0.1
#: Median absolute deviation -> standard deviation of a normal distribution.
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Outlier:
    """One patch that is far too long after one block.

    Attributes:
        block: the block, counted from 0.
        row, column: the patch, counted from 0 at the top left.
        x_px, y_px: its centre in the picture that was given.
        norm: its Euclidean length.
        deviations: how many robust deviations it lies above the block's median.
    """

    block: int
    row: int
    column: int
    x_px: float
    y_px: float
    norm: float
    deviations: float

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        return {
            "block": self.block,
            "column": self.column,
            "row": self.row,
            "x_px": self.x_px,
            "y_px": self.y_px,
            "norm": self.norm,
            "deviations": self.deviations,
        }


@dataclass(frozen=True, slots=True, eq=False)
class BlockNorms:
    """The lengths of the patches after one block.

    Attributes:
        block: counted from 0.
        norms: (patches,) float64, by rows.
        others: norms of the tokens that are no patches: class token, registers, test-time registers.
        median: of the patches.
        deviation: robust standard deviation of the patches: 1.4826 median absolute deviations, but at least a
            tenth of the median.
        bound: what is longer is an outlier.
    """

    block: int
    norms: F64
    others: tuple[float, ...]
    median: float
    deviation: float
    bound: float

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types; norms are rounded to four decimals."""
        return {
            "block": self.block,
            "median": self.median,
            "deviation": self.deviation,
            "bound": self.bound,
            "longest": float(self.norms.max()),
            "others": list(self.others),
            "norms": np.round(self.norms, 4).tolist(),
        }


def measure_norms(features: Features) -> tuple[BlockNorms, ...]:
    """The lengths after each block, against the median."""
    blocks = []
    for block, norms, everything in zip(features.blocks, features.patch_norms, features.norms, strict=True):
        median = float(np.median(norms))
        spread = _MAD * float(np.median(np.abs(norms - median)))
        deviation = max(spread, SMALLEST_DEVIATION * median)
        others = np.concatenate([everything[: features.first], everything[features.first + len(norms) :]])
        bound = median + OUTLIER_DEVIATIONS * deviation
        blocks.append(BlockNorms(block, norms, tuple(others.tolist()), median, deviation, bound))
    return tuple(blocks)


def find_outliers(
    blocks: tuple[BlockNorms, ...], columns: int, patch_px: tuple[float, float]
) -> tuple[Outlier, ...]:
    """Every patch above its block's bound: by blocks, the longest first.

    Args:
        blocks: of :func:`measure_norms`.
        columns: patches in a row.
        patch_px: width and height of a patch in the picture that was given.
    """
    found = []
    for each in blocks:
        above = np.flatnonzero(each.norms > each.bound)
        for patch in above[np.argsort(-each.norms[above], kind="stable")].tolist():
            row, column = divmod(patch, columns)
            norm = float(each.norms[patch])
            x_px, y_px = (column + 0.5) * patch_px[0], (row + 0.5) * patch_px[1]
            deviations = (norm - each.median) / each.deviation if each.deviation else np.inf
            found.append(Outlier(each.block, row, column, x_px, y_px, norm, deviations))
    return tuple(found)


def count_outliers(features: Features) -> int:
    """How many patches are outliers after a block, over all blocks."""
    return sum(int(np.count_nonzero(each.norms > each.bound)) for each in measure_norms(features))
