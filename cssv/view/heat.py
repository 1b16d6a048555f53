"""Heat maps in colour, alone or over their frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, split_planes
from cssv.interop.rows import ObjectRow
from cssv.view.text import draw_text, fit_text, line_height, text_width

#: Share of the heat map's colour in an overlay.
_BLEND = 0.75
#: Height of a label's font in pixels.
_LABEL_SIZE = 10
_WHITE = (255, 255, 255)


def to_rgb(planes: U8, layout: Layout) -> U8:
    """Planes as (H, W, 3) uint8 RGB for viewing; yuv420p is taken as BT.601 in limited range."""
    if layout == "rgb24":
        return planes
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)


def heat_to_rgb(heat: U8, layout: Layout) -> U8:
    """A cleaned heat map as (H, W, 3) uint8 RGB, with its brightness and hue; black where it is empty."""
    luma, cb, cr = split_planes(heat, layout)
    bright = luma | luma >> 4
    # Chroma nibbles are signed, and OpenCV expects bytes around 128.
    chroma = [np.bitwise_xor(plane, np.uint8(0x80)) for plane in (cr, cb)]
    if layout == "yuv420p":
        chroma = [np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1) for plane in chroma]
    merged = cv2.merge([np.ascontiguousarray(bright), *chroma])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.uint8)


def drawn_pixels(heat: U8, layout: Layout) -> NDArray[np.bool_]:
    """(H, W) bool: where the brightness of a cleaned heat map is not 0."""
    return np.not_equal(split_planes(heat, layout)[0], 0)


def overlay(planes: U8, heat: U8, layout: Layout, objects: Sequence[ObjectRow] = ()) -> U8:
    """The frame as (H, W, 3) uint8 RGB, under its cleaned heat map and with a label for each object."""
    picture = to_rgb(planes, layout).copy()
    colours = heat_to_rgb(heat, layout)
    mixed = cv2.addWeighted(colours, _BLEND, picture, 1 - _BLEND, 0.0)
    np.copyto(picture, mixed, where=drawn_pixels(heat, layout)[..., None])
    for row in objects:
        _write_label(picture, row)
    return picture


def label_text(row: ObjectRow) -> str:
    """Label of an object: class, track, speed and temperature."""
    words = [f"{row.label or 'object'} {row.track}"]
    # Metres per second where the ground is known, else pixels per second.
    if row.speed_m_s is not None:
        words.append(f"{row.speed_m_s:.1f} m/s")
    elif row.speed_px_s is not None:
        words.append(f"{row.speed_px_s:.0f} px/s")
    if row.temperature_c is not None:
        words.append(f"{row.temperature_c:.1f} °C")
    return ", ".join(words)


def _write_label(picture: U8, row: ObjectRow) -> None:
    """Write an object's label above its box, white on dark, inside the picture."""
    picture_height, picture_width = picture.shape[:2]
    text = fit_text(label_text(row), _LABEL_SIZE, picture_width)
    width, height = text_width(text, _LABEL_SIZE), line_height(_LABEL_SIZE)
    left = min(max(int(row.x_px or 0), 0), max(picture_width - width, 0))
    top = min(max(int(row.y_px or 0) - height - 1, 0), max(picture_height - height, 0))
    # The picture below is darkened, so that white letters are legible on any ground.
    ground = picture[top : top + height, left : left + width]
    ground[...] = ground // 3
    draw_text(picture, text, left, top, _LABEL_SIZE, _WHITE)
