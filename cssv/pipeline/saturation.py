"""Values that the rings cannot show, because they lie outside the ranges of the clip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cssv.scene import Ranges
from cssv.template.state import ObjectState

_UNITS = {"speed": "px/s", "temperature": "°C", "density": "kg/m³"}


@dataclass(slots=True)
class _Outside:
    """Values of one kind outside their range."""

    frames: int = 0
    low: float = math.inf
    high: float = -math.inf


@dataclass(slots=True)
class Saturation:
    """A count of the frames with values outside the ranges, and notes on them.

    The ranges of a stream are fixed before its fastest object is known. A value outside is drawn as the
    nearest end of its range; the scene track holds the value itself.

    Attributes:
        ranges: values at the bottom and top of each ring.
    """

    ranges: Ranges
    _found: dict[str, _Outside] = field(default_factory=dict)

    def add(self, objects: Sequence[ObjectState]) -> None:
        """Count the values of one frame."""
        in_frame: dict[str, list[float]] = {}
        for name, value in (pair for state in objects for pair in _values(state)):
            low, high = self._span(name)
            if not low <= value <= high:
                in_frame.setdefault(name, []).append(value)
        for name, values in in_frame.items():
            found = self._found.setdefault(name, _Outside())
            found.frames += 1
            found.low, found.high = min(found.low, *values), max(found.high, *values)

    def _span(self, name: str) -> tuple[float, float]:
        ranges = self.ranges
        return {
            "speed": ranges.speed_px_s,
            "temperature": ranges.temperature_c,
            "density": ranges.density_kg_m3,
        }[name]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind of value that lay outside its range."""
        return tuple(self._note(name, found) for name, found in self._found.items())

    def _note(self, name: str, found: _Outside) -> str:
        low, high = self._span(name)
        # What lies within is of no interest; a value below and one above are both named.
        ends = [f"{value:.3g}" for value in (found.low, found.high) if not low <= value <= high]
        values = " to ".join(dict.fromkeys(ends))
        return (
            f"the {name} range {low:g} to {high:g} {_UNITS[name]} is too narrow in {found.frames} frames: "
            f"values such as {values} {_UNITS[name]} are drawn as its end; state it in the scene's ranges"
        )


def _values(state: ObjectState) -> Iterator[tuple[str, float]]:
    """The values that the rings of an object show."""
    if math.isfinite(state.sigma_px_s):
        yield "speed", math.hypot(*state.past_px_s)
        yield "speed", math.hypot(*state.future_px_s)
    if state.temperature_c is not None:
        yield "temperature", state.temperature_c.value
    if state.density_kg_m3 is not None:
        yield "density", state.density_kg_m3.value
