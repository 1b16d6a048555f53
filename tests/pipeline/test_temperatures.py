"""Temperatures from a thermal camera: from its file into the objects table, the pixels and later versions."""

from __future__ import annotations

import shutil

import av
import numpy as np
import pytest

import cssv
from cssv.pipeline.scene_track import SceneSample, read_sample, write_sample
from cssv.scene import Source, Value
from cssv.template.state import ObjectState
from cssv.testing import clips as synthetic
from cssv.testing.thermal_clips import (
    COLD,
    COUNTS,
    PLACED,
    SIZE,
    WARM,
    as_counts,
    celsius_by_track,
    encode,
    refused,
    thermal_picture,
    thermal_scene,
    write_folder,
    write_video,
)


@pytest.fixture
def file(heat, tmp_path):
    return shutil.copy(heat.file, tmp_path / "clip.cssv")


# ---- what comes out


def test_temperatures_come_back_from_the_table_and_from_the_pixels(heat):
    assert heat.encoded.notes == ()
    low, high = heat.encoded.ranges.temperature_c
    assert low < COLD < WARM < high <= 50
    with cssv.open(heat.file) as clip:
        for moment in clip:
            warm, cold = moment.objects
            assert (warm.temperature_c, cold.temperature_c) == pytest.approx((WARM, COLD), abs=0.006)
            assert warm.temperature_sigma_c == cold.temperature_sigma_c == 0.01
            for row, true in zip(moment.objects_in_pixels, (WARM, COLD), strict=True):
                assert row.temperature_c == pytest.approx(true, abs=(high - low) / 16)


def test_the_source_of_a_reading_is_measured(heat):
    with cssv.open(heat.file) as clip:
        state = clip[5].states[0]
    assert state.temperature_c == state.thermal_c == Value(36.5, 0.01, Source.MEASURED)


def test_a_folder_goes_frame_by_frame_with_the_clip(heat, clips, tmp_path):
    encode(clips, tmp_path / "a.cssv", PLACED, heat.folder)
    assert (tmp_path / "a.cssv").read_bytes() == heat.file.read_bytes()


def test_spread_and_accuracy_become_sigma(clips, tmp_path):
    rng = np.random.default_rng(0)
    noisy = [
        thermal_picture(synthetic.boxes_at(n), (WARM, COLD)) + rng.normal(0, 0.4, SIZE[::-1])
        for n in range(synthetic.COUNT)
    ]
    video = write_video(tmp_path / "t.mkv", noisy)
    for sigma_c, sigma in ((0, 0.4), (3, np.hypot(0.4, 3))):
        path = tmp_path / f"{sigma_c}.cssv"
        encode(clips, path, thermal_scene(sigma_c=sigma_c), video)
        with cssv.open(path) as clip:
            rows = [row for moment in clip for row in moment.objects]
        assert np.median([row.temperature_sigma_c for row in rows]) == pytest.approx(sigma, rel=0.05)
        assert rows[0].temperature_c == pytest.approx(WARM, abs=0.1)


def test_without_a_homography_both_show_the_same_view(clips, tmp_path):
    size = (96, 80)
    stretch = [[2, 0, 0], [0, 2, 0], [0, 0, 1]]
    pictures = [
        thermal_picture(synthetic.boxes_at(n), (WARM, COLD), stretch, size) for n in range(synthetic.COUNT)
    ]
    video = write_video(tmp_path / "t.mkv", pictures)
    done = encode(clips, tmp_path / "a.cssv", {"cssv_scene": 1, "thermal": COUNTS}, video)
    assert done.notes == ("the thermal pictures are taken to show the same view as the clip",)
    assert {t: set(values) for t, values in celsius_by_track(done.path).items()} == {
        1: {WARM},
        2: {COLD},
    }
    wide = write_video(tmp_path / "wide.mkv", [picture[:50] for picture in pictures])
    assert "homography" in refused(clips, tmp_path, {"cssv_scene": 1, "thermal": COUNTS}, wide)


def test_a_still_serves_all_frames(clips, tmp_path):
    place = write_folder(tmp_path / "still", [np.full(SIZE[::-1], 21.0)])
    done = encode(clips, tmp_path / "a.cssv", PLACED, place)
    assert set(celsius_by_track(done.path)[1]) == {21.0}
    part = encode(clips, tmp_path / "b.cssv", thermal_scene(time_offset_s=50), place / "0.png", start="0.4")
    assert set(celsius_by_track(part.path)[2]) == {21.0}


def test_who_is_outside_the_thermal_view_stays_unknown(clips, tmp_path):
    # The view ends at x = 100: the first block walks through it, the second one on its right does not.
    left = [[1, 0, 0], [0, 2, 0], [0, 0, 1]]
    pictures = [
        thermal_picture(synthetic.boxes_at(n), (WARM, COLD), left, SIZE) for n in range(synthetic.COUNT)
    ]
    done = encode(
        clips, tmp_path / "a.cssv", thermal_scene(homography=left), write_video(tmp_path / "t.mkv", pictures)
    )
    assert celsius_by_track(done.path) == {1: [WARM] * synthetic.COUNT, 2: [None] * synthetic.COUNT}
    assert done.notes == ("the thermal camera read 1 of 2 objects",)
    with cssv.open(done.path) as clip:
        assert [row.temperature_c is None for row in clip[3].objects_in_pixels] == [False, True]


# ---- the scene and the camera


def test_what_the_scene_gives_as_measured_is_drawn(heat, clips, tmp_path):
    scene = PLACED | {
        "objects": [
            {"match": {"track": 1}, "temperature_c": 37.9},
            {"match": {"track": 2}, "temperature_c": {"value": 10, "sigma": 5, "source": "estimated"}},
        ]
    }
    done = encode(clips, tmp_path / "a.cssv", scene, heat.video)
    assert {t: set(values) for t, values in celsius_by_track(done.path).items()} == {
        1: {37.9},
        2: {COLD},
    }
    assert len(done.notes) == 1
    assert "1 objects as measured" in done.notes[0]
    with cssv.open(done.path) as clip:
        assert clip[0].states[0].thermal_c == Value(WARM, 0.01)
    cssv.commit(done.path, {"cssv_scene": 1})
    assert {t: set(values) for t, values in celsius_by_track(done.path).items()} == {
        1: {WARM},
        2: {COLD},
    }


def test_an_estimate_of_the_scene_holds_where_nothing_is_read(clips, tmp_path):
    scene = thermal_scene(homography=[[0.3, 0, 0], [0, 0.3, 0], [0, 0, 1]])
    scene["objects"] = [{"match": {"label": "*"}, "temperature_c": {"value": 9, "source": "estimated"}}]
    video = write_video(tmp_path / "t.mkv", [np.full(SIZE[::-1], 30.0)] * synthetic.COUNT)
    done = encode(clips, tmp_path / "a.cssv", scene, video)
    assert set(celsius_by_track(done.path)[2]) == {9}


def test_ranges_of_the_scene_hold(heat, clips, tmp_path):
    scene = PLACED | {"ranges": {"temperature_c": [0, 100]}}
    assert encode(clips, tmp_path / "a.cssv", scene, heat.video).ranges.temperature_c == (0, 100)


def test_ranges_hold_what_is_read_not_what_lies_around(clips, tmp_path):
    pictures = [thermal_picture(synthetic.boxes_at(n), (310.0, 20.0)) for n in range(synthetic.COUNT)]
    for picture in pictures:
        picture[:3] = 900
    done = encode(clips, tmp_path / "a.cssv", PLACED, write_video(tmp_path / "t.mkv", pictures))
    assert done.ranges.temperature_c[0] <= 20
    assert 310 < done.ranges.temperature_c[1] <= 320


def test_a_commit_keeps_what_was_read(file, heat):
    before = celsius_by_track(file)
    scene = {"cssv_scene": 1, "objects": [{"match": {"track": 1}, "density_kg_m3": 985}]}
    cssv.commit(file, scene)
    assert celsius_by_track(file) == before
    scene["objects"].append({"match": {"label": "*"}, "temperature_c": 20, "name": "calibrated"})
    cssv.commit(file, scene)
    assert {t: set(values) for t, values in celsius_by_track(file).items()} == {1: {20}, 2: {20}}
    scene["objects"][1]["temperature_c"] = {"value": 20, "source": "estimated"}
    cssv.commit(file, scene)
    assert celsius_by_track(file) == before
    assert cssv.verify(file).is_sound
    with cssv.open(file) as clip:
        (low, high), row = heat.encoded.ranges.temperature_c, clip[4].objects_in_pixels[0]
        assert row.temperature_c == pytest.approx(WARM, abs=(high - low) / 16)


def test_given_and_replaced_objects_keep_their_readings(heat, clips, tmp_path):
    x, y, w, h = synthetic.boxes_at(0)[0]
    cart = {
        "name": "cart",
        "trajectory": [
            {"time_s": 0, "box_px": [x, y, w, h]},
            {"time_s": 0.92, "box_px": [x + 46, y + 23, w, h]},
        ],
    }
    path = encode(clips, tmp_path / "a.cssv", PLACED | {"objects": [cart]}, heat.video).path
    rows = celsius_by_track(path)
    assert 1 not in rows
    assert set(rows[1_000_000]) == {WARM}
    # The same entry with more to say; then without it, so that the perceived object is back.
    cssv.commit(path, {"cssv_scene": 1, "objects": [cart | {"density_kg_m3": 400}]})
    assert celsius_by_track(path) == rows
    cssv.commit(path, {"cssv_scene": 1})
    assert {t: set(values) for t, values in celsius_by_track(path).items()} == {1: {WARM}, 2: {COLD}}


def test_a_sample_tells_the_reading(heat):
    state = ObjectState(
        1,
        "a",
        0.5,
        (1, 2, 3, 4),
        (0, 0),
        (0, 0),
        (0, 0),
        1.0,
        temperature_c=Value(20),
        thermal_c=Value(21.5, 0.3),
    )
    sample = SceneSample(3, (state,))
    assert read_sample(write_sample(sample)) == sample


# ---- bad input


def test_bad_files_leave_nothing_behind(clips, heat, tmp_path):
    assert "scale" in refused(clips, tmp_path, {"cssv_scene": 1}, heat.video)
    assert "missing.mkv" in refused(clips, tmp_path, PLACED, tmp_path / "missing.mkv")
    assert "yuv420p" in refused(clips, tmp_path, PLACED, clips / "clip.mkv")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(heat.video.read_bytes()[:-400])
    assert "breaks off" in refused(clips, tmp_path, PLACED, cut)
    (tmp_path / "empty").mkdir()
    assert "no PNG" in refused(clips, tmp_path, PLACED, tmp_path / "empty")
    assert [entry.name for entry in tmp_path.glob("*.cssv*")] == []


def test_a_scale_that_makes_no_temperatures(clips, heat, tmp_path):
    words = refused(clips, tmp_path, thermal_scene(scale=1), heat.video)
    assert "no temperatures" in words
    assert "scale and offset_c" in words


def test_what_is_colder_than_any_place_on_earth_is_told(clips, heat, tmp_path):
    (note,) = encode(clips, tmp_path / "a.cssv", thermal_scene(scale=0.001), heat.video).notes
    assert "2 objects as colder than -100" in note
    assert "thermal.scale" in note


def test_a_turned_recording_is_turned_and_said(clips, heat, tmp_path):
    path = tmp_path / "t.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        if not hasattr(type(stream), "set_display_matrix"):
            pytest.skip("this PyAV cannot write display matrices")
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray16be"
        stream.set_display_matrix((-(1 << 16), 0, 0, 0, -(1 << 16), 0, 0, 0, 1 << 30))
        for number, picture in enumerate(heat.pictures):
            frame = av.VideoFrame.from_ndarray(np.rot90(as_counts(picture), 2).copy(), format="gray16le")
            frame = frame.reformat(format="gray16be")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = encode(clips, tmp_path / "a.cssv", PLACED, path)
    assert done.notes == ("thermal pictures: rotated by 180 degrees clockwise",)
    assert {t: set(values) for t, values in celsius_by_track(done.path).items()} == {
        1: {WARM},
        2: {COLD},
    }


def test_the_thermal_file_is_not_overwritten(clips, heat, tmp_path):
    video = shutil.copy(heat.video, tmp_path / "t.mkv")
    before = video.read_bytes()
    with pytest.raises(cssv.CssvError):
        encode(clips, video, PLACED, video)
    assert video.read_bytes() == before
