"""Class names of a detection network, and the selection of some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cssv.boxes import I64
from cssv.errors import LONGEST_QUOTE, OptionError, did_you_mean

#: The 80 classes of the COCO detection data set, in the order of the networks' outputs.
COCO = (
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
)


def default_names(count: int) -> tuple[str, ...]:
    """Default names for a network without names: COCO's for 80 classes, else the class numbers from 0."""
    return COCO if count == len(COCO) else tuple(map(str, range(count)))


def split_names(classes: Sequence[str] | str) -> tuple[str, ...]:
    """Split a selection of classes into single names; in a text they are separated by commas.

    Raises:
        OptionError: no class is given, or a class is not a text.
    """
    given = classes.split(",") if isinstance(classes, str) else classes
    parts = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(part, str) for part in parts):
        raise OptionError(
            "classes are not names",
            found=repr(classes)[:LONGEST_QUOTE],
            bound="texts, or one with commas",
            remedy="Give names, such as person,car; if a network has no names, numbers as texts.",
        )
    names = tuple(name for part in parts if (name := part.strip()))
    if not names:
        raise OptionError("no class is given", found=str(classes), remedy="Give one, such as person.")
    return names


def choose(classes: Sequence[str] | str | None, known: Sequence[str]) -> I64:
    """Select classes from ``known`` by name: their numbers, ascending. None selects all.

    Upper and lower case are equal.

    Raises:
        OptionError: a name is not among ``known``; the message lists them.
    """
    if classes is None:
        return np.arange(len(known))
    folded = [name.casefold() for name in known]
    chosen = set(map(str.casefold, split_names(classes)))
    # A misspelt class would otherwise find nothing, without any error.
    unknown = sorted(chosen - set(folded))
    if unknown:
        hints = [hint for name in unknown if (hint := did_you_mean(name, known))]
        raise OptionError(
            "the model does not have this class",
            found=", ".join(unknown),
            bound=", ".join(known),
            remedy=" ".join(hints) or None,
        )
    return np.array([number for number, name in enumerate(folded) if name in chosen], dtype=np.int64)
