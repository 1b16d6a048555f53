"""Perspective prior: the expected size of an object by its row, learned from earlier boxes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64

#: Width of the density kernel over logarithms of sizes; a peak counts from this share of the highest on.
MODE_WIDTH = 0.12
MODE_SHARE = 0.8
#: Objects are of one kind if the logarithms of their sizes differ by less than this.
ALIKE = 0.3
#: Quantiles of the rows of the lower edges between which the size changes with the row. Beyond them there are
#: too few objects to know it.
ROWS = (0.02, 0.98)


@dataclass(slots=True)
class SizePrior:
    """Expected width and height of an object, as linear functions of the row of its lower edge.

    The functions are fitted to earlier blobs, around the most frequent size: merged and broken blobs have
    various other sizes. There is no expected size until enough blobs agree.
    """

    #: Blobs kept; least number of blobs for a fit; frames between two fits.
    memory: int = 3000
    fewest: int = 80
    interval: int = 20
    #: The scene has objects of different kinds if the relative scatter of the heights is above ``scatter``,
    #: or if the share of blobs of the expected size is below ``agreement``. In a street of people this share
    #: was 0.56 to 0.75.
    scatter: float = 0.3
    agreement: float = 0.45
    _seen: list[F64] = field(default_factory=list)
    _frames: int = 0
    _weights: F64 | None = None
    _upright: float = 0.0
    _rows_px: tuple[float, float] = (-np.inf, np.inf)

    def learn(self, boxes_px: F64) -> None:
        """Add the boxes of one frame; fit again from time to time."""
        self._seen.extend(boxes_px)
        # Large blobs count more: small ones are noise and fragments.
        self._upright += float((boxes_px[:, 2:].prod(axis=1) * np.log(boxes_px[:, 3] / boxes_px[:, 2])).sum())
        self._frames += 1
        if self._frames % self.interval == 0 and len(self._seen) >= self.fewest:
            del self._seen[: -self.memory]
            self._fit(np.array(self._seen))

    def _fit(self, boxes_px: F64) -> None:
        A = np.stack([np.ones(len(boxes_px)), boxes_px[:, 1] + boxes_px[:, 3]], axis=1)
        sizes = boxes_px[:, 2:]
        weights = np.linalg.lstsq(A, sizes, rcond=None)[0]
        # Least absolute deviations by reweighting: merged blobs are far larger, and squares would follow
        # them.
        for _ in range(8):
            root = np.maximum(np.abs(A @ weights - sizes), 1.0) ** -0.5
            columns = [
                np.linalg.lstsq(A * root[:, [k]], sizes[:, k] * root[:, k], rcond=None)[0] for k in (0, 1)
            ]
            weights = np.stack(columns, axis=1)
        expected = np.asarray(A @ weights, dtype=np.float64)
        scatter = np.median(np.abs(expected[:, 1] - sizes[:, 1]) / np.maximum(sizes[:, 1], 1.0))
        # One size cannot describe objects of several kinds; a wrong expectation would split whole objects.
        if scatter >= self.scatter or expected.min() <= 0:
            self._weights = None
            return
        ratios = np.log(sizes / expected)
        fitted = np.stack([_gather(A, sizes[:, k], weights[:, k], ratios[:, k]) for k in (0, 1)], axis=1)
        alike = np.abs(np.log(sizes / np.maximum(A @ fitted, 1.0))) < ALIKE
        self._weights = fitted if alike.all(axis=1).mean() >= self.agreement else None
        low, high = np.quantile(A[:, 1], ROWS)
        self._rows_px = float(low), float(high)

    @property
    def is_known(self) -> bool:
        """True if there is an expected size."""
        return self._weights is not None

    def along(self, sides_px: tuple[int, int]) -> tuple[int, int]:
        """Height and width of a window with these sides, the longer one along the typical blob."""
        # A silhouette breaks across its longer side; a window along the shorter one would join neighbours.
        return (max(sides_px), min(sides_px)) if self._upright >= 0 else (min(sides_px), max(sides_px))

    def __call__(self, foot_px: float) -> tuple[float, float] | None:
        """Expected width and height of an object with its lower edge at row ``foot_px``."""
        if self._weights is None:
            return None
        # Near the horizon the linear function falls to 0, where it has no meaning.
        width, height = self._weights[0] + foot_px * self._weights[1]
        if width <= 1 or height <= 1:
            return None
        # An object cut by the upper edge of the picture has its foot in a row where no whole object has it.
        row = min(max(foot_px, self._rows_px[0]), self._rows_px[1])
        width, height = self._weights[0] + row * self._weights[1]
        return float(width), float(height)

    def foot(self, head_px: float) -> float | None:
        """Expected row of the lower edge of an object with its upper edge at row ``head_px``."""
        if self._weights is None:
            return None
        # At a slope near 1 the height grows as fast as the row, so the upper edge does not determine the
        # lower.
        offset, slope = self._weights[:, 1]
        return float((head_px + offset) / (1 - slope)) if slope < 0.9 else None


def mode(values: F64) -> float:
    """Lowest of the most frequent values: merged objects are larger, and their sizes rarely repeat."""
    at = np.linspace(-1.0, 1.0, 81)
    density = np.exp(-0.5 * ((at[:, None] - values) / MODE_WIDTH) ** 2).sum(axis=1)
    peaks = np.flatnonzero((density >= np.roll(density, 1)) & (density >= np.roll(density, -1)))
    firm = peaks[density[peaks] >= MODE_SHARE * density.max()]
    return float(at[firm[0]])


def _gather(A: F64, sizes: F64, weights: NDArray[np.floating], ratios: F64) -> F64:
    """Fit again to the sizes near the mode, by Welsch's weights, which are near 0 for distant sizes."""
    weights = weights * np.exp(mode(ratios))
    for _ in range(6):
        expected = np.maximum(A @ weights, 1.0)
        near = np.exp(-0.5 * ((sizes / expected - 1) / 0.2) ** 2) / expected
        found = np.linalg.lstsq(A * near[:, None], sizes * near, rcond=None)[0]
        # A fit with sizes of no extent has followed outliers: keep the last good one.
        if (A @ found).min() <= 1:
            break
        weights = found
    return np.asarray(weights, dtype=np.float64)
