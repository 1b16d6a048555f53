"""Detectors: a frame in, the objects seen in it out. One file each, imported when asked for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from cssv.errors import OptionError
from cssv.files.paths import LONGEST_QUOTE
from cssv.frames import Frame
from cssv.perception.detections import Detections
from cssv.perception.flow import FlowMeter


class Detector(Protocol):
    """Finds objects. Frames of one clip are given in order; a detector may learn from them.

    It may have ``notes``, a tuple of sentences that a user should read with the result, and ``flow``, the
    :class:`~cssv.perception.flow.FlowMeter` with which it measures each frame; others then measure no other.
    Where it has ``most_boxes``, only so many of best score are followed of what it finds in a frame.

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
    """What a user should know of a detector's results, such as the licence of its network; mostly nothing.

    Some is only known once it has looked at the frames.
    """
    notes = getattr(detector, "notes", None) or ()
    return (notes,) if isinstance(notes, str) else tuple(notes)


def meter_of(detector: Detector) -> FlowMeter:
    """The detector's own meter of optical flow, or a new one."""
    meter = getattr(detector, "flow", None)
    return meter if isinstance(meter, FlowMeter) else FlowMeter()


def check_found(found: object, by: str) -> Detections:
    """What was found, ``by`` whom; an OptionError for anything but Detections."""
    if not isinstance(found, Detections):
        raise OptionError(
            f"{by} does not give detections",
            found=type(found).__name__,
            bound="cssv.Detections",
            remedy="Give cssv.detections(boxes, scores, labels); cssv.detections([]) where nothing is.",
        )
    return found


class CheckedDetector:
    """A detector whose answers are checked, and bounded to the best of each frame where it says so.

    Attributes:
        name: the detector's.
        most_boxes: of a frame; None where they are not bounded.

    Raises:
        OptionError: it is no detector; also :meth:`detect`, where what it gives is none.
    """

    def __init__(self, detector: Detector) -> None:
        if isinstance(detector, type) or not callable(getattr(detector, "detect", None)):
            raise OptionError(
                "not a detector",
                found=f"a {type(detector).__name__}: {detector!r}"[:LONGEST_QUOTE],
                bound=f"an object with detect(frame), or one of {', '.join(DETECTORS)}",
                remedy="Make an object of that class." if isinstance(detector, type) else None,
            )
        self._detector = detector
        self._crowded = self._largest = 0
        self.most_boxes: int | None = getattr(detector, "most_boxes", None)
        self.name = str(getattr(detector, "name", type(detector).__name__))

    @classmethod
    def of(cls, detector: Detector) -> CheckedDetector:
        """The same where it is a Finder."""
        return detector if isinstance(detector, CheckedDetector) else cls(detector)

    @property
    def notes(self) -> tuple[str, ...]:
        """The detector's notes so far, and one where a frame had too many boxes."""
        if not self._crowded:
            return notes_of(self._detector)
        return (
            *notes_of(self._detector),
            f"more than {self.most_boxes} boxes in {self._crowded} frames, up to {self._largest}: only the "
            f"{self.most_boxes} of best score were followed; a higher min_score leaves out the weak ones",
        )

    @property
    def flow(self) -> FlowMeter | None:
        """The detector's own meter of optical flow, if any."""
        return getattr(self._detector, "flow", None)

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``."""
        found = check_found(self._detector.detect(frame), f"the detector {self.name}")
        if self.most_boxes is None or len(found) <= self.most_boxes:
            return found
        self._crowded += 1
        self._largest = max(self._largest, len(found))
        return found.best(self.most_boxes)


def detector(name: str, **options: object) -> Detector:
    """Make a detector by name; the options go to its class, except those that are None.

    Each class takes those it knows: ``boxes`` (a MOT file), ``weights`` (a file), ``classes`` (names to look
    for, as a sequence or a text with commas), ``min_score`` (0 to 1), and others that its own page states,
    which the command line does not have: give what this makes as ``detector=`` to :func:`cssv.encode`,
    :func:`cssv.track` or a stream.

    Raises:
        OptionError: no detector has this name; it does not take an option, or needs one that is not given.
    """
    return make(name, options)


def make(name: str, options: Mapping[str, object], offered: Collection[str] | None = None) -> Detector:
    """The same as :func:`detector`, for those who offer some options only; errors then list no others.

    Args:
        name: of the detector.
        options: those that are None count as not given.
        offered: names of all options that can be given; those of the detector's class by default.
    """
    if not isinstance(name, str) or name not in DETECTORS:
        raise OptionError("unknown detector", found=str(name), bound=", ".join(DETECTORS))
    kind = _class(name)
    given = {key: value for key, value in options.items() if value is not None}
    parameters = inspect.signature(kind).parameters
    for key in given:
        if key not in parameters:
            takes = ", ".join(each for each in parameters if offered is None or each in offered)
            raise OptionError(
                f"the {name} detector does not take {key}",
                found=str(given[key]),
                bound=takes or "no options",
                remedy=_other_detector(key, given[key]),
            )
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise OptionError(f"the {name} detector needs {key}", remedy=f"Give --{key} FILE.")
    return kind(**given)


def _class(name: str) -> Callable[..., Detector]:
    module, _, kind = DETECTORS[name].partition(":")
    return cast("Callable[..., Detector]", getattr(importlib.import_module(module), kind))


#: Detectors that run a file of weights, by how its name ends.
_RUNNERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ".onnx": ("onnx", "lost"),
        ".safetensors": ("lost",),
        **dict.fromkeys((".pt", ".yaml", ".yml"), ("yolo",)),
    }
)


def _other_detector(key: str, value: object) -> str | None:
    """Which detector takes an option that another one does not."""
    takers = tuple(name for name in DETECTORS if key in inspect.signature(_class(name)).parameters)
    if key == "weights":
        takers = _RUNNERS.get(Path(str(value)).suffix.lower(), takers)
    return f"Add --detector {' or '.join(takers)}." if takers else None
