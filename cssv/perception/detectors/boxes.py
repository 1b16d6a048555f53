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

#: Columns: frame, id, x, y, w, h and, where there is one, the score.
COLUMNS = ("frame", "id", "x", "y", "w", "h", "score")
#: Form of a line, for messages.
LINE = "frame,id,x,y,w,h[,score,...]"
_REMEDY = f"Correct or remove that line; a line is {LINE}."


def read_rows(path: str | PathLike[str]) -> F64:
    """(n, 7) float64 rows of :data:`COLUMNS`, ordered by frame; a missing score is 1.

    Fields are separated by commas or white space; blank lines, ``#`` comments and one heading line are
    passed over, and so are columns after the seventh.

    Raises:
        BoxesError: the file cannot be read, holds no row, or a row cannot be used; the message names
            file, line and value.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BoxesError(f"{path} cannot be read", found=error.strerror) from error
    except UnicodeDecodeError as error:
        raise BoxesError(f"{path} is not a text file", found=str(error)) from error
    rows = _read_plain(text)
    if rows is None or _faults(rows).any():
        rows = _read_line_by_line(path, text)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    _check_ids(path, rows)
    return rows


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


def _read_line_by_line(path: Path, text: str) -> F64:
    """Read any tolerated form, slowly; names the line it cannot use."""
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].strip().split("," if "," in line else None)
        if not fields or (not rows and not any(map(_is_number, fields))):
            continue
        where = f"{path}, line {number}"
        if len(fields) < len(COLUMNS) - 1:
            raise BoxesError(
                f"{where} has too few columns", found=line.strip(), bound="at least 6", remedy=_REMEDY
            )
        for name, field in zip(COLUMNS, fields, strict=False):
            if not _is_number(field):
                raise BoxesError(f"{where}: {name} is not a number", found=field, remedy=_REMEDY)
        row = [float(field) for field in fields[: len(COLUMNS)]]
        row += [1.0] * (len(COLUMNS) - len(row))
        for column in np.flatnonzero(_faults(np.array([row]))[0]):
            bound = (
                "whole, 1 or more"
                if column == 0
                else "whole"
                if column == 1
                else "above 0"
                if column in (4, 5)
                else "finite"
            )
            name = COLUMNS[column]
            raise BoxesError(
                f"{where}: {name} is out of range", found=fields[column], bound=bound, remedy=_REMEDY
            )
        rows.append(row)
    if not rows:
        raise BoxesError(
            f"{path} holds no detection", remedy="Give a file with lines frame,id,x,y,w,h[,score,...]."
        )
    return np.array(rows)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field


def _check_ids(path: Path, rows: F64) -> None:
    known = rows[rows[:, 1] >= 0][:, :2]
    pairs, counts = np.unique(known, axis=0, return_counts=True)
    if (counts > 1).any():
        frame, identity = pairs[np.argmax(counts > 1)].astype(int)
        raise BoxesError(
            f"{path} holds an id twice in one frame",
            found=f"id {identity} in frame {frame}",
            remedy="Remove one of the two lines, or set their ids to -1.",
        )


class BoxesDetector:
    """The detections of a MOT text file. Frame n of the clip, from 0, is frame n + 1 of the file.

    Boxes are kept as the file has them. MOT counts pixels from 1, so they lie up to one pixel right of and
    below the picture's; the offset is far below any detector's scatter and differs between tools.
    A row with an id of 0 or more keeps it. A row whose score is 0 is left out: in ``gt.txt`` the seventh
    column is a flag, and 0 marks entries to be ignored. Scores outside 0 to 1 (some detectors give
    logarithms) are scaled from the file's own range to 0 to 1.

    Args:
        path: the file.
        label: label of every detection.

    Raises:
        BoxesError: see :func:`read_rows`; also when every score is 0.
    """

    name = "boxes"

    def __init__(self, path: str | PathLike[str], *, label: str = ANY_OBJECT) -> None:
        rows = read_rows(path)
        rows = rows[rows[:, 6] != 0]
        if not len(rows):
            raise BoxesError(
                f"{path} holds only rows with score 0", remedy="Such rows are ignored entries in MOT files."
            )
        self._label = label
        self._frames: I64 = rows[:, 0].astype(np.int64)
        self._ids: I64 = np.maximum(rows[:, 1], UNKNOWN_ID).astype(np.int64)
        self._boxes_px = np.ascontiguousarray(rows[:, 2:6])
        self._scores = _unit_scores(rows[:, 6])

    @property
    def frame_count(self) -> int:
        """Number of the last frame that holds a detection, plus one."""
        return int(self._frames[-1])

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


def _unit_scores(scores: F64) -> F64:
    """Scores as they are where all lie in 0 to 1; else their range scaled to it, a single value to 1."""
    low, high = scores.min(), scores.max()
    if low >= 0 and high <= 1:
        return scores.copy()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)
