"""Units of speed in pictures and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cssv.errors import LONGEST_QUOTE, OptionError, OptionTypeError
from cssv.interop.rows import KM_H, ObjectRow

#: Metres of a mile (international mile, 1959).
_MILE_M = 1609.344
SpeedUnitName = Literal["px/s", "m/s", "km/h", "mph"]
#: Other spellings, as file names and command lines have them.
_SPELLINGS: dict[str, SpeedUnitName] = {
    "px_s": "px/s",
    "pxs": "px/s",
    "m_s": "m/s",
    "ms": "m/s",
    "kmh": "km/h",
    "km_h": "km/h",
    "kph": "km/h",
}


@dataclass(frozen=True, slots=True)
class SpeedUnit:
    """A unit of speed.

    Attributes:
        name: as written behind a number.
        factor: from metres per second, or from pixels per second if ``is_of_picture``.
        is_of_picture: whether it counts pixels; all others need a calibrated camera.
        decimals: digits after the point that are worth reading.
    """

    name: SpeedUnitName
    factor: float
    is_of_picture: bool = False
    decimals: int = 1

    def speed_of(self, row: ObjectRow) -> tuple[float | None, float | None]:
        """Speed of an object and its standard deviation per axis, in this unit; None where unknown."""
        of_picture = self.is_of_picture
        speed = row.speed_px_s if of_picture else row.speed_m_s
        sigma = row.sigma_px_s if of_picture else row.sigma_m_s
        return (
            None if speed is None else speed * self.factor,
            None if sigma is None else sigma * self.factor,
        )


#: Name -> unit, in the order of menus.
SPEED_UNITS: dict[str, SpeedUnit] = {
    "px/s": SpeedUnit("px/s", 1.0, is_of_picture=True, decimals=0),
    "m/s": SpeedUnit("m/s", 1.0),
    "km/h": SpeedUnit("km/h", KM_H),
    "mph": SpeedUnit("mph", 3600 / _MILE_M),
}


def speed_unit(name: str | None, *, has_ground: bool) -> SpeedUnit:
    """Find a unit by its name, such as ``"km/h"`` or ``"kmh"``; None: m/s if the ground is known, else px/s.

    Args:
        name: a key of :data:`SPEED_UNITS`, or the same without its sign of division.
        has_ground: whether speeds on the ground are known.

    Raises:
        OptionError: no such unit. OptionTypeError: not even a text.
    """
    if name is None:
        return SPEED_UNITS["m/s" if has_ground else "px/s"]
    if not isinstance(name, str):
        raise OptionTypeError(
            "a unit of speed is not a name",
            found=repr(name)[:LONGEST_QUOTE],
            bound=", ".join(get_args(SpeedUnitName)),
        )
    known = SPEED_UNITS.get(_SPELLINGS.get(name, name))
    if known is None:
        raise OptionError("unknown unit of speed", found=name, bound=", ".join(get_args(SpeedUnitName)))
    return known
