"""Frames in native planes, with exact time.

A frame holds the bytes that the codec holds: ``yuv420p`` (Y, Cb, Cr; 8 bit, chroma halved in both
directions) or ``rgb24``. CSSV does not convert between the two, because data in the low bits does not
survive a colour conversion; only for a carrier that takes one of them, before it embeds.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cssv.errors import FrameError

Layout = Literal["yuv420p", "rgb24"]
LAYOUTS: tuple[Layout, ...] = ("yuv420p", "rgb24")

#: Smallest and largest frame side in pixels. The smallest frame holds one mark of the nibble carrier.
SIDE_RANGE = (32, 16384)

U8 = NDArray[np.uint8]

#: Side of a macroblock of H.264 in pixels of luma.
MACROBLOCK_PX = 16
#: One value for each macroblock of a picture, by rows; the last row and column may reach beyond the picture.
Blocks = NDArray[np.bool_]


def planes_shape(layout: Layout, width: int, height: int) -> tuple[int, ...]:
    """Shape of the array that holds the planes of a ``width`` x ``height`` frame.

    ``(3 * height // 2, width)`` for yuv420p, stacked as in I420: Y over Cb over Cr;
    ``(height, width, 3)`` for rgb24.
    """
    if layout == "yuv420p":
        # Cb and Cr have a quarter of the samples of Y each: half as many rows again of the same width.
        return (height * 3 // 2, width)
    return (height, width, 3)


def planes_crc(planes: U8) -> int:
    """CRC-32 of a frame's planes in their stored order: Y, Cb, Cr or interleaved R, G, B."""
    return zlib.crc32(planes.data)


def check_size(layout: Layout, width: int, height: int) -> None:
    """Raise FrameError unless the layout can hold a frame of this size."""
    low, high = SIDE_RANGE
    if not (low <= width <= high and low <= height <= high):
        raise FrameError(
            "frame size is out of range",
            found=f"{width}x{height}",
            bound=f"{low} to {high} pixels a side",
            remedy="Scale or pad the clip first.",
        )
    if layout == "yuv420p" and (width % 2 or height % 2):
        raise FrameError(
            "a yuv420p frame needs even sides",
            found=f"{width}x{height}",
            remedy="Pad by one pixel, or use rgb24 planes.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture in native planes.

    Attributes:
        planes: uint8. yuv420p: ``(3 * H // 2, W)``, I420 stacking. rgb24: ``(H, W, 3)``.
        layout: ``"yuv420p"`` or ``"rgb24"``.
        pts: presentation time in units of ``time_base``.
        time_base: seconds per unit of ``pts``, exact.
        number: position in the clip, counted from 0 at its first frame.
        duration: how long the frame is shown, in units of ``time_base``; 0 if unknown. Only that of the last
            frame matters: any other is shown until the next one.
    """

    planes: U8
    layout: Layout
    pts: int
    time_base: Fraction
    number: int = 0
    duration: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.layout, str) or self.layout not in LAYOUTS:
            raise FrameError("unknown plane layout", found=str(self.layout), bound=" or ".join(LAYOUTS))
        self._check_types()
        if self.planes.dtype != np.uint8:
            raise FrameError("planes must be uint8", found=str(self.planes.dtype))
        ndim = 2 if self.layout == "yuv420p" else 3
        shape = self.planes.shape
        if len(shape) != ndim or (ndim == 3 and shape[2] != 3) or (ndim == 2 and shape[0] % 3):
            raise FrameError(
                f"planes do not fit layout {self.layout}",
                found=f"shape {shape}",
                bound="(3*H//2, W) for yuv420p, (H, W, 3) for rgb24",
            )
        if self.duration < 0:
            raise FrameError("a duration must not be negative", found=self.duration, bound="0 or more")
        check_size(self.layout, self.width, self.height)

    def _check_types(self) -> None:
        # A wrong type would be met far from here: in a codec, or when the last frame of a stream is written.
        if not isinstance(self.planes, np.ndarray):
            raise FrameError("planes are not an array", found=type(self.planes).__name__)
        for name in ("pts", "number", "duration"):
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise FrameError(f"{name} is not a whole number", found=repr(value))
        if not isinstance(self.time_base, Rational) or self.time_base <= 0:
            raise FrameError(
                "a time base is not a positive fraction",
                found=repr(self.time_base),
                bound="a Fraction above 0",
            )

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.planes.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        rows = int(self.planes.shape[0])
        return rows * 2 // 3 if self.layout == "yuv420p" else rows

    @property
    def time(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    def split(self) -> tuple[U8, U8, U8]:
        """The three planes as views: (Y, Cb, Cr) or (R, G, B). Writing to one writes to the frame."""
        return split_planes(self.planes, self.layout)

    def luma(self) -> U8:
        """(H, W) uint8: the Y plane itself, or the G plane of an RGB frame, which is most similar to it."""
        return self.split()[0 if self.layout == "yuv420p" else 1]


#: How much finer than the rest each macroblock of a picture is coded, (rows, columns) int: 0 for no finer, up
#: to FINEST, in hundredths of the range of the quantiser. The quantiser of H.264 goes from 0 to 51, so that 1
#: is about half a step of it.
Finer = NDArray[np.int16]
FINEST = 100
#: Whether content of macroblocks came back, (rows, columns): 0, WEAK or LOST.
Faults = NDArray[np.uint8]
WEAK, LOST = 1, 2


class ExactContent(Protocol):
    """Content of one yuv420p frame that must decode exactly, while the rest of the frame is lossy."""

    @property
    def blocks(self) -> Blocks:
        """(rows, columns): the macroblocks whose pixels hold content."""

    @property
    def finer(self) -> Finer:
        """(rows, columns): how much finer each of these macroblocks is coded at first."""

    def faults(self, planes: U8) -> Faults:
        """(rows, columns): of each macroblock, whether its content is LOST in these decoded planes, or WEAK.

        Weak content is as it was. It may be lost when the frame is coded again with the same quality.
        """


def blocks_shape(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of the macroblocks of a picture."""
    return -(-height // MACROBLOCK_PX), -(-width // MACROBLOCK_PX)


def cut_planes(planes: U8, layout: Layout, window: tuple[int, int, int, int]) -> U8:
    """A new array with the planes inside a window (left, top, width, height), cut off at the picture's end.

    In yuv420p all four numbers must be even.
    """
    left, top, width, height = window
    luma = split_planes(planes, layout)[0]
    width, height = min(width, luma.shape[1] - left), min(height, luma.shape[0] - top)
    if layout == "rgb24":
        return planes[top : top + height, left : left + width].copy()
    parts = [
        plane[top // step : (top + height) // step, left // step : (left + width) // step].reshape(-1)
        for plane, step in zip(split_planes(planes, layout), (1, 2, 2), strict=True)
    ]
    return np.concatenate(parts).reshape(planes_shape(layout, width, height))


def split_planes(planes: U8, layout: Layout) -> tuple[U8, U8, U8]:
    """Views of the three planes in an array shaped by :func:`planes_shape`."""
    if layout == "rgb24":
        return planes[..., 0], planes[..., 1], planes[..., 2]
    width = planes.shape[1]
    height = planes.shape[0] * 2 // 3
    flat = planes.reshape(-1)
    luma_size, chroma_size = width * height, width * height // 4
    chroma_shape = (height // 2, width // 2)
    return (
        planes[:height],
        flat[luma_size : luma_size + chroma_size].reshape(chroma_shape),
        flat[luma_size + chroma_size :].reshape(chroma_shape),
    )
