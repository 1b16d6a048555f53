"""The room: all objects of a frame, small enough to be repeated across the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.room_page import BOX_STEPS, MOST_LABELS, RoomObject
from cssv.scene import Ranges
from cssv.scene.ground import Plane, Size
from cssv.template.draw import clip_box, exact_speed, to_level, to_state
from cssv.template.drawing import FULL, Drawing, Outline, PixelBox, Readings, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.template.read import Reading
from cssv.template.state import ObjectState

#: Highest levels of the fields of an object.
_SPEED, _HEADINGS, _CERTAIN, _VALUE, _SCORE = 63, 128, 15, 63, 15
#: An outline reaches at most this share of a side beyond its box: 6 fifths of the half side.
_BEYOND = 0.1


@dataclass(frozen=True, slots=True)
class Room:
    """What the marks of a picture tell about the objects of its frame.

    Attributes:
        count: number of objects of the frame.
        objects: those that were read, by their place in the list.
        labels: by index.
        plane: the ground plane; None if the marks do not tell it.
    """

    count: int = 0
    objects: Mapping[int, RoomObject] = field(default_factory=dict)
    labels: Mapping[int, str] = field(default_factory=dict)
    plane: Plane | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all objects of the frame were read."""
        return len(self.objects) == self.count

    def label_of(self, each: RoomObject) -> str:
        """The label of an object; empty if it is not known."""
        return self.labels.get(each.label, "")


def room_labels(drawings: Iterable[Drawing]) -> tuple[str, ...]:
    """The table of labels of a frame, for the indices from 1 on."""
    return tuple(sorted({drawing.outline.label for drawing in drawings} - {""})[:MOST_LABELS])


def room_objects(
    content: FrameContent, drawings: Sequence[Drawing], size: Size, labels: Sequence[str]
) -> list[RoomObject]:
    """The objects of a frame, in the order of their drawings.

    Args:
        content: of the frame.
        drawings: of all objects inside the frame.
        size: width and height of the frame.
        labels: the table of labels.
    """
    inside = [state for state in content.objects if clip_box(state.box_px, *size) is not None]
    index = {label: number for number, label in enumerate(labels, 1)}
    return [
        _room_object(drawing, exact_speed(state.velocity_px_s), content.ranges, size, index)
        for state, drawing in zip(inside, drawings, strict=True)
    ]


def _room_object(
    drawing: Drawing, speed_px_s: float, ranges: Ranges, size: Size, index: Mapping[str, int]
) -> RoomObject:
    outline, readings = drawing.outline, drawing.readings
    left, top, w, h = outline.box
    # At least one step wide, so that a reader can tell an object from an empty place.
    spans = []
    for at, length, side in zip((left, top), (w, h), size, strict=True):
        start = min(_steps(at, side), BOX_STEPS - 1)
        spans.append((start, max(_steps(at + length, side), start + 1)))
    motion, warm, dense = (
        _scaled(byte, FULL, _CERTAIN)
        for byte in (readings.motion, readings.temperature_certainty, readings.density_certainty)
    )
    return RoomObject(
        left=spans[0][0],
        top=spans[1][0],
        right=spans[0][1],
        bottom=spans[1][1],
        speed=to_level(speed_px_s, ranges.speed_px_s, _SPEED) if motion else 0,
        heading=(outline.axis + 1) // 2 % _HEADINGS if motion else 0,
        motion=motion,
        score=_scaled(outline.score, FULL, _SCORE),
        is_comet=outline.selector is Selector.COMET,
        label=index.get(outline.label, 0),
        track=outline.track,
        temperature=_scaled(readings.temperature, FULL, _VALUE) if warm else 0,
        temperature_certainty=warm,
        density=_scaled(readings.density, FULL, _VALUE) if dense else 0,
        density_certainty=dense,
    )  # fmt: skip


def _steps(at: int, side: int) -> int:
    """A place in pixels as the nearest number of steps."""
    return (2 * BOX_STEPS * at + side) // (2 * side)


def _scaled(value: int, most: int, new_most: int) -> int:
    """A level from 0 to ``most`` as the nearest one from 0 to ``new_most``."""
    return (2 * value * new_most + most) // (2 * most)


def room_state(each: RoomObject, label: str, size: Size, ranges: Ranges) -> ObjectState:
    """The state of an object of the room; its box has steps of 1/256 of the frame."""
    x, y, right, bottom = (
        at * side / BOX_STEPS
        for at, side in zip((each.left, each.top, each.right, each.bottom), size * 2, strict=True)
    )
    speed, heading = _scaled(each.speed, _SPEED, FULL), each.heading * 2
    readings = Readings(
        past_speed=speed,
        past_heading=heading,
        future_speed=speed,
        future_heading=heading,
        motion=_scaled(each.motion, _CERTAIN, FULL),
        temperature=_scaled(each.temperature, _VALUE, FULL),
        temperature_certainty=_scaled(each.temperature_certainty, _CERTAIN, FULL),
        density=_scaled(each.density, _VALUE, FULL),
        density_certainty=_scaled(each.density_certainty, _CERTAIN, FULL),
    )
    state = to_state(Reading(_outline(each, label, (0, 0, 1, 1)), readings, 0.0), ranges)
    return replace(state, box_px=(x, y, right - x, bottom - y), selector=None)


def _outline(each: RoomObject, label: str, box: PixelBox) -> Outline:
    radii, shift = pack_radii(superellipse(*box[2:]))
    selector = Selector.COMET if each.is_comet else Selector.RINGS
    score = _scaled(each.score, _SCORE, FULL)
    return Outline(each.track, label, score, box, radii, shift, selector, each.heading * 2)


def drawn_area(each: RoomObject, size: Size, most_rings: int) -> tuple[int, int, int, int]:
    """The left, top, right and bottom pixel that the drawing of an object can reach, whatever its outline is.

    Args:
        each: the object.
        size: width and height of the frame.
        most_rings: number of rings of the frame's drawings.
    """
    edges = []
    for low, high, side in zip((each.left, each.top), (each.right, each.bottom), size, strict=True):
        grow = (high - low) * side * _BEYOND / BOX_STEPS + side / BOX_STEPS
        edges.append((low * side / BOX_STEPS - grow, high * side / BOX_STEPS + grow))
    (left, right), (top, bottom) = edges
    box = (0, 0, max(round(right - left), 1), max(round(bottom - top), 1))
    width = _outline(each, "", box).ring_width
    margin = (2 if each.is_comet else 1) * max(most_rings, 1) * width * 17 // 16 + 2
    return int(left) - margin, int(top) - margin, int(right) + margin + 1, int(bottom) + margin + 1
