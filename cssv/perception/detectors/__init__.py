"""Object detectors: frame -> detections. Each is one module, imported at its first use."""

from cssv.perception.detectors.base import CheckedDetector, Detector, check_found
from cssv.perception.detectors.choice import (
    DEFAULT_DETECTOR,
    DETECTORS,
    DetectorFactory,
    DetectorOptions,
    detector,
    register_detector,
)

__all__ = [
    "DEFAULT_DETECTOR",
    "DETECTORS",
    "CheckedDetector",
    "Detector",
    "DetectorFactory",
    "DetectorOptions",
    "check_found",
    "detector",
    "register_detector",
]
