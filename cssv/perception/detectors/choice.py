"""Selection of a detector: the registry of names, and the options of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cssv.errors import OptionError
from cssv.files.paths import Path_, check_paths
from cssv.files.registry import Registry
from cssv.perception.detectors.base import CheckedDetector, Detector
from cssv.perception.given_boxes import BoxesAre, check_boxes_are

#: A callable that makes a detector from keyword options; usually its class.
DetectorFactory = Callable[..., Detector]

#: All detectors by name. Each is imported at its first use. Installed packages add theirs by entry points of
#: the group ``cssv.detectors``, programs by :func:`register_detector`.
DETECTORS: Registry[DetectorFactory] = Registry(
    "detector",
    {
        "motion": "cssv.perception.detectors.motion:MotionDetector",
        "boxes": "cssv.perception.detectors.boxes:BoxesDetector",
        "onnx": "cssv.perception.detectors.onnx:OnnxDetector",
        "yolo": "cssv.perception.detectors.yolo:YoloDetector",
        "lost": "cssv.perception.detectors.lost:LostDetector",
    },
    group="cssv.detectors",
)
#: The default detector: without a box file, and with one.
DEFAULT_DETECTOR, DEFAULT_BOXES_DETECTOR = "motion", "boxes"

#: Built-in detectors that run a file of weights, by the file's suffix.
_BY_SUFFIX: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ".onnx": ("onnx", "lost"),
        ".safetensors": ("lost",),
        **dict.fromkeys((".pt", ".yaml", ".yml"), ("yolo",)),
    }
)


def register_detector(name: str, factory: DetectorFactory | str) -> None:
    """Add a detector under a name of its own, for this process.

    Args:
        name: for ``detector=``; letters, digits, ``_``, ``.`` and ``-``.
        factory: makes the detector, usually its class; or ``"module:attribute"``, which is imported at its
            first use. Its parameters are the options that the detector takes: ``weights``, ``classes``,
            ``min_score``, ``nms_iou``, ``boxes`` or others.

    Raises:
        OptionError: the name is taken, or the factory cannot be called.
    """
    DETECTORS.register(name, factory)


def detector(name: str, **options: object) -> Detector:
    """Make a detector by name. Options that are None count as not given.

    Each detector takes some of ``boxes`` (a MOT file), ``boxes_from`` (its first frame), ``boxes_are``
    (``"truth"`` or ``"detections"``), ``label`` (of all boxes of the file), ``weights`` (a file), ``classes``
    (names to look for, as a sequence or a text with commas), ``min_score`` and ``nms_iou`` (0 to 1). Some
    take others, which their classes state and the command line does not have: pass the result as
    ``detector=`` to :func:`cssv.encode`, :func:`cssv.track` or a stream.

    Raises:
        OptionError: no detector has this name; it does not take an option, or needs one that is not given.
    """
    return _make(name, options)


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """The detector of a run and its options, checked on construction.

    Attributes:
        detector: a name in :data:`DETECTORS`, or a detector object, which has its options already. None: the
            ``boxes`` detector where a box file is given, otherwise :data:`DEFAULT_DETECTOR`.
        boxes: a MOT detection file, for the ``boxes`` detector.
        weights: the network of a detector that needs one, a file.
        classes: names to look for, as a sequence or a text with commas; None: all.
        min_score: detections of lower scores are left out, 0 to 1; None: the detector's own default.
        nms_iou: two boxes with a larger intersection over union are one object, 0 to 1; None: the detector's
            own default.
        boxes_from: number of the clip's first frame in the box file; None: 0 if the file has boxes in
            frame 0, otherwise 1.
        boxes_are: what boxes with ids are, ``"truth"`` or ``"detections"``; None: the truth if no score of
            the box file is below 1.
        label: label of all boxes of the box file; None: those of its class column, if it has one.

    Raises:
        OptionError: a path or the detector is of the wrong type, or options do not go together.
    """

    detector: str | Detector | None = None
    boxes: Path_ | None = None
    weights: Path_ | None = None
    classes: Sequence[str] | str | None = None
    min_score: float | None = None
    boxes_from: int | None = None
    nms_iou: float | None = None
    boxes_are: BoxesAre | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        check_paths(boxes=self.boxes, weights=self.weights)
        check_boxes_are(self.boxes_are)
        # Another detector finds other objects than the file lists, and neither may be ignored silently.
        is_default = self.detector is None or isinstance(self.detector, str)
        is_default = is_default and self.detector in (None, DEFAULT_BOXES_DETECTOR)
        if self.boxes is not None and not is_default:
            raise OptionError(
                "a box file goes with the boxes detector",
                found=str(self.detector),
                remedy="Leave out `detector=` or `boxes=`.",
            )
        given = [name for name, value in self._options().items() if value is not None]
        # An object already has its options; ignoring more would hide a mistake.
        if given and self.detector is not None and not isinstance(self.detector, str):
            raise OptionError(
                "options go with the name of a detector",
                found=", ".join(given),
                remedy="Set them where the detector is made.",
            )

    @property
    def is_default(self) -> bool:
        """Whether nothing is given."""
        return all(getattr(self, each.name) is None for each in fields(self))

    @property
    def files(self) -> tuple[Path_, ...]:
        """The files that the detector reads."""
        return tuple(path for path in (self.boxes, self.weights) if path is not None)

    def make(self) -> CheckedDetector:
        """Make the detector.

        Raises:
            OptionError: no detector has this name, it does not take one of the options or needs another, or
                the object is not a detector.
            BoxesError, ModelError, MissingExtraError: as the detector states.
        """
        if self.detector is not None and not isinstance(self.detector, str):
            return CheckedDetector.from_detector(self.detector)
        default = DEFAULT_DETECTOR if self.boxes is None else DEFAULT_BOXES_DETECTOR
        name = default if self.detector is None else self.detector
        options = self._options()
        # Networks suppress boxes themselves. For all others the wrapper does it.
        if "nms_iou" not in inspect.signature(DETECTORS[name]).parameters:
            del options["nms_iou"]
        return CheckedDetector(_make(name, options, offered=options), self.nms_iou)

    def _options(self) -> dict[str, Any]:
        """The options of a detector that is chosen by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "detector"}


def _make(name: str, options: Mapping[str, object], offered: Collection[str] | None = None) -> Detector:
    """Make a detector by name; ``offered`` are the options that an error may list, all by default."""
    factory = DETECTORS[name]
    given = {key: value for key, value in options.items() if value is not None}
    parameters = inspect.signature(factory).parameters
    # A factory with ``**options`` checks them itself.
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for key, value in given.items():
        if key not in parameters and not takes_any:
            takes = ", ".join(each for each in parameters if offered is None or each in offered)
            raise OptionError(
                f"the {name} detector does not take {key}",
                found=str(value),
                bound=takes or "no options",
                remedy=_other_detector(key, value),
            )
    for key, parameter in parameters.items():
        is_needed = parameter.default is parameter.empty and parameter.kind in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        )
        if is_needed and key not in given:
            raise OptionError(f"the {name} detector needs {key}", remedy=f"Give `{key}=` the path of a file.")
    return factory(**given)


def _other_detector(key: str, value: object) -> str | None:
    """Remedy with the names of the built-in detectors that take an option."""
    # Plug-ins are left out: importing all of them for a hint could fail or take long.
    takers = tuple(
        name for name in DETECTORS.built_in if key in inspect.signature(DETECTORS[name]).parameters
    )
    # The suffix of the file is more specific than the name of the option.
    if key == "weights":
        takers = _BY_SUFFIX.get(Path(str(value)).suffix.lower(), takers)
    return f"Add `detector=` {' or '.join(takers)}." if takers else None
