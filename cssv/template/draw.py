"""Object states to drawings and back.

Floats end here: :func:`draw` turns a state into integers for the renderer, :func:`to_state` turns the reading
of a drawing back into a state. :mod:`cssv.template.certainty` says what a certainty is.

On this way to integers, floats are only added, subtracted, multiplied, divided, compared and rounded, and
their roots taken. IEEE 754 fixes the results of these: every machine draws the same bytes from a state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.scene import Ranges, Source, Value
from cssv.scene.values import ImageBox, Pair, Span
from cssv.template.certainty import planar_byte, planar_sigma, value_byte, value_sigma
from cssv.template.drawing import FULL, Drawing, Outline, OutlineKey, PixelBox, Readings, Rings, Selector
from cssv.template.edges import edge_magnitude
from cssv.template.outline import explore, pack_radii, superellipse
from cssv.template.read import Reading
from cssv.template.state import ObjectState

#: tan of the angles between byte angles inside an octant, as fractions of 2^40.
SLOPES = tuple(round((1 << 40) * math.tan(math.pi * (2 * k + 1) / 256)) / (1 << 40) for k in range(32))
#: A speed above this share of the range is drawn as a comet if the selector is automatic.
COMET_SHARE = 0.75
#: A value drawn with less certainty than this cannot be told from an unknown one.
_LEAST_CERTAINTY = 1 / 16


def to_level(value: float, span: Span, most: int = FULL) -> int:
    """A value as a level from 0 to ``most``, its share of a range; values outside have the nearest end."""
    share = (value - span[0]) / (span[1] - span[0])
    return round(min(max(share, 0.0), 1.0) * most)


def _value_byte(value: Value | None, span: Span) -> int:
    return 0 if value is None else to_level(value.value, span)


def _from_byte(byte: int, span: Span) -> float:
    return span[0] + (span[1] - span[0]) * byte / FULL


def exact_speed(velocity: Pair) -> float:
    """The length of a velocity, the same on every machine; the last bit of ``hypot`` is not."""
    return math.sqrt(velocity[0] * velocity[0] + velocity[1] * velocity[1])


def _heading(velocity: Pair) -> int:
    """The nearest byte angle, by comparison with the slopes between them."""
    ax, ay = abs(velocity[0]), abs(velocity[1])
    long, short = max(ax, ay), min(ax, ay)
    angle = sum(short > long * slope for slope in SLOPES)
    if ay > ax:
        angle = 64 - angle
    if velocity[0] < 0:
        angle = 128 - angle
    return (-angle if velocity[1] < 0 else angle) & 255


def _vector(speed: int, heading: int, span: Span) -> Pair:
    length, angle = _from_byte(speed, span), heading * math.pi / 128
    return length * math.cos(angle), length * math.sin(angle)


def readings_of(state: ObjectState, ranges: Ranges, rings: Rings = Rings.ALL) -> Readings:
    """The bytes that a state's rings show; those of rings that are not drawn are 0."""
    speed, temperature, density = ranges.speed_px_s, ranges.temperature_c, ranges.density_kg_m3
    shown: dict[str, int] = {}
    if rings & Rings.VELOCITY:
        shown |= {
            "past_speed": to_level(exact_speed(state.past_px_s), speed),
            "past_heading": _heading(state.past_px_s),
            "future_speed": to_level(exact_speed(state.future_px_s), speed),
            "future_heading": _heading(state.future_px_s),
            "motion": planar_byte(state.sigma_px_s, speed),
        }
    if rings & Rings.TEMPERATURE:
        shown["temperature"] = _value_byte(state.temperature_c, temperature)
        shown["temperature_certainty"] = value_byte(state.temperature_c, temperature)
    if rings & Rings.DENSITY:
        shown["density"] = _value_byte(state.density_kg_m3, density)
        shown["density_certainty"] = value_byte(state.density_kg_m3, density)
    return Readings(**shown)


def _select(readings: Readings) -> Selector:
    # Grey rings would only hide the picture.
    if not (readings.motion or readings.temperature_certainty or readings.density_certainty):
        return Selector.EDGES
    speed = (readings.past_speed + readings.future_speed) / 2
    return Selector.COMET if readings.motion and speed > COMET_SHARE * FULL else Selector.RINGS


def clip_box(box_px: ImageBox, width: int, height: int) -> PixelBox | None:
    """The visible part of a box in whole pixels (x, y, w, h); None if it is outside the frame."""
    x, y, w, h = box_px
    left, top = round(x), round(y)
    # A box of less than a pixel is still an object.
    right, bottom = max(round(x + w), left + 1), max(round(y + h), top + 1)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if right - left < 1 or bottom - top < 1:
        return None
    return left, top, right - left, bottom - top


def draw(
    state: ObjectState,
    ranges: Ranges,
    luma: U8 | None,
    size: tuple[int, int],
    known: Mapping[OutlineKey, Outline] | None = None,
    explored: dict[PixelBox, tuple[bytes, int]] | None = None,
    rings: Rings = Rings.ALL,
) -> Drawing | None:
    """Turn a state into integers for the renderer.

    Args:
        state: the object.
        ranges: values at the bottom and top of each ring.
        luma: (H, W) uint8, the cover's brightness, in which the outline is found; None takes a rounded box.
        size: width and height of the frame.
        known: outlines found before; they are not searched again.
        explored: radii found in this frame by box, which grows: objects with one box have one outline.
        rings: the rings of the drawing. An object of which they show nothing is drawn as EDGES.

    Returns:
        The drawing, or None if the object is outside the frame.
    """
    box = clip_box(state.box_px, *size)
    if box is None:
        return None
    before = None if known is None else known.get((state.track, box))
    # Finding an outline takes most of the time, so it is done once per object and frame.
    if before is not None:
        packed, shift = before.radii, before.shift
    elif explored is not None and box in explored:
        packed, shift = explored[box]
    else:
        packed, shift = pack_radii(superellipse(*box[2:]) if luma is None else _explored(luma, box))
        if explored is not None:
            explored[box] = packed, shift
    readings = readings_of(state, ranges, rings)
    # Without rings only a line can be drawn, whatever the state asks for.
    wanted = state.selector if rings else Selector.EDGES
    outline = Outline(
        track=state.track,
        label=state.label,
        score=round(min(max(state.score, 0.0), 1.0) * FULL),
        box=box,
        radii=packed,
        shift=shift,
        selector=_select(readings) if wanted is None else wanted,
        axis=_heading(state.velocity_px_s),
        rings=rings,
    )
    return Drawing(outline, readings)


def _explored(luma: U8, box: PixelBox) -> NDArray[np.int64]:
    """The outline's radii, found in the window that the exploration ray can reach."""
    x, y, w, h = box
    left, top = max(x - w // 4 - 2, 0), max(y - h // 4 - 2, 0)
    window = luma[top : y + h + h // 4 + 3, left : x + w + w // 4 + 3]
    return explore(edge_magnitude(window), (x - left, y - top, w, h))


def _value(byte: int, certainty_byte: int, span: Span) -> Value | None:
    certainty = certainty_byte / FULL
    # Almost grey cannot be told from unknown, which is grey.
    if certainty < _LEAST_CERTAINTY:
        return None
    return Value(_from_byte(byte, span), value_sigma(certainty, span), Source.ESTIMATED)


def to_state(reading: Reading, ranges: Ranges) -> ObjectState:
    """Turn a reading back into a state. Inverse of :func:`draw` up to the precision of bytes.

    An object whose rings could not be read has zero velocity of infinite sigma and no attributes.
    """
    outline, readings = reading.outline, reading.readings
    x, y, w, h = outline.box
    state = ObjectState(
        track=outline.track,
        label=outline.label,
        score=outline.score / FULL,
        box_px=(float(x), float(y), float(w), float(h)),
        velocity_px_s=(0.0, 0.0),
        past_px_s=(0.0, 0.0),
        future_px_s=(0.0, 0.0),
        sigma_px_s=math.inf,
        selector=outline.selector,
    )
    if readings is None:
        return state
    speed = ranges.speed_px_s
    past = _vector(readings.past_speed, readings.past_heading, speed)
    future = _vector(readings.future_speed, readings.future_heading, speed)
    return replace(
        state,
        velocity_px_s=((past[0] + future[0]) / 2, (past[1] + future[1]) / 2),
        past_px_s=past,
        future_px_s=future,
        sigma_px_s=planar_sigma(readings.motion / FULL, speed),
        temperature_c=_value(readings.temperature, readings.temperature_certainty, ranges.temperature_c),
        density_kg_m3=_value(readings.density, readings.density_certainty, ranges.density_kg_m3),
    )
