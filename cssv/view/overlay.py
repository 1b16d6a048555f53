"""Overlays: a frame with the heat map, the objects and their values drawn over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from cssv.frames import U8, Layout
from cssv.interop.rows import ObjectRow
from cssv.template.drawing import RING_WIDTH
from cssv.view.heat import drawn_pixels, heat_to_rgb
from cssv.view.overlay_labels import LabelPlace, Plate, Rectangle, box_of, place_labels, plate_margins
from cssv.view.overlay_legend import FAINT_INK, INK, Corner, Legend, darken_plate, draw_legend, draw_time
from cssv.view.overlay_trails import Trail, draw_trails
from cssv.view.text import draw_text, line_height
from cssv.view.track_colours import Rgb, track_colour
from cssv.view.units import SpeedUnit

#: Share of the heat map's colour.
_BLEND = 0.62
#: The picture's shorter side in font sizes, and the smallest and largest font in pixels.
_FONTS_A_SIDE, FONT_PX = 42, (10, 72)
#: The longer side counts as at most this many times the shorter one.
_ASPECT = 4 / 3
#: Coordinates that OpenCV draws exactly, in pixels.
_FAR_PX = 1 << 14
#: A corner of a box is this share of its shorter side, and at most this many font sizes.
_CORNER, _CORNER_FONTS = 0.25, 1.5


@dataclass(frozen=True, slots=True, eq=False)
class OverlayContent:
    """What an overlay shows.

    Attributes:
        heat: the cleaned heat map; None for none.
        layout: of its planes.
        objects: their boxes are in pixels of the picture.
        legend: scales of the rings; None for no legend.
        corner: of the picture, in which the legend stands.
        time_s: time of the frame; None for no time.
        number: of the frame.
        trails: of the objects.
        unit: of the speeds; None: m/s where the ground is known, else px/s.
        places: of the labels in the frame before, by track.
    """

    heat: U8 | None = None
    layout: Layout = "yuv420p"
    objects: Sequence[ObjectRow] = ()
    legend: Legend | None = None
    corner: Corner = Corner.BOTTOM_LEFT
    time_s: Fraction | None = None
    number: int = 0
    trails: Sequence[Trail] = ()
    unit: SpeedUnit | None = None
    places: Mapping[int, LabelPlace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A drawn overlay.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        plates: labels of the objects.
        legend, time: x, y, w, h of both; None where there is no room.
    """

    picture: U8
    plates: tuple[Plate, ...]
    legend: Rectangle | None
    time: Rectangle | None

    @property
    def places(self) -> dict[int, LabelPlace]:
        """Places of the labels by track, for the next frame."""
        return {plate.track: plate.place for plate in self.plates}


def font_size(width: int, height: int) -> int:
    """Height of an overlay's font in pixels, for a picture of this size."""
    short, long = sorted((width, height))
    low, high = FONT_PX
    return min(max(round(min(short, long / _ASPECT) / _FONTS_A_SIDE), low), high)


def draw_overlay(picture: U8, content: OverlayContent) -> Overlay:
    """Draw an overlay on a copy of an RGB picture.

    Args:
        picture: (H, W, 3) uint8 RGB, not changed.
        content: what is drawn.
    """
    drawn = np.array(picture)
    height, width = drawn.shape[:2]
    font_px = font_size(width, height)
    if content.heat is not None:
        blend_heat(drawn, content.heat, content.layout)
    thickness = max(round(font_px / 9), 1)
    # Objects are drawn over the legend, which hides none of them.
    legend = None if content.legend is None else draw_legend(drawn, content.legend, content.corner, font_px)
    time_s = content.time_s
    time = None if time_s is None else draw_time(drawn, time_s, content.number, font_px)
    draw_trails(drawn, content.trails, thickness + 1)
    for row in content.objects:
        _draw_box(drawn, box_of(row), track_colour(row.track), thickness, font_px)
    plates = place_labels(
        content.objects,
        (width, height),
        font_px,
        unit=content.unit,
        taken=[place for place in (legend, time) if place is not None],
        before=content.places,
        # The innermost ring stays visible.
        gap_px=min(RING_WIDTH[0], font_px // 2),
    )
    boxes = {row.track: box_of(row) for row in content.objects}
    for plate in plates:
        _draw_leader(drawn, plate, boxes[plate.track], thickness)
    for plate in plates:
        _draw_plate(drawn, plate, font_px)
    return Overlay(drawn, plates, legend, time)


def blend_heat(picture: U8, heat: U8, layout: Layout) -> None:
    """Blend a cleaned heat map into an RGB picture, with soft edges."""
    mask = drawn_pixels(heat, layout).view(np.uint8)
    x, y, w, h = cv2.boundingRect(mask)
    if not w:
        return
    # One pixel more for the soft edge, and even sides for the planes of the chroma.
    left, top = max(x - 1, 0) & ~1, max(y - 1, 0) & ~1
    right = min((x + w + 2) & ~1, picture.shape[1])
    bottom = min((y + h + 2) & ~1, picture.shape[0])
    window = slice(top, bottom), slice(left, right)
    colours, place = heat_to_rgb(heat, layout, (left, top, right - left, bottom - top)), picture[window]
    # Colours are black outside of the mask: both are blurred alike, so that edges get no dark seam.
    share = cv2.blur(mask[window] * np.uint8(round(255 * _BLEND)), (3, 3))
    kept = cv2.multiply(place, 255 - cv2.merge([share] * 3), scale=1 / 255)
    np.copyto(place, cv2.scaleAdd(cv2.blur(colours, (3, 3)), _BLEND, kept))


def _draw_box(picture: U8, box: Rectangle, colour: Rgb, thickness: int, font_px: int) -> None:
    """Draw a thin box with strong corners, and a dark edge around it."""
    x, y, w, h = box
    if w <= 0 or h <= 0:
        return
    left, top = np.clip(np.rint((x, y)), -_FAR_PX, _FAR_PX).astype(int).tolist()
    right, bottom = np.clip(np.rint((x + w, y + h)), -_FAR_PX, _FAR_PX).astype(int).tolist()
    for strip in _strips(left - thickness, top - thickness, right + thickness, bottom + thickness, thickness):
        picture[strip] //= 2
    for strip in _strips(left, top, right, bottom, thickness):
        picture[strip] = colour
    length = round(min(_CORNER * min(w, h), _CORNER_FONTS * font_px))
    wide = 2 * thickness
    for across in (left, right - length):
        for row in (top, bottom - wide):
            picture[_part(across, row, length, wide)] = colour
    for down in (top, bottom - length):
        for column in (left, right - wide):
            picture[_part(column, down, wide, length)] = colour


def _strips(left: int, top: int, right: int, bottom: int, wide: int) -> tuple[tuple[slice, slice], ...]:
    """The four sides of a rectangle as parts of a picture that do not overlap, drawn inwards."""
    return (
        _part(left, top, right - left, wide),
        _part(left, bottom - wide, right - left, wide),
        _part(left, top + wide, wide, bottom - top - 2 * wide),
        _part(right - wide, top + wide, wide, bottom - top - 2 * wide),
    )


def _part(left: int, top: int, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns of a rectangle, without what lies left of the picture or above it."""
    return slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0))


def _draw_leader(picture: U8, plate: Plate, box: Rectangle, thickness: int) -> None:
    """Draw a line from a label that is away from its object to the object."""
    x, y, w, h = box
    start, end = [], []
    for low, length, first, side in ((x, w, plate.left, plate.width), (y, h, plate.top, plate.height)):
        start.append(min(max(low + length / 2, first), first + side))
        end.append(min(max(start[-1], low), low + length))
    if max(abs(start[0] - end[0]), abs(start[1] - end[1])) <= 2 * RING_WIDTH[0]:
        return
    first, last = np.clip(np.rint((start, end)), -_FAR_PX, _FAR_PX).astype(int).tolist()
    cv2.line(picture, first, last, track_colour(plate.track), thickness, cv2.LINE_AA)


def _draw_plate(picture: U8, plate: Plate, font_px: int) -> None:
    """Draw a label: letters on a dark plate with a stripe in the object's colour."""
    stripe, beside, above = plate_margins(font_px)
    darken_plate(picture, plate.left, plate.top, plate.width, plate.height)
    picture[plate.top : plate.top + plate.height, plate.left : plate.left + stripe] = track_colour(
        plate.track
    )
    for at, line in enumerate(plate.lines):
        top = plate.top + above + at * line_height(font_px)
        draw_text(picture, line, plate.left + stripe + beside, top, font_px, FAINT_INK if at else INK)
