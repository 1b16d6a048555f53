"""Register meter: tokens far longer than the median of their block.

"Vision Transformers Need Registers" (Darcet et al., ICLR 2024) calls tokens of DINOv2-g artefacts whose norm
is above 150. That number does not apply to other model sizes, so each block is compared with its own median
and spread. Norms are measured before the final LayerNorm, which would remove the differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.perception.transformer.features import Features

#: A token is an outlier if it is more than this many deviations above its block's median.
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
        x_px, y_px: its centre in the original picture.
        norm: its Euclidean length.
        deviations: distance above the block's median, in robust deviations.
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
    """The lengths of the tokens after one block.

    Attributes:
        block: number of the block, counted from 0.
        norms: lengths of the patches, (patches,) float64, by rows.
        others: lengths of the other tokens: class token, registers, test-time registers.
        median: median length of the patches.
        deviation: robust standard deviation of the patches: 1.4826 median absolute deviations, but at least a
            tenth of the median.
        bound: patches longer than this are outliers.
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
    """Measure the lengths of the tokens after each block, with median, deviation and bound."""
    blocks = []
    for block, norms, everything in zip(features.blocks, features.patch_norms, features.norms, strict=True):
        median = float(np.median(norms))
        spread = _MAD * float(np.median(np.abs(norms - median)))
        # With nearly equal norms the spread is tiny, and harmless differences would count as outliers.
        deviation = max(spread, SMALLEST_DEVIATION * median)
        others = np.concatenate([everything[: features.first], everything[features.first + len(norms) :]])
        bound = median + OUTLIER_DEVIATIONS * deviation
        blocks.append(BlockNorms(block, norms, tuple(others.tolist()), median, deviation, bound))
    return tuple(blocks)


def find_outliers(
    blocks: tuple[BlockNorms, ...], columns: int, patch_px: tuple[float, float]
) -> tuple[Outlier, ...]:
    """Find the patches above the bound of their block: by blocks, the longest first.

    Args:
        blocks: result of :func:`measure_norms`.
        columns: number of patches in a row.
        patch_px: width and height of a patch in the original picture.
    """
    found = []
    for each in blocks:
        above = np.flatnonzero(each.norms > each.bound)
        for patch in above[np.argsort(-each.norms[above], kind="stable")].tolist():
            row, column = divmod(patch, columns)
            norm = float(each.norms[patch])
            x_px, y_px = (column + 0.5) * patch_px[0], (row + 0.5) * patch_px[1]
            # A median of 0 gives a deviation of 0.
            deviations = (norm - each.median) / each.deviation if each.deviation else np.inf
            found.append(Outlier(each.block, row, column, x_px, y_px, norm, deviations))
    return tuple(found)


def count_outliers(features: Features) -> int:
    """Count the outlier patches after each block, summed over all blocks."""
    return sum(int(np.count_nonzero(each.norms > each.bound)) for each in measure_norms(features))
