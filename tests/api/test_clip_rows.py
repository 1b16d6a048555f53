"""Slices of clips, and their objects as rows, tables and data frames."""

import pytest

import cssv
from cssv.errors import OptionTypeError


def test_slices_are_views(stego):
    with cssv.open(stego) as clip:
        part = clip[1:6]
        assert len(part) == 5
        assert [moment.number for moment in part[::-2]] == [5, 3, 1]
        assert part[-1].number == 5
        assert len(clip[4:4]) == 0
        with pytest.raises(IndexError):
            part[5]
        for wrong in (slice(0.5, 2), slice(0, 2, 0)):
            with pytest.raises(OptionTypeError):
                clip[wrong]


def test_objects_are_those_of_the_moments(stego):
    with cssv.open(stego) as clip:
        rows = clip.objects()
        assert rows == tuple(row for moment in clip for row in moment.objects)
        assert rows
        track = rows[0].track
        assert clip.objects(track=track) == tuple(row for row in rows if row.track == track)
        assert clip.objects(label="no such") == ()
        assert clip.objects(start=2, stop=4) == tuple(row for row in rows if 2 <= row.frame < 4)


def test_tables_hold_the_rows(stego, package):
    package("pyarrow")
    with cssv.open(stego) as clip:
        rows, table = clip.objects(), clip.to_arrow()
    assert table.column("label").to_pylist() == [row.label for row in rows]
    assert table.column("vx_m_s").to_pylist() == [row.vx_m_s for row in rows]


def test_data_frames_hold_the_rows():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    from cssv.interop.data_frame import rows_to_pandas

    rows = (cssv.ObjectRow(0, 0.0, 1, "<b>", vx_px_s=2.5), cssv.ObjectRow(1, 0.1, 2))
    table = rows_to_pandas(rows)
    assert table["vx_px_s"].tolist() == [2.5, pandas.NA]
    assert str(table["track"].dtype) == "int64"
    assert len(rows_to_pandas(())) == 0
