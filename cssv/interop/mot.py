"""MOT text files (MOTChallenge): detections, ground truth and tracks, read and written.

A line is ``frame,id,x,y,w,h,score``, with frames counted from 1 and boxes in pixels from the top left corner.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from cssv.boxes import F64, I64, LARGEST_NUMBER, LARGEST_PX
from cssv.errors import LONGEST_QUOTE, BoxesError
from cssv.files.atomic import whole_file
from cssv.files.bounded import read_at_most
from cssv.files.inputs import check_regular
from cssv.interop.box_heading import COLUMNS, BoxColumns, heading_columns
from cssv.interop.box_labels import NAMES_FILE, BoxLabels, ClassColumn
from cssv.interop.box_text import (
    FEWEST_FIELDS,
    LineForm,
    decode,
    form_of,
    heading_form,
    is_ambiguous,
    is_number,
    lines_of,
    plain_lines,
)

#: Form of a line, for error messages.
LINE_FORM = "frame,id,x,y,w,h[,score,...]"
#: Decimals of a pixel and of a score that are written.
DECIMALS = 3
#: Bytes of the largest file: about twenty million boxes, which need about as much memory again.
LARGEST_BYTES = 2**30
#: Bytes of the largest file of class names.
LARGEST_NAMES_BYTES = 2**20
#: Number of the first frame in MOT files.
FIRST_FRAME = 1
#: Columns of the widest MOT file.
MOST_COLUMNS = 10
_BOUNDS = {
    "frame": f"an integer, 1 to {LARGEST_NUMBER - 1}",
    "id": f"an integer, up to {LARGEST_NUMBER - 1}",
    **dict.fromkeys(("x", "y"), f"{-LARGEST_PX:.0f} to {LARGEST_PX:.0f} px"),
    **dict.fromkeys(("w", "h"), f"above 0, up to {LARGEST_PX:.0f} px"),
    "score": "finite",
}
_REMEDY = f"Correct or remove that line; a line is {LINE_FORM}."
_ZERO_REMEDY = "If the file counts frames from 0, give `boxes_from=0`. Otherwise correct or remove that line."


@dataclass(frozen=True, slots=True, eq=False)
class BoxFile:
    """The content of a box file.

    Attributes:
        rows: float64 (n, 7) values of :data:`COLUMNS`, ordered by frame; the clip's first frame is 1, an
            unknown id is negative, a missing score is 1.
        is_share: the heading states that boxes are shares of the picture's width and height.
        notes: sentences on how the file was read, without its name.
        labels: of the rows, from a class column; None without one.
    """

    rows: F64
    is_share: bool = False
    notes: tuple[str, ...] = ()
    labels: BoxLabels | None = None


def read_mot_array(path: str | PathLike[str]) -> F64:
    """The :attr:`BoxFile.rows` of a file; see :func:`read_boxes`."""
    return read_boxes(path).rows


def read_boxes(path: str | PathLike[str], first_frame: int | None = None) -> BoxFile:
    """Read a box file in any usual form.

    The text is UTF-8 or UTF-16. Fields are separated by commas, semicolons, tabs, bars or white space, may
    have quotes, and may have decimal commas where these do not separate fields. A heading names the columns,
    in any order, also in a comment; boxes may be given by corner and size, by two corners, or by centre and
    size. Without a heading the columns are :data:`COLUMNS`, and perhaps a class
    (:mod:`cssv.interop.box_labels`). Blank lines, ``#`` comments and further columns are ignored.
    Rows with an id may come in any order, because trackers may write them object by object. Rows
    without an id must be ordered by frame and differ from each other: otherwise two files were joined, or one
    was cut, and boxes would count twice.

    Args:
        path: of the file.
        first_frame: number of the clip's first frame in the file; rows of lower numbers are left out. By
            default 0 where the numbers start there, otherwise :data:`FIRST_FRAME`.

    Raises:
        BoxesError: the file cannot be read, is larger than :data:`LARGEST_BYTES`, has no row, or a row
            cannot be used; the message names file, line and value.
    """
    path = Path(path)
    text = _read_text(path)
    layout = _layout_of(path, text)
    rows = _parse_fast(text, layout)
    # The slow parser accepts more forms, and names the line of a fault.
    if rows is None:
        rows, _ = _parse_lines(path, text, layout)
    if is_ambiguous(text, len(COLUMNS), MOST_COLUMNS):
        raise BoxesError(
            f"{path}: commas may separate fields or stand for decimal points",
            found="whole numbers alone, in rows of many or different columns",
            remedy="Save it with decimal points, or with semicolons between the fields.",
        )
    first = _first_frame(rows) if first_frame is None else first_frame
    # Of a part of a longer recording, the frames before it may be in the file too.
    faults = _faults(rows, first if first_frame is None else 0)
    if faults.any():
        raise _range_error(path, text, layout, faults)
    misplaced = _find_misplaced(rows)
    if misplaced is not None:
        raise _misplaced_error(path, text, layout, *misplaced)
    labels = _labels(path, text, layout)
    order = np.argsort(rows[:, 0], kind="stable")
    rows = rows[order]
    rows[:, 0] -= first - FIRST_FRAME
    before = int(np.searchsorted(rows[:, 0], FIRST_FRAME))
    notes = [*layout.notes]
    if first_frame is None and first != FIRST_FRAME:
        notes.append("the frames of the box file are counted from 0, because it has boxes in frame 0")
    if before:
        notes.append(f"{before} of {len(rows)} boxes of the box file lie before its frame {first}")
    if before == len(rows):
        raise BoxesError(
            f"{path} holds no detection from frame {first} on",
            found=f"up to frame {int(rows[-1, 0]) + first - FIRST_FRAME}",
            remedy="Give `boxes_from=` the number that the file gives to the first frame of the clip.",
        )
    labels = None if labels is None else labels.select(order[before:])
    return BoxFile(rows[before:], layout.columns.is_share, tuple(notes), labels)


def _labels(path: Path, text: str, layout: _Layout) -> BoxLabels | None:
    """The labels of all rows, in their order; None if the file has no class column."""
    column = ClassColumn(layout.columns, has_heading=layout.has_heading, width=layout.width)
    # Most files have none, which their first row tells: they are not read line by line.
    if not column.is_there:
        return None
    form, needed = layout.form, layout.needed
    for line in lines_of(text, layout.start):
        fields = form.split(line.text)
        # Joined files may have lines of different forms.
        if len(fields) != layout.width and not form.fits(fields, needed):
            form = form_of(line.text, needed)
            fields = form.split(line.text)
        if not column.add([form.point(field) for field in fields] if form.has_decimal_comma else fields):
            return None
    return column.labels(_listed_names(path))


def _listed_names(path: Path) -> tuple[str, ...] | None:
    """The lines of the file of class names beside a box file; None without one."""
    names = path.with_name(NAMES_FILE)
    if names == path or not names.is_file():
        return None
    try:
        with names.open("rb") as file:
            content = read_at_most(file, LARGEST_NAMES_BYTES)
    except OSError:
        return None
    text = None if content is None else decode(content)
    # It is optional: a file of that name that is something else says nothing.
    return None if text is None else tuple(line.strip() for line in text.splitlines() if line.strip())


def _read_text(path: Path) -> str:
    """The text of a file, within the bound on its size."""
    check_regular(path, BoxesError, "the box file")
    try:
        with path.open("rb") as file:
            content = read_at_most(file, LARGEST_BYTES)
    except OSError as error:
        raise BoxesError(f"{path} cannot be read", found=error.strerror) from error
    if content is None:
        raise BoxesError(
            f"{path} is too large for a box file",
            found=f"more than {LARGEST_BYTES} bytes",
            bound=f"up to {LARGEST_BYTES}",
            remedy="Encode the clip in parts, with `start=` and `stop=`.",
        )
    text = decode(content)
    if text is None:
        raise BoxesError(
            f"{path} is not a text file",
            found=f"bytes {content[:8].hex(' ')}",
            bound="text in UTF-8 or UTF-16",
            remedy="Save it as text in UTF-8.",
        )
    return text


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the lines of a file are to be read.

    Attributes:
        start: position of the first row in the text.
        first_line: number of its line.
        form: of the first row.
        columns: from the heading, or from the width of the first row.
        has_heading: the heading names the columns.
        width: number of fields of the first row.
        notes: on the heading and the form of numbers.
    """

    start: int
    first_line: int
    form: LineForm
    columns: BoxColumns
    has_heading: bool = False
    width: int = FEWEST_FIELDS
    notes: tuple[str, ...] = ()

    @property
    def needed(self) -> Sequence[int]:
        """Columns that every row has."""
        return self.columns.places if self.has_heading else range(FEWEST_FIELDS)


def _layout_of(path: Path, text: str) -> _Layout:
    """Find the layout of a file by its heading, if it has one, and its first row."""
    named: BoxColumns | None = None
    skipped = ""
    for line in lines_of(text):
        form = form_of(line.text, range(FEWEST_FIELDS) if named is None else named.places)
        words = form.split(line.text)
        # A line without any number before the first row is a heading.
        if not any(is_number(form.point(word)) for word in words):
            named, skipped = heading_columns(words) or named, line.text
            continue
        if named is None and (named := _commented_heading(text[: line.start])) is not None:
            form = form_of(line.text, named.places)
        notes = []
        if named is None and skipped:
            notes.append(f"the heading of the box file names no box, so that a line is {LINE_FORM}")
        if form.has_decimal_comma:
            notes.append("commas in the numbers of the box file are decimal commas")
        columns = named or BoxColumns.from_width(len(words))
        if named is not None and named.missing:
            raise BoxesError(
                f"{path}: the heading has no column for {' and '.join(named.missing)}",
                found=skipped[:LONGEST_QUOTE],
                bound=f"{LINE_FORM}, or x2,y2 or x_centre,y_centre",
                remedy="Correct the heading, or remove it if a line has that form.",
            )
        has_heading = named is not None
        return _Layout(line.start, line.number, form, columns, has_heading, len(words), tuple(notes))
    raise BoxesError(f"{path} holds no detection", remedy=f"Give `boxes=` a file with lines {LINE_FORM}.")


def _commented_heading(text: str) -> BoxColumns | None:
    """The columns that the last complete heading in a comment names, as ``numpy.savetxt`` writes it."""
    named = None
    for line in plain_lines(text):
        before, mark, comment = line.partition("#")
        if mark and not before.strip():
            # "# columns: frame, id, ..." has words before the names.
            names = comment.rpartition(":")[2].strip()
            found = heading_columns(heading_form(names).split(names))
            named = found if found is not None and not found.missing else named
    return named


def _parse_fast(text: str, layout: _Layout | None = None) -> F64 | None:
    """Rows of a file by numpy's C parser; None if that fails."""
    layout = _layout_of(Path(), text) if layout is None else layout
    form, columns = layout.form, layout.columns
    if not layout.has_heading and len(columns.places) < FEWEST_FIELDS:
        return None
    # The C parser knows decimal points only. Commas are replaced where they separate nothing.
    if form.has_decimal_comma and (form.separator == "," or "." in text):
        return None
    lines = plain_lines(text, layout.start)
    if form.has_decimal_comma:
        lines = (line.replace(",", ".") for line in lines)
    try:
        # From line to line, since a text stream would need four bytes per character.
        values = np.loadtxt(lines, delimiter=form.separator, usecols=columns.places, ndmin=2, quotechar='"')
    except ValueError:
        return None
    return columns.to_rows(values)


def _first_frame(rows: F64) -> int:
    """Number of the first frame: 0 if the file begins there, otherwise that of MOT files."""
    if rows[:, 0].min() != 0:
        return FIRST_FRAME
    # Without ids rows are in order, so that a 0 after other frames is a fault of that line.
    unknown = rows[rows[:, 1] < 0, 0]
    return FIRST_FRAME if (np.diff(unknown) < 0).any() else 0


def _faults(rows: F64, first_frame: int = FIRST_FRAME) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(n, 7) True for each value out of range."""
    faults = ~np.isfinite(rows)
    faults[:, :2] |= (rows[:, :2] != np.floor(rows[:, :2])) | (rows[:, :2] >= LARGEST_NUMBER)
    faults[:, 0] |= rows[:, 0] < first_frame
    faults[:, 2:6] |= np.abs(rows[:, 2:6]) > LARGEST_PX
    faults[:, 4:6] |= rows[:, 4:6] <= 0
    return faults


def _parse_lines(path: Path | str, text: str, layout: _Layout | None = None) -> tuple[F64, Sequence[int]]:
    """Rows of any accepted form, and the line number of each; a BoxesError names the line at fault."""
    layout = _layout_of(Path(path), text) if layout is None else layout
    columns = layout.columns if layout.has_heading else BoxColumns.from_width(len(COLUMNS))
    needed = layout.needed
    # Packed, because a list of lists needs five times the memory.
    values, numbers = array("d"), array("q")
    form, points, commas = layout.form, 0, 0
    for line in lines_of(text, layout.start):
        number = line.number + layout.first_line - 1
        fields = form.split(line.text)
        # Joined files may have lines of different forms.
        if not form.fits(fields, needed):
            form = form_of(line.text, needed)
            fields = form.split(line.text)
        where = f"{path}, line {number}"
        values.extend(_parse_fields(where, line.text, fields, form, columns))
        numbers.append(number)
        used = [fields[place] for place in columns.places if place < len(fields)]
        points = points or (number if any("." in field for field in used) else 0)
        commas = commas or (number if any("," in field for field in used) else 0)
        if points and commas:
            raise BoxesError(
                f"{where}: some numbers have a decimal point, others a comma",
                found=f"a point in line {points}, a comma in line {commas}",
                remedy="Save all numbers with decimal points and without separators of thousands.",
            )
    rows = np.frombuffer(values, dtype=np.float64).reshape(-1, len(columns.names))
    return columns.to_rows(rows), numbers


def _parse_fields(
    where: str, line: str, fields: list[str], form: LineForm, columns: BoxColumns
) -> list[float]:
    """The numbers of one line at the places of ``columns``. ``where`` names file and line for an error."""
    # Only the score may be missing, and only as the last column.
    fewest = max(columns.places) + (columns.names != COLUMNS)
    if len(fields) < fewest:
        raise BoxesError(
            f"{where} has too few columns",
            found=line.strip()[:LONGEST_QUOTE],
            bound=f"at least {fewest}",
            remedy=_REMEDY,
        )
    numbers = []
    for name, place in zip(columns.names, columns.places, strict=True):
        field = form.point(fields[place]) if place < len(fields) else "1"
        if not is_number(field):
            raise BoxesError(
                f"{where}: {name} is not a number", found=fields[place][:LONGEST_QUOTE], remedy=_REMEDY
            )
        numbers.append(float(field))
    return numbers


def _range_error(
    path: Path, text: str, layout: _Layout, faults: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> BoxesError:
    """The error for the first value out of range."""
    # Parsed again line by line, because the fast parser keeps neither numbers nor texts of lines.
    rows, numbers = _parse_lines(path, text, layout)
    row, column = (int(index) for index in np.argwhere(faults)[0])
    name, number = COLUMNS[column], numbers[row]
    line = next(each for each in lines_of(text) if each.number == number)
    found = f"{rows[row, column]:.6g}"
    if name in layout.columns.names:
        places = dict(zip(layout.columns.names, layout.columns.places, strict=True))
        found = form_of(line.text, layout.needed).split(line.text)[places[name]]
    is_zero = name == "frame" and rows[row, column] == 0
    return BoxesError(
        f"{path}, line {number}: {name} is out of range",
        found=found[:LONGEST_QUOTE],
        bound=_BOUNDS[name],
        remedy=_ZERO_REMEDY if is_zero else _REMEDY,
    )


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


def _misplaced_error(
    path: Path, text: str, layout: _Layout, what: str, first: int, second: int
) -> BoxesError:
    """The error for two rows that are out of order or equal."""
    # Parsed again line by line, because the fast parser does not keep line numbers.
    rows, lines = _parse_lines(path, text, layout)
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


def write_mot(path: str | PathLike[str], rows: MotRows, *, overwrite: bool = False) -> None:
    """Write a MOT result file, completely or not at all; an existing one is replaced only with ``overwrite``.

    Raises:
        OutputError: the file exists or cannot be written.
    """
    with whole_file(path, overwrite=overwrite) as temporary:
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
