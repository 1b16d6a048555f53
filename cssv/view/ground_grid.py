"""Picture of a ground plane: a grid of metres over a frame, with the points and lengths that made it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64
from cssv.frames import U8
from cssv.scene.ground import Plane
from cssv.scene.values import Pair
from cssv.view.text import draw_text, fit_text, line_height, text_width

#: Lines of x, lines of y, horizon, points and lengths: red, green, blue.
X_INK, Y_INK, HORIZON_INK, MARK_INK = (255, 214, 64), (96, 224, 255), (255, 96, 96), (255, 64, 255)
#: Squares of the grid across the picture, about, at the points.
_SQUARES = 16
#: Every which line is a thick one with its distance.
_MAJOR = 5
#: Lines nearer than the first to each other are not drawn, those farther than the second fully, pixels at
#: the scale 1.
_FADE_PX = (4.0, 14.0)
#: Opacity of thin and thick lines; half widths in pixels at the scale 1.
_OPACITY, _HALF_WIDTHS = (0.55, 0.9), (0.5, 1.0)
#: Height of letters as a share of the picture's, and its bounds in pixels.
_TEXT_SHARE, _TEXT_SIDES = 1 / 40, (11, 60)
#: Rows that are drawn together: of all rows at once, the ground of a large picture takes gigabytes.
_BAND = 32
_PLATE = (16, 16, 16)
#: How dark the plate behind a text is.
_PLATE_SHARE = 0.72


@dataclass(frozen=True, slots=True)
class GroundMark:
    """A point or a length that is drawn over the grid.

    Attributes:
        at_px: the point, or one end of the length.
        text: beside it.
        shown_px: of a point, where its ground place is shown; a line leads there.
        to_px: of a length, its other end.
    """

    at_px: Pair
    text: str
    shown_px: Pair | None = None
    to_px: Pair | None = None


def grid_step(plane: Plane, around_px: F64) -> float:
    """Metres between the lines of the grid: 1, 2 or 5 times a power of ten.

    Args:
        plane: the ground.
        around_px: points (n, 2) of the picture between which the grid is to be read well.
    """
    slopes = plane.jacobian(around_px)
    slopes = slopes[np.isfinite(slopes).all(axis=(-2, -1))]
    sizes = np.sqrt(np.abs(np.linalg.det(slopes)))
    sizes = sizes[sizes > 0]
    wanted = float(np.median(sizes)) * plane.size[0] / _SQUARES if len(sizes) else 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((power * digit for digit in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


def draw_ground(picture: U8, plane: Plane, step_m: float, title: str, marks: Sequence[GroundMark] = ()) -> U8:
    """Draw the grid of a ground plane over a picture.

    Args:
        picture: (H, W, 3) uint8 RGB, the frame of the plane's size; it is not changed.
        plane: the ground. Where it is above the horizon, nothing is drawn.
        step_m: metres between the lines; each fifth line is thick, with its distance.
        title: text in the upper left corner.
        marks: points and lengths.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    finished = picture.copy()
    height, width = picture.shape[:2]
    scale = max(height / 576, 1.0)
    is_ground = np.zeros((height, width), np.uint8)
    for top in range(0, height, _BAND):
        rows = slice(top, min(top + _BAND, height))
        is_ground[rows] = _draw_lines(finished[rows], plane, step_m, top, scale)
    size = int(np.clip(height * _TEXT_SHARE, *_TEXT_SIDES))
    horizon = _draw_horizon(finished, is_ground, scale)
    plates = _Plates(finished, size)
    plates.write(title, (0, 0), (255, 255, 255), is_forced=True)
    for mark in marks:
        _draw_mark(finished, mark, scale)
    for mark in marks:
        plates.write_beside(mark.text, _text_place(mark), MARK_INK, size)
    if horizon is not None:
        plates.write_beside("horizon", horizon, HORIZON_INK, size // 4)
    for text, place, ink in _distances(plane, step_m * _MAJOR, scale):
        plates.write(text, place, ink)
    return finished


def _draw_lines(band: U8, plane: Plane, step_m: float, top: int, scale: float) -> NDArray[np.bool_]:
    """Draw the lines into some rows of the picture, from row ``top``; returns which pixels show ground."""
    height, width = band.shape[:2]
    centres = np.stack(np.meshgrid(np.arange(width) + 0.5, top + np.arange(height) + 0.5), axis=-1)
    ground, slope = plane.to_ground(centres), plane.jacobian(centres)
    drawn: NDArray[np.float32] = band.astype(np.float32)
    for axis, ink in ((0, X_INK), (1, Y_INK)):
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            steep = np.hypot(slope[..., axis, 0], slope[..., axis, 1])
            for kind, step in enumerate((step_m, step_m * _MAJOR)):
                share = _line_share(ground[..., axis] / step, step / steep / scale, _HALF_WIDTHS[kind], scale)
                _blend(drawn, share * _OPACITY[kind], ink)
    band[...] = np.clip(drawn + 0.5, 0, 255)
    return np.asarray(np.isfinite(ground).all(axis=-1))


def _line_share(places: F64, spacing_px: F64, half_width_px: float, scale: float) -> F64:
    """How much of each pixel lines at whole numbers of ``places`` cover; fewer where they are too near."""
    away_px = np.abs(places - np.round(places)) * spacing_px * scale
    near, far = _FADE_PX
    share = np.clip(half_width_px * scale + 0.5 - away_px, 0, 1) * np.clip(
        (spacing_px - near) / (far - near), 0, 1
    )
    return np.nan_to_num(share, nan=0.0, posinf=0.0, neginf=0.0)


def _blend(drawn: NDArray[np.float32], share: F64, ink: tuple[int, int, int]) -> None:
    drawn += share[..., None].astype(np.float32) * (np.array(ink, np.float32) - drawn)


def _draw_horizon(picture: U8, is_ground: U8, scale: float) -> Pair | None:
    """Draw the border between ground and sky; returns its middle, None if it is not in the picture."""
    if not 0 < is_ground.mean() < 1:
        return None
    edges, _ = cv2.findContours(np.pad(is_ground, 1, mode="edge"), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    height, width = is_ground.shape
    drawn: list[Pair] = []
    for edge in edges:
        points = edge[:, 0] - 1
        # The outline of the ground also runs along the picture's own edges.
        inside = ((points > 0) & (points < (width - 1, height - 1))).all(axis=1)
        for x, y in points[inside]:
            cv2.circle(picture, (int(x), int(y)), max(round(scale * 0.6), 1), HORIZON_INK, -1)
            drawn.append((float(x), float(y)))
    return min(drawn, key=lambda place: abs(place[0] - width / 2)) if drawn else None


def _draw_mark(picture: U8, mark: GroundMark, scale: float) -> None:
    # Positions count from the corner of a pixel, OpenCV's from its centre; 4 bits of fractions.
    bits, thick = 4, max(round(scale), 1)

    def fixed(place: Pair) -> tuple[int, int]:
        x, y = (np.clip(round((value - 0.5) * 2**bits), -(2**24), 2**24) for value in place)
        return int(x), int(y)

    radius, dot = round(6 * scale * 2**bits), round(scale * 2**bits)
    for ink, more in (((0, 0, 0), 2 * thick), (MARK_INK, 0)):
        if mark.to_px is not None:
            cv2.line(picture, fixed(mark.at_px), fixed(mark.to_px), ink, thick + more, cv2.LINE_AA, bits)
        for place in (mark.at_px, mark.to_px):
            if place is not None:
                cv2.circle(picture, fixed(place), radius, ink, thick + more, cv2.LINE_AA, bits)
                cv2.circle(picture, fixed(place), dot, ink, -1, cv2.LINE_AA, bits)
        if mark.shown_px is not None and math.dist(mark.at_px, mark.shown_px) > scale:
            cv2.line(picture, fixed(mark.at_px), fixed(mark.shown_px), ink, thick + more, cv2.LINE_AA, bits)


def _text_place(mark: GroundMark) -> Pair:
    if mark.to_px is None:
        return mark.at_px
    return (mark.at_px[0] + mark.to_px[0]) / 2, (mark.at_px[1] + mark.to_px[1]) / 2


def _distances(
    plane: Plane, step: float, scale: float
) -> Iterator[tuple[str, tuple[int, int], tuple[int, int, int]]]:
    """Texts of the thick lines where they leave the picture: text, place in the picture, colour."""
    width, height = plane.size
    # Below first: there the lines are farthest apart.
    rows, columns = np.arange(height)[::-1], np.arange(width)
    for xs, ys in (
        (columns, np.full(width, height - 1)),
        (np.zeros(height, int), rows),
        (np.full(height, width - 1), rows),
        (columns, np.zeros(width, int)),
    ):
        centres = np.stack([xs, ys], axis=-1) + 0.5
        ground, slope = plane.to_ground(centres), plane.jacobian(centres)
        for axis, (name, ink) in enumerate((("x", X_INK), ("y", Y_INK))):
            places = ground[:, axis] / step
            lines = np.floor(places)
            with np.errstate(invalid="ignore"):
                crossed = np.flatnonzero(np.abs(np.diff(lines)) == 1)
            for k in crossed:
                # Lines that are drawn weakly, because they are near to each other, have no text.
                if not step / np.hypot(*slope[k, axis]) >= _FADE_PX[1] * scale:
                    continue
                value = max(lines[k], lines[k + 1]) * step
                yield f"{name} {value:g} m", (int(xs[k]), int(ys[k])), ink


class _Plates:
    """Texts on dark plates that do not cover each other."""

    def __init__(self, picture: U8, size: int) -> None:
        self.picture = picture
        self.size = size
        self.taken: list[tuple[int, int, int, int]] = []

    def write(
        self, text: str, place: tuple[int, int], ink: tuple[int, int, int], *, is_forced: bool = False
    ) -> bool:
        """Write a text at a place, moved into the picture; not where another text is."""
        height, width = self.picture.shape[:2]
        text = fit_text(text, self.size, width - self.size)
        wide, high = text_width(text, self.size) + self.size // 2, line_height(self.size)
        left = min(max(place[0] - (0 if is_forced else wide // 2), 0), max(width - wide, 0))
        top = min(max(place[1] - (0 if is_forced else high // 2), 0), max(height - high, 0))
        if not is_forced and any(
            left < x + w + 2 and x < left + wide + 2 and top < y + h and y < top + high
            for x, y, w, h in self.taken
        ):
            return False
        self.taken.append((left, top, wide, high))
        plate = self.picture[top : top + high, left : left + wide]
        plate[...] = (plate * (1 - _PLATE_SHARE) + np.array(_PLATE) * _PLATE_SHARE).astype(np.uint8)
        draw_text(self.picture, text, left + self.size // 4, top, self.size, ink)
        return True

    def write_beside(self, text: str, place: Pair, ink: tuple[int, int, int], away: int) -> None:
        """Write a text near a mark, where there is room for it."""
        half, x, y = text_width(text, self.size) // 2 + self.size // 4, round(place[0]), round(place[1])
        gap, rise = half + away, line_height(self.size) // 2 + away
        around = ((0, -rise), (gap, 0), (-gap, 0), (0, rise), (gap, -rise), (-gap, -rise), (gap, rise))
        for across, down in around:
            if self.write(text, (x + across, y + down), ink):
                return
