"""The objects of a frame as rows of the objects table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cssv.interop.rows import SPEED_DECIMALS, ObjectRow, Origin, to_km_h
from cssv.pipeline.scene_track import DECIMALS
from cssv.scene.attributes import CARRIED, to_cells
from cssv.scene.crowd import crowd_density, is_person
from cssv.scene.ground import EDGE_PX, Plane, feet_of
from cssv.template.state import ObjectState, grounded

#: Decimal places of a crowd's density, people per square metre.
CROWD_DECIMALS = 4
#: Values with a standard deviation have decimals down to this power of ten below its first digit.
_BELOW_SIGMA = 2


def rows_of(
    states: Sequence[ObjectState],
    number: int,
    time: Fraction,
    source: Origin | Sequence[Origin],
    plane: Plane | None = None,
) -> tuple[ObjectRow, ...]:
    """The objects of a frame as rows of the objects table; None is unknown.

    With the ground ``plane`` of the frame, objects without a velocity on the ground get it from the one in
    the picture, and all objects on the ground get the density of the crowd. ``source`` is that of all of
    them, or of each.
    """
    crowds = _crowds(states, plane)
    sources = [source] * len(states) if isinstance(source, str) else source
    return tuple(
        _row(state, number, time, origin, plane, crowd)
        for state, origin, crowd in zip(states, sources, crowds, strict=True)
    )


def _crowds(states: Sequence[ObjectState], plane: Plane | None) -> list[float | None]:
    """People per square metre at each object; None if its foot is out of sight."""
    if plane is None or not states:
        return [None] * len(states)
    boxes = np.array([state.box_px for state in states])
    feet = feet_of(boxes)
    # The feet of a box that is cut off below are outside the picture.
    feet[boxes[:, 1] + boxes[:, 3] > plane.size[1] - EDGE_PX] = np.nan
    on_ground = plane.to_ground(feet)
    people = on_ground[[is_person(state.label) for state in states]]
    found = crowd_density(people, on_ground, plane).tolist()
    return [round(crowd, CROWD_DECIMALS) if math.isfinite(crowd) else None for crowd in found]


def _row(
    state: ObjectState,
    number: int,
    time: Fraction,
    source: Origin,
    plane: Plane | None,
    crowd: float | None,
) -> ObjectRow:
    is_known = math.isfinite(state.sigma_px_s)
    if state.velocity_m_s is None:
        state = grounded(state, plane)
    on_ground = state.velocity_m_s
    vx, vy = state.velocity_px_s
    # Values of the scene stay as they are written there; readings of pixels and of cameras are rounded.
    attributes = to_cells(state) | _rounded_readings(state, source)
    sigma_m_s = round(state.sigma_m_s, DECIMALS) if on_ground and math.isfinite(state.sigma_m_s) else None
    cells = {
        "x_px": state.box_px[0],
        "y_px": state.box_px[1],
        "w_px": state.box_px[2],
        "h_px": state.box_px[3],
        "score": state.score,
        "vx_px_s": vx if is_known else None,
        "vy_px_s": vy if is_known else None,
        "sigma_px_s": state.sigma_px_s if is_known else None,
        "vx_m_s": on_ground[0] if on_ground else None,
        "vy_m_s": on_ground[1] if on_ground else None,
        "sigma_m_s": sigma_m_s,
    }
    speed_m_s = round(math.hypot(*on_ground), SPEED_DECIMALS) if on_ground else None
    return ObjectRow(
        frame=number,
        time_s=float(time),
        track=state.track,
        label=state.label or None,
        # The scene track has these decimals; computed values have no better ones.
        **{name: None if value is None else round(value, DECIMALS) for name, value in cells.items()},
        speed_px_s=round(state.speed_px_s, SPEED_DECIMALS) if is_known else None,
        speed_m_s=speed_m_s,
        speed_km_h=to_km_h(speed_m_s),
        sigma_km_h=to_km_h(sigma_m_s),
        crowd_density_m2=crowd,
        source=source,
        **attributes,
    )


def _rounded_readings(state: ObjectState, source: Origin) -> dict[str, float | None]:
    """Cells of the readings of pixels or of a thermal camera, with the decimals that their sigma deserves."""
    cells, rounded = to_cells(state), {}
    for attribute in CARRIED:
        is_thermal = attribute.name == "temperature_c" and state.temperature_c == state.thermal_c
        if source == "metadata" and not is_thermal:
            continue
        spread = cells[attribute.columns[-1]]
        decimals = max(DECIMALS, _BELOW_SIGMA - math.floor(math.log10(spread))) if spread else DECIMALS
        for name in attribute.columns:
            value = cells[name]
            rounded[name] = None if value is None else round(value, decimals)
    return rounded
