"""Mosaic: the rings of all objects of a frame as levels of cells (nibble/SPEC2.md, "Mosaic").

Every cell of a ring states one digit of each of three bytes: value, hue and certainty of the ring. The cells
of a region state all digits in turn, the highest first. So a region of eight visible cells gives its bytes
exactly, and one with fewer cells gives their high digits. Where the hue only repeats the value, other digits
of the value take its place.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_regions import DIGITS, REGIONS, CellRegions, Visible, visible_regions
from cssv.carriers.nibble.cells import LEVELS, Levels, cell_grid
from cssv.template.aura import drawn_rings
from cssv.template.drawing import Drawing, Outline, Readings, Rings, Selector

#: Bytes of a region are known if this many of their highest digits are: value and hue to 1/16, certainty to
#: 1/8.
_LEAST_DIGITS = (3, 3, 2)
#: The region of a ring behind the motion.
_BEHIND = REGIONS // 2
#: What cells vote for, float64.
_Votes = NDArray[np.float64]
_CRC_START = 0xFFFF
#: All bytes of readings, in the order of their fields.
_bytes_of = attrgetter(*(each.name for each in fields(Readings)))


@dataclass(frozen=True, slots=True, eq=False)
class Mosaic:
    """Levels of a frame's rings.

    Attributes:
        levels: uint8 (rows, columns, LEVELS), 0 outside of ``where``.
        where: bool (rows, columns), cells of rings.
        owner: int32 (rows, columns), the place of the object in the drawings, -1 where no object is; the
            inside of an object is its own too.
        crcs: CRC-16 of what a reader finds in the rings of each object, for its tag.
    """

    levels: Levels
    where: NDArray[np.bool_]
    owner: NDArray[np.int32]
    crcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CellReading:
    """The reading of one object.

    Attributes:
        outline: of the object.
        readings: the bytes read; None if a ring shows too few cells.
        visible: share of the cells of its rings in the picture that are its own, 0 to 1.
        crc: CRC-16 of the readings. If it is that of the tag, the rings are as written. If
            not, they are damaged, or the picture is a piece of the frame and lacks cells or nearer objects.
    """

    outline: Outline
    readings: Readings | None
    visible: float
    crc: int


def draw_mosaic(
    drawings: Sequence[Drawing],
    size: tuple[int, int],
    taken: NDArray[np.bool_],
    visible: Iterable[Visible] | None = None,
) -> Mosaic:
    """Draw the rings of all objects of a frame.

    Args:
        drawings: in any order; their outlines are quantised. The nearer one covers the other.
        size: width and height of the frame.
        taken: bool (rows, columns), cells of tags, which belong to no ring.
        visible: of the outlines, from :func:`visible_regions`, if it is known already.
    """
    rows, columns = cell_grid(*size)
    levels = np.zeros((rows, columns, LEVELS), np.uint8)
    where = np.zeros((rows, columns), np.bool_)
    owner = np.full((rows, columns), -1, np.int32)
    outlines = [each.outline for each in drawings]
    known = tuple(visible_regions(outlines, taken) if visible is None else visible)
    for i, regions, own in known:
        mine = own & (regions.region >= 0)
        drawn = _drawn_levels(drawings[i], regions, mine)
        owner[regions.window][own] = i
        where[regions.window][mine] = True
        levels[regions.window][mine] = drawn
    # What small or hidden rings show is not all that they were to show.
    found = read_mosaic(levels, outlines, taken, visible=known)
    return Mosaic(levels, where, owner, tuple(each.crc for each in found))


def read_mosaic(
    levels: Levels,
    outlines: Sequence[Outline],
    taken: NDArray[np.bool_],
    phase: tuple[int, int] = (0, 0),
    visible: Iterable[Visible] | None = None,
) -> list[CellReading]:
    """Read the rings of all objects of a picture. Inverse: :func:`draw_mosaic`.

    Args:
        levels: uint8 (rows, columns, LEVELS) of the picture.
        outlines: of the objects, from their tags, in pixels of the picture, in any order.
        taken: bool (rows, columns), cells of tags.
        phase: x, y of the first cell in the picture.
        visible: of the outlines, from :func:`visible_regions`, if it is known already.

    Returns:
        One reading per outline, in the given order.
    """
    found: dict[int, CellReading] = {}
    for i, regions, own in visible_regions(outlines, taken, phase) if visible is None else visible:
        on_ring = regions.region >= 0
        mine = own & on_ring
        seen = levels[regions.window][mine]
        cells = max(int(np.count_nonzero(on_ring)), 1)
        readings = _read_rings(seen, regions, mine, outlines[i].rings)
        found[i] = _reading(outlines[i], readings, len(seen) / cells)
    return [found.get(i) or _reading(outline, None, 0.0) for i, outline in enumerate(outlines)]


def _reading(outline: Outline, readings: Readings | None, visible: float) -> CellReading:
    # An outline without rings is read without cells.
    read = Readings() if outline.selector is Selector.EDGES else readings
    shown = b"" if read is None else bytes(_bytes_of(read))
    return CellReading(outline, read, visible, binascii.crc_hqx(shown, _CRC_START))


def _places(
    digit: NDArray[np.uint8], region: NDArray[np.int8], is_value: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Which digit each level of cells states, 0 = the highest: uint8 (n, LEVELS)."""
    half = np.uint8(DIGITS // 2)
    places = np.repeat(digit[:, None], LEVELS, axis=1)
    # A second copy of the value, and of the certainty that both halves of the velocity state.
    places[:, 1] += half * is_value.astype(np.uint8)
    places[:, 2] += half * (region >= _BEHIND).astype(np.uint8)
    return places % DIGITS


def _value_regions(rings: Rings) -> NDArray[np.bool_]:
    """Which regions state a value without a hue of its own, (REGIONS,)."""
    is_value = np.zeros(REGIONS, np.bool_)
    for k, ring in enumerate(drawn_rings(rings)):
        is_value[k] = ring is not Rings.VELOCITY
    return is_value


def _drawn_levels(drawing: Drawing, regions: CellRegions, mine: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Levels (n, LEVELS) of an object's cells."""
    shown = drawing.readings
    table = np.zeros((REGIONS, LEVELS), np.uint8)
    for k, ring in enumerate(drawn_rings(drawing.outline.rings)):
        if ring is Rings.VELOCITY:
            table[k] = shown.future_speed, shown.future_heading, shown.motion
            table[k + _BEHIND] = shown.past_speed, shown.past_heading, shown.motion
        elif ring is Rings.TEMPERATURE:
            table[k] = shown.temperature, shown.temperature, shown.temperature_certainty
        else:
            table[k] = shown.density, shown.density, shown.density_certainty
    region = regions.region[mine]
    places = _places(regions.digit[mine], region, _value_regions(drawing.outline.rings)[region])
    return np.asarray(table[region] >> (DIGITS - 1 - places) & 1, np.uint8)


def _read_rings(
    levels: NDArray[np.uint8], regions: CellRegions, mine: NDArray[np.bool_], rings: Rings
) -> Readings | None:
    """Bytes from the levels (n, LEVELS) of an object's cells; None if a ring shows too few of them."""
    region = regions.region[mine]
    places = _places(regions.digit[mine], region, _value_regions(rings)[region])
    key = (region[:, None].astype(np.intp) * LEVELS + np.arange(LEVELS)) * DIGITS + places
    size = REGIONS * LEVELS * DIGITS
    votes = np.bincount(key.ravel(), 2.0 * levels.ravel() - 1, size).reshape(REGIONS, LEVELS, DIGITS)
    found: dict[str, int] = {}
    for k, ring in enumerate(drawn_rings(rings)):
        if ring is Rings.VELOCITY:
            read = _read_velocity(votes[k], votes[k + _BEHIND])
        else:
            read = _read_value(votes[k], ring)
        if read is None:
            return None
        found |= read
    return Readings(**found)


def _read_velocity(ahead: _Votes, behind: _Votes) -> dict[str, int] | None:
    """The bytes of the velocity from the votes (LEVELS, DIGITS) of both halves; None if it is hidden."""
    certainty = _byte(ahead[2] + behind[2], _LEAST_DIGITS[2])
    halves = []
    for votes in (ahead, behind):
        speed, heading = (_byte(votes[level], _LEAST_DIGITS[level]) for level in range(2))
        halves.append(None if speed is None or heading is None else (speed, heading))
    # If one half is hidden, the other stands for both.
    future, past = halves[0] or halves[1], halves[1] or halves[0]
    if certainty is None or future is None or past is None:
        return None
    return {
        "future_speed": future[0],
        "future_heading": future[1],
        "past_speed": past[0],
        "past_heading": past[1],
        "motion": certainty,
    }


def _read_value(votes: _Votes, ring: Rings) -> dict[str, int] | None:
    """The bytes of the value of a ring from its votes (LEVELS, DIGITS); None if it is hidden."""
    value, certainty = _byte(votes[0] + votes[1], _LEAST_DIGITS[0]), _byte(votes[2], _LEAST_DIGITS[2])
    if value is None or certainty is None:
        return None
    if ring is Rings.TEMPERATURE:
        return {"temperature": value, "temperature_certainty": certainty}
    return {"density": value, "density_certainty": certainty}


def _byte(votes: _Votes, least: int) -> int | None:
    """The byte for whose digits most cells vote, (DIGITS,), the highest first.

    Digits for which no majority votes are those of the middle of what is possible. None if one of the
    ``least`` highest digits is among them.
    """
    value, is_middle = 0, True
    for place, vote in enumerate(votes.tolist()):
        digit = vote > 0
        if vote == 0 and is_middle:
            if place < least:
                return None
            digit, is_middle = True, False
        value = value << 1 | digit
    return value
