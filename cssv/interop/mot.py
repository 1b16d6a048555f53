"""MOT text files (MOTChallenge): detections, ground truth and tracks, read and written.

A line is ``frame,id,x,y,w,h,score``, with frames counted from 1 and boxes in pixels from the top left corner.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from cssv.boxes import F64, I64, LARGEST_NUMBER, LARGEST_PX
from cssv.errors import BoxesError
from cssv.files.atomic import whole_file
from cssv.files.paths import LONGEST_QUOTE

#: Columns of a line. The score may be missing, and further columns may follow.
COLUMNS = ("frame", "id", "x", "y", "w", "h", "score")
#: Form of a line, for error messages.
LINE_FORM = "frame,id,x,y,w,h[,score,...]"
#: Decimals of a pixel and of a score that are written.
DECIMALS = 3
#: Bytes of the largest file: about twenty million boxes, which need about as much memory again.
LARGEST_BYTES = 2**30
_BOUNDS = {
    "frame": f"an integer, 1 to {LARGEST_NUMBER - 1}",
    "id": f"an integer, up to {LARGEST_NUMBER - 1}",
    **dict.fromkeys(("x", "y"), f"{-LARGEST_PX:.0f} to {LARGEST_PX:.0f} px"),
    **dict.fromkeys(("w", "h"), f"above 0, up to {LARGEST_PX:.0f} px"),
    "score": "finite",
}
_REMEDY = f"Correct or remove that line; a line is {LINE_FORM}."


def read_mot_array(path: str | PathLike[str]) -> F64:
    """(n, 7) float64 rows of :data:`COLUMNS`, ordered by frame; a missing score is 1.

    Fields are separated by commas or white space. Blank lines, ``#`` comments, one heading line and columns
    after the seventh are ignored. Rows with an id may come in any order, because trackers may write them
    object by object. Rows without an id must be ordered by frame and differ from each other: otherwise two
    files were joined, or one was cut, and boxes would count twice.

    Raises:
        BoxesError: the file cannot be read, is larger than :data:`LARGEST_BYTES`, has no row, or a row
            cannot be used; the message names file, line and value.
    """
    path = Path(path)
    text = _read_text(path)
    rows = _parse_fast(text)
    # The slow parser accepts more forms, and names the line of a fault.
    if rows is None or _faults(rows).any():
        rows, _ = _parse_lines(path, text)
    misplaced = _find_misplaced(rows)
    if misplaced is not None:
        raise _misplaced_error(path, text, *misplaced)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _read_text(path: Path) -> str:
    """The text of a file, within the bound on its size."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed: the size on the disk would not bound what a device or pipe returns.
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise BoxesError(
                f"{path} is too large for a box file",
                found=f"more than {LARGEST_BYTES} bytes",
                bound=f"up to {LARGEST_BYTES}",
                remedy="Encode the clip in parts, with `start=` and `stop=`.",
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BoxesError(f"{path} cannot be read", found=error.strerror) from error
    except UnicodeDecodeError as error:
        raise BoxesError(f"{path} is not a text file", found=str(error)) from error


def _parse_fast(text: str) -> F64 | None:
    """Rows of a file without a heading, by numpy's C parser; None if that fails."""
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
    """(n, 7) True for each value out of range."""
    faults = ~np.isfinite(rows)
    faults[:, :2] |= (rows[:, :2] != np.floor(rows[:, :2])) | (rows[:, :2] >= LARGEST_NUMBER)
    faults[:, 0] |= rows[:, 0] < 1
    faults[:, 2:6] |= np.abs(rows[:, 2:6]) > LARGEST_PX
    faults[:, 4:6] |= rows[:, 4:6] <= 0
    return faults


def _parse_lines(path: Path, text: str) -> tuple[F64, list[int]]:
    """Rows of any accepted form, and the line number of each; a BoxesError names the line at fault."""
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].strip().split("," if "," in line else None)
        # A line without any number before the first row is a heading.
        if not fields or (not rows and not any(map(_is_number, fields))):
            continue
        rows.append(_parse_fields(f"{path}, line {number}", line, fields))
        lines.append(number)
    if not rows:
        raise BoxesError(f"{path} holds no detection", remedy=f"Give `boxes=` a file with lines {LINE_FORM}.")
    return np.array(rows), lines


def _parse_fields(where: str, line: str, fields: list[str]) -> list[float]:
    """The seven numbers of one line. ``where`` names file and line for an error."""
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
    # float() accepts 1_000 as Python source does; no other program reads it as a number.
    return "_" not in field


_UNSORTED = "a frame comes after a later one"
_TWICE = "an id occurs twice in one frame"
_DOUBLE = "a box occurs twice in one frame"
_REMEDIES = {
    _UNSORTED: "Sort the lines by frame, or give every box the id of its object.",
    _TWICE: "Remove one of the two lines, or set their ids to -1.",
    _DOUBLE: "Remove one of the two lines.",
}


def _find_misplaced(rows: F64) -> tuple[str, int, int] | None:
    """The first fault in the order of the rows, and the indexes of two rows that show it; or None."""
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
        # Sorted by the columns that must differ, equal rows are neighbours.
        order = np.lexsort(keys.T)
        same = np.flatnonzero((np.diff(keys[order], axis=0) == 0).all(axis=1))
        if len(same):
            return what, int(members[order[same[0]]]), int(members[order[same[0] + 1]])
    return None


def _misplaced_error(path: Path, text: str, what: str, first: int, second: int) -> BoxesError:
    """The error for two rows that are out of order or equal."""
    # Parsed again line by line, because the fast parser does not keep line numbers.
    rows, lines = _parse_lines(path, text)
    frame, identity = rows[second, :2].astype(int)
    if what == _UNSORTED:
        found = f"frame {frame}, after frame {int(rows[first, 0])} in line {lines[first]}"
    else:
        found = f"{f'id {identity} in ' if identity >= 0 else ''}frame {frame}, as in line {lines[first]}"
    return BoxesError(
        f"{path}, line {lines[second]}: {what}",
        found=found,
        remedy=_REMEDIES[what],
    )


@dataclass(frozen=True, slots=True, eq=False)
class MotRows:
    """Rows of a MOT file, ordered by frame, then id.

    Attributes:
        numbers: int64 (n,) frame numbers from 0.
        ids: int64 (n,).
        boxes_px: float64 (n, 4) x, y, w, h.
        scores: float64 (n,).
    """

    numbers: I64
    ids: I64
    boxes_px: F64
    scores: F64

    def __len__(self) -> int:
        return len(self.numbers)


def mot_text(rows: MotRows) -> str:
    """Rows as the lines of a MOT result file, rounded to :data:`DECIMALS` decimals."""
    # The three last columns are positions in 3D, which the benchmark's form has but 2D results leave at -1.
    form = f"{{}},{{}},{','.join([f'{{:.{DECIMALS}f}}'] * 5)},-1,-1,-1\n"
    columns = (rows.numbers + 1, rows.ids, *rows.boxes_px.T, rows.scores)
    lines = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(form.format(*line) for line in lines)


def write_mot(path: str | PathLike[str], rows: MotRows) -> None:
    """Write a MOT result file, completely or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(mot_text(rows), encoding="ascii")


def read_mot(path: str | PathLike[str]) -> MotRows:
    """Read a MOT file, rows with score 0 included.

    Raises:
        BoxesError: the file cannot be used; see :func:`read_mot_array`.
    """
    rows = read_mot_array(path)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return MotRows(
        rows[:, 0].astype(np.int64) - 1, rows[:, 1].astype(np.int64), rows[:, 2:6].copy(), rows[:, 6].copy()
    )
