"""Conversion of yuv420p planes to RGB with the matrix and range that a clip states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.errors import InputError
from cssv.frames import U8, split_planes

#: Shares of red and blue in the brightness, by MatrixCoefficients of ISO/IEC 23091-2:
#: 1 BT.709, 4 FCC, 5 and 6 BT.601, 7 SMPTE 240M, 9 and 10 BT.2020.
_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
#: Brightness of black, and the spans of brightness and of colour, in limited range.
_BLACK, _LUMA_SPAN, _CHROMA_SPAN = 16, 219, 224


@dataclass(frozen=True, slots=True)
class PlaneColour:
    """How Y, Cb and Cr become RGB.

    Attributes:
        matrix: MatrixCoefficients of ISO/IEC 23091-2, a key of the table in this file.
        is_full_range: whether black is 0 and white 255, not 16 and 235.
    """

    matrix: int = 6
    is_full_range: bool = False

    def __post_init__(self) -> None:
        if self.matrix not in _SHARES:
            found = ", ".join(map(str, _SHARES))
            raise InputError("unknown colour matrix", found=self.matrix, bound=f"one of {found}")


#: Colour of planes of which nothing is known: BT.601 in limited range.
BT601 = PlaneColour()


def has_matrix(number: int) -> bool:
    """Whether a MatrixCoefficients number is one that :class:`PlaneColour` takes."""
    return number in _SHARES


def yuv_to_rgb(planes: U8, colour: PlaneColour = BT601) -> U8:
    """Planes of yuv420p as (H, W, 3) uint8 RGB; the chroma of a pixel is that of its own sample."""
    if colour == BT601:
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
    luma, *chroma = split_planes(planes, "yuv420p")
    height, width = luma.shape
    wide = [cv2.resize(each, (width, height), interpolation=cv2.INTER_NEAREST) for each in chroma]
    merged = cv2.merge([np.ascontiguousarray(luma), *wide])
    return np.asarray(cv2.transform(merged, _transform(colour)), np.uint8)


@lru_cache(maxsize=16)
def _transform(colour: PlaneColour) -> NDArray[np.float64]:
    """(3, 4): RGB from Y, Cb, Cr and 1."""
    red, blue = _SHARES[colour.matrix]
    green = 1 - red - blue
    light, tint = (1.0, 1.0) if colour.is_full_range else (255 / _LUMA_SPAN, 255 / _CHROMA_SPAN)
    black = 0 if colour.is_full_range else _BLACK
    from_cr, from_cb = 2 * (1 - red) * tint, 2 * (1 - blue) * tint
    matrix = np.array(
        [
            [light, 0, from_cr],
            [light, -from_cb * blue / green, -from_cr * red / green],
            [light, from_cb, 0],
        ]
    )
    return np.column_stack((matrix, -matrix @ (black, 128, 128)))
