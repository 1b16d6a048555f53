"""Detectors: a frame in, the objects seen in it out. One file each, imported when asked for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, cast

from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.perception.detections import Detections
from cssv.perception.flow import FlowMeter


class Detector(Protocol):
    """Finds objects. Frames of one clip are given in order; a detector may learn from them.

    It may have ``notes``, a tuple of sentences that a user should read with the result, and ``flow``, the
    :class:`~cssv.perception.flow.FlowMeter` with which it measures each frame; others then measure no other.

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
        "yolo": "cssv.perception.detectors.yolo:YoloDetector",
        "lost": "cssv.perception.detectors.lost:LostDetector",
    }
)


def notes_of(detector: Detector) -> tuple[str, ...]:
    """What a user should know of a detector's results, such as the licence of its network; mostly nothing."""
    return tuple(getattr(detector, "notes", ()))


def meter_of(detector: Detector) -> FlowMeter:
    """The detector's own meter of optical flow, or a new one."""
    meter: FlowMeter | None = getattr(detector, "flow", None)
    return FlowMeter() if meter is None else meter


def detector(name: str, **options: object) -> Detector:
    """Make a detector by name; the options go to its class, except those that are None.

    Each class takes those it knows: ``boxes`` (a MOT file), ``weights`` (a file), ``classes`` (names to look
    for, as a sequence or a text with commas), ``min_score`` (0 to 1), and others that its own page states.

    Raises:
        OptionError: no detector has this name; it does not take an option, or needs one that is not given.
    """
    if name not in DETECTORS:
        raise OptionError("unknown detector", found=name, bound=", ".join(DETECTORS))
    module, _, kind = DETECTORS[name].partition(":")
    make = getattr(importlib.import_module(module), kind)
    given = {key: value for key, value in options.items() if value is not None}
    parameters = inspect.signature(make).parameters
    for key in given:
        if key not in parameters:
            takes = ", ".join(parameters) or "no options"
            raise OptionError(f"the {name} detector does not take {key}", found=given[key], bound=takes)
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise OptionError(f"the {name} detector needs {key}", remedy=f"Give --{key} FILE.")
    return cast(Detector, make(**given))
