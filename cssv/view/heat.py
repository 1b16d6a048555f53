"""Heat maps as pictures for people: cleaned, in colour, and laid over the frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, split_planes
from cssv.interop.rows import ObjectRow

#: Share of the heat map's colour in an overlay.
_BLEND = 0.75
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.35


def to_rgb(planes: U8, layout: Layout) -> U8:
    """Planes as (H, W, 3) uint8 RGB for looking at; yuv420p as BT.601 in limited range."""
    if layout == "rgb24":
        return planes
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)


def heat_to_rgb(heat: U8, layout: Layout) -> U8:
    """A cleaned heat map as (H, W, 3) uint8 RGB: brightness and hue as drawn, black where empty."""
    luma, cb, cr = split_planes(heat, layout)
    bright = luma | luma >> 4
    # Signed nibbles around 0 become bytes around 128.
    chroma = [np.bitwise_xor(plane, np.uint8(0x80)) for plane in (cr, cb)]
    if layout == "yuv420p":
        chroma = [np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1) for plane in chroma]
    merged = cv2.merge([np.ascontiguousarray(bright), *chroma])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.uint8)


def drawn_pixels(heat: U8, layout: Layout) -> NDArray[np.bool_]:
    """(H, W) bool: where a cleaned heat map's brightness is not empty."""
    return np.not_equal(split_planes(heat, layout)[0], 0)


def overlay(planes: U8, heat: U8, layout: Layout, objects: Sequence[ObjectRow] = ()) -> U8:
    """The frame in RGB with its cleaned heat map laid over it and its objects' readings written beside."""
    picture = to_rgb(planes, layout).copy()
    colours = heat_to_rgb(heat, layout)
    mixed = cv2.addWeighted(colours, _BLEND, picture, 1 - _BLEND, 0.0)
    np.copyto(picture, mixed, where=drawn_pixels(heat, layout)[..., None])
    for row in objects:
        _write_label(picture, row)
    return picture


def _write_label(picture: U8, row: ObjectRow) -> None:
    """Write an object's readings above its box, white on dark."""
    words = [f"{row.label or 'object'} {row.track}"]
    if row.speed_m_s is not None:
        words.append(f"{row.speed_m_s:.1f} m/s")
    elif row.speed_px_s is not None:
        words.append(f"{row.speed_px_s:.0f} px/s")
    if row.temperature_c is not None:
        words.append(f"{row.temperature_c:.1f} C")
    text = ", ".join(words)
    (width, height), below = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    left = min(max(int(row.x_px or 0), 0), max(picture.shape[1] - width, 0))
    base = max(min(int(row.y_px or 0) - 4, picture.shape[0]), height + 2)
    ground = picture[max(base - height - 2, 0) : base + below, left : left + width]
    ground[...] = ground // 3
    cv2.putText(picture, text, (left, base), _FONT, _FONT_SCALE, (255, 255, 255), 1, cv2.LINE_AA)
