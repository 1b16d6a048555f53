"""What the bottoms and tops of the rings stand for, where a scene does not say it itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cssv.scene.model import (
    DENSITY_FALLBACK_KG_M3,
    SPEED_FALLBACK_PX_S,
    TEMPERATURE_FALLBACK_C,
    Ranges,
    Scene,
    SceneObject,
    Span,
)

#: Room left on both sides of what a scene holds, and the step that a range is rounded out to.
TEMPERATURE_STEP_C = 5.0
DENSITY_STEP_KG_M3 = 50.0
#: Tops of the speed range, times a power of ten.
SPEED_LADDER = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: The speed range of perceived objects reaches at least to this: slower ones stand still, as far as boxes
#: tell.
SPEED_LEAST_TOP_PX_S = 1.0
ABSOLUTE_ZERO_C = -273.15


def default_ranges(
    scene: Scene, max_speed_px_s: float | None = None, readings_c: Iterable[float] = ()
) -> Ranges:
    """Return the scene's ranges, and where it gives none, what its objects need.

    Temperature and density cover all given values with a step to spare on both sides, rounded out
    to whole steps; speed runs from 0 to the next friendly number that is not below the fastest, and with
    tracks at least to SPEED_LEAST_TOP_PX_S, so that noise does not look like motion.

    Args:
        scene: whose ``ranges`` and objects are read.
        max_speed_px_s: the fastest track, px/s; given trajectories are counted in by themselves.
        readings_c: temperatures that a thermal camera read.
    """
    given = scene.ranges
    temperatures = [*readings_c, *(o.temperature_c.value for o in scene.objects if o.temperature_c)]
    densities = [o.density_kg_m3.value for o in scene.objects if o.density_kg_m3]
    speeds = [max(max_speed_px_s, SPEED_LEAST_TOP_PX_S)] if max_speed_px_s else []
    speeds += [speed for entry in scene.objects for speed in _speeds(entry)]
    return Ranges(
        speed_px_s=given.speed_px_s or _speed_range(speeds),
        temperature_c=given.temperature_c or _temperature_range(temperatures),
        density_kg_m3=given.density_kg_m3 or _density_range(densities),
    )


def _temperature_range(values: Sequence[float]) -> Span:
    return _range(values, TEMPERATURE_STEP_C, ABSOLUTE_ZERO_C, TEMPERATURE_FALLBACK_C)


def _density_range(values: Sequence[float]) -> Span:
    return _range(values, DENSITY_STEP_KG_M3, 0.0, DENSITY_FALLBACK_KG_M3)


def _speeds(entry: SceneObject) -> Iterator[float]:
    for index in range(1, len(entry.trajectory or ())):
        yield math.hypot(*entry._velocity(index))


def _range(values: Sequence[float], step: float, floor: float, fallback: Span) -> Span:
    if not values:
        return fallback
    low = math.floor((min(values) - step) / step) * step
    return max(low, floor), math.ceil((max(values) + step) / step) * step


def _speed_range(speeds: Sequence[float]) -> Span:
    fastest = max((s for s in speeds if math.isfinite(s)), default=0.0)
    if fastest <= 0:
        return SPEED_FALLBACK_PX_S
    power = math.floor(math.log10(fastest))
    # the exponent is applied as a product or a quotient, so that tops are the nearest floats
    tops = (step * 10.0**power if power >= 0 else step / 10.0**-power for step in (*SPEED_LADDER, 15.0))
    return 0.0, next(top for top in tops if top >= fastest)


def fit_ranges(
    scene: Scene, before: Ranges, drawn: Mapping[str, Sequence[float]] | None = None
) -> tuple[Ranges, tuple[str, ...]]:
    """The ranges of a clip that gets another scene.

    What the scene gives holds; otherwise the ranges stay, because every frame would have to be drawn anew,
    unless a value lies outside: then they grow to hold it.

    Args:
        scene: the other scene.
        before: the ranges of the clip.
        drawn: temperatures and densities that are drawn, under the names of their ranges; by default all
            that the scene speaks of, drawn or not.

    Returns:
        The ranges, and the names of those that had to grow.
    """
    values: dict[str, Sequence[float]] = {
        "speed_px_s": [speed for o in scene.objects for speed in _speeds(o)],
        "temperature_c": [o.temperature_c.value for o in scene.objects if o.temperature_c],
        "density_kg_m3": [o.density_kg_m3.value for o in scene.objects if o.density_kg_m3],
    }
    values |= drawn or {}
    spanning: dict[str, Callable[[Sequence[float]], Span]] = {
        "speed_px_s": _speed_range,
        "temperature_c": _temperature_range,
        "density_kg_m3": _density_range,
    }
    spans: dict[str, Span] = {}
    grown = []
    for name, inside in values.items():
        old: Span = getattr(before, name)
        given: Span | None = getattr(scene.ranges, name)
        if given is not None:
            spans[name] = given
        elif all(old[0] <= value <= old[1] for value in inside):
            spans[name] = old
        else:
            new = spanning[name](inside)
            spans[name] = (min(old[0], new[0]), max(old[1], new[1]))
            grown.append(name.split("_")[0])
    return Ranges(**spans), tuple(grown)
