"""Contract tests of exporters: every implementation of :class:`cssv.interop.table.Exporter` inherits them.

::

    class TestMyExporter(ExporterContract):
        exporter = MyExporter
        extension = "my"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from cssv.interop.rows import ObjectRow, cells_to_row
from cssv.interop.table import Exporter, TableFormat

FULL = ObjectRow(
    frame=12, time_s=0.48, track=3, label="Å, \"person\"\n", x_px=10.5, y_px=20.0, w_px=30.25, h_px=60.0,
    score=0.875, vx_px_s=-3.0, vy_px_s=4.0, speed_px_s=5.0, sigma_px_s=0.5, temperature_c=36.2,
    temperature_sigma_c=0.5, density_kg_m3=985.0, source="pixels",
)  # fmt: skip
BARE = ObjectRow(0, 0.0, 1)


class ExporterContract:
    """Tests that any exporter must pass."""

    exporter: Callable[[], Exporter]
    extension: str

    def _written(
        self, rows: Iterator[ObjectRow] | list[ObjectRow]
    ) -> tuple[int, bytes, list[ObjectRow] | None]:
        """Number of rows, bytes of the file, and the rows read back if the format can be read."""
        made = type(self).exporter()
        made.check()
        with TemporaryDirectory() as folder:
            path = Path(folder, f"table.{self.extension}")
            count = made.write(path, rows)
            read = None
            if isinstance(made, TableFormat):
                read = [cells_to_row(cells) for cells in made.read(path)]
            return count, path.read_bytes(), read

    def test_rows_are_counted_and_come_back(self) -> None:
        """The number is that of the rows; a format that can be read gives the same rows."""
        count, data, read = self._written([FULL, BARE])
        assert count == 2
        assert data
        assert read is None or read == [FULL, BARE]

    def test_no_rows_are_a_file_too(self) -> None:
        """A clip without objects gives a valid, empty table."""
        count, _, read = self._written([])
        assert count == 0
        assert not read

    def test_rows_are_taken_from_a_stream(self) -> None:
        """Any iterator will do: rows are not indexed, counted beforehand or kept."""
        assert self._written(iter([BARE] * 7))[0] == 7

    def test_the_same_rows_are_the_same_content(self) -> None:
        """Writing depends on the rows alone."""
        assert self._written([FULL])[2] == self._written([FULL])[2]
