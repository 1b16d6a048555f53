"""Names of the classes that a network knows, and the choice of some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cssv.boxes import I64
from cssv.errors import OptionError
from cssv.files.paths import LONGEST_QUOTE

#: The 80 classes of the COCO detection data set, in the order in which networks give them.
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
    """Names for a network that brings none: COCO's for 80 classes, else the classes' numbers from 0."""
    return COCO if count == len(COCO) else tuple(map(str, range(count)))


def split_names(classes: Sequence[str] | str) -> tuple[str, ...]:
    """A choice of classes as single names; a text holds them separated by commas.

    Raises:
        OptionError: it names nothing, or not by texts.
    """
    given = classes.split(",") if isinstance(classes, str) else classes
    parts = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(part, str) for part in parts):
        raise OptionError(
            "classes are not names",
            found=repr(classes)[:LONGEST_QUOTE],
            bound="texts, or one with commas",
            remedy="Name them, such as person,car; where a network has no names, numbers as texts.",
        )
    names = tuple(name for part in parts if (name := part.strip()))
    if not names:
        raise OptionError("no class is named", found=str(classes), remedy="Name one, such as person.")
    return names


def choose(classes: Sequence[str] | str | None, known: Sequence[str]) -> I64:
    """Which of the ``known`` classes are chosen: their numbers, rising. None chooses all.

    Capital and small letters are the same.

    Raises:
        OptionError: a name that is not known; the message lists those that are.
    """
    if classes is None:
        return np.arange(len(known))
    folded = [name.casefold() for name in known]
    chosen = set(map(str.casefold, split_names(classes)))
    unknown = sorted(chosen - set(folded))
    if unknown:
        raise OptionError(
            "the model does not know this class", found=", ".join(unknown), bound=", ".join(known)
        )
    return np.array([number for number, name in enumerate(folded) if name in chosen], dtype=np.int64)
