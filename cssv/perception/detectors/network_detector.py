"""Common part of the detectors that run a network: options, class names and the selection of classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike

from cssv.perception.detectors.classes import choose
from cssv.perception.detectors.options import MIN_SCORE, MOST_BOXES, check_share


class NetworkDetector(ABC):
    """Base of the detectors that run a network with class names.

    Args:
        weights: a file.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        nms_iou: two boxes with a larger intersection over union are one object, and the weaker is removed;
            0 to 1. By default 0.55 for boxes of one class, 0.8 for boxes of different classes.

    Raises:
        OptionError: the network does not have a class, or a number is out of range.
    """

    most_boxes = MOST_BOXES

    def __init__(
        self,
        weights: str | PathLike[str],
        *,
        classes: Sequence[str] | str | None = None,
        min_score: float = MIN_SCORE,
        nms_iou: float | None = None,
    ) -> None:
        # Loading a network takes seconds, so the numbers are checked first.
        self._min_score = check_share("min_score", min_score)
        self.nms_iou = None if nms_iou is None else check_share("nms_iou", nms_iou)
        self._names = self._load(weights)
        self._chosen = choose(classes, self._names)

    @abstractmethod
    def _load(self, weights: str | PathLike[str]) -> tuple[str, ...]:
        """Load the network from a file, and return the names of its classes."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the network."""
        return self._names
