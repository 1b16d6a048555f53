"""Headings of box files: which column holds which value."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from cssv.boxes import F64, UNKNOWN_ID

#: Columns of a line without a heading. The score may be missing, and further columns may follow.
COLUMNS = ("frame", "id", "x", "y", "w", "h", "score")
#: The four values of each axis; any two of start, middle, end and size give a box.
_AXES = (("x", "x_centre", "x2", "w"), ("y", "y_centre", "y2", "h"))
#: Words that say nothing about the place of a column, and words for shares of the picture.
_FILLERS = r"bb|bbox|box|px|pix|pixel|pixels|coord|coordinate"
_SHARES = r"norm|normed|normalized|normalised|rel|relative|frac|fraction"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        name: column
        for column, names in {
            "frame": "frame frames frame_id frameid frame_no frame_nr frame_num frame_number frame_index "
            "frame_idx framenumber fn image_id img_id",
            "id": "id track_id trackid track object_id objectid obj_id identity tid target_id instance_id",
            "x": "x x1 left xmin x_min min_x xtl x_tl tl_x x_left left_x top_left_x xleft x_start",
            "y": "y y1 top ymin y_min min_y ytl y_tl tl_y y_top top_y top_left_y ytop y_start",
            "x2": "x2 right xmax x_max max_x xbr x_br br_x x_right right_x bottom_right_x xright x_end",
            "y2": "y2 bottom ymax y_max max_y ybr y_br br_y y_bottom bottom_y bottom_right_y ybottom y_end",
            "x_centre": "cx xc x_c c_x x_center x_centre center_x centre_x xcenter xcentre x_mid mid_x",
            "y_centre": "cy yc y_c c_y y_center y_centre center_y centre_y ycenter ycentre y_mid mid_y",
            "w": "w width",
            "h": "h height",
            "score": "score scores conf confidence prob probability certainty det_score detection_score",
        }.items()
        for name in names.split()
    }
)
#: Columns of the class, by name and by number, and of the visible share of the object.
_LABELS = frozenset(
    {"label", "class", "class_name", "classname", "class_label", "category", "category_name", "cls", "type"}
    | {"object_class", "object_type", "obj_class", "object_label"}
)
_CLASS_NUMBERS = frozenset({"class_id", "classid", "cls_id", "category_id", "label_id", "class_number"})
_VISIBILITY = frozenset({"visibility", "vis", "visibility_ratio"})
#: Headings that count corners from 0: their x1 is the second corner.
_FROM_ZERO: Mapping[str, str] = MappingProxyType({"x0": "x", "y0": "y", "x1": "x2", "y1": "y2"})


@dataclass(frozen=True, slots=True)
class BoxColumns:
    """Places of the values in the lines of a file.

    Attributes:
        names: what is read: ``frame``, perhaps ``id`` and ``score``, and two values of each axis.
        places: column of each, counted from 0.
        is_share: the heading states that boxes are shares of the picture, not pixels.
        label: column of the class, if the heading names one.
        visibility: column of the visible share of the object, likewise.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    is_share: bool = False
    label: int | None = None
    visibility: int | None = None

    @classmethod
    def from_width(cls, width: int) -> BoxColumns:
        """The columns of a line of ``width`` fields without a heading."""
        count = min(width, len(COLUMNS))
        return cls(COLUMNS[:count], tuple(range(count)))

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that a box needs and that are not there."""
        gaps = ["frame"] if "frame" not in self.names else []
        for start, middle, end, size in _AXES:
            if len({start, middle, end, size} & set(self.names)) < 2:
                gaps += [name for name in (start, size) if name not in self.names]
        return tuple(gaps)

    def to_rows(self, values: F64) -> F64:
        """(n, 7) rows of :data:`COLUMNS` from the values (n, len(names)) at :attr:`places`."""
        # The usual columns need no copy.
        if self.names == COLUMNS:
            return values
        given = dict(zip(self.names, values.T, strict=True))
        (x, w), (y, h) = (_start_and_size(given, *axis) for axis in _AXES)
        identity = given.get("id", np.full(len(values), float(UNKNOWN_ID)))
        score = given.get("score", np.ones(len(values)))
        return np.column_stack([given["frame"], identity, x, y, w, h, score])


def _start_and_size(
    given: Mapping[str, F64], start: str, middle: str, end: str, size: str
) -> tuple[F64, F64]:
    """First coordinate and length of the boxes along one axis, from two values of it."""
    if start in given:
        first = given[start]
        if size in given:
            return first, given[size]
        return first, given[end] - first if end in given else 2 * (given[middle] - first)
    if size in given:
        length = given[size]
        return (given[middle] - length / 2 if middle in given else given[end] - length), length
    length = 2 * (given[end] - given[middle])
    return given[end] - length, length


def heading_columns(fields: Sequence[str]) -> BoxColumns | None:
    """The columns that a heading names; None if it names no side of a box."""
    words = [_plain(field) for field in fields]
    names = dict(_NAMES)
    if "x0" in {word for word, _ in words}:
        names |= _FROM_ZERO
    found: dict[str, int] = {}
    for place, (word, _) in enumerate(words):
        column = names.get(word)
        # The first of a name counts: in MOT headings further x, y, z stand behind, which are places in 3D.
        if column is not None:
            found.setdefault(column, place)
    if not any(name in found for axis in _AXES for name in axis):
        return None
    is_share = any(share for place, (_, share) in enumerate(words) if place in found.values())
    plain = [word for word, _ in words]
    label, visibility = _first(plain, _LABELS), _first(plain, _VISIBILITY)
    label = _first(plain, _CLASS_NUMBERS) if label is None else label
    return BoxColumns(tuple(found), tuple(found.values()), is_share, label, visibility)


def _first(words: Sequence[str], names: Collection[str]) -> int | None:
    """Place of the first word that is one of ``names``."""
    return next((place for place, word in enumerate(words) if word in names), None)


def _plain(field: str) -> tuple[str, bool]:
    """A column's name without unit and filler words; and whether it states a share of the picture."""
    # xMin and "X min (px)" are x_min.
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.strip())
    words = [word for word in re.split(r"[^0-9a-z]+", split.lower()) if word]
    kept = [word for word in words if not re.fullmatch(f"{_FILLERS}|{_SHARES}", word)]
    return "_".join(kept), any(re.fullmatch(_SHARES, word) for word in words)
