"""What counts mean in degrees Celsius, which of these can be, and readings under another calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError
from cssv.scene.attributes import ABSOLUTE_ZERO_C
from cssv.scene.values import Value

F32 = NDArray[np.float32]

#: No camera is calibrated above this: the limit of the makers' black bodies (J. Beeney, FLIR Systems, "What
#: is the maximum temperature that can be registered by infrared cameras?", Tech Briefs).
HIGHEST_C = 3000.0
#: At least this share of a picture's pixels must be temperatures; the others are dead.
LEAST_SHARE = 0.5
#: No thermal camera tells finer differences; a reading's deviation is at least this, degrees Celsius.
LEAST_SIGMA_C = 0.01
#: Decimal places of a reading, degrees Celsius; finer counts get more.
_DECIMALS = 3

_BOUND = f"above {ABSOLUTE_ZERO_C} and at most {HIGHEST_C:g} °C"
_REMEDY = "Check scale and offset_c in the scene's thermal part."


@dataclass(frozen=True, slots=True)
class Unit:
    """Degrees Celsius = ``scale`` * counts + ``offset_c``."""

    scale: float
    offset_c: float

    def celsius(self, counts: NDArray[np.number]) -> F32:
        """Temperatures, float32, of an array of counts."""
        # A scene's whole numbers times 16-bit counts would wrap around.
        return np.asarray(counts * float(self.scale) + float(self.offset_c), np.float32)


#: Hundredths of a kelvin.
CENTIKELVIN = Unit(0.01, ABSOLUTE_ZERO_C)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What readings were made with.

    Attributes:
        unit: what a count was; None where the camera gave degrees.
        sigma_c: the camera's stated accuracy, one standard deviation.
    """

    unit: Unit | None = None
    sigma_c: float = 0.0

    @property
    def step_c(self) -> float:
        """What one count is; 0 where there are none."""
        return 0.0 if self.unit is None else self.unit.scale

    def reading(self, median_c: float, spread_c: float) -> Value:
        """The reading of pixels of this median and spread.

        Its sigma is the spread and the camera's accuracy together, at least one count.
        """
        places = _DECIMALS if self.unit is None else max(_DECIMALS, 1 - math.floor(math.log10(self.step_c)))
        sigma = max(math.hypot(spread_c, self.sigma_c), self.step_c, LEAST_SIGMA_C)
        return Value(round(median_c, places), round(sigma, places))

    def convert(self, reading: Value, now: Calibration) -> Value:
        """A reading of this calibration under another one, as if its pixels had been read with that.

        Raises:
            ThermalError: there it is no temperature.
        """
        sigma = LEAST_SIGMA_C if reading.sigma is None else reading.sigma
        is_least = sigma <= max(self.step_c, LEAST_SIGMA_C, self.sigma_c)
        spread = 0.0 if is_least else math.sqrt(sigma**2 - self.sigma_c**2)
        if self.unit is None or now.unit is None or self.unit == now.unit:
            return replace(now, unit=self.unit).reading(reading.value, spread)
        # A median of whole counts is one of them, or lies halfway between two: rounding does not add up.
        counts = round(2 * (reading.value - self.unit.offset_c) / self.unit.scale) / 2
        median = now.unit.scale * counts + now.unit.offset_c
        if not ABSOLUTE_ZERO_C < median <= HIGHEST_C:
            raise ThermalError(
                "by the thermal part of the scene a reading is no temperature",
                found=f"{median:g} °C, before {reading.value:g} °C", bound=_BOUND, remedy=_REMEDY,
            )  # fmt: skip
        return now.reading(median, spread * now.unit.scale / self.unit.scale)


def checked(celsius: F32, whose: str, remedy: str = _REMEDY) -> F32:
    """A picture whose dead pixels are NaN.

    Args:
        celsius: (H, W) as it came.
        whose: the name of the file or picture.
        remedy: what to do about pictures of something else.

    Raises:
        ThermalError: most of it is no temperature.
    """
    is_sound = (celsius > ABSOLUTE_ZERO_C) & (celsius <= HIGHEST_C)
    if is_sound.all():
        return celsius
    if is_sound.mean() < LEAST_SHARE:
        known = celsius[~np.isnan(celsius)]
        middle = f"{np.median(known):g} °C in the middle" if known.size else "no number at all"
        raise ThermalError(
            "the thermal pictures hold no temperatures",
            found=f"{whose}: {middle}", bound=_BOUND, remedy=remedy,
        )  # fmt: skip
    return np.where(is_sound, celsius, np.float32(np.nan))
