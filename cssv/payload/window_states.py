"""States of objects from windows: the inverse of :mod:`cssv.payload.window_fit` within its bounds."""

from __future__ import annotations

import math

import numpy as np

from cssv.payload.channels import (
    I64,
    UNITS_A_PX,
    UNITS_A_RANGE,
    bound_of,
    from_units,
    sigma_from_units,
)
from cssv.payload.curves import evaluate
from cssv.payload.motion import slopes
from cssv.payload.window import SCORES, Segment, Window
from cssv.scene import Source, Value
from cssv.scene.values import Span
from cssv.template.certainty import value_sigma
from cssv.template.state import ObjectState


def window_states(window: Window) -> list[tuple[ObjectState, ...]]:
    """The objects of each frame of a window, by track.

    The velocity of an object whose motion is unknown is 0, and its deviation infinite. An attribute of
    certainty 0 has an unknown source. Velocities on the ground and thermal readings are not in a payload.
    """
    frames: list[list[ObjectState]] = [[] for _ in window.pts]
    for segment in window.segments:
        for at, state in enumerate(_segment_states(window, segment), segment.start):
            frames[at].append(state)
    return [tuple(states) for states in frames]


def segment_values(window: Window, segment: Segment) -> dict[str, I64]:
    """The decoded values of each channel of a segment, in its units."""
    axis = window.axis_of(segment)
    return {
        channel: evaluate(curve, axis, bound_of(channel, window.bound))
        for channel, curve in zip(segment.channels, segment.curves, strict=True)
    }


def _segment_states(window: Window, segment: Segment) -> list[ObjectState]:
    values = segment_values(window, segment)
    # A box has a size, also where the rounded one is 0.
    height, width = (np.maximum(values[side], 1) for side in ("height", "width"))
    x, y = values["centre"] - width / 2, values["foot"] - height
    boxes = np.stack([x, y, width, height], axis=1) / UNITS_A_PX
    past, future = (np.zeros((segment.count, 2)) for _ in range(2))
    sigma = np.full(segment.count, math.inf)
    ranges = window.ranges
    if segment.has_motion:
        unit = (ranges.speed_px_s[1] - ranges.speed_px_s[0]) / UNITS_A_RANGE
        mean = slopes(window, segment, values) + _pairs(values, "velocity")
        turn = _pairs(values, "turn") if segment.has_turn else np.zeros_like(mean)
        past[:], future[:] = (mean - turn) * unit, (mean + turn) * unit
        sigma = sigma_from_units(values["sigma"], ranges.speed_px_s)
    temperature = _sensed(values, "temperature", ranges.temperature_c, segment.count)
    density = _sensed(values, "density", ranges.density_kg_m3, segment.count)
    return [
        ObjectState(
            track=segment.track,
            label=segment.label,
            score=segment.score / SCORES,
            box_px=(left, top, wide, high),
            velocity_px_s=((past_x + future_x) / 2, (past_y + future_y) / 2),
            past_px_s=(past_x, past_y),
            future_px_s=(future_x, future_y),
            sigma_px_s=float(deviation),
            name=segment.name,
            selector=segment.selector,
            is_given=segment.is_given,
            temperature_c=temperature[at],
            density_kg_m3=density[at],
            goal_m=segment.goal_m,
            goal_px=segment.goal_px,
        )
        for at, ((left, top, wide, high), (past_x, past_y), (future_x, future_y), deviation) in enumerate(
            zip(boxes.tolist(), past.tolist(), future.tolist(), sigma.tolist(), strict=True)
        )
    ]


def _pairs(values: dict[str, I64], name: str) -> I64:
    """The two channels along x and y, (n, 2)."""
    return np.stack([values[f"{name}_x"], values[f"{name}_y"]], axis=1)


def _sensed(values: dict[str, I64], name: str, span: Span, count: int) -> list[Value | None]:
    """The values of an attribute with their deviations; None where it is not in the payload."""
    if name not in values:
        return [None] * count
    certainties = np.clip(values[f"{name}_certainty"], 0, UNITS_A_RANGE) / UNITS_A_RANGE
    found = from_units(values[name], span)
    return [
        Value(value, value_sigma(certainty, span)) if certainty else Value(value, None, Source.UNKNOWN)
        for value, certainty in zip(found.tolist(), certainties.tolist(), strict=True)
    ]
