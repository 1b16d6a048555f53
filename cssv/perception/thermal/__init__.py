"""Thermal camera files: pictures in degrees Celsius, and their registration to the clip."""

from cssv.perception.thermal.reader import ThermalPicture, ThermalReader
from cssv.perception.thermal.registration import ThermalRegistration, take_reading
from cssv.scene.thermal import CENTIKELVIN, LEAST_SIGMA_C, Calibration, Unit, checked

__all__ = [
    "CENTIKELVIN",
    "LEAST_SIGMA_C",
    "Calibration",
    "ThermalPicture",
    "ThermalReader",
    "ThermalRegistration",
    "Unit",
    "checked",
    "take_reading",
]
