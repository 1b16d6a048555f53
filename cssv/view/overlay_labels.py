"""Labels of objects in an overlay: their texts, and places where they do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.interop.rows import ObjectRow
from cssv.view.text import fit_text, line_height, text_width
from cssv.view.units import SPEED_UNITS, SpeedUnit, speed_unit

#: x, y, w, h in pixels.
Rectangle = tuple[float, float, float, float]
#: Most labels of a frame; the largest objects get them.
LABELS_MAX = 150
#: Characters of an object's own label that are drawn at most.
_LABEL_CHARS = 60
#: A label is at most this part of the picture's width.
_WIDEST = 0.6
#: Between the values of a line.
PARTING = "  "
#: Most digits after the point, for small standard deviations.
_DECIMALS_MAX = 4
#: Cost of a plate that covers another object wholly, its own one, and of the next place in the list.
_OTHER, _OWN, _NEXT = 8.0, 6.0, 0.25
#: A label stays at its place unless another one costs less by this much; and the cost of each level of less
#: text, which is more, so that a label gets its lines back.
_STAY, _LESS = 1.0, 1.2


@dataclass(frozen=True, slots=True)
class LabelText:
    """The texts of an object's label.

    Attributes:
        title: its label and track.
        speed: empty if unknown.
        values: temperature and density; empty if unknown.
    """

    title: str
    speed: str = ""
    values: str = ""

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Lines of the label from the most to the least, for where there is no room."""
        first = f"{self.title}{PARTING}{self.speed}" if self.speed else self.title
        found = [(first, self.values) if self.values else (first,), (first,), (self.title,)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where a label is, relative to its object, so that it can stay there in the next frame.

    Attributes:
        slot: number of the place around the object.
        level: number of the text's level; 0 has all lines.
    """

    slot: int
    level: int


@dataclass(frozen=True, slots=True)
class Plate:
    """A label with its place in the picture.

    Attributes:
        track: of the object.
        lines: texts.
        left, top, width, height: in whole pixels.
        place: relative to the object.
    """

    track: int
    lines: tuple[str, ...]
    left: int
    top: int
    width: int
    height: int
    place: LabelPlace


def value_text(value: float, sigma: float | None, unit: str, decimals: int) -> str:
    """A value with its standard deviation and unit; a deviation of 0, of exact values, is left out."""
    if sigma is None or sigma <= 0 or not math.isfinite(sigma):
        return f"{value:.{decimals}f} {unit}"
    # A deviation below the last digit would read as none.
    digits = min(max(decimals, -math.floor(math.log10(sigma))), _DECIMALS_MAX)
    return f"{value:.{digits}f} ± {sigma:.{digits}f} {unit}"


def label_text(row: ObjectRow, unit: SpeedUnit | None = None) -> LabelText:
    """Texts of an object's label; the speed in another unit where it is not known in the wanted one.

    Args:
        row: the object.
        unit: of the speed; None: m/s where the ground is known, else px/s.
    """
    wanted = speed_unit(None, has_ground=row.speed_m_s is not None) if unit is None else unit
    if wanted.speed_of(row)[0] is None:
        wanted = SPEED_UNITS["px/s"]
    speed, sigma = wanted.speed_of(row)
    values = []
    if row.temperature_c is not None:
        values.append(value_text(row.temperature_c, row.temperature_sigma_c, "°C", 1))
    if row.density_kg_m3 is not None:
        values.append(value_text(row.density_kg_m3, row.density_sigma_kg_m3, "kg/m³", 0))
    return LabelText(
        f"{(row.label or 'object')[:_LABEL_CHARS]} {row.track}",
        "" if speed is None else value_text(speed, sigma, wanted.name, wanted.decimals),
        PARTING.join(values),
    )


@lru_cache(maxsize=32)
def plate_margins(font_px: int) -> tuple[int, int, int]:
    """Width of the stripe in the object's colour, and margins of the text beside and above it."""
    return max(font_px // 4, 2), max(font_px // 3, 3), max(font_px // 8, 1)


def box_of(row: ObjectRow) -> Rectangle:
    """The box of an object; an empty one at its place if its size is unknown."""
    return row.x_px or 0.0, row.y_px or 0.0, row.w_px or 0.0, row.h_px or 0.0


def place_labels(
    rows: Sequence[ObjectRow],
    size: tuple[int, int],
    font_px: int,
    *,
    unit: SpeedUnit | None = None,
    taken: Sequence[Rectangle] = (),
    before: Mapping[int, LabelPlace] | None = None,
    gap_px: int = 0,
) -> tuple[Plate, ...]:
    """Place a label beside each object: whole in the picture, and none over another one.

    The result depends on the arguments alone. A label stays where it was unless another place is much
    better. Where there is no room, it gets fewer lines, and in the end none.

    Args:
        rows: the objects.
        size: width and height of the picture.
        font_px: height of the font.
        unit: of the speeds.
        taken: places where no label may be.
        before: places in the frame before, by track.
        gap_px: distance between an object and its label.
    """
    known = before or {}
    largest = sorted(rows, key=lambda row: (-box_of(row)[2] * box_of(row)[3], row.track))[:LABELS_MAX]
    # Labels that have a place keep it; new ones take what is left.
    order = sorted(largest, key=lambda row: (row.track not in known, row.track))
    boxes = np.array([box_of(row) for row in largest]).reshape(-1, 4)
    covered = [*taken]
    plates = []
    for row in order:
        plate = _place(row, boxes, covered, size, font_px, unit, known.get(row.track), gap_px)
        if plate is not None:
            plates.append(plate)
            covered.append((plate.left, plate.top, plate.width, plate.height))
    return tuple(plates)


def _place(
    row: ObjectRow,
    boxes: NDArray[np.float64],
    covered: Sequence[Rectangle],
    size: tuple[int, int],
    font_px: int,
    unit: SpeedUnit | None,
    last: LabelPlace | None,
    gap_px: int,
) -> Plate | None:
    """The plate of one object, at the place that costs least."""
    box, obstacles = box_of(row), np.array(covered).reshape(-1, 4)
    stripe, beside, above = plate_margins(font_px)
    best: tuple[float, Plate] | None = None
    for level, lines in enumerate(label_text(row, unit).levels()):
        room = min(round(_WIDEST * size[0]), size[0] - stripe - 2 * beside)
        texts = _fitted(lines, font_px, max(room, 1))
        width = max(text_width(text, font_px) for text in texts) + stripe + 2 * beside
        height = line_height(font_px) * len(texts) + 2 * above
        if width > size[0] or height > size[1]:
            continue
        places = _slots(box, (width, height), size, gap_px)
        # A label with fewer lines gets more only where there is room to spare, so that it does not flicker.
        spare = font_px if last is not None and level < last.level else 1
        is_free = ~(_overlaps(_grown(places, spare), obstacles) > 0).any(axis=1)
        costs = np.where(is_free, _costs(places, boxes, np.array(box)) + _LESS * level, np.inf)
        if last is not None and last.level == level:
            costs[last.slot] -= _STAY
        slot = int(costs.argmin())
        if costs[slot] < (np.inf if best is None else best[0]):
            left, top = places[slot, :2].astype(int).tolist()
            plate = Plate(row.track, texts, left, top, width, height, LabelPlace(slot, level))
            best = float(costs[slot]), plate
    return None if best is None else best[1]


def _fitted(lines: Sequence[str], font_px: int, room_px: int) -> tuple[str, ...]:
    """The lines, those that are too wide in their parts, and what is then too wide cut."""
    parts = [
        part
        for line in lines
        for part in ([line] if text_width(line, font_px) <= room_px else line.split(PARTING))
    ]
    return tuple(fit_text(part.strip(), font_px, room_px) for part in parts)


def _slots(box: Rectangle, plate: tuple[int, int], size: tuple[int, int], gap_px: int) -> NDArray[np.float64]:
    """(n, 4): places of a plate around a box, the preferred first, moved into the picture."""
    (x, y, w, h), (width, height) = box, plate
    up, down, right, left = y - gap_px - height, y + h + gap_px, x + w + gap_px, x - gap_px - width
    middle, far = x + (w - width) / 2, height + 2 * gap_px + 2
    corners = [
        (x, up), (x + w - width, up), (right, y), (left, y), (x, down), (x + w - width, down),
        (right, y + h - height), (left, y + h - height), (middle, up - far), (middle, down + far),
        (right + far, up), (left - far, up), (right + far, down), (left - far, down),
        (middle, up - 2 * far), (right, up - 2 * far), (left, up - 2 * far),
    ]  # fmt: skip
    places = np.empty((len(corners), 4))
    places[:, :2] = np.clip(np.rint(corners), 0, (max(size[0] - width, 0), max(size[1] - height, 0)))
    places[:, 2:] = plate
    return places


def _costs(
    places: NDArray[np.float64], boxes: NDArray[np.float64], own: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How bad each place is: how much it covers of other objects and of its own, and its rank."""
    # A small object is hidden by a part of a plate, and a part of a large one by a whole plate.
    area = places[:, 2:3] * places[:, 3:4]
    shares = _overlaps(places, boxes) / np.maximum(np.minimum(area, boxes[:, 2] * boxes[:, 3]), 1)
    others = shares.sum(axis=1)
    mine = _overlaps(places, own[None])[:, 0] / max(min(float(area[0, 0]), own[2] * own[3]), 1)
    return np.asarray(_OTHER * (others - mine) + _OWN * mine + _NEXT * np.arange(len(places)), np.float64)


def _grown(places: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.add(places, (-by, -by, 2 * by, 2 * by))


def _overlaps(places: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m): areas in which rectangles (n, 4) and (m, 4) overlap."""
    low = np.maximum(places[:, None, :2], others[None, :, :2])
    high = np.minimum(places[:, None, :2] + places[:, None, 2:], others[None, :, :2] + others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2), np.float64)
