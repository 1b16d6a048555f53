"""Heat maps and frames in colour."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, split_planes
from cssv.view.plane_colour import BT601, PlaneColour, yuv_to_rgb


def to_rgb(planes: U8, layout: Layout, colour: PlaneColour = BT601) -> U8:
    """Planes as (H, W, 3) uint8 RGB for viewing; ``colour`` is that of yuv420p."""
    return planes if layout == "rgb24" else yuv_to_rgb(planes, colour)


def heat_to_rgb(heat: U8, layout: Layout, window: tuple[int, int, int, int] | None = None) -> U8:
    """A cleaned heat map as (H, W, 3) uint8 RGB, with its brightness and hue; black where it is empty.

    Args:
        heat: the map.
        layout: of its planes.
        window: left, top, width and height of the wanted part, all even; by default all of it.
    """
    planes = split_planes(heat, layout)
    if window is not None:
        steps = (1, 2, 2) if layout == "yuv420p" else (1, 1, 1)
        left, top, width, height = window
        planes = cast(
            "tuple[U8, U8, U8]",
            tuple(
                plane[top // step : (top + height) // step, left // step : (left + width) // step]
                for plane, step in zip(planes, steps, strict=True)
            ),
        )
    luma, cb, cr = planes
    bright = luma | luma >> 4
    # Chroma nibbles are signed, and OpenCV expects bytes around 128.
    chroma = [np.bitwise_xor(plane, np.uint8(0x80)) for plane in (cr, cb)]
    if layout == "yuv420p":
        size = luma.shape[::-1]
        chroma = [
            np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.uint8) for plane in chroma
        ]
    merged = cv2.merge([np.ascontiguousarray(bright), *chroma])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.uint8)


def drawn_pixels(heat: U8, layout: Layout) -> NDArray[np.bool_]:
    """(H, W) bool: where the brightness of a cleaned heat map is not 0."""
    return np.not_equal(split_planes(heat, layout)[0], 0)
