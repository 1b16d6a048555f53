"""The pilot: a keyed pattern whose sign alternates in time, by which a reader finds scale, offset and slots.

The pattern lies on two low coefficients of the discrete cosine transform (DCT-II, orthonormal) of each block
of 16x16 luma pixels. Blocks are counted from the top left of the picture of the sender, whatever its size.
The signs repeat every :data:`PLANE_BLOCKS` blocks in both directions.

The signs are bits of the keystream with the label ``pilot``, the first in bit 7 of a byte; a set bit is minus
one. They follow each other row by row, in a row block by block, in a block in the order of
:data:`PILOT_COEFFICIENTS`. In even slots each coefficient changes by its sign times an amplitude, in odd
slots by the opposite. Readers need not know the amplitude.

A reader that sums frames with weights of half a turn a slot keeps the pilot, and cancels what stands still.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.robust.keys import check_key, keystream

F32 = NDArray[np.float32]

#: Side of a block in pixels.
BLOCK = 16
#: Vertical and horizontal frequency of the coefficients that carry the pilot.
PILOT_COEFFICIENTS = ((1, 2), (2, 1))
#: Seconds after which the sign changes.
SLOT_S = Fraction(1)
#: Blocks, in each direction, after which the signs repeat.
PLANE_BLOCKS = 128
#: The same in pixels. Offsets are known modulo this number.
PLANE = PLANE_BLOCKS * BLOCK


def slot_of(time: Fraction) -> int:
    """Number of the slot that a time of the sender's clip lies in; slot 0 begins at time 0."""
    return int(time // SLOT_S)


def slot_sign(slot: int) -> int:
    """Sign of the pilot in a slot: plus one in even slots."""
    return 1 - 2 * (slot % 2)


@lru_cache(maxsize=8)
def pilot_signs(key: bytes) -> F32:
    """Signs of the coefficients of the blocks, (PLANE_BLOCKS, PLANE_BLOCKS, 2); a set bit is minus one."""
    check_key(key)
    shape = (PLANE_BLOCKS, PLANE_BLOCKS, len(PILOT_COEFFICIENTS))
    stream = np.frombuffer(keystream(key, b"pilot", int(np.prod(shape)) // 8), np.uint8)
    signs = (1 - 2 * np.unpackbits(stream).astype(np.float32)).reshape(shape)
    signs.flags.writeable = False
    return signs


@lru_cache(maxsize=8)
def pilot_plane(key: bytes, reduction: int) -> F32:
    """The pattern of the whole plane in cells of ``reduction`` pixels a side, with mean square 1.

    Args:
        key: 32 bytes.
        reduction: a divisor of :data:`BLOCK`; each cell is the mean of its pixels.
    """
    plane = _draw(pilot_signs(key), _basis(BLOCK // reduction))
    plane /= np.sqrt(np.mean(plane * plane))
    plane.flags.writeable = False
    return plane


def _basis(side: int) -> F32:
    """Pictures of the coefficients, (2, side, side), averaged over cells if ``side`` is below BLOCK."""
    n = np.arange(BLOCK)
    waves = [np.sqrt(2 / BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK)) for k in range(BLOCK)]
    means = [wave.reshape(side, -1).mean(1) for wave in waves]
    return np.stack([np.outer(means[v], means[h]) for v, h in PILOT_COEFFICIENTS]).astype(np.float32)


def _draw(signs: F32, basis: F32) -> F32:
    """Blocks with these signs (rows, columns, 2) side by side."""
    rows, columns, side = *signs.shape[:2], basis.shape[1]
    drawn = np.einsum("rck,kyx->rycx", signs, basis, optimize=True)
    return np.ascontiguousarray(drawn, np.float32).reshape(rows * side, columns * side)
