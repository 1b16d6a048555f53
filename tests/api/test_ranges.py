"""Ranges of the rings: those of a stream fit what is seen, and what lies outside is told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import cssv
from cssv.errors import CssvError, OutputError
from cssv.perception import detections
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.saturation import Saturation
from cssv.scene import Ranges
from cssv.scene.values import Value
from cssv.template.state import ObjectState
from cssv.testing import clips as synthetic

SIZE, RATE = (640, 240), 25
NARROW = {"cssv_scene": 1, "ranges": {"speed_px_s": [0, 10]}}


def drive(encoder, speeds_px_s, thermal=None):
    """Write a frame for each speed: a car crosses the picture at it, again and again, from left to right."""
    x, lap = 0.0, 1
    for speed in speeds_px_s:
        planes = np.full((240, 640, 3), 70, np.uint8)
        planes[90:150, round(x) : round(x) + 120] = 190
        found = detections([[x, 90, 120, 60]], [0.9], ["car"], ids=[lap])
        encoder.write(planes, found, thermal)
        x += speed / RATE
        if x > 520:
            x, lap = 0.0, lap + 1


def test_a_fast_stream_reads_back_from_its_pixels(tmp_path):
    """The range ended at 200 px/s, and every speed of this stream read back as that."""
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE) as encoder:
        drive(encoder, [370.0] * 60)
        assert encoder.warnings == ()
    assert encoder.notes == encoder.warnings == ()
    info = cssv.info(tmp_path / "x.cssv")
    assert info.ranges.speed_px_s == (0, 600)
    assert info.facts["ranges"]["speed_px_s"] == [0, 600]
    read = []
    with cssv.open(tmp_path / "x.cssv") as clip:
        for moment in clip:
            for row in moment.objects_in_pixels:
                (exact,) = (r for r in moment.objects if r.track == row.track)
                assert abs(row.speed_px_s - exact.speed_px_s) <= 600 / 16
                read.append(row.speed_px_s)
    assert len(read) > 50
    assert np.median(read) == pytest.approx(370, abs=600 / 16)


def test_what_becomes_faster_later_is_told(tmp_path):
    speeds = [40.0] * 50 + np.linspace(40, 480, 50).tolist()
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, lossless=True) as encoder:
        drive(encoder, speeds)
    (warning,) = encoder.warnings
    with cssv.open(tmp_path / "x.cssv") as clip:
        rows = [row for moment in clip for row in moment.objects]
    fast = sum(row.speed_px_s > 200 for row in rows)
    outside, count = map(int, _numbers(warning))
    assert count == 2 * len(rows) == 200
    assert outside == pytest.approx(2 * fast, abs=6)
    assert warning.startswith("the speed range 0 to 200 px/s is too narrow for ")
    assert f"({100 * outside / count:.3g} %), up to " in warning
    assert '"ranges": {"speed_px_s": [0, 600]} in the scene' in warning
    assert cssv.info(tmp_path / "x.cssv").facts["notes"] == [warning]


def _numbers(warning):
    words = warning.split()
    at = words.index("of")
    return words[at - 1], words[at + 1]


def test_a_range_of_the_scene_holds_and_what_it_misses_is_told(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, scene=NARROW, lossless=True) as encoder:
        drive(encoder, [300.0] * 40)
    (warning,) = encoder.warnings
    assert "the speed range 0 to 10 px/s is too narrow for 80 of 80 values (100 %), up to 3" in warning
    assert cssv.info(tmp_path / "x.cssv").ranges.speed_px_s == (0, 10)


@pytest.mark.parametrize("lag_s", [0.0, 0.4, 3.0])
def test_any_lag_has_a_range(lag_s, tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, lag_s=lag_s, lossless=True) as encoder:
        drive(encoder, [370.0] * 50)
    # Without a lag nothing is known when the first frame is written.
    assert cssv.info(tmp_path / "x.cssv").ranges.speed_px_s == ((0, 600) if lag_s else (0, 200))
    assert len(encoder.warnings) == (lag_s == 0)


def test_slow_objects_do_not_make_the_range_narrow(tmp_path):
    """What is seen in the first second says little about the fastest object of hours."""
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, lossless=True) as encoder:
        drive(encoder, [20.0] * 50)
    assert cssv.info(tmp_path / "x.cssv").ranges == Ranges()


def test_a_thermal_stream_reads_back_from_its_pixels(tmp_path):
    """The range ended at 60 degrees."""
    hot = np.full((120, 320), 20.0, np.float32)
    hot[45:75] = 140.0
    scene = {"cssv_scene": 1, "thermal": {"homography": [[2, 0, 0], [0, 2, 0], [0, 0, 1]]}}
    with cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, scene=scene, lossless=True) as encoder:
        drive(encoder, [100.0] * 50, hot)
    assert encoder.warnings == ()
    assert cssv.info(tmp_path / "x.cssv").ranges.temperature_c == (-20, 145)
    with cssv.open(tmp_path / "x.cssv") as clip:
        read = [row.temperature_c for row in clip[25].objects_in_pixels]
    assert read == [pytest.approx(140, abs=165 / 16)]


@pytest.mark.parametrize("lossless", [True, False])
def test_a_recording_that_breaks_off_states_its_ranges(lossless, tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise OutputError("mine")

    encoder = cssv.Encoder(tmp_path / "x.cssv", size=SIZE, rate=RATE, lossless=lossless)
    drive(encoder, [370.0] * 60)
    monkeypatch.setattr(StegoWriter, "finish", fail)
    with pytest.raises(CssvError, match="mine"):
        encoder.close()
    info = cssv.info(tmp_path / "x.cssv")
    assert info.ranges.speed_px_s == (0, 600)
    assert info.facts["ranges"]["speed_px_s"] == [0, 600]


def test_a_clip_tells_what_its_range_misses(tmp_path, clips):
    done = cssv.encode(
        clips / "clip.mkv", tmp_path / "x.cssv", detector=synthetic.Truth(), scene=NARROW, lossless=True
    )
    (note,) = (note for note in done.notes if "too narrow" in note)
    assert "the speed range 0 to 10 px/s is too narrow for " in note
    assert note in cssv.info(tmp_path / "x.cssv").facts["notes"]


def test_a_commit_tells_what_its_range_misses(tmp_path, clips):
    path = tmp_path / "x.cssv"
    done = cssv.encode(clips / "clip.mkv", path, detector=synthetic.Truth(), lossless=True)
    assert not [note for note in done.notes if "too narrow" in note]
    notes = cssv.commit(path, NARROW).notes
    assert [note.partition(" for ")[0] for note in notes if "too narrow" in note] == [
        "the speed range 0 to 10 px/s is too narrow"
    ]


def state(speed, temperature=None, density=None):
    return ObjectState(
        track=1,
        label="",
        score=1.0,
        box_px=(0.0, 0.0, 9.0, 9.0),
        velocity_px_s=(speed, 0.0),
        past_px_s=(speed - 5, 0.0),
        future_px_s=(speed + 5, 0.0),
        sigma_px_s=1.0,
        temperature_c=None if temperature is None else Value(temperature),
        density_kg_m3=None if density is None else Value(density),
    )


def test_values_outside_are_counted_by_kind():
    saturation = Saturation(Ranges((20.0, 100.0), (0.0, 50.0), (900.0, 1100.0)))
    saturation.add([state(50.0, 20.0, 1000.0), state(98.0, 61.0)])
    assert len(saturation.notes) == 2
    saturation.add([state(17.0, -3.0, 850.0), replace(state(900.0), sigma_px_s=math.inf)])
    speed, temperature, density = saturation.notes
    assert speed == (
        "the speed range 20 to 100 px/s is too narrow for 2 of 6 values (33.3 %), down to 12 and up to 103 "
        'px/s: they are drawn as its end; give "ranges": {"speed_px_s": [0, 150]} in the scene'
    )
    assert (
        "range 0 to 50 °C is too narrow for 2 of 3 values (66.7 %), down to -3 and up to 61 °C" in temperature
    )
    assert '{"temperature_c": [-10, 70]}' in temperature
    assert "for 1 of 2 values (50 %), down to 850 kg/m³" in density
    assert '{"density_kg_m3": [800, 1100]}' in density
