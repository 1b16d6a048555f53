"""A toy exporter: number of rows of each track, as one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cssv.interop.rows import ObjectRow


class TrackCounts:
    """Writes how many rows each track has."""

    def check(self) -> None:
        """Nothing is needed."""

    def write(self, path: Path, rows: Iterable[ObjectRow]) -> int:
        """Write the counts; returns the number of rows."""
        counts = Counter(row.track for row in rows)
        path.write_text(json.dumps(counts))
        return sum(counts.values())
