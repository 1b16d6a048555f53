"""Options common to several detectors: defaults, bounds and checks."""

from __future__ import annotations

from numbers import Real
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cssv.boxes import F64, LARGEST_PX, LEAST_SIDE_PX
from cssv.errors import ModelError, OptionError
from cssv.files.inputs import check_regular
from cssv.files.paths import check_path

#: Boxes of networks below this score are left out. It is low, because the tracker uses boxes of low score to
#: continue the tracks of better ones.
MIN_SCORE = 0.1
#: Two boxes of one class with a larger intersection over union are one object; the weaker is removed.
NMS_IOU_WITHIN = 0.55
#: The same bound for boxes of different classes. Some networks report one object under two labels, with
#: nearly equal boxes. A rider and a bicycle, or a person in a car, overlap by less.
NMS_IOU_ACROSS = 0.8
#: Largest number of boxes in a frame; of more, those of the best scores are kept. More boxes are found only
#: in texture, and each costs time in the tracker. A box file has no such bound.
MOST_BOXES = 300


def check_share(name: str, value: float) -> float:
    """Return the number as a float; raise an OptionError unless it is a number in 0 to 1."""
    if not isinstance(value, Real):
        raise OptionError(f"{name} is not a number", found=repr(value), bound="0 to 1")
    if not 0 <= value <= 1:
        raise OptionError(f"{name} is out of range", found=value, bound="0 to 1")
    return float(value)


def check_weights(weights: str | PathLike[str], *suffixes: str) -> Path:
    """Return the path of a file of weights after a check.

    Raises:
        OptionError: the value is not a path.
        ModelError: there is no such file, or its suffix is not among ``suffixes``, if any are given.
    """
    path = check_path("weights", weights)
    check_regular(path, ModelError, "the weights")
    if not path.is_file():
        raise ModelError(
            f"the weights {str(path)!r} cannot be read",
            found="no such file",
            remedy="Give the path of a file; nothing is downloaded.",
        )
    if suffixes and path.suffix.lower() not in suffixes:
        raise ModelError(
            "unknown kind of weights",
            found=path.name,
            bound=", ".join(suffixes),
            remedy="Give a file of that kind, or choose the detector for these weights.",
        )
    return path


def touching(boxes_px: F64, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(n,) True for boxes x, y, w, h that overlap a picture of ``size`` and are within LARGEST_PX."""
    # Networks may return empty, outlying or huge boxes, which detections reject.
    starts, sizes = boxes_px[:, :2], boxes_px[:, 2:]
    touch = (sizes >= LEAST_SIDE_PX) & (starts < size) & (starts + sizes > 0)
    return np.asarray(touch.all(axis=1) & (np.abs(boxes_px) <= LARGEST_PX).all(axis=1))
