"""Difference between the heat maps of two frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cssv.errors import FrameError
from cssv.frames import U8, Layout, split_planes
from cssv.scene.change import Change


@dataclass(frozen=True, slots=True)
class HeatChange(Change):
    """Difference between the heat of one frame in two versions.

    Attributes:
        frame: its number.
        pixels: pixels at which brightness or colour differs.
        share: the same as a share of all pixels, 0 to 1.
        mean_abs: mean absolute difference over all samples of all planes, in levels of a nibble.
        max_abs: the largest one, 0 to 15.
    """

    frame: int
    pixels: int
    share: float
    mean_abs: float
    max_abs: int

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.pixels:
            return f"frame {self.frame}: same heat"
        pixels = f"{self.pixels:,} pixel{'' if self.pixels == 1 else 's'} ({self.share:.2%})"
        by = f"by up to {self.max_abs} of 15 levels, {self.mean_abs:.3g} on average over the frame"
        return f"frame {self.frame}: heat differs in {pixels}, {by}"


def compare_heat(frame: int, before: U8, after: U8, layout: Layout) -> HeatChange:
    """Compare two heat maps, both cleaned or both as carried.

    Levels are the high nibbles, those of colour in two's complement. Heat maps as carried hold marks and tags
    too, which differ wherever anything does.

    Raises:
        FrameError: they differ in shape.
    """
    check_same_shape(before, after)
    planes = level_differences(before, after, layout)
    mask = largest_of_planes(planes, layout) > 0
    total = sum(int(plane.sum(dtype=np.int64)) for plane in planes)
    pixels = int(np.count_nonzero(mask))
    largest = max(int(plane.max()) for plane in planes)
    return HeatChange(frame, pixels, pixels / mask.size, total / before.size, largest)


def check_same_shape(*planes: U8) -> None:
    """Raise FrameError unless all arrays have one shape."""
    if len({each.shape for each in planes}) != 1:
        found = " and ".join(str(each.shape) for each in planes)
        raise FrameError("frames of different shape cannot be compared", found=found)


def level_differences(before: U8, after: U8, layout: Layout) -> list[U8]:
    """Absolute difference of each plane in levels, 0 to 15."""
    found = []
    for k, pair in enumerate(zip(split_planes(before, layout), split_planes(after, layout), strict=True)):
        # Turning the sign bit makes -8..7 into 0..15, which keeps differences.
        one, two = ((plane ^ np.uint8(0x80 if k else 0)) >> 4 for plane in pair)
        found.append(np.asarray(cv2.absdiff(one, two), np.uint8))
    return found


def largest_of_planes(planes: Sequence[U8], layout: Layout) -> U8:
    """(H, W): the largest of the three planes; a chroma sample of yuv420p stands for its four pixels."""
    first, *others = planes
    if layout == "yuv420p":
        others = [np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1) for plane in others]
    return np.maximum(np.maximum(others[0], others[1]), first)
