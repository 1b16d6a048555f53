"""Thermal cameras: their files to pictures in degrees Celsius, and how those lie in the clip."""

from cssv.thermal.mount import LEAST_SIGMA_C, Mount, take_reading
from cssv.thermal.reader import ThermalPicture, ThermalReader
from cssv.thermal.unit import CENTIKELVIN, Unit

__all__ = [
    "CENTIKELVIN",
    "LEAST_SIGMA_C",
    "Mount",
    "ThermalPicture",
    "ThermalReader",
    "Unit",
    "take_reading",
]
