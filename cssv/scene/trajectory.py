"""Trajectories of given objects: by waypoints, or by equations."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from cssv.scene.equations import Equations
from cssv.scene.expression_values import F64
from cssv.scene.values import ImageBox, JsonObject, Pair, Span, own_keys, time_earlier, to_tuples


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A box (x, y of the top left corner, width, height; pixels) at a time in seconds."""

    time_s: float
    box_px: ImageBox
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)


#: Waypoints with growing times and straight lines between them, or equations.
Trajectory = tuple[Waypoint, ...] | Equations


class GivenState(NamedTuple):
    """A given object at one time: its box, and its centre's velocity before and after this time."""

    box_px: ImageBox
    velocity_past_px_s: Pair
    velocity_future_px_s: Pair


def trajectory_from_json(node: list[JsonObject] | JsonObject) -> Trajectory:
    """The trajectory of JSON that has been checked."""
    if isinstance(node, dict):
        return Equations.from_json(node)
    return tuple(Waypoint(each["time_s"], to_tuples(each["box_px"]), own_keys(each)) for each in node)


def span_of(trajectory: Trajectory) -> Span:
    """First and last time, seconds."""
    if isinstance(trajectory, Equations):
        return trajectory.from_s, trajectory.to_s
    return trajectory[0].time_s, trajectory[-1].time_s


def earlier(trajectory: Trajectory, back_s: Fraction) -> Trajectory:
    """The trajectory with every time ``back_s`` seconds earlier."""
    if isinstance(trajectory, Equations):
        return trajectory.earlier(back_s)
    return tuple(replace(point, time_s=time_earlier(point.time_s, back_s)) for point in trajectory)


def state_at(trajectory: Trajectory, time_s: float | Fraction) -> GivenState | None:
    """The box and velocities at ``time_s``; None outside the trajectory's time."""
    first, last = span_of(trajectory)
    if not first <= time_s <= last:
        return None
    if isinstance(trajectory, Equations):
        box, velocity, _ = trajectory.state_at(float(time_s))
        return GivenState(box, velocity, velocity)
    before, after = _segments(trajectory, time_s)
    begin, end = trajectory[after - 1], trajectory[after]
    part = float((time_s - begin.time_s) / (end.time_s - begin.time_s))
    x, y, w, h = (a + part * (b - a) for a, b in zip(begin.box_px, end.box_px, strict=True))
    return GivenState((x, y, w, h), _velocity(trajectory, before), _velocity(trajectory, after))


def foot_velocity(trajectory: Trajectory, time_s: float | Fraction) -> Pair:
    """Velocity of the middle of the box's lower edge, px/s: the mean of before and after."""
    if isinstance(trajectory, Equations):
        return trajectory.state_at(float(time_s))[2]
    past, future = (_velocity(trajectory, index, 1.0) for index in _segments(trajectory, time_s))
    return (past[0] + future[0]) / 2, (past[1] + future[1]) / 2


def speeds_px_s(trajectory: Trajectory) -> list[float]:
    """Speeds of the box's centre: of each segment between waypoints, or at samples of the equations."""
    if isinstance(trajectory, Equations):
        speeds: list[float] = trajectory.samples()[2].tolist()
        return speeds
    return [math.hypot(*_velocity(trajectory, index)) for index in range(1, len(trajectory))]


def samples(trajectory: Trajectory) -> tuple[F64, F64]:
    """Times (n,) and boxes (n, 4): the waypoints, or samples of the equations."""
    if isinstance(trajectory, Equations):
        return trajectory.samples()[:2]
    times = np.array([float(point.time_s) for point in trajectory])
    return times, np.array([point.box_px for point in trajectory], dtype=np.float64)


def _segments(points: tuple[Waypoint, ...], time_s: float | Fraction) -> tuple[int, int]:
    """The waypoints at which the segments before and after this time end."""
    after = min(bisect_right(points, time_s, key=lambda p: p.time_s), len(points) - 1)
    return max(after - 1, 1) if time_s == points[after - 1].time_s else after, after


def _velocity(points: tuple[Waypoint, ...], index: int, depth: float = 0.5) -> Pair:
    """Velocity, px/s, over the segment that ends at waypoint ``index``.

    It is that of a point in the middle of the box's width; ``depth`` is its share of the box's height
    from the top: 0.5 for the centre, 1 for the foot.
    """
    first, last = points[index - 1], points[index]
    (x0, y0, w0, h0), (x1, y1, w1, h1) = first.box_px, last.box_px
    span = last.time_s - first.time_s
    return (x1 - x0 + (w1 - w0) / 2) / span, (y1 - y0 + (h1 - h0) * depth) / span
