"""The objects table in memory: as a table of pyarrow or a data frame of pandas (extras)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cssv.errors import MissingExtraError
from cssv.interop.parquet import arrow_schema
from cssv.interop.rows import REQUIRED, TEXTS, TIME_DIGITS, WHOLE


def columns_to_arrow(columns: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The objects table as a ``pyarrow.Table`` with the types of the Parquet table; unknown is null.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    schema = arrow_schema()
    import pyarrow

    return pyarrow.Table.from_pydict(_cells(columns), schema=schema)


def columns_to_pandas(columns: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401 - a pandas.DataFrame
    """The objects table as a ``pandas.DataFrame`` with types that can be null: Int64, Float64 and string.

    Columns that are never unknown have int64 and float64.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        remedy = "Install it with: pip install '.[pandas]'"
        raise MissingExtraError("a data frame needs pandas", remedy=remedy) from error
    return pandas.DataFrame(
        {name: pandas.array(cells, dtype=_dtype(name)) for name, cells in _cells(columns).items()}
    )


def _dtype(name: str) -> str:
    if name in TEXTS:
        return "string"
    kind = "Int64" if name in WHOLE else "Float64"
    return kind.lower() if name in REQUIRED else kind


def _cells(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The columns with the times as they are written in tables."""
    return dict(columns) | {"time_s": [round(time_s, TIME_DIGITS) for time_s in columns["time_s"]]}
