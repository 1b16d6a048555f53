"""What is known of one object in one frame, in units; and its way to bytes and back.

This is where floats end: :func:`draw` turns a state into integers for the renderer, :func:`to_state`
turns what a reader saw back into a state.

Certainty is a probability: that the true value lies within TOLERANCE (a share of the drawn range) of
the drawn one, under the stated standard deviation. A Gaussian in one dimension for temperature and
density (``erf``), a circular one in two for velocity (the Rayleigh distribution).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.scene import Ranges, Source, Value
from cssv.scene.attributes import ObjectAttributes
from cssv.scene.ground import Plane, foot_velocity, ground_velocity
from cssv.template.certainty import Span, planar_certainty, planar_sigma, value_certainty, value_sigma
from cssv.template.drawing import FULL, Drawing, Outline, Readings, Selector
from cssv.template.edges import edge_magnitude
from cssv.template.outline import explore, pack_radii, superellipse
from cssv.template.read import Reading

Pair = tuple[float, float]
#: Whose outline, and for which box of whole pixels.
Place = tuple[int, tuple[int, int, int, int]]

#: A speed above this share of the range is drawn as a comet when the selector is automatic.
COMET_SHARE = 0.75
#: A value drawn with less certainty than this is too grey to be told from an unknown one.
_LEAST_CERTAINTY = 1 / 16


@dataclass(frozen=True, slots=True)
class ObjectState(ObjectAttributes):
    """One object in one frame.

    Attributes:
        track: identity, 0 to 2^32 - 1.
        label: class name, may be empty.
        score: 0 to 1.
        box_px: x, y, w, h, origin at the frame's top left corner.
        velocity_px_s: from past and future frames.
        past_px_s, future_px_s: velocity from the past frames and towards the future frames, as drawn
            in the two halves of the inner ring; their mean is ``velocity_px_s``.
        sigma_px_s: standard deviation of the velocity per axis; infinite when unknown.
        name: who it is, if the scene says so.
        selector: which drawing; None decides by what is known.
        detected: what the detector calls it, where the scene calls it otherwise; None where they agree.
        is_given: the scene gives it outright; nobody has perceived it.
        velocity_m_s: of its foot on the ground; None where that is not known.
        sigma_m_s: standard deviation of that velocity per axis; infinite when unknown.
        thermal_c: what a thermal camera read inside its outline, whether ``temperature_c`` is that or not.
        (others): as in :class:`cssv.scene.attributes.ObjectAttributes`, of those that are carried.
    """

    track: int
    label: str
    score: float
    box_px: tuple[float, float, float, float]
    velocity_px_s: Pair
    past_px_s: Pair
    future_px_s: Pair
    sigma_px_s: float
    name: str | None = None
    selector: Selector | None = None
    detected: str | None = None
    is_given: bool = False
    velocity_m_s: Pair | None = None
    sigma_m_s: float = math.inf
    thermal_c: Value | None = None

    @property
    def speed_px_s(self) -> float:
        """Length of the velocity."""
        return math.hypot(*self.velocity_px_s)


def grounded(state: ObjectState, plane: Plane | None, foot_px_s: Pair | None = None) -> ObjectState:
    """The state with its velocity on the ground by that in the picture; unknown where its foot is.

    Args:
        state: the object.
        plane: the ground of the picture; None where it is not known.
        foot_px_s: velocity of its foot in the picture; by default as the plane and its centre's say.
    """
    unknown = replace(state, velocity_m_s=None, sigma_m_s=math.inf)
    if plane is None or not math.isfinite(state.sigma_px_s):
        return unknown
    box = np.array(state.box_px)
    moving = foot_velocity(plane, box, np.array(state.velocity_px_s)) if foot_px_s is None else foot_px_s
    velocity, slope = ground_velocity(plane, box, np.array(moving))
    sigma = state.sigma_px_s * float(np.sqrt((slope**2).sum() / 2))
    if not (np.isfinite(velocity).all() and math.isfinite(sigma)):
        return unknown
    return replace(state, velocity_m_s=(float(velocity[0]), float(velocity[1])), sigma_m_s=sigma)


def _to_byte(value: float, span: Span) -> int:
    share = (value - span[0]) / (span[1] - span[0])
    return round(min(max(share, 0.0), 1.0) * FULL)


def _from_byte(byte: int, span: Span) -> float:
    return span[0] + (span[1] - span[0]) * byte / FULL


def _heading(velocity: Pair) -> int:
    return round(math.atan2(velocity[1], velocity[0]) * 128 / math.pi) & 255


def _vector(speed: int, heading: int, span: Span) -> Pair:
    length, angle = _from_byte(speed, span), heading * math.pi / 128
    return length * math.cos(angle), length * math.sin(angle)


def readings_of(state: ObjectState, ranges: Ranges) -> Readings:
    """Return the bytes that a state's rings show."""
    speed, temperature, density = ranges.speed_px_s, ranges.temperature_c, ranges.density_kg_m3
    heat, mass = state.temperature_c, state.density_kg_m3
    return Readings(
        past_speed=_to_byte(math.hypot(*state.past_px_s), speed),
        past_heading=_heading(state.past_px_s),
        future_speed=_to_byte(math.hypot(*state.future_px_s), speed),
        future_heading=_heading(state.future_px_s),
        motion=round(planar_certainty(state.sigma_px_s, speed) * FULL),
        temperature=0 if heat is None else _to_byte(heat.value, temperature),
        temperature_certainty=round(value_certainty(heat, temperature) * FULL),
        density=0 if mass is None else _to_byte(mass.value, density),
        density_certainty=round(value_certainty(mass, density) * FULL),
    )


def _select(readings: Readings) -> Selector:
    if not (readings.motion or readings.temperature_certainty or readings.density_certainty):
        return Selector.EDGES
    speed = (readings.past_speed + readings.future_speed) / 2
    return Selector.COMET if readings.motion and speed > COMET_SHARE * FULL else Selector.RINGS


def clip_box(
    box_px: tuple[float, float, float, float], width: int, height: int
) -> tuple[int, int, int, int] | None:
    """Return the visible part of a box in whole pixels (x, y, w, h), or None when it is outside the frame."""
    x, y, w, h = box_px
    left, top = max(round(x), 0), max(round(y), 0)
    right, bottom = min(round(x + w), width), min(round(y + h), height)
    if right - left < 1 or bottom - top < 1:
        return None
    return left, top, right - left, bottom - top


def draw(
    state: ObjectState,
    ranges: Ranges,
    luma: U8 | None,
    size: tuple[int, int],
    known: Mapping[Place, Outline] | None = None,
) -> Drawing | None:
    """Turn a state into integers for the renderer.

    Args:
        state: the object.
        ranges: what the rings' bottoms and tops stand for.
        luma: (H, W) uint8, the cover's brightness to find the outline in; None takes a rounded box.
        size: width and height of the frame.
        known: outlines found before, by track and clipped box; they are not looked for again.

    Returns:
        The drawing, or None when the object is outside the frame.
    """
    box = clip_box(state.box_px, *size)
    if box is None:
        return None
    before = None if known is None else known.get((state.track, box))
    if before is not None:
        packed, shift = before.radii, before.shift
    else:
        packed, shift = pack_radii(superellipse(*box[2:]) if luma is None else _explored(luma, box))
    readings = readings_of(state, ranges)
    outline = Outline(
        track=state.track,
        label=state.label,
        score=round(min(max(state.score, 0.0), 1.0) * FULL),
        box=box,
        radii=packed,
        shift=shift,
        selector=_select(readings) if state.selector is None else state.selector,
        axis=_heading(state.velocity_px_s),
    )
    return Drawing(outline, readings)


def _explored(luma: U8, box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Find the outline in a window as far as the exploring ray may walk."""
    x, y, w, h = box
    left, top = max(x - w // 4 - 2, 0), max(y - h // 4 - 2, 0)
    window = luma[top : y + h + h // 4 + 3, left : x + w + w // 4 + 3]
    return explore(edge_magnitude(window), (x - left, y - top, w, h))


def _value(byte: int, certainty_byte: int, span: Span) -> Value | None:
    certainty = certainty_byte / FULL
    if certainty < _LEAST_CERTAINTY:
        return None
    return Value(_from_byte(byte, span), value_sigma(certainty, span), Source.ESTIMATED)


def to_state(sight: Reading, ranges: Ranges) -> ObjectState:
    """Turn what a reader saw back into a state. Inverse of :func:`draw` up to the bytes' precision.

    An object whose rings could not be read has zero velocity of infinite sigma and no attributes.
    """
    outline, readings = sight.outline, sight.readings
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
