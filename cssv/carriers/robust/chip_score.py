"""Agreement of the known chips with some received pictures, as a score of geometries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW, BlockArea
from cssv.carriers.robust.projection import Projection
from cssv.carriers.robust.qim import SLOT_CLASSES, soft_bits
from cssv.carriers.robust.steps import STEPS
from cssv.carriers.robust.transform import F32, F64
from cssv.frames import U8


class ChipScore:
    """Mean soft value of the known chips, with the best step of each window.

    The slots are those of a first geometry. The pilot tells slots modulo 2 only, and the dithers repeat after
    4. So both are tried, and the better one counts.

    Args:
        lumas: received pictures of one size.
        times: of the pictures in seconds.
        geometry: the first estimate; the blocks that it shows are used for all geometries.
        area: of blocks.
        key: 32 bytes.
    """

    def __init__(
        self, lumas: Sequence[U8], times: Sequence[Fraction], geometry: Geometry, area: BlockArea, key: bytes
    ) -> None:
        slots = [geometry.slot_of(time) for time in times]
        self._layer = DataLayer(area, key)
        self._projection = Projection(lumas, area)
        # Which pictures lie in which window, for both possible beginnings.
        self._classes = np.array([[(slot + first) % SLOT_CLASSES for first in (0, 2)] for slot in slots])
        windows = np.array([slot // SLOTS_OF_WINDOW for slot in slots])
        self._windows = np.stack([windows == window for window in np.unique(windows)]).astype(np.float64)

    @property
    def noise(self) -> float:
        """Standard deviation of the score of pictures that carry nothing, in a still scene."""
        known = max(int(self._layer.known.sum()), 1)
        return 1 / math.sqrt(2 * known * SLOT_CLASSES)

    def __call__(self, geometry: Geometry) -> float:
        """The score, -1 to 1."""
        found = self._projection.coefficients(geometry)[:, self._layer.known]
        if not found.size:
            return -1.0
        # (pictures, 2, steps).
        means = np.stack([self._means(found, step) for step in STEPS], axis=2)
        windows = np.einsum("wp,phs->whs", self._windows, means).max(axis=2)
        return float(windows.sum(axis=0).max()) / len(found)

    def _means(self, found: F32, step: int) -> F64:
        dithers = self._layer.known_dithers(step)[self._classes]
        return np.asarray(soft_bits(found[:, None], dithers, step).mean(axis=2, dtype=np.float64))
