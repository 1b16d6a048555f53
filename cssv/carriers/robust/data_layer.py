"""The data layer: which coefficients carry payloads, and the dithers and bits of their chips."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cssv.carriers.robust.keys import PUBLIC_KEY, check_key
from cssv.carriers.robust.lattice import I32, SLOTS_OF_WINDOW, BlockArea, Bools, chip_bits, known_chips
from cssv.carriers.robust.qim import SLOT_CLASSES, dither_bytes
from cssv.carriers.robust.transform import F32, BlockTransform
from cssv.errors import FrameError
from cssv.frames import U8

#: Side of a block in pixels.
BLOCK = 16
#: The coefficients of a block that carry, vertical and horizontal frequency.
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
LAYER = b"data"


@lru_cache(maxsize=1)
def data_transform() -> BlockTransform:
    """The transform of the data layer."""
    return BlockTransform(BLOCK, FREQUENCIES)


class DataLayer:
    """The chips of an area of blocks.

    Args:
        area: the blocks of the picture, or of the received piece of it.
        key: 32 bytes.
    """

    def __init__(self, area: BlockArea, key: bytes = PUBLIC_KEY) -> None:
        check_key(key)
        self.area = area
        self.key = key
        self.known: Bools = known_chips(area, len(FREQUENCIES))
        self._dithers: dict[tuple[int, int], U8] = {}
        self._known_dithers: dict[int, U8] = {}
        self._bits: dict[tuple[int, int], I32] = {}

    def dithers(self, slot: int, step: int) -> U8:
        """Dithers of the chips in a slot, (rows, columns, coefficients)."""
        at = slot % SLOT_CLASSES, step
        if at not in self._dithers:
            self._dithers[at] = self._find_dithers(*at)
        return self._dithers[at]

    def known_dithers(self, step: int) -> U8:
        """Dithers of the known chips in each slot class, (classes, known chips)."""
        if step not in self._known_dithers:
            planes = [self._find_dithers(each, step)[self.known] for each in range(SLOT_CLASSES)]
            self._known_dithers[step] = np.stack(planes)
        return self._known_dithers[step]

    def _find_dithers(self, slot_class: int, step: int) -> U8:
        area = (self.area.top, self.area.left, self.area.rows, self.area.columns)
        return dither_bytes(self.key, LAYER + bytes([slot_class]), step, area, len(FREQUENCIES))

    def bits(self, slot: int, length: int) -> I32:
        """Number of the bit of each chip in a slot, as :func:`chip_bits` returns it."""
        at = slot % SLOTS_OF_WINDOW, length
        if at not in self._bits:
            self._bits[at] = chip_bits(self.area, len(FREQUENCIES), *at).astype(np.int32)
        return self._bits[at]

    def coefficients(self, luma: U8 | F32) -> F32:
        """Coefficients of a picture whose top left pixel is that of the area.

        Raises:
            FrameError: the picture is smaller than the area.
        """
        height, width = self.area.rows * BLOCK, self.area.columns * BLOCK
        if luma.shape[0] < height or luma.shape[1] < width:
            raise FrameError(
                "a picture is smaller than its blocks",
                found=f"{luma.shape[1]}x{luma.shape[0]}",
                bound=f"at least {width}x{height}",
            )
        return data_transform().forward(luma[:height, :width])
