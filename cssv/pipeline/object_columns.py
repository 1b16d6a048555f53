"""The objects of many frames as columns of the objects table, with all ground values at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.interop.rows import COLUMNS, SPEED_DECIMALS, ObjectRow, Origin, to_km_h
from cssv.pipeline.scene_track import DECIMALS
from cssv.scene.attributes import ATTRIBUTE_COLUMNS, CARRIED, to_cells
from cssv.scene.crowd import crowd_density, is_person, kernel_share, whole_crowd
from cssv.scene.ground import EDGE_PX, Plane, feet_of, foot_velocity, ground_velocity
from cssv.scene.values import Pair
from cssv.template.state import ObjectState

#: Cells of each column of the objects table, one per object; None is unknown.
Columns = dict[str, list[Any]]
#: Velocity on the ground and its standard deviation; None if unknown.
_OnGround = tuple[Pair | None, float]

#: Decimal places of a crowd's density, people per square metre.
CROWD_DECIMALS = 4
#: Values with a standard deviation have decimals down to this power of ten below its first digit.
_BELOW_SIGMA = 2
_UNKNOWN: _OnGround = (None, math.inf)


@dataclass(frozen=True, slots=True)
class FrameStates:
    """The objects of one frame.

    Attributes:
        number: of the frame.
        time: of the frame, seconds.
        states: its objects.
        sources: where each of them comes from.
    """

    number: int
    time: Fraction
    states: Sequence[ObjectState]
    sources: Sequence[Origin]


def columns_of(frames: Sequence[FrameStates], plane: Plane | None) -> Columns:
    """The objects of frames as columns of the objects table, in order.

    With the ground ``plane`` of the frames, objects without a velocity on the ground get it from the one in
    the picture, and all objects on the ground get the density of the crowd.
    """
    states = [state for frame in frames for state in frame.states]
    sources = [source for frame in frames for source in frame.sources]
    counts = [len(frame.states) for frame in frames]
    columns: Columns = {
        "frame": [frame.number for frame in frames for _ in frame.states],
        "time_s": [time for frame, n in zip(frames, counts, strict=True) for time in [float(frame.time)] * n],
        "track": [state.track for state in states],
        "label": [state.label or None for state in states],
        "source": sources,
        "crowd_density_m2": _crowds(states, counts, plane),
    }
    columns |= _boxes(states) | _motion(states) | _motion_on_ground(_on_ground(states, plane))
    columns |= _attributes(states, sources)
    return {name: columns[name] for name in COLUMNS}


def rows_in(columns: Columns) -> tuple[ObjectRow, ...]:
    """The rows of columns."""
    return tuple(
        ObjectRow(**dict(zip(columns, cells, strict=True))) for cells in zip(*columns.values(), strict=True)
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns with the cells of all parts, in order."""
    return {name: [cell for part in parts for cell in part[name]] for name in COLUMNS}


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    """Cells with the decimals of the scene track; computed values have no better ones."""
    return [None if value is None else round(value, DECIMALS) for value in values]


def _boxes(states: Sequence[ObjectState]) -> Columns:
    names = ("x_px", "y_px", "w_px", "h_px")
    columns: Columns = {
        name: _rounded([state.box_px[place] for state in states]) for place, name in enumerate(names)
    }
    return columns | {"score": _rounded([state.score for state in states])}


def _motion(states: Sequence[ObjectState]) -> Columns:
    known = [state if math.isfinite(state.sigma_px_s) else None for state in states]
    return {
        "vx_px_s": _rounded([None if state is None else state.velocity_px_s[0] for state in known]),
        "vy_px_s": _rounded([None if state is None else state.velocity_px_s[1] for state in known]),
        "sigma_px_s": _rounded([None if state is None else state.sigma_px_s for state in known]),
        "speed_px_s": [None if state is None else round(state.speed_px_s, SPEED_DECIMALS) for state in known],
    }


def _motion_on_ground(found: Sequence[_OnGround]) -> Columns:
    speeds = [None if v is None else round(math.hypot(*v), SPEED_DECIMALS) for v, _ in found]
    sigmas = [
        round(sigma, DECIMALS) if v is not None and math.isfinite(sigma) else None for v, sigma in found
    ]
    return {
        "vx_m_s": _rounded([None if v is None else v[0] for v, _ in found]),
        "vy_m_s": _rounded([None if v is None else v[1] for v, _ in found]),
        "sigma_m_s": sigmas,
        "speed_m_s": speeds,
        "speed_km_h": [to_km_h(speed) for speed in speeds],
        "sigma_km_h": [to_km_h(sigma) for sigma in sigmas],
    }


def _on_ground(states: Sequence[ObjectState], plane: Plane | None) -> list[_OnGround]:
    """The velocities on the ground: those of the scene, else as :func:`cssv.template.state.grounded` does."""
    found: list[_OnGround] = [
        _UNKNOWN if s.velocity_m_s is None else (s.velocity_m_s, s.sigma_m_s) for s in states
    ]
    missing = [n for n, s in enumerate(states) if s.velocity_m_s is None and math.isfinite(s.sigma_px_s)]
    if plane is None or not missing:
        return found
    boxes = np.array([states[n].box_px for n in missing])
    moving = foot_velocity(plane, boxes, np.array([states[n].velocity_px_s for n in missing]))
    velocities, slopes = ground_velocity(plane, boxes, moving)
    sigma_px_s = np.array([states[n].sigma_px_s for n in missing])
    # One number for both axes: the root mean square of the jacobian's two directions.
    sigmas = sigma_px_s * np.sqrt((slopes**2).sum(axis=(-2, -1)) / 2)
    is_known = np.isfinite(velocities).all(axis=-1) & np.isfinite(sigmas)
    rows = zip(missing, is_known.tolist(), velocities.tolist(), sigmas.tolist(), strict=True)
    for n, is_good, (vx, vy), sigma in rows:
        if is_good:
            found[n] = ((vx, vy), sigma)
    return found


def _crowds(states: Sequence[ObjectState], counts: Sequence[int], plane: Plane | None) -> list[float | None]:
    """People per square metre at each object; None if its foot is out of sight."""
    if plane is None or not states:
        return [None] * len(states)
    boxes = np.array([state.box_px for state in states])
    feet = feet_of(boxes)
    # The feet of a box that is cut off below are outside the picture.
    feet[boxes[:, 1] + boxes[:, 3] > plane.size[1] - EDGE_PX] = np.nan
    on_ground = plane.to_ground(feet)
    are_people = np.array([is_person(state.label) for state in states])
    density = np.empty(len(states), np.float64)
    start = 0
    for count in counts:
        part = slice(start, start + count)
        at: F64 = on_ground[part]
        density[part] = crowd_density(at[are_people[part]], at)
        start += count
    found = whole_crowd(density, kernel_share(on_ground, plane)).tolist()
    return [round(crowd, CROWD_DECIMALS) if math.isfinite(crowd) else None for crowd in found]


def _attributes(states: Sequence[ObjectState], sources: Sequence[Origin]) -> Columns:
    # Values of the scene stay as they are written there; readings of pixels and of cameras are rounded.
    cells = [
        to_cells(state) | _rounded_readings(state, source)
        for state, source in zip(states, sources, strict=True)
    ]
    return {name: [each[name] for each in cells] for name in ATTRIBUTE_COLUMNS}


def _rounded_readings(state: ObjectState, source: Origin) -> dict[str, float | None]:
    """Cells of the readings of pixels or of a thermal camera, with the decimals that their sigma deserves."""
    is_thermal = state.temperature_c is not None and state.temperature_c == state.thermal_c
    if source == "metadata" and not is_thermal:
        return {}
    cells, rounded = to_cells(state), {}
    for attribute in CARRIED:
        if source == "metadata" and attribute.name != "temperature_c":
            continue
        spread = cells[attribute.columns[-1]]
        decimals = max(DECIMALS, _BELOW_SIGMA - math.floor(math.log10(spread))) if spread else DECIMALS
        for name in attribute.columns:
            value = cells[name]
            rounded[name] = None if value is None else round(value, decimals)
    return rounded
