"""Common part of the detectors that run a network: options, class names and the selection of classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike

from cssv.perception.detectors.classes import choose
from cssv.perception.detectors.options import MIN_SCORE, MOST_BOXES, MOST_OVERLAP, check_share


class NetworkDetector(ABC):
    """Base of the detectors that run a network with class names.

    Args:
        weights: a file.
        classes: names to look for, as a sequence or a text with commas; all by default.
        min_score: boxes of lower scores are left out; 0 to 1.
        most_overlap: of two boxes of one class that overlap more than this, the weaker is removed; 0 to 1.

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
        most_overlap: float = MOST_OVERLAP,
    ) -> None:
        # Loading a network takes seconds, so the numbers are checked first.
        self._min_score = check_share("min_score", min_score)
        self._most_overlap = check_share("most_overlap", most_overlap)
        self._names = self._load(weights)
        self._chosen = choose(classes, self._names)

    @abstractmethod
    def _load(self, weights: str | PathLike[str]) -> tuple[str, ...]:
        """Load the network from a file, and return the names of its classes."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the network."""
        return self._names
