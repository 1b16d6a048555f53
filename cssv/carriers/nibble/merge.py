"""The nibble carrier: a template's high nibble in the low nibble of every byte.

Optimal pixel adjustment: C.-K. Chan and L. M. Cheng, "Hiding data in images by simple LSB
substitution", Pattern Recognition 37 (2004), section 3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cssv.errors import CarrierError
from cssv.frames import U8

Merge = Literal["opap", "plain"]
MERGES: tuple[Merge, ...] = ("opap", "plain")
DEFAULT_MERGE: Merge = "opap"
#: Bytes that are merged at once.
_PIECE = 1 << 20
#: Half a high nibble's step.
_HALF = np.uint8(8)


def _check(cover: U8, template: U8) -> None:
    if cover.dtype != np.uint8 or template.dtype != np.uint8 or cover.shape != template.shape:
        raise CarrierError(
            "cover and template do not fit",
            found=f"{cover.dtype} {cover.shape} and {template.dtype} {template.shape}",
            bound="two uint8 arrays of one shape",
        )


def merge(cover: U8, template: U8, method: Merge = DEFAULT_MERGE) -> U8:
    """Put the template's high nibbles into the cover's low nibbles.

    Args:
        cover: uint8, any shape.
        template: uint8, same shape; only the high nibbles count.
        method: ``"plain"`` replaces the low nibble; ``"opap"`` takes, of all bytes with the right low
            nibble, the one nearest to the cover; of two equally near ones that with the even high
            nibble, so that neither brightness nor tint drifts.

    Returns:
        The stego bytes, a new array: ``split(merge(c, t)) == t & 0xF0``.
    """
    _check(cover, template)
    stego = np.empty(cover.shape, np.uint8)
    # Piece by piece, so that the steps in between take no memory of the size of the frame.
    pieces = (array.reshape(-1) for array in (cover, template, stego))
    flat_cover, flat_template, flat_stego = pieces
    for first in range(0, stego.size, _PIECE):
        piece = slice(first, first + _PIECE)
        flat_stego[piece] = _merged(flat_cover[piece], flat_template[piece], method)
    return stego


def _merged(cover: U8, template: U8, method: Merge) -> U8:
    nibble = template >> 4
    if method == "plain":
        stego = cover & 0xF0
    else:
        # cover - nibble, rounded half to even, saturated: below 0 the high nibble is 0, above 255 15.
        stego = np.minimum(cover, nibble)
        np.subtract(cover, stego, out=stego)
        odd = stego >> 4
        odd &= 1
        np.minimum(stego, 0xFF - _HALF, out=stego)
        stego += _HALF - np.uint8(1)
        stego += odd
        stego &= 0xF0
    stego |= nibble
    return np.asarray(stego)


def split(stego: U8) -> U8:
    """Return the template's nibbles, shifted up by four; low nibbles zero. Inverse of :func:`merge`."""
    if stego.dtype != np.uint8:
        raise CarrierError("stego planes must be uint8", found=str(stego.dtype))
    return np.left_shift(stego, 4)


def merge_sparse(cover: U8, template: U8, support: NDArray[np.bool_], method: Merge = DEFAULT_MERGE) -> U8:
    """As :func:`merge`, but bytes outside ``support`` (bool, same shape) stay the cover's."""
    stego = merge(cover, template, method)
    np.copyto(stego, cover, where=~support)
    return stego
