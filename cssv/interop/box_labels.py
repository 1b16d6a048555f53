"""Class columns of box files: names, or numbers of MOTChallenge, of VisDrone or of the file's own list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from cssv.boxes import I64
from cssv.interop.box_heading import BoxColumns
from cssv.interop.box_text import is_number

#: Names of the classes in ``gt.txt`` of MOT16, MOT17 and MOT20 (Milan et al., "MOT16: A Benchmark for
#: Multi-Object Tracking", 2016, table 4).
MOT_CLASSES: Mapping[int, str] = MappingProxyType(
    {
        1: "pedestrian",
        2: "person on vehicle",
        3: "car",
        4: "bicycle",
        5: "motorbike",
        6: "non motorized vehicle",
        7: "static person",
        8: "distractor",
        9: "occluder",
        10: "occluder on the ground",
        11: "occluder full",
        12: "reflection",
        13: "crowd",
    }
)
#: Names of the classes in the annotations of VisDrone-MOT.
VISDRONE_CLASSES: Mapping[int, str] = MappingProxyType(
    {
        0: "ignored region",
        1: "pedestrian",
        2: "people",
        3: "bicycle",
        4: "car",
        5: "van",
        6: "truck",
        7: "tricycle",
        8: "awning-tricycle",
        9: "bus",
        10: "motor",
        11: "others",
    }
)
#: Column of the class in files without a heading, and number of columns of the two forms above.
CLASS_PLACE, MOT_WIDTH, VISDRONE_WIDTH = 7, 9, 10
#: Name of a file beside the box file with one class name per line, as CVAT and Datumaro write it.
NAMES_FILE = "labels.txt"


@dataclass(frozen=True, slots=True, eq=False)
class BoxLabels:
    """The labels of the rows of a box file.

    Attributes:
        codes: int64 (n,) index of each row's label in ``names``; -1 without one.
        names: the labels.
        origin: what they are, in words.
    """

    codes: I64
    names: tuple[str, ...]
    origin: str

    def select(self, rows: I64) -> BoxLabels:
        """Select and order rows."""
        return BoxLabels(self.codes[rows], self.names, self.origin)


class ClassColumn:
    """The words in the class column of a file, row by row, and what the columns behind it hold.

    Args:
        columns: of the file.
        has_heading: a heading names the columns.
        width: number of fields of the first row.
    """

    def __init__(self, columns: BoxColumns, *, has_heading: bool, width: int) -> None:
        self._has_heading = has_heading
        self._width = width
        self._place = columns.label if has_heading else (CLASS_PLACE if width > CLASS_PLACE else None)
        self._further: tuple[int, ...] = ()
        if has_heading and columns.visibility is not None:
            self._further = (columns.visibility,)
        elif not has_heading and width <= VISDRONE_WIDTH:
            self._further = tuple(range(CLASS_PLACE + 1, width))
        self._codes: list[int] = []
        self._index: dict[str, int] = {}
        # What the further columns can be, while no row contradicts it.
        self._kinds = dict(_KINDS)

    @property
    def is_there(self) -> bool:
        """Whether the file can have such a column."""
        return self._place is not None

    def add(self, fields: Sequence[str]) -> bool:
        """Take the next row; False if it shows that the column holds no classes."""
        assert self._place is not None
        word = fields[self._place] if self._place < len(fields) else ""
        # Behind the score, results have -1 and MOT15 has places in 3D.
        if word and not self._has_heading and is_number(word) and _number(word) is None:
            return False
        self._codes.append(self._index.setdefault(word, len(self._index)) if word else -1)
        further = [fields[place] for place in self._further if place < len(fields)]
        for kind, is_kind in tuple(self._kinds.items()):
            if not all(map(is_kind, further)):
                del self._kinds[kind]
        return True

    def labels(self, listed: Sequence[str] | None) -> BoxLabels | None:
        """The labels of all rows; None if the column holds no classes.

        Args:
            listed: names of the classes from 1 on, from a file beside the box file.
        """
        words = tuple(self._index)
        if not words:
            return None
        codes = np.array(self._codes, dtype=np.int64)
        numbers = [number for word in words if (number := _number(word)) is not None]
        if len(numbers) < len(words):
            return BoxLabels(codes, words, "its class column")
        found = self._names_of(numbers, listed)
        if found is None:
            return None
        names, origin = found
        return BoxLabels(codes, tuple(names.get(number, str(number)) for number in numbers), origin)

    def _names_of(
        self, numbers: Sequence[int], listed: Sequence[str] | None
    ) -> tuple[Mapping[int, str], str] | None:
        """Names of class numbers, and where they come from; None if the column holds no classes."""
        # A column that nothing names is one of classes only in the forms that are known.
        if not self._has_heading and (self._width > VISDRONE_WIDTH or not self._is_known(numbers)):
            return None
        if listed is not None and min(numbers) >= 1 and max(numbers) <= len(listed):
            return dict(enumerate(listed, start=1)), f"its class numbers and the {NAMES_FILE} beside it"
        if len(self._further) == 1 and "share" in self._kinds and set(numbers) <= MOT_CLASSES.keys():
            return MOT_CLASSES, "its class numbers, those of MOTChallenge"
        if len(self._further) == 2 and "grade" in self._kinds:
            return VISDRONE_CLASSES, "its class numbers, those of VisDrone"
        return {}, "its class numbers"

    def _is_known(self, numbers: Sequence[int]) -> bool:
        """True unless the numbers can be the places in 3D of MOT15."""
        if len(self._further) < 2:
            return True
        is_visdrone = "grade" in self._kinds and set(numbers) <= VISDRONE_CLASSES.keys() and any(numbers)
        return is_visdrone or "missing" in self._kinds


def _number(word: str) -> int | None:
    """The class number that a word is; None for any other word."""
    if not is_number(word):
        return None
    value = float(word)
    return int(value) if value >= 0 and value.is_integer() else None


#: What the columns behind a class can be: the visible share of the object (MOTChallenge), degrees of
#: truncation and occlusion (VisDrone), or nothing.
_KINDS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "share": lambda field: is_number(field) and 0 <= float(field) <= 1,
        "grade": lambda field: _number(field) in (0, 1, 2),
        "missing": lambda field: is_number(field) and float(field) == -1,
    }
)
