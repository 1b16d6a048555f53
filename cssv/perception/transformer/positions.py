"""Scaling of position embeddings to another grid of patches, equal to the original programs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssv.boxes import F64
from cssv.perception.transformer.naming import Naming
from cssv.perception.transformer.weights import F32

#: Free parameter of the cubic kernel (Keys, 1981): plain, and with antialiasing.
CUBIC, CUBIC_SMOOTH = -0.75, -0.5
#: Added to the grid's sides before the ratio in Facebook's models without registers.
OFFSET = 0.1


@dataclass(frozen=True, slots=True)
class Scaling:
    """The parameters of scaling a grid by bicubic interpolation without aligned corners.

    Attributes:
        offset: number added to the new side before the ratio of sides.
        is_smooth: True if a smaller grid is low-pass filtered (``antialias=True`` of torch).
    """

    offset: float = 0.0
    is_smooth: bool = False

    @classmethod
    def from_naming(cls, naming: Naming, *, is_plain: bool) -> Scaling:
        """Parameters of a program's models; ``is_plain``: the model has no registers.

        Facebook's hub gives models without registers the offset 0.1 and those with registers antialiasing;
        Hugging Face smooths models with registers; timm smooths always.
        """
        if naming == "timm" or not is_plain:
            return cls(is_smooth=True)
        return cls(OFFSET if naming == "facebook" else 0.0)

    def matrix(self, old: int, new: int) -> F64:
        """Weights of each old position at each new one, (new, old); rows sum to 1."""
        ratio = old / (new + self.offset)
        return _smooth(old, new, ratio) if self.is_smooth else _plain(old, new, ratio)


def scale_positions(positions: F32, rows: int, columns: int, scaling: Scaling) -> F32:
    """Scale (side * side, width) embeddings of a square grid to (rows * columns, width)."""
    side = round(len(positions) ** 0.5)
    # The programs return the trained grid unchanged; with an offset, interpolation would change it.
    if (rows, columns) == (side, side):
        return positions
    grid = positions.reshape(side, side, -1).astype(np.float64)
    down, across = scaling.matrix(side, rows), scaling.matrix(side, columns)
    scaled = np.einsum("rs,cq,sqd->rcd", down, across, grid, optimize=True)
    return np.asarray(scaled.reshape(rows * columns, -1), dtype=np.float32)


def _cubic(distance: F64, a: float) -> F64:
    x = np.abs(distance)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _plain(old: int, new: int, ratio: float) -> F64:
    """Interpolation weights with four taps around each position; taps outside the grid use its edge."""
    centre = ratio * (np.arange(new) + 0.5) - 0.5
    taps = np.floor(centre).astype(np.int64)[:, None] + np.arange(-1, 3)
    matrix = np.zeros((new, old))
    where = np.broadcast_to(np.arange(new)[:, None], taps.shape)
    np.add.at(matrix, (where, np.clip(taps, 0, old - 1)), _cubic(centre[:, None] - taps, CUBIC))
    return matrix


def _smooth(old: int, new: int, ratio: float) -> F64:
    """Weights of a kernel as wide as the ratio; those outside the grid are dropped, the rest normalised."""
    width = max(ratio, 1.0)
    centre = ratio * (np.arange(new)[:, None] + 0.5)
    distance = (np.arange(old) + 0.5 - centre) / width
    weights = _cubic(distance, CUBIC_SMOOTH)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
