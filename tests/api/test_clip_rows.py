"""Slices of clips, and their objects as rows, tables and data frames."""

import math
import sys
from fractions import Fraction

import numpy as np
import pytest

import cssv
from cssv.errors import MissingExtraError, OptionTypeError
from cssv.interop.data_frame import columns_to_pandas
from cssv.interop.rows import COLUMNS, TIME_DIGITS, ObjectRow
from cssv.pipeline.object_columns import FrameStates, columns_of, joined
from cssv.scene.ground import Plane
from cssv.template.state import ObjectState, grounded


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


def test_data_frames_hold_the_rows(stego, package):
    pandas = package("pandas")
    with cssv.open(stego) as clip:
        rows, table = clip.objects(), clip.to_pandas()
    assert tuple(table.columns) == COLUMNS
    for name in COLUMNS:
        cells = [None if cell is pandas.NA else cell for cell in table[name].tolist()]
        written = [getattr(row, name) for row in rows]
        assert cells == ([round(cell, TIME_DIGITS) for cell in written] if name == "time_s" else written)
    assert str(table["track"].dtype) == "int64"


def test_data_frames_of_no_and_unknown_objects(package):
    pandas = package("pandas")
    assert len(columns_to_pandas({name: [] for name in COLUMNS})) == 0
    row = ObjectRow(0, 0.0, 1, "<b>")
    table = columns_to_pandas({name: [getattr(row, name)] for name in COLUMNS})
    assert table["vx_px_s"].tolist() == [pandas.NA]
    assert table["label"].tolist() == ["<b>"]


def test_tables_without_their_packages(stego, monkeypatch):
    for name, method in (("pandas", "to_pandas"), ("pyarrow", "to_arrow")):
        monkeypatch.setitem(sys.modules, name, None)
        with cssv.open(stego) as clip, pytest.raises(MissingExtraError, match="pip install"):
            getattr(clip, method)()


def test_columns_of_many_frames_are_those_of_each():
    """Ground and crowd of all frames at once are those frame by frame, and of objects one by one."""
    plane = Plane(np.array([[0.01, 0, -1.6], [0, -0.004, 4.0], [0, 0.002, 0.1]]), (320, 240))
    rng = np.random.default_rng(3)
    frames = []
    for number in range(9):
        states = [random_state(rng, track) for track in range(number % 4 * 3)]
        frames.append(FrameStates(number, Fraction(number, 7), states, ["metadata"] * len(states)))
    columns = columns_of(frames, plane)
    one_by_one = joined([columns_of([frame], plane) for frame in frames])
    assert columns == one_by_one
    assert columns_of([], plane) == joined([])
    states = [state for frame in frames for state in frame.states]
    told = [state if state.velocity_m_s else grounded(state, plane) for state in states]
    expected = [None if each.velocity_m_s is None else round(each.velocity_m_s[0], 3) for each in told]
    assert columns["vx_m_s"] == expected
    assert 0 < expected.count(None) < len(expected)
    assert 0 < columns["crowd_density_m2"].count(None) < len(expected)


def random_state(rng, track):
    x, y = rng.uniform(-10, 300), rng.uniform(-10, 220)
    return ObjectState(
        track=track,
        label=str(rng.choice(["person", "", "car"])),
        score=float(rng.random()),
        box_px=(x, y, rng.uniform(4, 40), rng.uniform(4, 60)),
        velocity_px_s=(rng.normal(), rng.normal()),
        past_px_s=(0.0, 0.0),
        future_px_s=(0.0, 0.0),
        sigma_px_s=float(rng.choice([0.5, math.inf])),
        velocity_m_s=(1.25, -0.5) if rng.random() < 0.2 else None,
        sigma_m_s=float(rng.choice([0.1, math.inf])),
    )
