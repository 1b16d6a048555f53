r"""The objects table as CSV: numbers keep every bit, an empty cell is unknown.

Labels come from files of other people, so a table must be safe to open. A label that a spreadsheet would run
as a formula gets an apostrophe before it (``'=SUM(A1)``), and control characters, which could command a
terminal or break lines, are written as ``\u001b``. Reading removes both, so that labels come back unchanged.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cssv.interop.rows import COLUMNS, TEXTS, TIME_DIGITS, WHOLE, ObjectRow, check_columns, row_to_cells

_MUST_QUOTE = re.compile('[",\r\n]')
#: Start of a text that spreadsheets take for a formula, perhaps behind apostrophes that mark one as text.
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
#: Escapes of control characters (C0, DEL, C1), line separators and the backslash.
_ESCAPE = re.compile(r"\\u(00[01][0-9a-f]|007f|00[89][0-9a-f]|2028|2029|005c)")
#: What is escaped: these characters, and a backslash that would begin an escape.
_UNSAFE = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029]|\\(?={_ESCAPE.pattern[2:]})")


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
            columns = check_columns(tuple(next(table, ())))
            for texts in table:
                yield {name: _from_text(name, text) for name, text in zip(columns, texts, strict=True)}


def escape_label(label: str) -> str:
    """A label without control characters, and not a formula. Other labels are unchanged."""
    safe = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", label)
    return "'" + safe if _FORMULA.match(safe) else safe


def unescape_label(text: str) -> str:
    """Inverse of :func:`escape_label`."""
    # An apostrophe before anything else is part of the label.
    safe = text[1:] if text.startswith("'") and _FORMULA.match(text) else text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), safe)


def _to_text(name: str, value: str | float | None) -> str:
    """The text of a cell: times in decimals without an exponent, other numbers in the fewest exact digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        value = escape_label(value)
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
        return unescape_label(text)
    return int(text) if name in WHOLE else float(text)
