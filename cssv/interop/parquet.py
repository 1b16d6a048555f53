"""The objects table as Parquet, by pyarrow (an extra)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from cssv.errors import MissingExtraError
from cssv.interop.rows import COLUMNS, REQUIRED, TEXTS, WHOLE, ObjectRow, row_to_cells

#: Rows that are held in memory while a file is written or read.
BATCH_ROWS = 4096


class ParquetTable:
    """Reads and writes Parquet tables."""

    def check(self) -> None:
        """Raise MissingExtraError without pyarrow."""
        _pyarrow()

    def write(self, path: Path, rows: Iterable[ObjectRow]) -> int:
        """Write the rows; returns their number."""
        pyarrow, parquet = _pyarrow()
        columns = arrow_schema()
        count, source = 0, iter(rows)
        with parquet.ParquetWriter(path, columns) as table:
            while batch := [row_to_cells(row) for row in islice(source, BATCH_ROWS)]:
                table.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=columns))
                count += len(batch)
        return count

    def read(self, path: Path) -> Iterator[object]:
        """The cells of each row."""
        _, parquet = _pyarrow()
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=BATCH_ROWS):
                yield from batch.to_pylist()


def arrow_schema() -> Any:  # noqa: ANN401 - a pyarrow.Schema
    """The types of the columns. Raises MissingExtraError without pyarrow."""
    pyarrow, _ = _pyarrow()
    kinds = dict.fromkeys(WHOLE, pyarrow.int64()) | dict.fromkeys(TEXTS, pyarrow.string())
    return pyarrow.schema(
        [pyarrow.field(c, kinds.get(c, pyarrow.float64()), nullable=c not in REQUIRED) for c in COLUMNS]
    )


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        remedy = "Install it with: pip install '.[parquet]'"
        raise MissingExtraError("Parquet needs pyarrow", remedy=remedy) from error
    return pyarrow, pyarrow.parquet
