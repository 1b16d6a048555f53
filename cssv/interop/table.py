"""The objects table: one row per object and frame, as CSV, JSON lines or Parquet.

:func:`write_rows` and :func:`read_rows` are an inverse pair: numbers keep every bit, unknown values
stay unknown (an empty CSV cell, JSON null, a Parquet null), and times are rounded to a nanosecond.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, make_dataclass
from itertools import islice
from operator import index
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from cssv.errors import InputError, MissingExtraError, OptionError
from cssv.files.atomic import whole_file
from cssv.scene.attributes import ATTRIBUTE_COLUMNS

Origin = Literal["metadata", "pixels"]

#: Digits after the point of a written time_s: a nanosecond.
TIME_DIGITS = 9
#: Rows that are held in memory while a Parquet file is written or read.
BATCH_ROWS = 4096
#: A line of a .jsonl table is shorter than this many characters.
LINE_BOUND = 1 << 20


@dataclass(frozen=True, slots=True)
class _Motion:
    """The columns before those of the attributes."""

    frame: int
    time_s: float
    track: int
    label: str | None = None
    x_px: float | None = None
    y_px: float | None = None
    w_px: float | None = None
    h_px: float | None = None
    score: float | None = None
    vx_px_s: float | None = None
    vy_px_s: float | None = None
    speed_px_s: float | None = None
    sigma_px_s: float | None = None
    vx_m_s: float | None = None
    vy_m_s: float | None = None
    speed_m_s: float | None = None
    sigma_m_s: float | None = None


if TYPE_CHECKING:

    @dataclass(frozen=True, slots=True)
    class _Attributes(_Motion):
        """The columns of the attributes, named for type checkers and editors only."""

        temperature_c: float | None = None
        temperature_sigma_c: float | None = None
        density_kg_m3: float | None = None
        density_sigma_kg_m3: float | None = None

else:
    # The columns follow the attributes of an object, so that a new attribute needs no edit here.
    _Attributes = make_dataclass(
        "_Attributes",
        [(column, "float | None", None) for column in ATTRIBUTE_COLUMNS],
        bases=(_Motion,),
        frozen=True,
        slots=True,
    )


@dataclass(frozen=True, slots=True)
class ObjectRow(_Attributes):
    """One object in one frame. The fields are the table's columns, in order; None is unknown.

    Attributes:
        frame: number of the frame, counted from 0.
        time_s: presentation time, seconds.
        track: the track's id.
        label: what the object is.
        x_px, y_px, w_px, h_px: its box: top left corner, width, height.
        score: the detection's score, 0 to 1.
        vx_px_s, vy_px_s, speed_px_s: velocity and its length, pixels per second.
        sigma_px_s: one standard deviation of the velocity per axis.
        vx_m_s, vy_m_s, speed_m_s: velocity of its foot on the ground, in the axes of the scene's camera, and
            its length, metres per second; known where the camera is calibrated (:mod:`cssv.scene.ground`).
        sigma_m_s: one standard deviation of that velocity per axis.
        temperature_c, temperature_sigma_c: degrees Celsius.
        density_kg_m3, density_sigma_kg_m3: of the object itself, kilograms per cubic metre.
        crowd_density_m2: people per square metre around its foot (:func:`cssv.scene.crowd.crowd_density`);
            known where the camera is calibrated.
        source: "metadata" where the row comes from the scene payload, "pixels" where it was read
            back from the heat map alone.
    """

    crowd_density_m2: float | None = None
    source: Origin = "metadata"

    def __post_init__(self) -> None:
        if self.source not in get_args(Origin):
            raise InputError("unknown source of a row", found=self.source, bound="metadata or pixels")
        if self.label == "":
            raise InputError("an empty label would read back as unknown", remedy="Use None.")
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is None and name not in REQUIRED:
                continue
            if not math.isfinite(value):
                raise InputError(f"{name} is not finite", found=value, remedy="Use None for unknown values.")
            if type(value) is not float:  # NumPy's scalars and whole numbers
                object.__setattr__(self, name, index(value) if name in _WHOLE else float(value))


COLUMNS = tuple(f.name for f in fields(ObjectRow))
#: The columns that are never unknown.
REQUIRED = ("frame", "time_s", "track", "source")
_WHOLE = ("frame", "track")
_TEXTS = ("label", "source")
_NUMBERS = tuple(name for name in COLUMNS if name not in _TEXTS)


def write_rows(path: str | os.PathLike[str], rows: Iterable[ObjectRow]) -> int:
    """Write a table whose form is the path's extension: .csv, .jsonl or .parquet.

    Rows are taken one by one, and counted; the file takes its name when it is whole.

    Raises:
        OptionError: another extension.
        MissingExtraError: .parquet without pyarrow.
        OutputError: the file cannot be written.
    """
    form = _form(path)
    form.prepare()
    with whole_file(path) as temporary:
        return form.write(temporary, rows)


def read_rows(path: str | os.PathLike[str]) -> Iterator[ObjectRow]:
    """Read a table that :func:`write_rows` wrote, row by row.

    Raises:
        OptionError: another extension.
        MissingExtraError: .parquet without pyarrow.
        InputError: a file that cannot be opened, or a row that does not fit, with its number.
    """
    form = _form(path)
    form.prepare()
    return _read(form, path)


def _read(form: _Form, path: str | os.PathLike[str]) -> Iterator[ObjectRow]:
    good = 0
    try:
        for cells in form.read(Path(path)):
            row = _row(cells)
            good += 1
            yield row
    except OSError as error:
        raise InputError(f"cannot read table {os.fspath(path)}: {error.strerror or error}") from error
    except (ValueError, TypeError, csv.Error, RecursionError) as error:
        raise InputError(f"table {os.fspath(path)} is wrong after {good} good rows: {error}") from error


def _row(cells: object) -> ObjectRow:
    if not isinstance(cells, dict) or tuple(cells) != COLUMNS:
        raise InputError("the columns are not those of an objects table", bound=", ".join(COLUMNS))
    return ObjectRow(**cells)


def _cells(row: ObjectRow) -> dict[str, Any]:
    cells = {name: getattr(row, name) for name in COLUMNS}
    return cells | {"time_s": round(row.time_s, TIME_DIGITS)}


# ---- CSV


def _write_csv(path: Path, rows: Iterable[ObjectRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row in rows:
            file.write(",".join(_spelt(name, value) for name, value in _cells(row).items()) + "\n")
            count += 1
    return count


def _spelt(name: str, value: str | float | None) -> str:
    """Spell a cell: times in decimals without an exponent, other numbers in the fewest exact digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        # the csv module leaves a lone carriage return unquoted, and then reads it as a line's end
        return '"' + value.replace('"', '""') + '"' if _MUST_QUOTE.search(value) else value
    if name != "time_s":
        return repr(value)
    text = f"{value:.{TIME_DIGITS}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


_MUST_QUOTE = re.compile('[",\r\n]')


def _read_csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file, strict=True)
        if tuple(next(table, ())) != COLUMNS:
            raise InputError("the columns are not those of an objects table", bound=", ".join(COLUMNS))
        for texts in table:
            yield {name: _parsed(name, text) for name, text in zip(COLUMNS, texts, strict=True)}


def _parsed(name: str, text: str) -> str | float | None:
    if text == "":
        return None
    if name in _TEXTS:
        return text
    return int(text) if name in _WHOLE else float(text)


# ---- JSON lines


def _write_jsonl(path: Path, rows: Iterable[ObjectRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            file.write(json.dumps(_cells(row), ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        while line := file.readline(LINE_BOUND):
            if len(line) == LINE_BOUND:
                raise InputError("a line is too long", bound=f"under {LINE_BOUND} characters")
            yield json.loads(line)


# ---- Parquet


def _parquet() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        remedy = "Install it with: pip install 'cssv[parquet]'"
        raise MissingExtraError("Parquet needs pyarrow", remedy=remedy) from error
    return pyarrow, pyarrow.parquet


def _write_parquet(path: Path, rows: Iterable[ObjectRow]) -> int:
    pyarrow, parquet = _parquet()
    kinds = dict.fromkeys(_WHOLE, pyarrow.int64()) | dict.fromkeys(_TEXTS, pyarrow.string())
    columns = pyarrow.schema(
        [pyarrow.field(c, kinds.get(c, pyarrow.float64()), nullable=c not in REQUIRED) for c in COLUMNS]
    )
    count, source = 0, iter(rows)
    with parquet.ParquetWriter(path, columns) as table:
        while batch := [_cells(row) for row in islice(source, BATCH_ROWS)]:
            table.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=columns))
            count += len(batch)
    return count


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    _, parquet = _parquet()
    with parquet.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=BATCH_ROWS):
            yield from batch.to_pylist()


# ---- forms


@dataclass(frozen=True, slots=True)
class _Form:
    """One file form; ``prepare`` raises where it cannot be used at all."""

    write: Callable[[Path, Iterable[ObjectRow]], int]
    read: Callable[[Path], Iterator[object]]
    prepare: Callable[[], object] = lambda: None


_FORMS = {
    ".csv": _Form(_write_csv, _read_csv),
    ".jsonl": _Form(_write_jsonl, _read_jsonl),
    ".parquet": _Form(_write_parquet, _read_parquet, _parquet),
}
#: Extensions that a table may have.
EXTENSIONS = tuple(_FORMS)


def check_extension(path: str | os.PathLike[str]) -> None:
    """Raise OptionError unless a table can have this name, MissingExtraError where a package is missing."""
    _form(path).prepare()


def _form(path: str | os.PathLike[str]) -> _Form:
    extension = Path(path).suffix.lower()
    if extension not in _FORMS:
        raise OptionError("unknown kind of table", found=os.fspath(path), bound=", ".join(EXTENSIONS))
    return _FORMS[extension]
