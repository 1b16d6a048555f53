"""The channel: codewords to luma and back, for pictures whose geometry is known.

Time is divided into slots. Slot s belongs to window ``s // 2`` and has the class ``s % 4``, which decides the
dithers. All frames of a slot have the same chips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cssv.carriers.robust.calibration import block_energies, frame_weight, log_likelihood_ratios
from cssv.carriers.robust.codewords import PAYLOAD_CLASSES, codeword_length, read_codeword
from cssv.carriers.robust.data_layer import DataLayer, data_transform
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW, BlockArea, Bools
from cssv.carriers.robust.qim import Strength, embed_bits, soft_bits
from cssv.carriers.robust.steps import best_step
from cssv.carriers.robust.transform import F32
from cssv.errors import FramingError
from cssv.frames import U8


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


#: Most frames of a slot that are kept.
MOST_SLOT_FRAMES = 240


@dataclass(slots=True)
class _Slot:
    """What was received of a slot.

    Attributes:
        coefficients: of each frame.
        step: of the quantisation, once it was chosen from these frames.
        ratios: of the chips, once they were computed from these frames.
    """

    coefficients: list[F32]
    step: int | None = None
    ratios: F32 | None = None


def chip_ratios(frames: Sequence[F32], dithers: U8, known: Bools, step: int) -> F32:
    """Logarithms of the likelihood ratios of the chips of a slot.

    Args:
        frames: coefficients of each frame of the slot, (..., coefficients), at least one.
        dithers: of the chips, of the same shape.
        known: which chips are known to be 0, of the same shape.
        step: of the quantisation.
    """
    sums, energies, total = np.zeros(dithers.shape, np.float32), np.zeros(dithers.shape[:-1]), 0.0
    for found in frames:
        soft = soft_bits(found, dithers, step)
        weight = frame_weight(soft, known)
        soft *= np.float32(weight)
        sums += soft
        total += weight
        energies += block_energies(found)
    sums *= np.float32(1 / total)
    return log_likelihood_ratios(sums, (energies / len(frames)).astype(np.float32), known)


class ChannelReader:
    """Recovers payloads from received frames on the grid of the blocks.

    Frames are added one by one. The memory is that of the coefficients of each slot not yet forgotten.

    Args:
        area: the blocks that were received.
        step: of the quantisation; None chooses for each slot the one that its known chips fit best.
        key: 32 bytes.
    """

    def __init__(self, area: BlockArea, step: int | None = None, key: bytes = PUBLIC_KEY) -> None:
        self.layer = DataLayer(area, key)
        self._given = step
        self._slots: dict[int, _Slot] = {}

    def add(self, luma: U8 | F32, slot: int) -> None:
        """Add a frame of a slot.

        Args:
            luma: the received blocks, at the scale of the original; its top left pixel is that of the area.
            slot: of the frame. Only its remainder modulo 4 must be right.
        """
        self.add_coefficients(self.layer.coefficients(luma), slot)

    def add_coefficients(self, found: F32, slot: int) -> None:
        """Add a frame of a slot by its coefficients, (rows, columns, coefficients)."""
        received = self._slots.setdefault(slot, _Slot([]))
        if len(received.coefficients) >= MOST_SLOT_FRAMES:
            # A clip may claim any frame rate. More frames of a slot tell hardly more.
            return
        received.coefficients.append(found)
        received.step = received.ratios = None

    def step_of(self, slot: int) -> int | None:
        """The step of a slot; None if no frame of it was added."""
        received = self._slots.get(slot)
        if received is None:
            return None
        if received.step is None:
            received.step = self._given or best_step(self.layer, received.coefficients, slot)
        return received.step

    def ratios(self, slot: int) -> F32:
        """Logarithms of the likelihood ratios of the chips of a slot; 0 if no frame of it was added."""
        step = self.step_of(slot)
        if step is None:
            return np.zeros(self.layer.known.shape, np.float32)
        received = self._slots[slot]
        if received.ratios is None:
            dithers = self.layer.dithers(slot, step)
            received.ratios = chip_ratios(received.coefficients, dithers, self.layer.known, step)
            received.ratios.flags.writeable = False
        return received.ratios

    def codeword_ratios(self, window: int, length: int) -> F32:
        """Logarithms of the likelihood ratios of the bits of a window's codeword: sums over their chips."""
        sums = np.zeros(length + 1)
        for part in range(SLOTS_OF_WINDOW):
            slot = window * SLOTS_OF_WINDOW + part
            if slot in self._slots:
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
        if slot not in self._slots:
            raise FramingError("no frame of this slot was added", found=slot)
        del self._slots[slot]
