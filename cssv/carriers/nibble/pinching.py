"""Temporal pinching: a stego byte keeps its value from frame to frame while it is near enough to the cover.

Noise of the camera moves cover bytes across the borders of the steps, so that stego bytes of still pixels
jump by a whole step. A byte that may be a little farther from its cover than the nearest one jumps less
often. That makes files smaller and still pixels calm.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.merge import merge
from cssv.frames import U8

#: Values of a byte.
_BYTES = 256


@lru_cache(maxsize=8)
def empty_bytes(bits: int) -> U8:
    """For each byte the nearest one whose lowest ``bits`` bits are 0; of two the even multiple of the step.

    Returns:
        (256,) uint8, read only.
    """
    step = 1 << bits
    quotient, rest = np.divmod(np.arange(_BYTES), step)
    above = (2 * rest > step) | ((2 * rest == step) & (quotient % 2 == 1))
    # No multiple lies above the last one.
    nearest: U8 = (np.minimum(quotient + above, (_BYTES - 1) // step) * step).astype(np.uint8)
    nearest.setflags(write=False)
    return nearest


def is_empty(plane: U8, bits: int) -> NDArray[np.bool_]:
    """Where the lowest ``bits`` bits of bytes are 0."""
    return np.asarray((plane & np.uint8((1 << bits) - 1)) == 0)


def pinch_empty(cover: U8, bits: int, previous: U8 | None, reach: int) -> U8:
    """Stego bytes of a plane in which nothing is drawn: their lowest bits are 0.

    Args:
        cover: uint8, the plane.
        bits: how many of the lowest bits are 0.
        previous: the plane of the stego frame before; None for none.
        reach: levels from the cover within which a byte keeps its previous value.

    Returns:
        A new array of the same shape.
    """
    stego = np.asarray(cv2.LUT(cover, empty_bytes(bits)), np.uint8)
    if previous is not None:
        # A byte that was drawn before may have other lowest bits.
        keeps = is_empty(previous, bits)
        keeps &= cv2.absdiff(previous, cover) <= reach
        np.copyto(stego, previous, where=keeps)
    return stego


def pinch_drawn(cover: U8, template: U8, previous: U8 | None, reach: int) -> U8:
    """Stego bytes that carry the high nibbles of a template: :func:`merge`, pinched.

    Args:
        cover: uint8, any shape.
        template: uint8, same shape; only the high nibbles count.
        previous: the stego bytes of the frame before; None for none.
        reach: levels from the cover within which a byte keeps its previous value, if it has the nibble.

    Returns:
        A new array: ``split(pinch_drawn(c, t, p, n)) == t & 0xF0``.
    """
    stego = merge(cover, template)
    if previous is not None:
        keeps = (previous & 15) == template >> 4
        keeps &= np.maximum(previous, cover) - np.minimum(previous, cover) <= reach
        np.copyto(stego, previous, where=keeps)
    return stego
