"""Lattice of RGB codes: the codes that a conversion from 8-bit YUV can give.

A picture decoded from YUV 4:2:0 has only a part of all RGB codes. Embedding in its RGB values leads to other
codes. Embedding in the planes Y, Cb and Cr does not, whatever it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cssv.frames import U8

_SIDE = 4096
_LIMITED_RANGE, _FULL_RANGE = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The RGB codes of a conversion.

    Attributes:
        has_code: whether a code occurs, by ``red << 16 | green << 8 | blue``; (2**24,) bool.
    """

    has_code: NDArray[np.bool_]

    def share_outside(self, picture: U8) -> float:
        """Share of the pixels of an RGB picture (H, W, 3) whose code does not occur."""
        return float(np.count_nonzero(~self.has_code[_codes(picture)]) / (picture.size // 3))

    @property
    def share_of_codes(self) -> float:
        """Share of all RGB codes that occur."""
        return float(self.has_code.mean())


def lattice_of(convert: Callable[[U8], U8]) -> Lattice:
    """Find the codes of a conversion by converting every combination of Y, Cb and Cr.

    Args:
        convert: takes planes of a 4096x4096 yuv420p picture, stacked as in I420; returns (4096, 4096, 3) RGB.
    """
    has_code = np.zeros(1 << 24, np.bool_)
    has_code[_codes(convert(_all_combinations()))] = True
    return Lattice(has_code)


def to_rgb(planes: U8) -> U8:
    """Convert I420 planes of limited range to RGB, as the reader of clips and most players do."""
    frame = VideoFrame.from_ndarray(planes, format="yuv420p")
    options = {"src_color_range": _LIMITED_RANGE, "dst_color_range": _FULL_RANGE}
    return np.asarray(frame.reformat(format="rgb24", **options).to_ndarray(), np.uint8)


def _all_combinations() -> U8:
    """I420 planes with all triples: each pair (Cb, Cr) in 64 chroma samples, with all values of Y on them."""
    planes = np.empty((_SIDE * 3 // 2, _SIDE), np.uint8)
    blocks = np.arange(_SIDE * _SIDE // 4, dtype=np.uint32)
    half = _SIDE // 2
    # Four pixels share a chroma sample: block n holds the values 4m to 4m + 3 of Y, where m = n mod 64.
    luma = ((blocks % 64)[:, None] * 4 + np.arange(4, dtype=np.uint32)).astype(np.uint8)
    planes[:_SIDE] = luma.reshape(half, half, 2, 2).transpose(0, 2, 1, 3).reshape(_SIDE, _SIDE)
    pairs = blocks // 64
    planes[_SIDE : _SIDE + half // 2] = (pairs & 255).astype(np.uint8).reshape(half // 2, _SIDE)
    planes[_SIDE + half // 2 :] = (pairs >> 8).astype(np.uint8).reshape(half // 2, _SIDE)
    return planes


def _codes(picture: U8) -> NDArray[np.uint32]:
    red, green, blue = (picture[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue
