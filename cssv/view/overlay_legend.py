"""Legend and time of an overlay: what the colours of the rings mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np

from cssv.frames import U8
from cssv.scene import Ranges
from cssv.template.aura import (
    COSINE,
    DENSITY_HUES,
    SATURATION,
    TEMPERATURE_HUES,
    drawn_rings,
    hue_between,
    peak,
)
from cssv.template.drawing import FULL, Rings
from cssv.view.text import draw_text, line_height, text_width

#: Name, range and unit of each ring.
_TEXTS: dict[Rings, tuple[str, str, str]] = {
    Rings.VELOCITY: ("speed", "speed_px_s", "px/s"),
    Rings.TEMPERATURE: ("temperature", "temperature_c", "°C"),
    Rings.DENSITY: ("density", "density_kg_m3", "kg/m³"),
}
#: Background of plates, and how much of a plate it is.
PLATE_COLOUR, PLATE_SHARE = (16, 18, 22), 0.74
INK, FAINT_INK = (255, 255, 255), (206, 210, 216)
#: Legends that would hide more of the picture than this are left out.
_LARGEST_SHARE = 1 / 6
#: Width of a scale in font sizes.
_BAR = 5
#: Reading, as a byte, whose colours the wheel of directions shows.
_WHEEL_VALUE = 200


class Corner(Enum):
    """A corner of the picture for the legend: whether it is at the right, and at the bottom."""

    BOTTOM_LEFT = (False, True)
    BOTTOM_RIGHT = (True, True)
    TOP_RIGHT = (True, False)


@dataclass(frozen=True, slots=True)
class Legend:
    """The scales of the rings that a clip has.

    Attributes:
        ranges: values at the bottom and top of each ring.
        rings: those that are known.
    """

    ranges: Ranges
    rings: Rings


def time_text(time_s: Fraction) -> str:
    """A time as minutes, seconds and milliseconds, with hours only where there are any."""
    thousandths = round(time_s * 1000)
    sign, thousandths = "-" if thousandths < 0 else "", abs(thousandths)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{sign}{start}:{rest // 1000:02}.{rest % 1000:03}"


def darken_plate(picture: U8, left: int, top: int, width: int, height: int) -> None:
    """Darken a part of an RGB picture, so that light letters on it are legible on any ground."""
    place = picture[top : top + height, left : left + width]
    colour = np.array([PLATE_SHARE * value for value in (*PLATE_COLOUR, 0)])
    np.copyto(place, cv2.add(cv2.multiply(place, np.full(4, 1 - PLATE_SHARE)), colour))


@lru_cache(maxsize=16)
def legend_picture(legend: Legend, font_px: int) -> U8 | None:
    """(H, W, 3) uint8 RGB: one row for each ring; None without rings."""
    rings = drawn_rings(legend.rings)
    if not rings:
        return None
    pad, row, bar = max(font_px // 2, 3), line_height(font_px), _BAR * font_px
    names, spans = [], []
    for ring in rings:
        name, field, unit = _TEXTS[ring]
        low, high = getattr(legend.ranges, field)
        names.append(name)
        spans.append((f"{low:g}", f"{high:g} {unit}"))
    first = max(text_width(name, font_px) for name in names) + pad
    second = max(text_width(low, font_px) for low, _ in spans) + pad
    # The wheel of directions stands behind the range of the speed.
    wheels = [row + pad // 2 if ring is Rings.VELOCITY else 0 for ring in rings]
    last = max(text_width(high, font_px) + wheel for (_, high), wheel in zip(spans, wheels, strict=True))
    width = pad + first + second + bar + pad + last + pad
    found = np.empty((row * len(rings) + pad, width, 3), np.uint8)
    found[...] = PLATE_COLOUR
    for at, ring in enumerate(rings):
        top, left = pad // 2 + at * row, pad
        draw_text(found, names[at], left, top, font_px, INK)
        low, high = spans[at]
        left += first
        draw_text(found, low, left + second - pad - text_width(low, font_px), top, font_px, FAINT_INK)
        left += second
        deep = max(font_px * 3 // 4, 4)
        found[top + (row - deep) // 2 :][:deep, left : left + bar] = _scale(ring, bar)
        draw_text(found, high, left + bar + pad, top, font_px, FAINT_INK)
        if ring is Rings.VELOCITY:
            _draw_wheel(found, left + bar + pad + text_width(high, font_px) + pad // 2, top, row)
    found.setflags(write=False)
    return found


def choose_corner(
    legend: Legend, size: tuple[int, int], font_px: int, boxes: Sequence[tuple[float, float, float, float]]
) -> Corner:
    """The corner in which a legend hides least of objects.

    Args:
        legend: what it shows.
        size: width and height of the picture.
        font_px: height of the font.
        boxes: x, y, w, h of the objects in pixels, of several frames.
    """
    found = legend_picture(legend, font_px)
    if found is None or not boxes:
        return Corner.BOTTOM_LEFT
    objects = np.array(boxes)
    low, high = objects[:, :2], objects[:, :2] + objects[:, 2:]

    def hidden(corner: Corner) -> float:
        place = np.array(_corner_place(corner, size, (found.shape[1], found.shape[0]), font_px))
        sides = np.minimum(high, place + found.shape[1::-1]) - np.maximum(low, place)
        return float(np.clip(sides, 0, None).prod(axis=1).sum())

    # Of equal ones the first counts.
    return min(Corner, key=hidden)


def _corner_place(
    corner: Corner, size: tuple[int, int], legend: tuple[int, int], font_px: int
) -> tuple[int, int]:
    """Left and top of a legend of this width and height."""
    margin = font_px // 2
    is_right, is_bottom = corner.value
    left = size[0] - legend[0] - margin if is_right else margin
    return left, size[1] - legend[1] - margin if is_bottom else margin


def draw_legend(
    picture: U8, legend: Legend, corner: Corner, font_px: int
) -> tuple[int, int, int, int] | None:
    """Draw a legend into a corner; returns its x, y, w, h, or None where there is no room for it."""
    height, width = picture.shape[:2]
    found = legend_picture(legend, font_px)
    if found is None:
        return None
    h, w = found.shape[:2]
    left, top = _corner_place(corner, (width, height), (w, h), font_px)
    if top < 0 or left < 0 or left + w > width or h * w > _LARGEST_SHARE * height * width:
        return None
    place = picture[top : top + h, left : left + w]
    np.copyto(place, cv2.addWeighted(found, 0.88, place, 0.12, 0.0))
    return left, top, w, h


def draw_time(picture: U8, time_s: Fraction, number: int, font_px: int) -> tuple[int, int, int, int] | None:
    """Draw time and number of a frame at the top left; returns its x, y, w, h, or None without room."""
    height, width = picture.shape[:2]
    pad, text = max(font_px // 2, 3), f"{time_text(time_s)}  frame {number}"
    left = top = font_px // 2
    w, h = text_width(text, font_px) + 2 * pad, line_height(font_px) + 2
    if left + w > width // 2 or top + h > height // 6:
        return None
    darken_plate(picture, left, top, w, h)
    draw_text(picture, text, left + pad, top + 1, font_px, INK)
    return left, top, w, h


def _scale(ring: Rings, width: int) -> U8:
    """(1, W, 3) uint8 RGB: the colours of a ring from the bottom to the top of its range."""
    values = [FULL * at // max(width - 1, 1) for at in range(width)]
    if ring is Rings.VELOCITY:
        # Hue is the direction, so that the speed alone is grey.
        return _colours(values, [0] * width, 0)
    hues = TEMPERATURE_HUES if ring is Rings.TEMPERATURE else DENSITY_HUES
    return _colours(values, [hue_between(hues, value) for value in values], SATURATION)


def _colours(values: Sequence[int], hues: Sequence[int], amplitude: int) -> U8:
    """(1, N, 3) uint8 RGB of readings, as the heat map shows them."""
    codes = [
        (peak(value), 128 + (COSINE[(hue - 64) & 255] * amplitude >> 7), 128 + (COSINE[hue] * amplitude >> 7))
        for value, hue in zip(values, hues, strict=True)
    ]
    return np.asarray(cv2.cvtColor(np.array([codes], np.uint8), cv2.COLOR_YCrCb2RGB), np.uint8)


def _draw_wheel(picture: U8, left: int, top: int, side: int) -> None:
    """Draw the hue of each direction of motion as a wheel."""
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle
    distance = np.hypot(x, y) / middle
    turns = np.rint(np.arctan2(y, x) / (2 * np.pi) * 256).astype(int) & 255
    colours = _colours([_WHEEL_VALUE] * 256, range(256), SATURATION)[0]
    inside = (distance <= 0.92) & (distance >= 0.42)
    picture[top : top + side, left : left + side][inside] = colours[turns][inside]
