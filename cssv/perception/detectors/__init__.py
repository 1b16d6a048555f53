"""Detectors: a frame in, the objects seen in it out. One file each, imported when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, cast

from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.perception.detections import Detections


class Detector(Protocol):
    """Finds objects. Frames of one clip are given in order; a detector may learn from them.

    Attributes:
        name: its key in :data:`DETECTORS`.
    """

    name: str

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``."""
        ...


#: Name -> "module:class". Every class is imported only when :func:`detector` is asked for it.
DETECTORS: Mapping[str, str] = MappingProxyType(
    {
        "motion": "cssv.perception.detectors.motion:MotionDetector",
        "boxes": "cssv.perception.detectors.boxes:BoxesDetector",
        "onnx": "cssv.perception.detectors.onnx:OnnxDetector",
    }
)


def detector(name: str, *args: object, **options: object) -> Detector:
    """Make a detector by name; what follows the name goes to its class.

    Raises:
        OptionError: no detector has this name.
    """
    if name not in DETECTORS:
        raise OptionError("unknown detector", found=name, bound=", ".join(DETECTORS))
    module, _, kind = DETECTORS[name].partition(":")
    return cast(Detector, getattr(importlib.import_module(module), kind)(*args, **options))
