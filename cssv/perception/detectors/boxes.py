"""Detections read from a MOT text file (``det.txt``, ``gt.txt``, a tracker's result)."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path

import numpy as np

from cssv.errors import BoxesError
from cssv.frames import Frame
from cssv.perception.detections import (
    ANY_OBJECT,
    EMPTY,
    F64,
    I64,
    LARGEST_NUMBER,
    LARGEST_PX,
    UNKNOWN_ID,
    Detections,
)
from cssv.perception.detectors.options import LONGEST_QUOTE, check_path, check_share
from cssv.perception.detectors.scores import unit_scores

#: Columns: frame, id, x, y, w, h and, where there is one, the score.
COLUMNS = ("frame", "id", "x", "y", "w", "h", "score")
#: Form of a line, for messages.
LINE = "frame,id,x,y,w,h[,score,...]"
#: Bytes of the largest file: some twenty million boxes, which need about as much memory again.
LARGEST_BYTES = 2**30
_BOUNDS = {
    "frame": f"whole, 1 to {LARGEST_NUMBER - 1}",
    "id": f"whole, up to {LARGEST_NUMBER - 1}",
    **dict.fromkeys(("x", "y"), f"{-LARGEST_PX:.0f} to {LARGEST_PX:.0f} px"),
    **dict.fromkeys(("w", "h"), f"above 0, up to {LARGEST_PX:.0f} px"),
    "score": "finite",
}
_REMEDY = f"Correct or remove that line; a line is {LINE}."


def read_rows(path: str | PathLike[str]) -> F64:
    """(n, 7) float64 rows of :data:`COLUMNS`, ordered by frame; a missing score is 1.

    Fields are separated by commas or white space; blank lines, ``#`` comments and one heading line are
    passed over, and so are columns after the seventh. Rows with an id may come in any order, as a tracker
    writes them object by object. Rows without one must be ordered by frame and differ from each other:
    else two files were joined, or one was cut, and its boxes would count twice.

    Raises:
        BoxesError: the file cannot be read, is larger than :data:`LARGEST_BYTES`, holds no row, or a row
            cannot be used; the message names file, line and value.
    """
    path = Path(path)
    text = _read_text(path)
    rows = _read_plain(text)
    if rows is None or _faults(rows).any():
        rows, _ = _read_line_by_line(path, text)
    wrong = _out_of_place(rows)
    if wrong is not None:
        raise _misplaced(path, text, *wrong)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise BoxesError(
                f"{path} is too large for a box file",
                found=f"more than {LARGEST_BYTES} bytes",
                bound=f"up to {LARGEST_BYTES}",
                remedy="Encode the clip in parts.",
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BoxesError(f"{path} cannot be read", found=error.strerror) from error
    except UnicodeDecodeError as error:
        raise BoxesError(f"{path} is not a text file", found=str(error)) from error


def _read_plain(text: str) -> F64 | None:
    """Read a file of one width without heading by numpy's C parser; None where that fails."""
    first = text.lstrip().partition("\n")[0]
    separator = "," if "," in first else None
    width = min(len(first.split(separator)), len(COLUMNS))
    if width < len(COLUMNS) - 1:
        return None
    try:
        rows = np.loadtxt(io.StringIO(text), delimiter=separator, usecols=range(width), ndmin=2)
    except ValueError:
        return None
    return rows if width == len(COLUMNS) else np.column_stack([rows, np.ones(len(rows))])


def _faults(rows: F64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(n, 7) True where a value cannot be used."""
    faults = ~np.isfinite(rows)
    faults[:, :2] |= (rows[:, :2] != np.floor(rows[:, :2])) | (rows[:, :2] >= LARGEST_NUMBER)
    faults[:, 0] |= rows[:, 0] < 1
    faults[:, 2:6] |= np.abs(rows[:, 2:6]) > LARGEST_PX
    faults[:, 4:6] |= rows[:, 4:6] <= 0
    return faults


def _read_line_by_line(path: Path, text: str) -> tuple[F64, list[int]]:
    """Read any tolerated form, slowly; names the line it cannot use. Rows, and the line of each."""
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].strip().split("," if "," in line else None)
        if not fields or (not rows and not any(map(_is_number, fields))):
            continue
        rows.append(_read_fields(f"{path}, line {number}", line, fields))
        lines.append(number)
    if not rows:
        raise BoxesError(
            f"{path} holds no detection", remedy="Give a file with lines frame,id,x,y,w,h[,score,...]."
        )
    return np.array(rows), lines


def _read_fields(where: str, line: str, fields: list[str]) -> list[float]:
    if len(fields) < len(COLUMNS) - 1:
        found = line.strip()[:LONGEST_QUOTE]
        raise BoxesError(f"{where} has too few columns", found=found, bound="at least 6", remedy=_REMEDY)
    for name, field in zip(COLUMNS, fields, strict=False):
        if not _is_number(field):
            raise BoxesError(f"{where}: {name} is not a number", found=field[:LONGEST_QUOTE], remedy=_REMEDY)
    row = [float(field) for field in fields[: len(COLUMNS)]]
    row += [1.0] * (len(COLUMNS) - len(row))
    for column in np.flatnonzero(_faults(np.array([row]))[0]):
        raise BoxesError(
            f"{where}: {COLUMNS[column]} is out of range",
            found=fields[column][:LONGEST_QUOTE],
            bound=_BOUNDS[COLUMNS[column]],
            remedy=_REMEDY,
        )
    return row


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field


_UNSORTED = "a frame comes after a later one"
_TWICE = "an id occurs twice in one frame"
_DOUBLE = "a box occurs twice in one frame"
_CURES = {
    _UNSORTED: "Sort the lines by frame, or give every box the id of its object.",
    _TWICE: "Remove one of the two lines, or set their ids to -1.",
    _DOUBLE: "Remove one of the two lines.",
}


def _out_of_place(rows: F64) -> tuple[str, int, int] | None:
    """What is wrong with the order of the rows, and the two rows that show it; None where nothing is."""
    known = rows[:, 1] >= 0
    unknown = np.flatnonzero(~known)
    falls = np.flatnonzero(np.diff(rows[unknown, 0]) < 0)
    if len(falls):
        return _UNSORTED, int(unknown[falls[0]]), int(unknown[falls[0] + 1])
    for what, members, columns in (
        (_TWICE, np.flatnonzero(known), (1, 0)),
        (_DOUBLE, unknown, (5, 4, 3, 2, 0)),
    ):
        keys = rows[members][:, columns]
        order = np.lexsort(keys.T)
        same = np.flatnonzero((np.diff(keys[order], axis=0) == 0).all(axis=1))
        if len(same):
            return what, int(members[order[same[0]]]), int(members[order[same[0] + 1]])
    return None


def _misplaced(path: Path, text: str, what: str, first: int, second: int) -> BoxesError:
    rows, lines = _read_line_by_line(path, text)
    frame, identity = rows[second, :2].astype(int)
    if what == _UNSORTED:
        found = f"frame {frame}, after frame {int(rows[first, 0])} in line {lines[first]}"
    else:
        found = f"{f'id {identity} in ' if identity >= 0 else ''}frame {frame}, as in line {lines[first]}"
    return BoxesError(
        f"{path}, line {lines[second]}: {what}",
        found=found,
        remedy=_CURES[what],
    )


class BoxesDetector:
    """The detections of a MOT text file. Frame n of the clip, from 0, is frame n + 1 of the file.

    Boxes are kept as the file has them. MOT counts pixels from 1, so they lie up to one pixel right of and
    below the picture's; the offset is far below any detector's scatter and differs between tools.
    A row with an id of 0 or more keeps it. A row whose score is 0 is left out, unless some are negative: in
    ``gt.txt`` the seventh column is a flag, and 0 marks entries to be ignored. Scores outside 0 to 1, such as
    percent and log-odds, are made shares by :func:`~cssv.perception.detectors.scores.unit_scores`, which the
    notes tell.

    Args:
        boxes: path of the file.
        label: label of every detection.
        min_score: boxes of lower scores, from 0 to 1 as above, are left out.

    Raises:
        BoxesError: see :func:`read_rows`; also when every score is 0.
        OptionError: ``min_score`` is out of range.
    """

    name = "boxes"
    #: A file is taken whole.

    def __init__(
        self, boxes: str | PathLike[str], *, label: str = ANY_OBJECT, min_score: float = 0.0
    ) -> None:
        check_share("min_score", min_score)
        rows = read_rows(check_path("boxes", boxes))
        if rows[:, 6].min() >= 0:
            rows = rows[rows[:, 6] != 0]
        if not len(rows):
            raise BoxesError(
                f"{boxes} holds only rows with score 0", remedy="Such rows are ignored entries in MOT files."
            )
        self._label = label
        self._frame_count = int(rows[-1, 0])
        scores, note = unit_scores(rows[:, 6])
        self._notes = () if note is None else (f"{Path(boxes).name}: {note}",)
        kept = scores >= min_score
        rows, self._scores = rows[kept], scores[kept]
        self._frames: I64 = rows[:, 0].astype(np.int64)
        self._ids: I64 = np.maximum(rows[:, 1], UNKNOWN_ID).astype(np.int64)
        self._boxes_px = np.ascontiguousarray(rows[:, 2:6])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the scores of the file were taken for, where they are no shares."""
        return self._notes

    @property
    def frame_count(self) -> int:
        """Number of the last frame that holds a detection of any score, plus one."""
        return self._frame_count

    def detect(self, frame: Frame) -> Detections:
        """Give the detections of ``frame``, found by its number; the picture is not looked at."""
        return self.in_frame(frame.number)

    def in_frame(self, number: int) -> Detections:
        """Give the detections of frame ``number``, counted from 0; none where the file has none."""
        low, high = np.searchsorted(self._frames, (number + 1, number + 2))
        if low == high:
            return EMPTY
        rows = slice(low, high)
        labels = (self._label,) * int(high - low)
        return Detections(self._boxes_px[rows], self._scores[rows], labels, self._ids[rows])
