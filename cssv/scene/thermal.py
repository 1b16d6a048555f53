"""Temperatures of a thermal camera: from counts, within bounds, and under another calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError
from cssv.scene.attributes import ABSOLUTE_ZERO_C
from cssv.scene.model import Thermal
from cssv.scene.values import Value

F32 = NDArray[np.float32]

#: No camera is calibrated above this: the limit of the makers' black bodies (J. Beeney, FLIR Systems, "What
#: is the maximum temperature that can be registered by infrared cameras?", Tech Briefs).
HIGHEST_C = 3000.0
#: At least this share of a picture's pixels must be possible temperatures; the others are dead pixels.
LEAST_SHARE = 0.5
#: No thermal camera resolves finer differences; a reading's deviation is at least this, degrees Celsius.
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
    """Calibration of a thermal camera for a clip's readings.

    Attributes:
        unit: conversion of counts; None if the camera gave degrees.
        sigma_c: the camera's stated accuracy, one standard deviation.
    """

    unit: Unit | None = None
    sigma_c: float = 0.0

    @property
    def step_c(self) -> float:
        """Degrees of one count; 0 without counts."""
        return 0.0 if self.unit is None else self.unit.scale

    def reading(self, median_c: float, spread_c: float) -> Value:
        """The reading of pixels with this median and spread.

        Its sigma is the spread and the camera's accuracy together, at least one count.
        """
        places = _DECIMALS if self.unit is None else max(_DECIMALS, 1 - math.floor(math.log10(self.step_c)))
        sigma = max(math.hypot(spread_c, self.sigma_c), self.step_c, LEAST_SIGMA_C)
        return Value(round(median_c, places), round(sigma, places))

    def convert(self, reading: Value, now: Calibration) -> Value:
        """The reading that the same pixels would give under another calibration.

        Raises:
            ThermalError: it would be no possible temperature.
        """
        sigma = LEAST_SIGMA_C if reading.sigma is None else reading.sigma
        # A sigma at its lower bound says nothing about the spread.
        is_least = sigma <= max(self.step_c, LEAST_SIGMA_C, self.sigma_c)
        spread = 0.0 if is_least else math.sqrt(sigma**2 - self.sigma_c**2)
        if self.unit is None or now.unit is None or self.unit == now.unit:
            return replace(now, unit=self.unit).reading(reading.value, spread)
        # A median of whole counts is one of them or halfway between two. Going back to it keeps rounding
        # errors from adding up over a chain of commits.
        counts = round(2 * (reading.value - self.unit.offset_c) / self.unit.scale) / 2
        median = now.unit.scale * counts + now.unit.offset_c
        if not ABSOLUTE_ZERO_C < median <= HIGHEST_C:
            raise ThermalError(
                "under the thermal part of the scene a reading is no temperature",
                found=f"{median:g} °C, before {reading.value:g} °C", bound=_BOUND, remedy=_REMEDY,
            )  # fmt: skip
        return now.reading(median, spread * now.unit.scale / self.unit.scale)


def stated_unit(thermal: Thermal) -> Unit | None:
    """The conversion of counts that a scene gives; None if it gives none."""
    if thermal.scale is None or thermal.offset_c is None:
        return None
    return Unit(thermal.scale, thermal.offset_c)


def checked(celsius: F32, name: str, remedy: str = _REMEDY) -> F32:
    """The picture with NaN at dead pixels.

    Args:
        celsius: (H, W), degrees Celsius as read.
        name: name of the file or picture, for the error.
        remedy: of the error.

    Raises:
        ThermalError: most pixels are no possible temperatures.
    """
    # Infinities and NaN fail both comparisons.
    is_sound = (celsius > ABSOLUTE_ZERO_C) & (celsius <= HIGHEST_C)
    if is_sound.all():
        return celsius
    if is_sound.mean() < LEAST_SHARE:
        known = celsius[~np.isnan(celsius)]
        middle = f"{np.median(known):g} °C in the middle" if known.size else "no number at all"
        raise ThermalError(
            "the thermal pictures hold no temperatures",
            found=f"{name}: {middle}", bound=_BOUND, remedy=remedy,
        )  # fmt: skip
    return np.where(is_sound, celsius, np.float32(np.nan))
