"""The lowest and highest values that the rings show, if the scene does not give them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from cssv.scene.attributes import ATTRIBUTES, RINGS
from cssv.scene.model import SPEED_FALLBACK_PX_S, Ranges, Scene
from cssv.scene.values import Span

#: Tops of the speed range, times a power of ten.
SPEED_LADDER = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: The speed range of perceived objects reaches at least this far: below it a box stands still.
SPEED_LEAST_TOP_PX_S = 1.0
#: Faster speeds show the top of the range; a scene can give no higher one.
SPEED_MOST_TOP_PX_S = 1e6
#: Slower speeds are none.
_LEAST_SPEED_PX_S = 1e-30

_SPEED = "speed_px_s"
#: No range goes beyond what the attribute allows.
_LIMITS = {each.name: (float(each.minimum), float(each.maximum)) for each in ATTRIBUTES}


def default_ranges(
    scene: Scene, max_speed_px_s: float | None = None, readings_c: Iterable[float] = ()
) -> Ranges:
    """The ranges that the scene gives; the others so that they hold what its objects need.

    Temperature and density cover all given values with one step to spare on both sides, rounded outwards to
    whole steps (:class:`cssv.scene.attributes.Ring`). Speed runs from 0 to the next round number that is not
    below the fastest, with tracks at least to SPEED_LEAST_TOP_PX_S, so that noise does not look like motion.

    Args:
        scene: whose ``ranges`` and objects are read.
        max_speed_px_s: the fastest track, px/s; the speeds of given trajectories are added.
        readings_c: temperatures that a thermal camera read.
    """
    values = _values_in(scene)
    values["temperature_c"] = [*readings_c, *values["temperature_c"]]
    if max_speed_px_s:
        values[_SPEED] = [max(max_speed_px_s, SPEED_LEAST_TOP_PX_S), *values[_SPEED]]
    return Ranges(**{name: _given(scene, name) or _range(name, inside) for name, inside in values.items()})


def fit_ranges(
    scene: Scene, before: Ranges, drawn: Mapping[str, Sequence[float]] | None = None
) -> tuple[Ranges, tuple[str, ...]]:
    """The ranges of a clip that gets another scene.

    Ranges that the scene gives hold. The others stay as they are, because otherwise every frame would have to
    be drawn again, unless a value lies outside: then they grow to hold it.

    Args:
        scene: the other scene.
        before: the ranges of the clip.
        drawn: temperatures and densities that are drawn, under the names of their ranges; by default all
            values in the scene, drawn or not.

    Returns:
        The ranges, and the names of those that had to grow.
    """
    spans: dict[str, Span] = {}
    grown = []
    for name, inside in (_values_in(scene) | dict(drawn or {})).items():
        old: Span = getattr(before, name)
        given = _given(scene, name)
        if given is not None:
            spans[name] = given
        elif all(old[0] <= value <= old[1] for value in inside):
            spans[name] = old
        else:
            # Only ever wider, so that a range does not move to and fro along a chain of commits.
            spans[name] = widened(name, old, inside)
            grown.append(name.split("_")[0])
    return Ranges(**spans), tuple(grown)


def widened(name: str, span: Span, values: Iterable[float]) -> Span:
    """A range that holds ``span`` and these values, rounded as a default range.

    Args:
        name: of the range.
        span: the range before.
        values: with the ring ``name``; at least one.
    """
    return _hull(span, _range(name, [*values]))


def joined(one: Ranges, other: Ranges) -> Ranges:
    """The narrowest ranges that hold both."""
    return Ranges(**{f.name: _hull(getattr(one, f.name), getattr(other, f.name)) for f in fields(Ranges)})


def _hull(one: Span, other: Span) -> Span:
    return min(one[0], other[0]), max(one[1], other[1])


def _given(scene: Scene, name: str) -> Span | None:
    given: Span | None = getattr(scene.ranges, name)
    return given


def _values_in(scene: Scene) -> dict[str, Sequence[float]]:
    """Speeds and values with a ring of the scene's objects, under the names of their ranges."""
    values: dict[str, Sequence[float]] = {
        _SPEED: [speed for entry in scene.objects for speed in entry.speeds_px_s()]
    }
    for name in RINGS:
        sensed = (getattr(entry, name) for entry in scene.objects)
        values[name] = [value.value for value in sensed if value is not None]
    return values


def _range(name: str, values: Sequence[float]) -> Span:
    if name == _SPEED:
        return _speed_range(values)
    ring = RINGS[name]
    if not values:
        return ring.fallback
    low = math.floor((min(values) - ring.step) / ring.step) * ring.step
    high = math.ceil((max(values) + ring.step) / ring.step) * ring.step
    return max(low, _LIMITS[name][0]), min(high, _LIMITS[name][1])


def _speed_range(speeds: Sequence[float]) -> Span:
    fastest = min(max((s for s in speeds if math.isfinite(s)), default=0.0), SPEED_MOST_TOP_PX_S)
    # The pixels carry the range in single precision, which has no smaller numbers.
    if fastest < _LEAST_SPEED_PX_S:
        return SPEED_FALLBACK_PX_S
    power = math.floor(math.log10(fastest))
    # The exponent is applied as a product or a quotient, so that tops are the nearest floats.
    tops = (step * 10.0**power if power >= 0 else step / 10.0**-power for step in (*SPEED_LADDER, 15.0))
    return 0.0, next(top for top in tops if top >= fastest)
