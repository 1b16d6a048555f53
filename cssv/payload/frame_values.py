"""The cheapest value of every frame within an error bound: a shortest path through the grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cssv.payload.curves import Curve, Method, expected_point, first_model, grid, step_model
from cssv.payload.integers import write_signed
from cssv.payload.models import Models
from cssv.payload.range_coder import StaticMeter

F64 = NDArray[np.float64]
#: The length of a number.
Cost = Callable[[int], int]


def shortest_deltas(
    values: F64, bound: int, coarse: bool, models: Models, channel: str, expected: int
) -> Curve:
    """First differences whose values differ from ``values`` by at most ``bound``.

    Lengths are those of the models as they are, though writing adapts them.
    """
    low, high = _allowed(values, bound, coarse)
    cost = _cost(models, step_model(channel, Method.DELTAS, coarse, 1, len(low)))
    start, first_cost = expected_point(coarse, bound, expected), _cost(models, first_model(channel, coarse))
    totals = {point: first_cost(point - start) for point in range(low[0], high[0] + 1)}
    came: list[dict[int, int]] = []
    for first, last in zip(low[1:], high[1:], strict=True):
        following, origin = {}, {}
        for point in range(first, last + 1):
            length, before = min((total + cost(point - at), at) for at, total in totals.items())
            following[point], origin[point] = length, before
        totals = following
        came.append(origin)
    path = [min(totals, key=lambda point: (totals[point], point))]
    for origin in reversed(came):
        path.append(origin[path[-1]])
    return Curve(Method.DELTAS, tuple(reversed(path)), coarse)


def shortest_bends(
    values: F64, bound: int, coarse: bool, models: Models, channel: str, expected: int
) -> Curve:
    """Second differences, alike; for two frames or more."""
    low, high = _allowed(values, bound, coarse)
    first_cost = _cost(models, first_model(channel, coarse))
    step, bend = (_cost(models, step_model(channel, Method.BENDS, coarse, at, len(low))) for at in (1, 2))
    start = expected_point(coarse, bound, expected)
    # The state of the path is its last two points.
    totals = {
        (a, b): first_cost(a - start) + step(b - a)
        for a in range(low[0], high[0] + 1)
        for b in range(low[1], high[1] + 1)
    }
    came: list[dict[tuple[int, int], int]] = []
    for first, last in zip(low[2:], high[2:], strict=True):
        following: dict[tuple[int, int], int] = {}
        origin: dict[tuple[int, int], int] = {}
        for (a, b), total in totals.items():
            for c in range(first, last + 1):
                length, known = total + bend(c - 2 * b + a), following.get((b, c))
                if known is None or length < known:
                    following[b, c], origin[b, c] = length, a
        totals = following
        came.append(origin)
    a, b = min(totals, key=lambda pair: (totals[pair], pair))
    path = [b, a]
    for before in reversed(came):
        a, b = before[a, b], a
        path.append(a)
    return Curve(Method.BENDS, tuple(reversed(path)), coarse)


def _allowed(values: F64, bound: int, coarse: bool) -> tuple[list[int], list[int]]:
    """The lowest and the highest point of each frame. There is at least one: a cell is at most two bounds."""
    unit = grid(coarse, bound)
    low, high = np.ceil((values - bound) / unit), np.floor((values + bound) / unit)
    # A value in the middle between two points may miss both by rounding.
    low = np.minimum(low, np.rint(values / unit))
    return low.astype(np.int64).tolist(), np.maximum(low, high).astype(np.int64).tolist()


def _cost(models: Models, model: str) -> Cost:
    """The lengths of numbers, measured when they are first asked for."""

    @cache
    def cost(number: int) -> int:
        meter = StaticMeter(models)
        write_signed(meter, model, number)
        return meter.length

    return cost
