"""The channel: codewords to luma and back, for pictures whose geometry is known.

Time is divided into slots. Slot s belongs to window ``s // 2`` and has the class ``s % 4``, which decides the
dithers. All frames of a slot have the same chips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cssv.carriers.robust.calibration import block_energies, frame_weight, log_likelihood_ratios
from cssv.carriers.robust.codewords import PAYLOAD_CLASSES, codeword_length, read_codeword
from cssv.carriers.robust.keys import PUBLIC_KEY, check_key
from cssv.carriers.robust.lattice import I32, SLOTS_OF_WINDOW, BlockArea, Bools, chip_bits, known_chips
from cssv.carriers.robust.qim import SLOT_CLASSES, Strength, dither_bytes, embed_bits, soft_bits
from cssv.carriers.robust.transform import F32, BlockTransform
from cssv.errors import FrameError, FramingError
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


class ChannelWriter:
    """Embeds codewords in the luma of frames of one size.

    Args:
        height: of the frames in pixels.
        width: of the frames in pixels.
        key: 32 bytes.
    """

    def __init__(self, height: int, width: int, key: bytes = PUBLIC_KEY) -> None:
        self.layer = DataLayer(BlockArea(0, 0, *data_transform().grid(height, width)), key)

    def chips(self, codeword: U8, slot: int) -> U8:
        """The bit of each chip in a slot, (rows, columns, coefficients); 0 for known chips."""
        return np.append(codeword, np.uint8(0))[self.layer.bits(slot, len(codeword))]

    def embed(self, luma: U8, chips: U8, slot: int, strength: Strength) -> U8:
        """The luma of a frame with the chips of its slot, a new array.

        Args:
            luma: of the cover, (height, width).
            chips: those of :meth:`chips`, which are the same for all frames of the slot.
            slot: number of the slot, from 0 at the beginning of the clip.
            strength: may differ between windows.
        """
        before = self.layer.coefficients(luma)
        changes = embed_bits(before, chips, self.layer.dithers(slot, strength.step), strength)
        return data_transform().add(luma, changes)


@dataclass(slots=True)
class _SlotSums:
    """What is known of a slot: sums over its frames.

    Attributes:
        soft: weighted soft values of the chips.
        weight: of all frames.
        energies: of the blocks.
        frames: how many.
        ratios: of the chips, once they were computed from these sums.
    """

    soft: F32
    weight: float
    energies: F32
    frames: int
    ratios: F32 | None = None


class ChannelReader:
    """Recovers payloads from received frames on the grid of the blocks.

    Frames are added one by one. The memory is that of one plane of chips for each slot not yet forgotten.

    Args:
        area: the blocks that were received.
        step: of the quantisation.
        key: 32 bytes.
    """

    def __init__(self, area: BlockArea, step: int, key: bytes = PUBLIC_KEY) -> None:
        self.layer = DataLayer(area, key)
        self.step = step
        self._sums: dict[int, _SlotSums] = {}

    def add(self, luma: U8 | F32, slot: int) -> None:
        """Add a frame of a slot.

        Args:
            luma: the received blocks, at the scale of the original; its top left pixel is that of the area.
            slot: of the frame. Only its remainder modulo 4 must be right.
        """
        found = self.layer.coefficients(luma)
        soft = soft_bits(found, self.layer.dithers(slot, self.step), self.step)
        weight = frame_weight(soft, self.layer.known)
        soft *= np.float32(weight)
        energies = block_energies(found)
        if slot not in self._sums:
            self._sums[slot] = _SlotSums(soft, weight, energies, 1)
            return
        sums = self._sums[slot]
        sums.soft += soft
        sums.weight += weight
        sums.energies += energies
        sums.frames += 1
        sums.ratios = None

    def ratios(self, slot: int) -> F32:
        """Logarithms of the likelihood ratios of the chips of a slot; 0 if no frame of it was added."""
        if slot not in self._sums:
            return np.zeros(self.layer.known.shape, np.float32)
        sums = self._sums[slot]
        if sums.ratios is None:
            soft, energies = sums.soft / np.float32(sums.weight), sums.energies / np.float32(sums.frames)
            sums.ratios = log_likelihood_ratios(soft, energies, self.layer.known)
            sums.ratios.flags.writeable = False
        return sums.ratios

    def codeword_ratios(self, window: int, length: int) -> F32:
        """Logarithms of the likelihood ratios of the bits of a window's codeword: sums over their chips."""
        sums = np.zeros(length + 1)
        for part in range(SLOTS_OF_WINDOW):
            slot = window * SLOTS_OF_WINDOW + part
            if slot in self._sums:
                places = self.layer.bits(part, length).ravel()
                sums += np.bincount(places, self.ratios(slot).ravel(), minlength=length + 1)
        # The last sum is that of the known chips.
        return sums[:length].astype(np.float32)

    def read_window(self, window: int, classes: Sequence[int] = PAYLOAD_CLASSES) -> bytes | None:
        """The payload of a window; None unless its checksum is right.

        Args:
            window: number of the window.
            classes: payload classes to try, in this order.
        """
        for class_bytes in classes:
            soft = self.codeword_ratios(window, codeword_length(class_bytes))
            payload = read_codeword(soft, class_bytes, self.layer.key)
            if payload is not None:
                return payload
        return None

    def forget(self, slot: int) -> None:
        """Release the memory of a slot.

        Raises:
            FramingError: no frame of it was added.
        """
        if slot not in self._sums:
            raise FramingError("no frame of this slot was added", found=slot)
        del self._sums[slot]
