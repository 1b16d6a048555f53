"""The objects table: one row per object and frame, in the format that the file's extension names.

:func:`write_rows` and :func:`read_rows` are an inverse pair for every format that can be read: numbers keep
every bit, unknown values stay unknown, and times are rounded to a nanosecond.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from cssv.errors import InputError, OptionError, did_you_mean
from cssv.files.atomic import whole_file
from cssv.files.registry import Registry
from cssv.interop.rows import ObjectRow, cells_to_row


class Exporter(Protocol):
    """Writes objects tables in one format."""

    def check(self) -> None:
        """Raise MissingExtraError if a package that the format needs is missing."""

    def write(self, path: Path, rows: Iterable[ObjectRow]) -> int:
        """Write the rows to a new file; returns their number. Rows come one by one and are not kept."""


@runtime_checkable
class TableFormat(Exporter, Protocol):
    """An exporter whose files can be read back."""

    def read(self, path: Path) -> Iterator[object]:
        """The cells of each row, as :func:`cssv.interop.rows.row_to_cells` gives them."""


#: File extension without its point -> exporter. Other packages add theirs by the entry-point group
#: ``cssv.exporters``.
EXPORTERS: Registry[type[Exporter]] = Registry(
    "exporter",
    {
        "csv": "cssv.interop.csv_table:CsvTable",
        "jsonl": "cssv.interop.json_lines:JsonLinesTable",
        "parquet": "cssv.interop.parquet:ParquetTable",
    },
    "cssv.exporters",
)


def extensions() -> tuple[str, ...]:
    """File extensions that a table may have."""
    return tuple(f".{name}" for name in EXPORTERS)


def write_rows(path: str | os.PathLike[str], rows: Iterable[ObjectRow], *, overwrite: bool = False) -> int:
    """Write a table in the format of the path's extension; returns the number of rows.

    Rows are taken one by one; the file takes its name when it is complete. An existing file is replaced only
    with ``overwrite``.

    Raises:
        OptionError: another extension.
        MissingExtraError: .parquet without pyarrow.
        OutputError: the file exists or cannot be written.
    """
    # Before the file is made: its format may need a package that is missing.
    check_extension(path)
    with whole_file(path, overwrite=overwrite) as temporary:
        return fill_table(temporary, rows)


def fill_table(path: str | os.PathLike[str], rows: Iterable[ObjectRow]) -> int:
    """As :func:`write_rows`, but into a file that has been made already, such as a temporary one."""
    exporter = _exporter(path)
    exporter.check()
    return exporter.write(Path(path), rows)


def read_rows(path: str | os.PathLike[str]) -> Iterator[ObjectRow]:
    """Read a table that :func:`write_rows` wrote, row by row.

    Raises:
        OptionError: another extension, or a format that can only be written.
        MissingExtraError: .parquet without pyarrow.
        InputError: a file that cannot be opened, or a row that does not fit, with its number.
    """
    exporter = _exporter(path)
    exporter.check()
    if not isinstance(exporter, TableFormat):
        raise OptionError("tables of this format can only be written", found=os.fspath(path))
    return _read(exporter, path)


def _read(table: TableFormat, path: str | os.PathLike[str]) -> Iterator[ObjectRow]:
    good = 0
    try:
        for cells in table.read(Path(path)):
            row = cells_to_row(cells)
            good += 1
            yield row
    except OSError as error:
        raise InputError(f"cannot read table {os.fspath(path)}: {error.strerror or error}") from error
    except (ValueError, TypeError, csv.Error, RecursionError) as error:
        raise InputError(f"table {os.fspath(path)} is wrong after {good} good rows: {error}") from error


def check_extension(path: str | os.PathLike[str]) -> None:
    """Raise OptionError unless a table can have this name, MissingExtraError if a package is missing."""
    _exporter(path).check()


def _exporter(path: str | os.PathLike[str]) -> Exporter:
    extension = Path(path).suffix.lower()
    if extension not in extensions():
        raise OptionError(
            "unknown kind of table",
            found=os.fspath(path),
            bound=", ".join(extensions()),
            remedy=did_you_mean(extension, extensions()),
        )
    return EXPORTERS[extension[1:]]()
