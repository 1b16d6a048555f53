"""Values that the rings cannot show, because they lie outside the ranges of the clip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cssv.scene import Ranges
from cssv.scene.ranges import widened
from cssv.template.state import ObjectState

_KINDS = {
    "speed_px_s": ("speed", "px/s"),
    "temperature_c": ("temperature", "°C"),
    "density_kg_m3": ("density", "kg/m³"),
}


@dataclass(slots=True)
class _Drawn:
    """The drawn values of one kind, and those outside their range."""

    values: int = 0
    outside: int = 0
    low: float = math.inf
    high: float = -math.inf


@dataclass(slots=True)
class Saturation:
    """A count of the drawn values outside the ranges, and notes on them.

    The ranges of a stream are fixed before its fastest object is known, those of a clip leave out the fastest
    speeds, and a scene can give narrow ones. A value outside is drawn as the nearest end of its range; the
    scene track holds the value itself.

    Attributes:
        ranges: values at the bottom and top of each ring.
    """

    ranges: Ranges
    _found: dict[str, _Drawn] = field(default_factory=dict)

    def add(self, objects: Sequence[ObjectState]) -> None:
        """Count the values of one frame."""
        for name, value in (pair for state in objects for pair in _values(state)):
            found = self._found.setdefault(name, _Drawn())
            found.values += 1
            low, high = getattr(self.ranges, name)
            if not low <= value <= high:
                found.outside += 1
                found.low, found.high = min(found.low, value), max(found.high, value)

    def merge(self, later: Saturation) -> None:
        """Add the count of later frames with the same ranges."""
        for name, other in later._found.items():
            found = self._found.setdefault(name, _Drawn())
            found.values += other.values
            found.outside += other.outside
            found.low, found.high = min(found.low, other.low), max(found.high, other.high)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind of value that lay outside its range."""
        return tuple(self._note(name, found) for name, found in self._found.items() if found.outside)

    def _note(self, name: str, found: _Drawn) -> str:
        kind, unit = _KINDS[name]
        low, high = getattr(self.ranges, name)
        # What lies within is of no interest; a value below and one above are both named.
        ends = [f"down to {found.low:.3g}"] if found.low < low else []
        ends += [f"up to {found.high:.3g}"] if found.high > high else []
        share = 100 * found.outside / found.values
        wide = ", ".join(f"{end:g}" for end in widened(name, (low, high), (found.low, found.high)))
        return (
            f"the {kind} range {low:g} to {high:g} {unit} is too narrow for {found.outside} of "
            f"{found.values} values ({share:.3g} %), {' and '.join(ends)} {unit}: they are drawn as its "
            f'end; give "ranges": {{"{name}": [{wide}]}} in the scene'
        )


def _values(state: ObjectState) -> Iterator[tuple[str, float]]:
    """The values that the rings of an object show, under the names of their ranges."""
    if math.isfinite(state.sigma_px_s):
        yield "speed_px_s", math.hypot(*state.past_px_s)
        yield "speed_px_s", math.hypot(*state.future_px_s)
    if state.temperature_c is not None:
        yield "temperature_c", state.temperature_c.value
    if state.density_kg_m3 is not None:
        yield "density_kg_m3", state.density_kg_m3.value
