"""Drawings: the integers from which the renderer draws, and the meaning of each byte.

:class:`Outline` is where an object's rings lie, :class:`Readings` what they show. Both are bytes and small
integers, so that every machine draws the same template from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from cssv.errors import InputError

#: Directions in which an outline is measured; direction k points at angle k * 360/32 degrees,
#: 0 to the right, growing clockwise (y points down).
DIRECTIONS = 32
#: Largest value of a byte-sized reading.
FULL = 255
#: Most shift of an outline's radii: a radius byte counts units of ``1 << shift`` pixels.
SHIFT_LIMIT = 6
#: Width of one ring in pixels: a sixth of the box's shorter side, within these bounds.
RING_WIDTH = (6, 12)

#: A box of whole pixels: x, y, w, h.
PixelBox = tuple[int, int, int, int]
#: The track and the clipped box for which an outline was found.
OutlineKey = tuple[int, PixelBox]


class Rings(IntFlag):
    """A set of rings, from the inside to the outside. Rings that are not in the set take no room."""

    VELOCITY = 1
    TEMPERATURE = 2
    DENSITY = 4
    ALL = 7


class Selector(IntEnum):
    """The template selector: the kind of drawing of an object.

    RINGS: closed rings. COMET: rings that widen behind the motion, up to twice, for fast objects.
    EDGES: the outline alone, for an object without known motion and attributes.
    """

    RINGS = 0
    COMET = 1
    EDGES = 2


@dataclass(frozen=True, slots=True)
class Outline:
    """Where an object is drawn: the content of its tag.

    Attributes:
        track: identity, 0 to 2^32 - 1.
        label: class name, any text (the tag keeps its first 8 bytes).
        score: detection score as a byte, 255 = 1.
        box: x, y, w, h in whole pixels, origin at the frame's top left corner.
        radii: DIRECTIONS bytes, distance from the box's centre to the outline.
        shift: a radius byte counts units of ``1 << shift`` pixels, 0 to SHIFT_LIMIT.
        selector: which drawing.
        axis: heading of the motion as a byte (256 = one turn), which splits the inner ring in two.
        rings: which rings the drawing has; of no effect with EDGES.
    """

    track: int
    label: str
    score: int
    box: PixelBox
    radii: bytes
    shift: int
    selector: Selector
    axis: int
    rings: Rings = Rings.ALL

    def __post_init__(self) -> None:
        if len(self.radii) != DIRECTIONS:
            raise InputError(
                "an outline needs one radius per direction", found=len(self.radii), bound="32 bytes"
            )
        if not 0 <= self.shift <= SHIFT_LIMIT:
            raise InputError("outline shift out of range", found=self.shift, bound=f"0 to {SHIFT_LIMIT}")
        if self.box[2] < 1 or self.box[3] < 1:
            raise InputError("an outline's box is empty", found=self.box, bound="at least 1x1 pixels")
        least = 0 if self.selector is Selector.EDGES else 1
        if not least <= self.rings <= Rings.ALL:
            raise InputError("not a set of rings", found=int(self.rings), bound=f"{least} to {Rings.ALL:d}")

    @property
    def centre(self) -> tuple[int, int]:
        """Centre of the box in whole pixels."""
        x, y, w, h = self.box
        return x + w // 2, y + h // 2

    @property
    def ring_width(self) -> int:
        """Width of one ring in pixels."""
        low, high = RING_WIDTH
        return min(max(min(self.box[2:]) // 6, low), high)

    @property
    def ring_count(self) -> int:
        """Number of rings; at least 1, so that an EDGES drawing has room for its line."""
        return max(self.rings.bit_count(), 1)

    @property
    def stretch(self) -> int:
        """Largest distance of the drawing from the outline, in ring widths."""
        return self.ring_count * (2 if self.selector is Selector.COMET else 1)

    @property
    def reach(self) -> int:
        """Largest distance of a drawn pixel from the centre, in either axis."""
        return (max(self.radii) << self.shift) + self.margin

    @property
    def margin(self) -> int:
        """Largest distance of a drawn pixel from the outline, in either axis."""
        return 1 if self.selector is Selector.EDGES else self.stretch * self.ring_width * 17 // 16 + 2


@dataclass(frozen=True, slots=True)
class Readings:
    """The values that an object's rings show; every field is a byte.

    Attributes:
        past_speed, future_speed: share of the speed range, 255 = its top.
        past_heading, future_heading: direction of motion, 256 = one turn, 0 = right, clockwise.
        motion: certainty of the velocity, 0 = unknown (grey), 255 = certain.
        temperature, density: share of the range, 255 = its top.
        temperature_certainty, density_certainty: as ``motion``.
    """

    past_speed: int = 0
    past_heading: int = 0
    future_speed: int = 0
    future_heading: int = 0
    motion: int = 0
    temperature: int = 0
    temperature_certainty: int = 0
    density: int = 0
    density_certainty: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """One object of a template: its outline and the readings of its rings."""

    outline: Outline
    readings: Readings

    @property
    def depth(self) -> tuple[int, int]:
        """Order of drawing: objects lower in the picture are nearer and are drawn later."""
        return drawing_order(self.outline)


def drawing_order(outline: Outline) -> tuple[int, int]:
    """Sort key of an outline: its bottom edge, then its track."""
    return outline.box[1] + outline.box[3], outline.track
