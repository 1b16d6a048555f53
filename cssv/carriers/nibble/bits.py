"""The bit plane of marks and tags: the lowest bit of each luma byte.

It is the lowest bit of the nibble, so a template keeps the other three bits under a mark, and in
sparse fidelity a mark changes a byte outside the support by at most one. Blocks start at multiples of UNIT
pixels of the *whole* frame; a crop is shifted to that grid before it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8

#: Grid of block positions, in pixels.
UNIT = 8
#: Every block is this wide, in pixels: two bytes a row.
BLOCK_WIDTH = 16
#: The lowest bit of a nibble in a template (nibbles shifted up by four).
TEMPLATE_BIT = 0x10


@dataclass(frozen=True, slots=True)
class BitPlane:
    """The lowest bits of a luma plane, eight to a byte, on the grid of the whole frame.

    Attributes:
        packed: uint8 (rows, bytes); bit 7 of a byte is the leftmost pixel.
        left, top: position of ``packed[0, 0]`` in the whole frame, multiples of UNIT.
        width, height: size of the picture the bits came from, in pixels.
    """

    packed: U8
    left: int
    top: int
    width: int
    height: int

    @staticmethod
    def from_luma(luma: U8, origin: tuple[int, int] = (0, 0)) -> BitPlane:
        """Pack the bits of a stego picture whose top left pixel is ``origin`` (x, y) of the whole frame."""
        height, width = luma.shape
        skip_x, skip_y = -origin[0] % UNIT, -origin[1] % UNIT
        packed = np.packbits(luma[skip_y:, skip_x:] & 1, axis=1)
        return BitPlane(packed, origin[0] + skip_x, origin[1] + skip_y, width, height)

    def block(self, x: int, y: int, rows: int) -> bytes:
        """Bytes of a block, BLOCK_WIDTH wide, at (x, y) of the whole frame; b"" if it is cut off."""
        row, column = y - self.top, (x - self.left) // UNIT
        if row < 0 or column < 0:
            return b""
        block = self.packed[row : row + rows, column : column + 2]
        return block.tobytes() if block.shape == (rows, 2) else b""

    def blocks(self, columns: range, rows: range, height: int) -> U8:
        """Bytes of whole blocks on a grid, (rows, columns, 2 * height), uint8.

        Args:
            columns: x of the blocks in the whole frame.
            rows: y of the blocks in the whole frame.
            height: rows of each block.
        """
        down = (np.array(rows) - self.top)[:, None, None, None] + np.arange(height)[:, None]
        across = (np.array(columns) - self.left)[:, None, None] // UNIT + np.arange(2)
        return np.asarray(self.packed[down, across].reshape(len(rows), len(columns), 2 * height), np.uint8)

    def find(self, magic: bytes, rows: int) -> list[tuple[int, int, bytes]]:
        """Every grid position whose block starts with the two-byte magic: (x, y, block)."""
        first = self.packed[::UNIT]
        hits = np.argwhere((first[:, :-1] == magic[0]) & (first[:, 1:] == magic[1]))
        places = [(self.left + int(c) * UNIT, self.top + int(r) * UNIT) for r, c in hits]
        return [(x, y, block) for x, y in places if (block := self.block(x, y, rows))]


def block_pixels(blocks: NDArray[np.uint8]) -> U8:
    """Bits (0 or 1) of bytes along the last axis: (..., n) -> (..., 8 * n)."""
    return np.unpackbits(blocks, axis=-1)


def set_bits(luma: U8, bits: U8, bit: int) -> None:
    """Set one bit (a mask with a single 1) of every byte of ``luma`` to ``bits`` (0 or 1), in place."""
    luma &= 0xFF ^ bit
    luma |= bits * np.uint8(bit)
