"""The exporters keep the exporter contract, and others can be registered."""

from __future__ import annotations

import pytest

from cssv.errors import OptionError
from cssv.interop.csv_table import CsvTable
from cssv.interop.json_lines import JsonLinesTable
from cssv.interop.parquet import ParquetTable
from cssv.interop.rows import ObjectRow
from cssv.interop.table import EXPORTERS, extensions, read_rows, write_rows
from cssv.testing.exporter import ExporterContract


class TestCsv(ExporterContract):
    exporter = CsvTable
    extension = "csv"


class TestJsonLines(ExporterContract):
    exporter = JsonLinesTable
    extension = "jsonl"


class TestParquet(ExporterContract):
    exporter = ParquetTable
    extension = "parquet"


class TrackList:
    """Writes the ids alone."""

    def check(self):
        pass

    def write(self, path, rows):
        tracks = [str(row.track) for row in rows]
        path.write_text("\n".join(tracks))
        return len(tracks)


class TestTrackList(ExporterContract):
    exporter = TrackList
    extension = "ids"


def test_a_registered_exporter_is_used_by_its_extension(tmp_path):
    EXPORTERS.register("ids", TrackList)
    try:
        assert extensions()[-1] == ".ids"
        assert write_rows(tmp_path / "objects.IDS", [ObjectRow(0, 0.0, 7), ObjectRow(0, 0.0, 9)]) == 2
        assert (tmp_path / "objects.IDS").read_text() == "7\n9"
        with pytest.raises(OptionError, match="can only be written"):
            read_rows(tmp_path / "objects.ids")
    finally:
        EXPORTERS.unregister("ids")
    with pytest.raises(OptionError, match=r"\.csv, \.jsonl, \.parquet"):
        write_rows(tmp_path / "objects.ids", [])
