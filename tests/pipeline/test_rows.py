"""Numbers of the objects table have the decimals that their precision deserves."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from cssv.interop.rows import COLUMNS
from cssv.pipeline.rows import rows_of
from cssv.scene.values import Source, Value
from cssv.template.state import ObjectState

STATE = ObjectState(
    track=1,
    label="boat",
    score=0.907,
    box_px=(52.66, 151.971, 14.931, 39.757),
    velocity_px_s=(35.211, 0.677),
    past_px_s=(0.0, 0.0),
    future_px_s=(0.0, 0.0),
    sigma_px_s=3.218,
    velocity_m_s=(1.513, -0.268),
    sigma_m_s=0.461,
)


def row_of(state, source="metadata"):
    (row,) = rows_of([state], 0, Fraction(0), source)
    return row


def decimals(value):
    return len(repr(value).partition(".")[2])


def test_lengths_of_velocities_have_six_decimals_and_all_else_those_of_the_scene_track():
    row = row_of(STATE)
    assert (row.vx_px_s, row.vy_px_s, row.speed_px_s) == (35.211, 0.677, 35.217508)
    assert (row.vx_m_s, row.vy_m_s, row.speed_m_s) == (1.513, -0.268, 1.536552)
    assert (row.sigma_m_s, row.speed_km_h, row.sigma_km_h) == (0.461, 5.531587, 1.6596)
    assert (row.x_px, row.y_px, row.w_px, row.h_px) == STATE.box_px


def test_values_of_the_scene_stay_as_they_are_written():
    known = replace(STATE, temperature_c=Value(36.654321, 0.5), density_kg_m3=Value(985.123456789))
    row = row_of(known)
    assert (row.temperature_c, row.temperature_sigma_c) == (36.654321, 0.5)
    assert (row.density_kg_m3, row.density_sigma_kg_m3) == (985.123456789, None)


@pytest.mark.parametrize(
    ("value", "sigma", "written"),
    [
        (47.80392156862745, 1.614930351813985, (47.804, 1.615)),
        (20.000431372549, 4.2e-05, (20.0004314, 4.2e-05)),
        (602.3529411764706, math.inf, (602.353, None)),
        (602.3529411764706, 0.0, (602.353, 0.0)),
    ],
)
def test_readings_of_pixels_have_the_decimals_of_their_sigma(value, sigma, written):
    state = replace(STATE, temperature_c=Value(value, sigma, Source.ESTIMATED), score=215 / 255)
    row = row_of(state, "pixels")
    assert (row.temperature_c, row.temperature_sigma_c) == written
    assert row.score == 0.843


def test_readings_of_a_thermal_camera_are_rounded_too():
    reading = Value(36.599998474121094, 0.1234567, Source.MEASURED)
    row = row_of(replace(STATE, temperature_c=reading, thermal_c=reading))
    assert (row.temperature_c, row.temperature_sigma_c) == (36.6, 0.123)


def test_no_column_of_a_table_has_more_decimals_than_it_deserves(tmp_path):
    import cssv
    from cssv.testing.clips import write_clip

    clip = write_clip(tmp_path / "clip.mkv", width=352, height=160, count=12)
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("".join(f"{n},1,{10 + 1.1 * n:.2f},30,60,60,0.9\n" for n in range(1, 13)))
    known = {"match": {"label": "*"}, "temperature_c": {"value": 36.6, "sigma": 0.5}}
    scene = {"cssv_scene": 1, "objects": [known]}
    cssv.encode(clip, tmp_path / "x.cssv", boxes=boxes, scene=scene, lossless=True)
    cssv.export(tmp_path / "x.cssv", tmp_path / "x.mkv")
    for source in ("x.cssv", "x.mkv"):
        with cssv.open(tmp_path / source) as opened:
            rows = [row for moment in opened for row in moment.objects]
        assert rows
        for row in rows:
            for name in COLUMNS:
                value = getattr(row, name)
                if isinstance(value, float):
                    assert decimals(value) <= (6 if name.startswith("speed") else 3), name
