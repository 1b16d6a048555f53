"""A thermal camera calibrated anew after its readings are on file; and ranges that hold what is drawn."""

from __future__ import annotations

import math
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cssv
from cssv.errors import ThermalError
from cssv.pipeline.scene_track import SceneSample, read_sample, write_sample
from cssv.scene import Value
from cssv.scene.thermal import CENTIKELVIN, Calibration, Unit
from cssv.testing import clips as synthetic
from cssv.testing.thermal_clips import (
    COLD,
    COUNTS,
    PLACED,
    WARM,
    celsius_by_track,
    encode,
    thermal_picture,
    thermal_scene,
    write_video,
)

FINER = Unit(0.0095, -258.0)


def under(unit, celsius):
    return unit.scale * (celsius + 273.15) / 0.01 + unit.offset_c


def states(path):
    with cssv.open(path) as clip:
        return [moment.states for moment in clip]


@pytest.fixture
def file(heat, tmp_path):
    return shutil.copy(heat.file, tmp_path / "clip.cssv")


def test_readings_follow_the_scale_as_if_encoded_with_it(file, heat, clips, tmp_path):
    other = thermal_scene(scale=FINER.scale, offset_c=FINER.offset_c, sigma_c=5)
    done = cssv.commit(file, other)
    assert done.notes == ()
    fresh = encode(clips, tmp_path / "fresh.cssv", other, heat.video)
    assert states(file) == states(fresh.path)
    warm = states(file)[0][0].thermal_c
    assert (warm.value, warm.sigma) == (pytest.approx(under(FINER, WARM), abs=1e-3), 5)
    assert cssv.verify(file).is_sound
    # And back: what was measured is not lost.
    cssv.commit(file, PLACED)
    assert states(file) == states(heat.file)


def test_what_a_scene_leaves_out_stays(file, heat):
    cssv.commit(file, {"cssv_scene": 1, "thermal": {"scale": FINER.scale, "offset_c": FINER.offset_c}})
    cssv.commit(file, {"cssv_scene": 1})
    cssv.commit(file, {"cssv_scene": 1, "thermal": {"sigma_c": 2}})
    warm = states(file)[3][0].thermal_c
    assert (warm.value, warm.sigma) == (pytest.approx(under(FINER, WARM), abs=1e-3), 2)
    done = cssv.commit(file, {"cssv_scene": 1, "thermal": COUNTS})
    assert done.notes == ()
    assert states(file) == states(heat.file)


def test_ranges_grow_with_the_readings(file):
    done = cssv.commit(file, thermal_scene(scale=0.02, offset_c=-273.15))
    assert "the temperature range had to grow" in done.notes
    warm = 2 * (WARM + 273.15) - 273.15
    assert done.ranges.temperature_c[1] > warm
    with cssv.open(file) as clip:
        step = (done.ranges.temperature_c[1] - done.ranges.temperature_c[0]) / 16
        for row in clip[4].objects_in_pixels:
            assert row.temperature_c == pytest.approx(clip[4].objects[row.track - 1].temperature_c, abs=step)


def test_a_given_object_keeps_its_reading_calibrated_anew(heat, clips, tmp_path):
    x, y, w, h = synthetic.boxes_at(0)[0]
    points = [(0, x, y), (0.92, x + 46, y + 23)]
    cart = {"name": "cart", "trajectory": [{"time_s": t, "box_px": [a, b, w, h]} for t, a, b in points]}
    path = encode(clips, tmp_path / "a.cssv", PLACED | {"objects": [cart]}, heat.video).path
    scene = thermal_scene(scale=FINER.scale, offset_c=FINER.offset_c)
    cssv.commit(path, scene | {"objects": [cart]})
    assert celsius_by_track(path)[1_000_000] == pytest.approx(
        [under(FINER, WARM)] * synthetic.COUNT, abs=1e-3
    )
    cssv.commit(path, scene)
    assert celsius_by_track(path)[1] == pytest.approx([under(FINER, WARM)] * synthetic.COUNT, abs=1e-3)


def test_a_calibration_by_which_readings_are_none_is_refused(file):
    before = file.read_bytes()
    for offset_c in (-900, 3000):
        with pytest.raises(ThermalError, match=r"(?s)no temperature.*scale and offset_c"):
            cssv.commit(file, thermal_scene(offset_c=offset_c))
        assert file.read_bytes() == before


def test_what_cannot_follow_is_said(file, heat):
    done = cssv.commit(file, thermal_scene(time_offset_s=0.2, homography=[[2, 0, 0], [0, 2, 0], [0, 0, 1]]))
    (note,) = done.notes
    assert note.startswith("thermal.homography, thermal.time_offset_s: no effect")
    assert states(file) == states(heat.file)


def test_degrees_have_no_counts_to_calibrate(heat, tmp_path):
    path = tmp_path / "a.cssv"
    with cssv.Encoder(
        path, size=(synthetic.WIDTH, synthetic.HEIGHT), rate=25, scene=PLACED, lossless=True
    ) as encoder:
        for number, (picture, thermal) in enumerate(zip(synthetic.pictures(), heat.pictures, strict=True)):
            encoder.write(picture, cssv.detections(synthetic.boxes_at(number), ids=[1, 2]), thermal)
    before = celsius_by_track(path)
    done = cssv.commit(path, thermal_scene(scale=0.02, offset_c=-273.15, sigma_c=2))
    assert celsius_by_track(path) == before
    assert states(path)[0][0].thermal_c.sigma == pytest.approx(2, abs=0.01)
    (note,) = done.notes
    assert note.startswith("thermal.scale: no effect")


def test_a_thermal_part_without_readings_needs_no_note(stego, tmp_path):
    path = shutil.copy(stego, tmp_path / "a.cssv")
    assert cssv.commit(path, synthetic.SCENE | {"thermal": PLACED["thermal"]}).notes == ()


# ---- ranges hold what is drawn


def test_what_is_never_drawn_widens_no_range(file, heat):
    anyone, nobody = {"match": {"label": "*"}}, {"match": {"label": "nobody"}}
    guess = {"value": 400, "source": "estimated"}
    scene = PLACED | {"objects": [anyone | {"temperature_c": guess}, nobody | {"temperature_c": 700}]}
    done = cssv.commit(file, scene)
    assert done.ranges == heat.encoded.ranges
    assert done.frames_coded == 0
    # An attribute that the scene gives has a ring, whoever it is for.
    scene["objects"].append(nobody | {"density_kg_m3": 19300})
    done = cssv.commit(file, scene)
    assert done.ranges == heat.encoded.ranges
    assert done.frames_coded == synthetic.COUNT
    assert not any("range" in note for note in done.notes)
    done = cssv.commit(file, PLACED | {"objects": [anyone | {"temperature_c": 400}]})
    assert done.ranges.temperature_c[1] > 400
    assert "the temperature range had to grow" in done.notes


def test_a_guess_that_is_drawn_somewhere_counts(clips, tmp_path):
    pictures = [
        thermal_picture(synthetic.boxes_at(number), (WARM, COLD)) for number in range(synthetic.COUNT)
    ]
    left = [[1, 0, 0], [0, 2, 0], [0, 0, 1]]
    path = encode(
        clips, tmp_path / "a.cssv", thermal_scene(homography=left), write_video(tmp_path / "t.mkv", pictures)
    ).path
    guess = {"match": {"label": "*"}, "temperature_c": {"value": 400, "source": "estimated"}}
    done = cssv.commit(path, thermal_scene(homography=left) | {"objects": [guess]})
    assert done.ranges.temperature_c[1] > 400
    assert set(celsius_by_track(path)[2]) == {400}


# ---- one reading


def test_a_sample_tells_the_calibration():
    for calibration in (Calibration(), Calibration(CENTIKELVIN, 2.0), None):
        sample = SceneSample(0, calibration=calibration)
        assert read_sample(write_sample(sample)) == sample
    broken = write_sample(SceneSample(0, calibration=Calibration(Unit(0.5, 1)))).replace(b"0.5", b"0")
    with pytest.raises(cssv.CssvError, match="scene sample"):
        read_sample(broken)


units = st.builds(Unit, st.floats(1e-3, 0.1), st.floats(-300, -100))


@given(st.integers(30000, 60000), st.floats(0, 40), units, st.floats(0, 5), st.floats(0, 5))
def test_a_reading_goes_there_and_back(halves, spread, unit, sigma_c, other_c):
    before, now = Calibration(CENTIKELVIN, sigma_c), Calibration(unit, other_c)
    median = CENTIKELVIN.scale * halves / 2 + CENTIKELVIN.offset_c
    reading = before.reading(median, spread * CENTIKELVIN.scale)
    try:
        converted = before.convert(reading, now)
    except ThermalError:
        assert not -273.15 < unit.scale * halves / 2 + unit.offset_c <= 3000
        return
    assert converted.value == now.reading(unit.scale * halves / 2 + unit.offset_c, 0).value
    assert now.convert(converted, before).value == reading.value


def test_the_spread_follows_the_scale():
    before = Calibration(CENTIKELVIN, 3.0)
    reading = before.reading(20.0, 0.4)
    assert reading.sigma == pytest.approx(math.hypot(0.4, 3), abs=1e-3)
    doubled = before.convert(reading, Calibration(Unit(0.02, -500.0), 1.0))
    assert doubled.sigma == pytest.approx(math.hypot(0.8, 1), abs=0.01)
    assert doubled.value == pytest.approx(2 * (20 + 273.15) - 500)
    assert Calibration().convert(Value(20.0, 0.01), Calibration(CENTIKELVIN)) == Value(20.0, 0.01)
