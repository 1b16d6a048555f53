"""All layers of the robust carrier in the luma of one frame.

The layers lie on different coefficients of the same blocks: the base layer on the means, the data layer on
the lowest frequencies, the pilot above them. So none of them disturbs another one, one transform reads the
cover, and pixels are rounded once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cssv.carriers.robust.base_layer import (
    BASE_FREQUENCIES,
    BaseLayer,
    BaseWriter,
    base_strength,
    cell_area,
)
from cssv.carriers.robust.base_message import message_bytes
from cssv.carriers.robust.data_layer import BLOCK, FREQUENCIES, DataLayer
from cssv.carriers.robust.identity import NO_IDENTITY, shorten
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.pilot import PILOT_COEFFICIENTS, PLANE_BLOCKS, pilot_signs, slot_sign
from cssv.carriers.robust.qim import Strength, embed_bits
from cssv.carriers.robust.transform import F32, BlockTransform
from cssv.frames import U8

#: Where each layer is in the coefficients of a block.
_MEAN = 0
_DATA = slice(1, 1 + len(FREQUENCIES))
_PILOT = slice(_DATA.stop, _DATA.stop + len(PILOT_COEFFICIENTS))
#: Amplitude of the pilot, as a share of the step of the data layer: both must survive the same codec.
PILOT_SHARE = 0.09


@lru_cache(maxsize=1)
def marks_transform() -> BlockTransform:
    """The transform of all layers: the mean, the data layer's frequencies, those of the pilot."""
    return BlockTransform(BLOCK, ((0, 0), *FREQUENCIES, *PILOT_COEFFICIENTS))


def pilot_amplitude(strength: Strength) -> float:
    """Change of each coefficient of the pilot."""
    return PILOT_SHARE * strength.step


def marks_distortion(strength: Strength, size: tuple[int, int]) -> float:
    """Expected squared change of a pixel of luma by all layers, with the rounding of pixels.

    Args:
        strength: of the data layer.
        size: width and height of the frames, in which the strength of the base layer depends.
    """
    data = len(FREQUENCIES) * strength.distortion
    pilot = len(PILOT_COEFFICIENTS) * pilot_amplitude(strength) ** 2
    width, height = size
    blocks = BlockArea(0, 0, *marks_transform().grid(height, width))
    cells = cell_area(blocks)
    base = (
        len(BASE_FREQUENCIES)
        * base_strength(cells, message_bytes(width, height)).distortion
        * cells.rows
        * cells.columns
    )
    share = base / max(blocks.rows * blocks.columns, 1)
    return (data + pilot + share) / BLOCK**2 + 1 / 12


class MarkWriter:
    """Embeds all layers in the luma of frames of one size.

    Args:
        height: of the frames in pixels.
        width: of the frames in pixels.
        key: 32 bytes.
        identity: 32 bytes for the base layer; small pictures carry a part of them.
    """

    def __init__(
        self, height: int, width: int, key: bytes = PUBLIC_KEY, identity: bytes = NO_IDENTITY
    ) -> None:
        rows, columns = marks_transform().grid(height, width)
        self.layer = DataLayer(BlockArea(0, 0, rows, columns), key)
        message = shorten(identity, message_bytes(width, height))
        self._base = BaseWriter(BaseLayer(self.layer.area, key), message)
        at = np.arange(rows)[:, None] % PLANE_BLOCKS, np.arange(columns)[None, :] % PLANE_BLOCKS
        self._signs: F32 = pilot_signs(key)[at]

    def chips(self, codeword: U8, slot: int) -> U8:
        """The bit of each chip in a slot, (rows, columns, coefficients); 0 for known chips."""
        return np.append(codeword, np.uint8(0))[self.layer.bits(slot, len(codeword))]

    def embed(self, luma: U8, chips: U8, slot: int, strength: Strength, *, has_pilot: bool = False) -> U8:
        """The luma of a frame with all layers, a new array.

        Args:
            luma: of the cover, (height, width).
            chips: those of :meth:`chips`, which are the same for all frames of the slot.
            slot: number of the slot, from 0 at the time 0 of the clip.
            strength: of the window.
            has_pilot: whether the cover is a stego frame of this slot. Its pilot is not added again.
        """
        before = marks_transform().forward(luma)
        changes = np.zeros_like(before)
        changes[..., _MEAN] = self._base.changes(before[..., _MEAN])
        dithers = self.layer.dithers(slot, strength.step)
        changes[..., _DATA] = embed_bits(before[..., _DATA], chips, dithers, strength)
        if not has_pilot:
            changes[..., _PILOT] = self._signs * np.float32(slot_sign(slot) * pilot_amplitude(strength))
        return marks_transform().add(luma, changes)
