"""The base layer: one short message in all frames, on the means of blocks.

A window's payload changes every 2 s, and above CRF 33 a codec does not follow these changes: it repeats older
blocks. The base layer never changes, so that repeated blocks carry it as well. A reader adds up all frames,
and needs no clock.

A cell is 4x4 blocks of 16x16 pixels. Its chips are three low frequencies of the DCT of the (0, 0)
coefficients of these blocks, so the base layer is orthogonal to all other coefficients of blocks. The chips
carry bits by the quantisation of :mod:`.qim`, with one step in all clips: a reader searches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from cssv.carriers.robust.base_message import (
    CODEWORD_BITS,
    codeword_bits,
    information_length,
    read_base_codeword,
    write_base_codeword,
)
from cssv.carriers.robust.calibration import mean_weight
from cssv.carriers.robust.keys import PUBLIC_KEY, check_key
from cssv.carriers.robust.lattice import I64, BlockArea, Bools, known_chips, lattice_bits
from cssv.carriers.robust.qim import Strength, dither_bytes, embed_bits, soft_bits
from cssv.carriers.robust.transform import F32, F64, Frequency
from cssv.errors import FrameError
from cssv.frames import U8

#: Blocks a side of a cell.
CELL_BLOCKS = 4
#: Coefficients of a cell that carry, vertical and horizontal frequency.
BASE_FREQUENCIES: tuple[Frequency, ...] = ((0, 1), (1, 0), (1, 1))
BASE_LAYER = b"base"
#: Of the quantisation, in all clips.
BASE_STEP = 104
#: Bound of the chips for each information bit of the message, and share of the way to the nearest place below
#: it. The more chips there are, the less each has to tell.
BASE_ALPHAS = ((4.5, 0.7), (6.0, 0.6), (9.0, 0.48), (math.inf, 0.4))
#: The mean of all frames counts like so many known chips of a frame.
_USUAL_CHIPS = 20
#: Mean of the logarithms of the likelihood ratios of chips, for each bit that one chip has to tell: for weak
#: normal values, 1.2 times the least that any code needs. And its bound.
_RATIO_OF_INFORMATION, _MOST_RATIO = 4.0, 4.0
_BASIS_SCALE = 1024
#: Cosines of the DCT of 4 values times _BASIS_SCALE, rounded, (frequencies, blocks).
_BASIS: F64 = np.array([[512, 512, 512, 512], [669, 277, -277, -669]], np.float64)
_VERTICAL = np.array([pair[0] for pair in BASE_FREQUENCIES])
_HORIZONTAL = np.array([pair[1] for pair in BASE_FREQUENCIES])
#: Fractions of changes, so that all sums are exact.
_CHANGE_SCALE = 64


def cell_area(area: BlockArea) -> BlockArea:
    """The whole cells in an area of blocks, counted from the top left of the whole frame."""
    top, left = -(-area.top // CELL_BLOCKS), -(-area.left // CELL_BLOCKS)
    bottom, right = (area.top + area.rows) // CELL_BLOCKS, (area.left + area.columns) // CELL_BLOCKS
    return BlockArea(top, left, max(bottom - top, 0), max(right - left, 0))


def base_strength(cells: BlockArea, size: int) -> Strength:
    """How strongly a picture of so many cells is marked, with a message of so many bytes."""
    chips = cells.rows * cells.columns * len(BASE_FREQUENCIES)
    spread = chips / information_length(size)
    return Strength(BASE_STEP, next(alpha for bound, alpha in BASE_ALPHAS if spread < bound))


class BaseLayer:
    """The chips of the base layer in an area of blocks.

    Args:
        area: the blocks of the picture, or of the received piece of it.
        key: 32 bytes.
    """

    def __init__(self, area: BlockArea, key: bytes = PUBLIC_KEY) -> None:
        check_key(key)
        self.area = area
        self.key = key
        self.cells = cell_area(area)
        self.known: Bools = known_chips(self.cells, len(BASE_FREQUENCIES))
        self._bits: dict[int, I64] = {}

    @cached_property
    def dithers(self) -> U8:
        """Dithers of the chips, (cell rows, cell columns, coefficients)."""
        cells = (self.cells.top, self.cells.left, self.cells.rows, self.cells.columns)
        return dither_bytes(self.key, BASE_LAYER, BASE_STEP, cells, len(BASE_FREQUENCIES))

    def bits(self, length: int) -> I64:
        """Number of the bit of each chip in a codeword of so many bits; ``length`` at known chips."""
        if length not in self._bits:
            row, column, coefficient = self.cells.indexes(len(BASE_FREQUENCIES))
            bits = lattice_bits(row, column * len(BASE_FREQUENCIES) + coefficient, length)
            bits[self.known] = length
            self._bits[length] = bits
        return self._bits[length]

    def coefficients(self, means: F32) -> F32:
        """Coefficients of the cells, (cell rows, cell columns, coefficients).

        Args:
            means: (0, 0) coefficients of the blocks of the area, (rows, columns).

        Raises:
            FrameError: not as many as the area has blocks.
        """
        self._check(means)
        rows, columns = self._piece
        cells = means[rows, columns].reshape(self.cells.rows, CELL_BLOCKS, self.cells.columns, CELL_BLOCKS)
        # Sums of integers / 16 below 2 ** 53: exact in float64, in any order.
        found = np.einsum("vk,rkch,jh->rcvj", _BASIS, cells.astype(np.float64), _BASIS)
        return np.asarray(found[:, :, _VERTICAL, _HORIZONTAL] * _BASIS_SCALE**-2.0, np.float32)

    def spread(self, changes: F32) -> F32:
        """Changes of the (0, 0) coefficients of blocks for changes of the coefficients of cells."""
        spectrum = np.zeros((*changes.shape[:2], len(_BASIS), len(_BASIS)))
        spectrum[:, :, _VERTICAL, _HORIZONTAL] = np.rint(changes.astype(np.float64) * _CHANGE_SCALE)
        cells = np.einsum("vk,rcvj,jh->rkch", _BASIS, spectrum, _BASIS) / (_BASIS_SCALE**2 * _CHANGE_SCALE)
        found = np.zeros((self.area.rows, self.area.columns), np.float32)
        rows, columns = self._piece
        found[rows, columns] = cells.reshape(found[rows, columns].shape)
        return found

    @property
    def _piece(self) -> tuple[slice, slice]:
        """The blocks of the whole cells, relative to the area."""
        top = self.cells.top * CELL_BLOCKS - self.area.top
        left = self.cells.left * CELL_BLOCKS - self.area.left
        return (
            slice(top, top + self.cells.rows * CELL_BLOCKS),
            slice(left, left + self.cells.columns * CELL_BLOCKS),
        )

    def _check(self, means: F32) -> None:
        if means.shape != (self.area.rows, self.area.columns):
            raise FrameError(
                "the means of blocks have another size than the area",
                found=str(means.shape),
                bound=str((self.area.rows, self.area.columns)),
            )


class BaseWriter:
    """Embeds a message in the means of blocks.

    Args:
        layer: of the whole picture.
        message: of 8 or 32 bytes, see :func:`.base_message.message_bytes`.

    Raises:
        FramingError: the message has another length.
    """

    def __init__(self, layer: BaseLayer, message: bytes) -> None:
        self.layer = layer
        codeword = write_base_codeword(message, layer.key)
        self._strength = base_strength(layer.cells, len(message))
        self._chips = np.append(codeword, np.uint8(0))[layer.bits(len(codeword))]

    def changes(self, means: F32, strength: Strength | None = None) -> F32:
        """Changes of the (0, 0) coefficients of blocks, (rows, columns), to be added to them.

        Args:
            means: (0, 0) coefficients of the cover, of the same shape.
            strength: with the step BASE_STEP; None for :func:`base_strength`.
        """
        chosen = strength or self._strength
        before = self.layer.coefficients(means)
        return self.layer.spread(embed_bits(before, self._chips, self.layer.dithers, chosen))


class BaseReader:
    """Recovers the message from received frames on the grid of the blocks.

    Frames of any time are added up. The memory is that of one plane of chips.

    Args:
        area: the blocks that were received.
        key: 32 bytes.
    """

    def __init__(self, area: BlockArea, key: bytes = PUBLIC_KEY) -> None:
        self.layer = BaseLayer(area, key)
        self._soft = np.zeros(self.layer.known.shape, np.float32)
        self._known = 0.0
        self._frames = 0

    def add(self, means: F32) -> None:
        """Add a frame.

        Args:
            means: (0, 0) coefficients of the received blocks, (rows, columns), at the scale of the original.

        Raises:
            FrameError: not as many as the area has blocks.
        """
        found = self.layer.coefficients(means)
        soft = soft_bits(found, self.layer.dithers, BASE_STEP)
        self._frames += 1
        weight = self._frame_weight(soft[self.layer.known])
        self._soft += soft * np.float32(weight)

    def _frame_weight(self, known: F32) -> float:
        """Weight of the newest frame by its known chips."""
        if not known.size:
            return 1.0
        self._known += float(known.mean())
        # One frame has too few known chips, so the mean of all frames so far counts as well.
        usual = self._known / self._frames
        return mean_weight((float(known.sum()) + _USUAL_CHIPS * usual) / (known.size + _USUAL_CHIPS))

    @property
    def score(self) -> float:
        """How well the known chips fit, in standard deviations of a still clip that carries nothing.

        Small pictures have few known chips: 768x576 has 20 and scores 6.3 at most. The proof is a message.
        """
        known = int(np.count_nonzero(self.layer.known))
        return self._known / max(self._frames, 1) * math.sqrt(2 * known)

    def read(self, lengths: Sequence[int] = tuple(CODEWORD_BITS)) -> bytes | None:
        """The message; None unless its checksum is right.

        Args:
            lengths: of the message in bytes, to try in this order.

        Raises:
            FramingError: there is no such length.
        """
        for size in lengths:
            message = read_base_codeword(self.codeword_ratios(size), size, self.layer.key)
            if message is not None:
                return message
        return None

    def ratios(self, size: int) -> F32:
        """Logarithms of the likelihood ratios of the chips, for a message of so many bytes.

        They are soft values times a factor that supposes as much information as the decoder needs at least.
        The factor that the known chips give is worse: these are few. With more information than supposed, the
        decoder succeeds all the same.
        """
        soft = np.where(self.layer.known, np.float32(0), self._soft)
        chips = int(np.count_nonzero(~self.layer.known))
        power = float(np.square(soft, dtype=np.float64).sum()) / max(chips, 1)
        if not power:
            return soft
        # Mean m of the ratios of a normal value, whose square is m ** 2 + 2 * m on average.
        mean = min(_RATIO_OF_INFORMATION * information_length(size) / chips, _MOST_RATIO)
        return np.asarray(soft * np.float32(math.sqrt((mean * mean + 2 * mean) / power)))

    def codeword_ratios(self, size: int) -> F32:
        """Logarithms of the likelihood ratios of the bits of the codeword: sums over their chips.

        Raises:
            FramingError: there is no such length of the message.
        """
        length = codeword_bits(size)
        sums = np.bincount(self.layer.bits(length).ravel(), self.ratios(size).ravel(), minlength=length + 1)
        # The last sum is that of the known chips.
        return sums[:length].astype(np.float32)
