"""The objects table as JSON Lines: one object a line, null is unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cssv.errors import InputError
from cssv.interop.rows import ObjectRow, row_to_cells

#: A line is shorter than this many characters.
LINE_BOUND = 1 << 20
#: Characters that JSON allows in texts, but that end a line (``str.splitlines``) or command a terminal.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


class JsonLinesTable:
    """Reads and writes JSON Lines tables."""

    def check(self) -> None:
        """Nothing beside the standard library is needed."""

    def write(self, path: Path, rows: Iterable[ObjectRow]) -> int:
        """Write the rows; returns their number."""
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            for row in rows:
                line = json.dumps(row_to_cells(row), ensure_ascii=False, allow_nan=False)
                file.write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n")
                count += 1
        return count

    def read(self, path: Path) -> Iterator[object]:
        """The cells of each row."""
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            while line := file.readline(LINE_BOUND):
                # A longer line would be cut in the middle and read as two.
                if len(line) == LINE_BOUND:
                    raise InputError("a line is too long", bound=f"under {LINE_BOUND} characters")
                yield json.loads(line)
