"""Coefficients of the sender's blocks, directly from received pictures of another size and place.

Resampling and the transform are linear, and each is done in one direction after the other. So the
coefficients of a picture L are ``A @ L @ B.T``. A depends on the top and bottom side alone, B on the left and
right one. A search that moves one pair of sides at a time needs one of the two products anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from cssv.carriers.robust.data_layer import BLOCK, FREQUENCIES
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.transform import F32, F64
from cssv.frames import U8

#: Frequencies in one direction.
_COUNT = 1 + max(max(pair) for pair in FREQUENCIES)
_VERTICAL, _HORIZONTAL = (np.array(each) for each in zip(*FREQUENCIES, strict=True))
#: Parameter of the cubic interpolation: that of OpenCV, which :mod:`.resampling` uses. It also makes up for
#: some of what scaling took from the low frequencies.
_CUBIC = -0.75

Span = tuple[float, float]


class Projection:
    """Coefficients of an area of blocks in some pictures, for geometries that differ in their sides.

    Args:
        lumas: received pictures of one size.
        area: blocks of the sender.
    """

    def __init__(self, lumas: Sequence[U8], area: BlockArea) -> None:
        self.area = area
        # One product takes all pictures: (height, pictures, width).
        self._pictures = np.stack(lumas, axis=1).astype(np.float32)
        self._last_across: Span | None = None
        # Products for one pair of sides: A @ L for top and bottom, and L @ B.T for left and right.
        self._down: tuple[Span, F32] | None = None
        self._across: tuple[Span, F32] | None = None

    def coefficients(self, geometry: Geometry) -> F32:
        """Coefficients, (pictures, rows, columns, coefficients).

        Args:
            geometry: of the pictures.
        """
        left, top, right, bottom = geometry.sides
        across, down = (left, right), (top, bottom)
        has_across = self._across is not None and self._across[0] == across
        if (self._down is None or self._down[0] != down) and not has_across:
            # What stayed the same since the last call is likely to stay the same in the next one.
            if across == self._last_across:
                self._across = across, self._project_across(self._pictures, across)
                has_across = True
            else:
                self._down = down, self._project_down(self._pictures, down)
        self._last_across = across
        if has_across and self._across is not None:
            return self._arranged(self._project_down(self._across[1], down))
        assert self._down is not None
        return self._arranged(self._project_across(self._down[1], across))

    def _project_down(self, planes: F32, down: Span) -> F32:
        """A @ L: (height, pictures, x) to (rows and frequencies, pictures, x)."""
        matrix = _matrix(self.area.top, self.area.rows, down, planes.shape[0])
        return np.asarray(matrix @ planes.reshape(len(planes), -1), np.float32).reshape(-1, *planes.shape[1:])

    def _project_across(self, planes: F32, across: Span) -> F32:
        """L @ B.T: (y, pictures, width) to (y, pictures, columns and frequencies)."""
        matrix = _matrix(self.area.left, self.area.columns, across, planes.shape[2])
        found = matrix @ planes.reshape(-1, planes.shape[2]).T
        return np.ascontiguousarray(found.T, np.float32).reshape(*planes.shape[:2], -1)

    def _arranged(self, products: F32) -> F32:
        parts = products.reshape(self.area.rows, _COUNT, -1, self.area.columns, _COUNT)
        return np.ascontiguousarray(parts[:, _VERTICAL, :, :, _HORIZONTAL].transpose(2, 1, 3, 0))


def _matrix(first: int, blocks: int, span: Span, received: int) -> sparse.csr_matrix:
    """Received pixels of one direction to coefficients, (blocks * frequencies, received).

    Args:
        first: number of the first block.
        blocks: how many.
        span: where the sides of the received picture lie, in sender pixels.
        received: pixels.
    """
    scale = received / (span[1] - span[0])
    # An enlarged picture has frequencies that the sender's grid cannot hold.
    width = max(scale, 1.0)
    at = (BLOCK * first + np.arange(BLOCK * blocks) + 0.5 - span[0]) * scale - 0.5
    reach = np.arange(int(np.ceil(2 * width)) * 2) - int(np.ceil(2 * width)) + 1
    taps = np.floor(at).astype(np.int64)[:, None] + reach
    weights = _cubic(np.abs(taps - at[:, None]) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    # Where nothing was received, the nearest pixel is repeated.
    places = np.clip(taps, 0, received - 1).ravel()
    rows = np.repeat(np.arange(len(at)), len(reach))
    resampling = sparse.csr_matrix((weights.ravel(), (rows, places)), shape=(len(at), received))
    found = sparse.kron(sparse.identity(blocks), _basis()) @ resampling
    return found.tocsr().astype(np.float32)


def _cubic(distance: F64) -> F64:
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


def _basis() -> F64:
    k, n = np.arange(_COUNT)[:, None], np.arange(BLOCK)
    norm = np.sqrt(np.where(k == 0, 1, 2) / BLOCK)
    return np.asarray(norm * np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK)))
