"""Results of a benchmark that runs in parts: rows by table and key, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cssv.files.atomic import whole_file

Row = Mapping[str, str]
#: The part of the file that is no table.
_VALUES = "values"


class Results:
    """Rows that were measured, in the order of measuring.

    Args:
        path: a JSON file that keeps them between runs; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._tables: dict[str, dict[str, Row]] = {}
        if path is not None and path.exists():
            self._tables = json.loads(path.read_text(encoding="utf-8"))

    def has(self, table: str, key: str) -> bool:
        """Whether a row was measured."""
        return key in self._tables.get(table, {})

    def measure(self, table: str, key: str, row: Callable[[], Row]) -> None:
        """Measure a row unless it was measured before, and keep it.

        Args:
            table: title of its table.
            key: of the row.
            row: measures it; returns its cells by column.
        """
        if self.has(table, key):
            return
        rows = self._tables.setdefault(table, {})
        rows[key] = row()
        print(f"{table}: {key}: {dict(rows[key])}", flush=True)
        self._save()

    def _save(self) -> None:
        if self._path is not None:
            with whole_file(self._path, overwrite=True) as temporary:
                temporary.write_text(json.dumps(self._tables, indent=1), encoding="utf-8")

    def remember(self, key: str, value: Callable[[], str]) -> str:
        """A value that several rows need and that takes long, computed once."""
        values = self._tables.setdefault(_VALUES, {})
        if key not in values:
            values[key] = {"value": value()}
            self._save()
        return values[key]["value"]

    def to_markdown(self) -> str:
        """All tables."""
        return "\n\n".join(
            _table(title, list(rows.values()))
            for title, rows in self._tables.items()
            if rows and title != _VALUES
        )


def _table(title: str, rows: list[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns), *([row.get(column, "") for column in columns] for row in rows)]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
