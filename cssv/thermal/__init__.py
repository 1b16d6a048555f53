"""Thermal cameras: their files to pictures in degrees Celsius, and how those lie in the clip."""

from cssv.thermal.mount import Mount, take_reading
from cssv.thermal.reader import ThermalPicture, ThermalReader
from cssv.thermal.unit import CENTIKELVIN, LEAST_SIGMA_C, Calibration, Unit, checked

__all__ = [
    "CENTIKELVIN",
    "LEAST_SIGMA_C",
    "Calibration",
    "Mount",
    "ThermalPicture",
    "ThermalReader",
    "Unit",
    "checked",
    "take_reading",
]
