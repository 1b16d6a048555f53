"""Results of detectors of other packages, known by their attributes: their packages are never imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cssv.errors import LONGEST_QUOTE, BoxesError


@dataclass(frozen=True, slots=True)
class DetectorResults:
    """What the results of one frame hold. None where they hold nothing of the kind; nothing is checked.

    Attributes:
        corners_px: (n, 4) left, top, right and bottom edge of each box.
        scores: (n,) scores.
        labels: n names of classes.
        ids: (n,) identities.
    """

    corners_px: object
    scores: object | None
    labels: tuple[str, ...] | None
    ids: object | None


def to_plain(values: object) -> object:
    """Fetch a tensor from its device as an array; other values are returned as they are."""
    for step in ("detach", "cpu", "numpy"):
        method = getattr(values, step, None)
        # A class, as numpy.ndarray itself, is no tensor.
        if callable(method) and not isinstance(values, type):
            values = method()
    return values


def read_results(values: object) -> DetectorResults | None:
    """Read the results of a detector of another package; None if these are none, such as an array.

    Known are ``supervision.Detections`` and ``Results``, ``Boxes`` and ``OBB`` of ultralytics.

    Raises:
        BoxesError: results without boxes, with classes that are no numbers, or of several pictures.
    """
    if isinstance(values, list | tuple) and any(_is_results(each) for each in values):
        raise BoxesError(
            "these are the results of several pictures",
            found=f"a {type(values).__name__} of {len(values)}",
            bound="the results of one picture",
            remedy="Give them one by one, such as `cssv.detections(results[0])`.",
        )
    if not _is_results(values):
        return None
    names = getattr(values, "names", None)
    # Any: a class of another package.
    boxes: Any = values if hasattr(values, "xyxy") else _boxes_of(values)
    if hasattr(boxes, "confidence"):
        data = getattr(boxes, "data", None)
        named = data.get("class_name") if isinstance(data, Mapping) else None
        classes, scores, ids = (
            getattr(boxes, "class_id", None),
            boxes.confidence,
            getattr(boxes, "tracker_id", None),
        )
        labels = _labels(classes, None) if named is None else tuple(map(str, named))
    else:
        scores, ids = getattr(boxes, "conf", None), getattr(boxes, "id", None)
        labels = _labels(getattr(boxes, "cls", None), names)
    return DetectorResults(boxes.xyxy, scores, labels, ids)


def _is_results(values: object) -> bool:
    # Arrays of records can have any name as an attribute.
    if isinstance(values, np.ndarray):
        return False
    return hasattr(values, "xyxy") or (hasattr(values, "boxes") and hasattr(values, "names"))


def _boxes_of(results: object) -> object:
    """The upright boxes of results, or else those around its rotated boxes."""
    for name in ("boxes", "obb"):
        boxes = getattr(results, name, None)
        if hasattr(boxes, "xyxy"):
            return boxes
    raise BoxesError(
        "the results hold no boxes",
        found=type(results).__name__,
        remedy="Use a network that finds objects, not one that names whole pictures.",
    )


def _labels(classes: object, names: object) -> tuple[str, ...] | None:
    """The name of each class number; one without a name is called after its number."""
    if classes is None:
        return None
    try:
        numbers = np.asarray(to_plain(classes), np.float64).reshape(-1)
        known = {k: str(name) for k, name in _pairs(names)}
        return tuple(known.get(int(number), f"class {int(number)}") for number in numbers)
    except (TypeError, ValueError, OverflowError) as error:
        raise BoxesError(
            "classes are not whole numbers with names",
            found=f"{classes!r}"[:LONGEST_QUOTE],
            remedy="Give `labels=` one text per box.",
        ) from error


def _pairs(names: object) -> Iterable[tuple[object, object]]:
    if isinstance(names, Mapping):
        return names.items()
    return enumerate(names) if isinstance(names, Sequence) and not isinstance(names, str) else ()
