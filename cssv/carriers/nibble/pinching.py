"""Temporal pinching: a stego byte keeps its value from frame to frame while it is near enough to the cover.

Noise of the camera moves cover bytes across the borders of the steps, so that stego bytes of still pixels
jump by a whole step. A byte that may be a little farther from its cover than the nearest one jumps less
often. That makes files smaller and still pixels calm.

Where a whole picture becomes slowly brighter or darker, all bytes would keep values of the same side
together. So a frame is pinched less if that keeps the mean of a plane near that of the cover.
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
#: Levels from the mean of the cover within which the mean of a plane stays, where it can. One is not seen.
MOST_SHIFT = 1


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


def pinch_plane(
    cover: U8,
    template: U8,
    drawn: NDArray[np.bool_],
    previous: U8 | None,
    bits: int,
    reaches: tuple[int, int],
) -> U8:
    """Stego bytes of a plane, pinched as far as its mean stays within MOST_SHIFT of that of the cover.

    A plane whose mean is farther off even if no byte keeps its value, as in a picture of few values, is
    pinched in full: it would only flicker.

    Args:
        cover: (H, W) uint8, contiguous.
        template: likewise; only the high nibbles count.
        drawn: (H, W) bool, where rings are drawn.
        previous: the plane of the stego frame before, contiguous; None for none.
        bits: how many of the lowest bits are 0 where nothing is drawn.
        reaches: levels from the cover within which a byte keeps its previous value, where nothing is drawn
            and where something is.

    Returns:
        A new array of the same shape.
    """
    there, wanted = cover[drawn], template[drawn]

    def pinched(before: U8 | None, fewer: int) -> U8:
        empty, full = (max(reach - fewer, 0) for reach in reaches)
        stego = pinch_empty(cover, bits, before, empty)
        stego[drawn] = pinch_drawn(there, wanted, None if before is None else before[drawn], full)
        return stego

    total = cv2.sumElems(cover)[0]

    def is_near(stego: U8) -> bool:
        # Sums are exact, means are not.
        return bool(abs(cv2.sumElems(stego)[0] - total) <= MOST_SHIFT * cover.size)

    first = pinched(previous, 0)
    if previous is None or is_near(first):
        return first
    nearest = pinched(None, 0)
    if not is_near(nearest):
        return first
    tries = (pinched(previous, fewer) for fewer in range(1, max(reaches)))
    return next((stego for stego in tries if is_near(stego)), nearest)
