"""The objects table as CSV: numbers keep every bit, an empty cell is unknown."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cssv.errors import InputError
from cssv.interop.rows import COLUMNS, TEXTS, TIME_DIGITS, WHOLE, ObjectRow, row_to_cells

_MUST_QUOTE = re.compile('[",\r\n]')


class CsvTable:
    """Reads and writes CSV tables."""

    def check(self) -> None:
        """Nothing beside the standard library is needed."""

    def write(self, path: Path, rows: Iterable[ObjectRow]) -> int:
        """Write the rows; returns their number."""
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(COLUMNS) + "\n")
            for row in rows:
                file.write(
                    ",".join(_to_text(name, value) for name, value in row_to_cells(row).items()) + "\n"
                )
                count += 1
        return count

    def read(self, path: Path) -> Iterator[dict[str, Any]]:
        """The cells of each row."""
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, strict=True)
            if tuple(next(table, ())) != COLUMNS:
                raise InputError("the columns are not those of an objects table", bound=", ".join(COLUMNS))
            for texts in table:
                yield {name: _from_text(name, text) for name, text in zip(COLUMNS, texts, strict=True)}


def _to_text(name: str, value: str | float | None) -> str:
    """The text of a cell: times in decimals without an exponent, other numbers in the fewest exact digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        # The csv module leaves a lone carriage return unquoted, and then reads it as the end of a line.
        return '"' + value.replace('"', '""') + '"' if _MUST_QUOTE.search(value) else value
    if name != "time_s":
        return repr(value)
    text = f"{value:.{TIME_DIGITS}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def _from_text(name: str, text: str) -> str | float | None:
    if text == "":
        return None
    if name in TEXTS:
        return text
    return int(text) if name in WHOLE else float(text)
