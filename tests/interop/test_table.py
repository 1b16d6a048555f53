"""The objects table: three forms, one meaning."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cssv.errors import CssvError, InputError, MissingExtraError, OptionError, OutputError
from cssv.interop.parquet import BATCH_ROWS
from cssv.interop.rows import COLUMNS, ObjectRow
from cssv.interop.table import extensions, read_rows, write_rows

HEADER = (
    "frame,time_s,track,label,x_px,y_px,w_px,h_px,score,vx_px_s,vy_px_s,speed_px_s,sigma_px_s,"
    "vx_m_s,vy_m_s,speed_m_s,sigma_m_s,"
    "temperature_c,temperature_sigma_c,density_kg_m3,density_sigma_kg_m3,"
    "goal_x_m,goal_y_m,goal_sigma_m,goal_x_px,goal_y_px,goal_sigma_px,crowd_density_m2,source,"
    "speed_km_h,sigma_km_h"
)
FULL = ObjectRow(
    frame=12,
    time_s=0.48,
    track=3,
    label="person",
    x_px=10.5,
    y_px=20.0,
    w_px=30.25,
    h_px=60.0,
    score=0.875,
    vx_px_s=-3.0,
    vy_px_s=4.0,
    speed_px_s=5.0,
    sigma_px_s=0.5,
    vx_m_s=0.75,
    vy_m_s=-1.0,
    speed_m_s=1.25,
    sigma_m_s=0.125,
    temperature_c=36.2,
    temperature_sigma_c=0.5,
    density_kg_m3=985.0,
    density_sigma_kg_m3=20.0,
    goal_x_m=4.0,
    goal_y_m=12.5,
    goal_sigma_m=0.25,
    goal_x_px=100.0,
    goal_y_px=-7.5,
    goal_sigma_px=2.0,
    crowd_density_m2=0.0625,
    source="pixels",
    speed_km_h=4.5,
    sigma_km_h=0.45,
)
BARE = ObjectRow(0, 0.0, 1)
GOOD = (
    "12,0.48,3,person,10.5,20.0,30.25,60.0,0.875,-3.0,4.0,5.0,0.5,0.75,-1.0,1.25,0.125,"
    "36.2,0.5,985.0,20.0,4.0,12.5,0.25,100.0,-7.5,2.0,0.0625,pixels,4.5,0.45"
)

forms = pytest.mark.parametrize("extension", extensions())
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
labels = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
table_rows = st.builds(
    ObjectRow,
    frame=st.integers(0, 2**53),
    time_s=st.integers(-(10**14), 10**14).map(lambda ns: round(ns / 1e9, 9)),
    track=st.integers(-1, 2**53),
    label=labels,
    source=st.sampled_from(["metadata", "pixels"]),
    **{name: numbers for name in COLUMNS if name not in ("frame", "time_s", "track", "label", "source")},
)


@forms
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(table_rows, max_size=4))
def test_rows_come_back(tmp_path, extension, rows):
    path = tmp_path / f"objects{extension}"
    assert write_rows(path, rows, overwrite=True) == len(rows)
    assert list(read_rows(path)) == rows


@forms
def test_awkward_labels_come_back(tmp_path, extension):
    path = tmp_path / f"objects{extension}"
    texts = ["a,b", '"', 'say "hi"', "two\nlines", "a\rb", "\r\n", " ", "né\u2028", "\ufeff"]
    texts += ["null", "1e5", "'", "\0"]
    rows = [dataclasses.replace(FULL, label=text) for text in texts]
    write_rows(path, rows)
    assert [row.label for row in read_rows(path)] == texts


def test_the_columns_and_their_order_are_a_contract():
    assert ",".join(COLUMNS) == HEADER


def test_csv_is_what_a_spreadsheet_expects(tmp_path):
    path = tmp_path / "objects.csv"
    write_rows(path, [FULL, BARE])
    assert path.read_bytes().decode() == (f"{HEADER}\n{GOOD}\n0,0.0,1,,,,,,,,,,,,,,,,,,,,,,,,,,metadata,,\n")
    with path.open(newline="") as file:
        assert next(csv.DictReader(file))["temperature_sigma_c"] == "0.5"


def test_jsonl_is_one_object_a_line_with_null_for_unknown(tmp_path):
    path = tmp_path / "objects.jsonl"
    write_rows(path, [FULL, BARE])
    first, second = map(json.loads, path.read_text().splitlines())
    assert list(first) == list(COLUMNS)
    assert first == dataclasses.asdict(FULL)
    assert second["temperature_c"] is None
    assert second["source"] == "metadata"


def test_parquet_is_typed(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "objects.parquet"
    write_rows(path, [FULL, BARE])
    table = parquet.read_table(path)
    assert table.column_names == list(COLUMNS)
    assert table.schema.field("frame").type == pyarrow.int64()
    assert table.schema.field("temperature_c").type == pyarrow.float64()
    assert table.schema.field("label").type == pyarrow.string()
    assert table.column("temperature_c").null_count == 1
    assert not table.schema.field("time_s").nullable


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0.0"),
        (1e-6, "0.000001"),
        (1 / 3, "0.333333333"),
        (1001 / 30000, "0.033366667"),
        (86400.000001, "86400.000001"),
        (-0.04, "-0.04"),
        (1e7 + 0.5, "10000000.5"),
    ],
)
def test_times_are_plain_decimals_to_a_nanosecond(tmp_path, time_s, text):
    path = tmp_path / "objects.csv"
    write_rows(path, [dataclasses.replace(BARE, time_s=time_s)])
    assert path.read_text().splitlines()[1].split(",")[1] == text
    (row,) = read_rows(path)
    assert abs(row.time_s - time_s) <= 1e-9


@forms
def test_an_empty_table_is_a_table(tmp_path, extension):
    path = tmp_path / f"none{extension}"
    assert write_rows(path, []) == 0
    assert list(read_rows(path)) == []


@forms
def test_forms_agree(tmp_path, extension):
    row = dataclasses.replace(FULL, time_s=1 / 3, x_px=0.1 + 0.2)
    path = tmp_path / f"objects{extension.upper()}"
    write_rows(path, [row])
    assert list(read_rows(path)) == [dataclasses.replace(row, time_s=0.333333333)]


def without_km_h(path):
    """Rewrite a table as it was before it had kilometres per hour."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
        parquet.write_table(table.drop_columns(["speed_km_h", "sigma_km_h"]), path)
    elif path.suffix == ".csv":
        lines = path.read_text().splitlines()
        path.write_text("".join(line.rsplit(",", 2)[0] + "\n" for line in lines))
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [{name: row[name] for name in row if not name.endswith("_km_h")} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in kept))


@forms
def test_a_table_without_kilometres_per_hour_gets_them(tmp_path, extension):
    path = tmp_path / f"objects{extension}"
    write_rows(path, [FULL, BARE])
    without_km_h(path)
    assert list(read_rows(path)) == [FULL, BARE]


@forms
def test_more_rows_than_one_batch_keep_their_order(tmp_path, extension):
    path = tmp_path / f"many{extension}"
    count = BATCH_ROWS + 3
    assert write_rows(path, (ObjectRow(i, i / 25, 1) for i in range(count))) == count
    assert [row.frame for row in read_rows(path)] == list(range(count))


def test_memory_does_not_grow_with_the_table(tmp_path):
    def peak(count):
        tracemalloc.start()
        path = tmp_path / f"{count}.csv"
        write_rows(path, (ObjectRow(i, i / 25, 1, x_px=i / 3) for i in range(count)))
        for _ in read_rows(path):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(100)
    assert peak(8000) < peak(500) + 100_000


# ---- rows


def test_numbers_of_numpy_and_whole_numbers_become_plain():
    row = ObjectRow(np.int64(3), np.float32(0.5), np.uint8(7), x_px=np.float64(2), y_px=4, score=True)
    assert (row.frame, row.time_s, row.track, row.x_px, row.y_px) == (3, 0.5, 7, 2.0, 4.0)
    assert [type(value) for value in (row.frame, row.time_s, row.track, row.x_px, row.y_px)] == [
        int,
        float,
        int,
        float,
        float,
    ]
    json.dumps(dataclasses.asdict(row))


@pytest.mark.parametrize("name", [n for n in COLUMNS if n not in ("label", "source", "frame", "track")])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_are_finite_or_unknown(name, value):
    with pytest.raises(InputError, match=name):
        dataclasses.replace(FULL, **{name: value})


@pytest.mark.parametrize("change", [{"source": "guess"}, {"label": ""}])
def test_texts_are_checked(change):
    with pytest.raises(InputError):
        dataclasses.replace(FULL, **change)


@pytest.mark.parametrize("name", ["frame", "time_s", "track"])
def test_some_columns_are_never_unknown(name):
    with pytest.raises(TypeError):
        dataclasses.replace(FULL, **{name: None})


# ---- what cannot be written or read


@pytest.mark.parametrize("name", ["objects.xls", "objects", "csv", ".csv"])
def test_unknown_forms_are_named(tmp_path, name):
    for call in (lambda: write_rows(tmp_path / name, []), lambda: read_rows(tmp_path / name)):
        with pytest.raises(OptionError, match=r"\.csv, \.jsonl, \.parquet") as caught:
            call()
        assert name in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (write_rows, lambda path, _: read_rows(path)):
        with pytest.raises(MissingExtraError, match=r"pip install '\.\[parquet\]'"):
            call(tmp_path / "objects.parquet", [])
    assert list(tmp_path.iterdir()) == []


def test_pyarrow_is_not_imported_unasked():
    import subprocess

    code = "import sys, cssv.interop.table; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@forms
def test_a_failure_leaves_the_old_table(tmp_path, extension):
    path = tmp_path / f"objects{extension}"
    write_rows(path, [FULL])
    before = path.read_bytes()

    def broken():
        yield BARE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, broken(), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@forms
def test_a_missing_folder_or_file_is_named(tmp_path, extension):
    path = tmp_path / "missing" / f"objects{extension}"
    with pytest.raises(OutputError, match="missing"):
        write_rows(path, [FULL])
    with pytest.raises(InputError, match="missing"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns"),
        ("frame,time_s\n1,2\n", "columns"),
        (f"{HEADER}\n{GOOD}\n{GOOD},9\n", "after 1 good rows"),
        (f"{HEADER}\n{GOOD}\n\n", "after 1 good rows"),
        (f"{HEADER}\n{GOOD.replace('12,', 'twelve,', 1)}\n", "after 0 good rows"),
        (f"{HEADER}\n{GOOD.replace('12,', ',', 1)}\n", "after 0 good rows"),
        (f"{HEADER}\n{GOOD.replace('36.2', 'nan')}\n", "temperature_c is not finite"),
        (f"{HEADER}\n{GOOD.replace('pixels', 'guess')}\n", "allowed: metadata, pixels, room, robust"),
        (f'{HEADER}\n"{GOOD}\n', "after 0 good rows"),
    ],
)
def test_wrong_csv_is_placed(tmp_path, text, says):
    path = tmp_path / "objects.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        list(read_rows(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "3", "{}", json.dumps({**dataclasses.asdict(FULL), "more": 1}), '{"frame": NaN}', "\n"],
)
def test_wrong_jsonl_is_placed(tmp_path, line):
    path = tmp_path / "objects.jsonl"
    path.write_text(json.dumps(dataclasses.asdict(FULL)) + "\n" + line + "\n")
    rows = read_rows(path)
    assert next(rows) == FULL
    with pytest.raises(InputError, match="after 1 good rows"):
        next(rows)


@forms
@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"PAR1", bytes(range(256)), b"[" * 5000])
def test_garbage_gives_a_named_error(tmp_path, extension, data):
    path = tmp_path / f"objects{extension}"
    path.write_bytes(data)
    with pytest.raises(CssvError):
        list(read_rows(path))


def test_a_line_without_end_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "objects.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="too long"):
        list(read_rows(path))


def test_a_byte_order_mark_is_no_column(tmp_path):
    path = tmp_path / "objects.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\n{GOOD}\n".encode())
    assert list(read_rows(path)) == [FULL]
