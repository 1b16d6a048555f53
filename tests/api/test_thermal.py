"""Temperatures from a thermal camera: from its file into the objects table, the pixels and later versions."""

from __future__ import annotations

import shutil
import tracemalloc
from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

import cssv
from cssv.errors import FrameError, ThermalError
from cssv.heating import SAMPLES, Stamps, ThermalView, Thermometer, _visible, take_temperatures
from cssv.lineup import Shown
from cssv.payload.sample import SceneSample, read_sample, write_sample
from cssv.scene import Ranges, Source, Thermal, Value
from cssv.template.drawing import Outline, Selector
from cssv.template.outline import pack_radii, superellipse
from cssv.template.state import ObjectState
from cssv.thermal import CENTIKELVIN, Mount

WARM, COLD, GROUND = 36.5, 4.0, 18.0
SIZE = (100, 84)
#: Thermal pixels to clip pixels, with some perspective.
HOMOGRAPHY = [[2.1, 0.05, -8], [0.02, 2.2, -6], [1e-4, 2e-4, 1]]
COUNTS = {"scale": 0.01, "offset_c": -273.15}
PLACED = {"cssv_scene": 1, "thermal": {"homography": HOMOGRAPHY, **COUNTS}}


def seen(boxes, temperatures, homography=HOMOGRAPHY, size=SIZE):
    """(H, W) degrees Celsius: what a camera so placed sees of boxes on the ground."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    u, v, w = np.array(homography) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v = (u / w).reshape(x.shape), (v / w).reshape(x.shape)
    celsius = np.full(x.shape, GROUND)
    for (left, top, width, height), value in zip(boxes, temperatures, strict=True):
        celsius[(u >= left) & (u < left + width) & (v >= top) & (v < top + height)] = value
    return celsius


def as_counts(celsius):
    return np.rint((celsius + 273.15) * 100).astype(np.uint16)


def write_video(path, pictures, rate=25):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "gray16le"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(as_counts(picture), format="gray16le")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_folder(path, pictures):
    path.mkdir()
    for number, picture in enumerate(pictures):
        (path / f"{number}.png").write_bytes(cv2.imencode(".png", as_counts(picture))[1].tobytes())
    return path


@pytest.fixture(scope="module")
def pictures(api):
    """What the camera sees beside each frame of the clip."""
    return [seen(api.boxes_at(number), (WARM, COLD)) for number in range(api.COUNT)]


@pytest.fixture(scope="module")
def heat(pictures, clips, tmp_path_factory):
    """``heat.video``, ``heat.folder`` and ``heat.file``, a .cssv of the video."""
    folder = tmp_path_factory.mktemp("heat")
    video = write_video(folder / "thermal.mkv", pictures)
    stills = write_folder(folder / "stills", pictures)
    file = folder / "clip.cssv"
    done = encode(clips, file, PLACED, video)
    return SimpleNamespace(video=video, folder=stills, file=file, done=done)


@pytest.fixture
def file(heat, tmp_path):
    return shutil.copy(heat.file, tmp_path / "clip.cssv")


def encode(clips, path, scene, thermal, **options):
    boxes = {"boxes": clips / "boxes.txt"} if "detector" not in options else {}
    return cssv.encode(
        clips / "clip.mkv", path, scene=scene, thermal=thermal, created_s=0, **boxes, **options
    )


def rows_by_track(path):
    found = {}
    with cssv.open(path) as clip:
        for moment in clip:
            for row in moment.objects:
                found.setdefault(row.track, []).append(row.temperature_c)
    return found


def refused(clips, tmp_path, scene, thermal, **options):
    with pytest.raises(ThermalError) as caught:
        encode(clips, tmp_path / "no.cssv", scene, thermal, **options)
    assert not (tmp_path / "no.cssv").exists()
    return str(caught.value)


def thermal_scene(**thermal):
    return {"cssv_scene": 1, "thermal": {**PLACED["thermal"], **thermal}}


# ---- what comes out


def test_temperatures_come_back_from_the_table_and_from_the_pixels(heat, api):
    assert heat.done.notes == ()
    low, high = heat.done.ranges.temperature_c
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


def test_spread_and_accuracy_become_sigma(clips, api, tmp_path):
    rng = np.random.default_rng(0)
    noisy = [seen(api.boxes_at(n), (WARM, COLD)) + rng.normal(0, 0.4, SIZE[::-1]) for n in range(api.COUNT)]
    video = write_video(tmp_path / "t.mkv", noisy)
    for sigma_c, sigma in ((0, 0.4), (3, np.hypot(0.4, 3))):
        encode(clips, tmp_path / "a.cssv", thermal_scene(sigma_c=sigma_c), video)
        with cssv.open(tmp_path / "a.cssv") as clip:
            rows = [row for moment in clip for row in moment.objects]
        assert np.median([row.temperature_sigma_c for row in rows]) == pytest.approx(sigma, rel=0.05)
        assert rows[0].temperature_c == pytest.approx(WARM, abs=0.1)


def test_without_a_homography_both_show_the_same_view(clips, api, tmp_path):
    size = (96, 80)
    stretch = [[2, 0, 0], [0, 2, 0], [0, 0, 1]]
    pictures = [seen(api.boxes_at(n), (WARM, COLD), stretch, size) for n in range(api.COUNT)]
    video = write_video(tmp_path / "t.mkv", pictures)
    done = encode(clips, tmp_path / "a.cssv", {"cssv_scene": 1, "thermal": COUNTS}, video)
    assert done.notes == ("the thermal pictures are taken to show the same view as the clip",)
    assert {t: set(values) for t, values in rows_by_track(done.path).items()} == {1: {WARM}, 2: {COLD}}
    wide = write_video(tmp_path / "wide.mkv", [picture[:50] for picture in pictures])
    assert "homography" in refused(clips, tmp_path, {"cssv_scene": 1, "thermal": COUNTS}, wide)


def test_a_still_serves_all_frames(clips, api, tmp_path):
    place = write_folder(tmp_path / "still", [np.full(SIZE[::-1], 21.0)])
    done = encode(clips, tmp_path / "a.cssv", PLACED, place)
    assert set(rows_by_track(done.path)[1]) == {21.0}
    part = encode(clips, tmp_path / "b.cssv", thermal_scene(time_offset_s=50), place / "0.png", start="0.4")
    assert set(rows_by_track(part.path)[2]) == {21.0}


def test_who_is_outside_the_thermal_view_stays_unknown(clips, api, tmp_path):
    # The view ends at x = 100: the first block walks through it, the second one on its right does not.
    left = [[1, 0, 0], [0, 2, 0], [0, 0, 1]]
    pictures = [seen(api.boxes_at(n), (WARM, COLD), left, SIZE) for n in range(api.COUNT)]
    done = encode(
        clips, tmp_path / "a.cssv", thermal_scene(homography=left), write_video(tmp_path / "t.mkv", pictures)
    )
    assert rows_by_track(done.path) == {1: [WARM] * api.COUNT, 2: [None] * api.COUNT}
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
    assert {t: set(values) for t, values in rows_by_track(done.path).items()} == {1: {37.9}, 2: {COLD}}
    assert len(done.notes) == 1
    assert "1 objects as measured" in done.notes[0]
    with cssv.open(done.path) as clip:
        assert clip[0].states[0].thermal_c == Value(WARM, 0.01)
    cssv.commit(done.path, {"cssv_scene": 1})
    assert {t: set(values) for t, values in rows_by_track(done.path).items()} == {1: {WARM}, 2: {COLD}}


def test_an_estimate_of_the_scene_holds_where_nothing_is_read(clips, api, tmp_path):
    scene = thermal_scene(homography=[[0.3, 0, 0], [0, 0.3, 0], [0, 0, 1]])
    scene["objects"] = [{"match": {"label": "*"}, "temperature_c": {"value": 9, "source": "estimated"}}]
    video = write_video(tmp_path / "t.mkv", [np.full(SIZE[::-1], 30.0)] * api.COUNT)
    done = encode(clips, tmp_path / "a.cssv", scene, video)
    assert set(rows_by_track(done.path)[2]) == {9}


def test_ranges_of_the_scene_hold(heat, clips, tmp_path):
    scene = PLACED | {"ranges": {"temperature_c": [0, 100]}}
    assert encode(clips, tmp_path / "a.cssv", scene, heat.video).ranges.temperature_c == (0, 100)


def test_ranges_hold_what_is_read_not_what_lies_around(clips, api, tmp_path):
    pictures = [seen(api.boxes_at(n), (310.0, 20.0)) for n in range(api.COUNT)]
    for picture in pictures:
        picture[:3] = 900
    done = encode(clips, tmp_path / "a.cssv", PLACED, write_video(tmp_path / "t.mkv", pictures))
    assert done.ranges.temperature_c[0] <= 20
    assert 310 < done.ranges.temperature_c[1] <= 320


def test_a_commit_keeps_what_was_read(file, heat, api):
    before = rows_by_track(file)
    scene = {"cssv_scene": 1, "objects": [{"match": {"track": 1}, "density_kg_m3": 985}]}
    cssv.commit(file, scene)
    assert rows_by_track(file) == before
    scene["objects"].append({"match": {"label": "*"}, "temperature_c": 20, "name": "calibrated"})
    cssv.commit(file, scene)
    assert {t: set(values) for t, values in rows_by_track(file).items()} == {1: {20}, 2: {20}}
    scene["objects"][1]["temperature_c"] = {"value": 20, "source": "estimated"}
    cssv.commit(file, scene)
    assert rows_by_track(file) == before
    assert cssv.verify(file).is_sound
    with cssv.open(file) as clip:
        (low, high), row = heat.done.ranges.temperature_c, clip[4].objects_in_pixels[0]
        assert row.temperature_c == pytest.approx(WARM, abs=(high - low) / 16)


def test_given_and_replaced_objects_keep_their_readings(heat, clips, api, tmp_path):
    x, y, w, h = api.boxes_at(0)[0]
    cart = {
        "name": "cart",
        "trajectory": [
            {"time_s": 0, "box_px": [x, y, w, h]},
            {"time_s": 0.92, "box_px": [x + 46, y + 23, w, h]},
        ],
    }
    path = encode(clips, tmp_path / "a.cssv", PLACED | {"objects": [cart]}, heat.video).path
    rows = rows_by_track(path)
    assert 1 not in rows
    assert set(rows[1_000_000]) == {WARM}
    # The same entry with more to say; then without it, so that the perceived object is back.
    cssv.commit(path, {"cssv_scene": 1, "objects": [cart | {"density_kg_m3": 400}]})
    assert rows_by_track(path) == rows
    cssv.commit(path, {"cssv_scene": 1})
    assert {t: set(values) for t, values in rows_by_track(path).items()} == {1: {WARM}, 2: {COLD}}


def test_a_sample_tells_the_reading(heat):
    state = ObjectState(
        1, "a", 0.5, (1, 2, 3, 4), (0, 0), (0, 0), (0, 0), 1.0, Value(20), thermal_c=Value(21.5, 0.3)
    )
    sample = SceneSample(3, (state,))
    assert read_sample(write_sample(sample)) == sample


# ---- time


def rising(count, rate):
    """Uniform pictures whose temperature is 20 °C at first and rises by 10 °C a second."""
    return [np.full(SIZE[::-1], 20 + 10 * n / rate) for n in range(count)]


def first_temperatures(path):
    with cssv.open(path) as clip:
        return [(float(moment.time), moment.objects[0].temperature_c) for moment in clip]


def test_a_frame_takes_the_nearest_picture(clips, tmp_path):
    video = write_video(tmp_path / "t.mkv", rising(9, 9), rate=9)
    done = encode(clips, tmp_path / "a.cssv", PLACED, video)
    for time_s, celsius in first_temperatures(done.path):
        assert celsius == pytest.approx(20 + 10 * min(round(time_s * 9), 8) / 9, abs=0.011)


def test_an_offset_places_a_longer_recording(clips, tmp_path):
    video = write_video(tmp_path / "t.mkv", rising(100, 25))
    words = refused(clips, tmp_path, PLACED, video)
    assert "4.00 s (100 pictures)" in words
    assert "0.96 s (24 frames)" in words
    assert "time_offset_s" in words
    done = encode(clips, tmp_path / "a.cssv", thermal_scene(time_offset_s=-1.6), video)
    for time_s, celsius in first_temperatures(done.path):
        assert celsius == pytest.approx(20 + 10 * (time_s + 1.6), abs=0.011)
    # Part of a clip: the offset is in the time of the whole clip.
    part = encode(clips, tmp_path / "b.cssv", thermal_scene(time_offset_s=-1.6), video, start="0.4")
    found = first_temperatures(part.path)
    assert found[0] == (0.0, pytest.approx(40.0, abs=0.011))
    with cssv.open(part.path) as clip:
        assert clip.scene.thermal.time_offset_s == pytest.approx(-2.0)


def test_a_recording_as_long_as_the_clip_serves_a_part_of_it(clips, heat, tmp_path, api):
    video = write_video(tmp_path / "t.mkv", rising(24, 25))
    done = encode(clips, tmp_path / "a.cssv", PLACED, video, start="0.4", stop="0.8")
    assert first_temperatures(done.path)[0] == (0.0, pytest.approx(24.0, abs=0.011))
    folder = write_folder(tmp_path / "f", rising(24, 25))
    same = encode(clips, tmp_path / "b.cssv", PLACED, folder, start="0.4", stop="0.8")
    assert same.path.read_bytes() == done.path.read_bytes()


def test_a_rate_corrects_a_recording(clips, tmp_path):
    video = write_video(tmp_path / "t.mkv", rising(24, 25), rate=9)
    assert "thermal.rate" in refused(clips, tmp_path, PLACED, video)
    done = encode(clips, tmp_path / "a.cssv", thermal_scene(rate=25), video)
    assert [c for _, c in first_temperatures(done.path)] == pytest.approx(
        [20 + 0.4 * n for n in range(24)], abs=0.011
    )
    folder = write_folder(tmp_path / "f", rising(12, 12.5))
    assert "12 pictures" in refused(clips, tmp_path, PLACED, folder)
    done = encode(clips, tmp_path / "a.cssv", thermal_scene(rate=12.5), folder)
    assert first_temperatures(done.path)[4][1] == pytest.approx(21.6, abs=0.011)
    whole = write_folder(tmp_path / "w", rising(24, 25))
    assert "thermal.rate" in refused(clips, tmp_path, thermal_scene(time_offset_s=0), whole)


@pytest.mark.parametrize(("count", "offset_s"), [(24, 0.5), (24, -0.5), (100, 20), (10, 0)])
def test_a_recording_that_does_not_cover_the_clip(clips, tmp_path, count, offset_s):
    video = write_video(tmp_path / "t.mkv", rising(count, 25))
    words = refused(clips, tmp_path, thermal_scene(time_offset_s=offset_s), video)
    assert "does not cover the clip" in words
    assert "0.00 to 0.92 s" in words


def test_where_the_camera_paused_nothing_is_read(clips, tmp_path):
    path = tmp_path / "t.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray16le"
        stream.codec_context.time_base = Fraction(1, 25)
        for number in (*range(8), *range(18, 24)):
            frame = av.VideoFrame.from_ndarray(as_counts(np.full(SIZE[::-1], 25.0)), format="gray16le")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = encode(clips, tmp_path / "a.cssv", PLACED, path)
    unread = [n for n, (_, celsius) in enumerate(first_temperatures(done.path)) if celsius is None]
    assert unread
    assert set(unread) <= set(range(8, 18))
    assert 12 in unread


def test_one_picture_is_in_memory_at_a_time(tmp_path):
    count, size = 60, (400, 300)
    folder = write_folder(tmp_path / "f", [np.full(size[::-1], 20.0 + n) for n in range(count)])
    stamps = Stamps(np.arange(count), Fraction(1, 25))
    nobody = Shown(())
    tracemalloc.start()
    try:
        gauge = Thermometer(
            folder, Thermal(scale=0.01, offset_c=-273.15), size=size, part=stamps, whole=stamps
        )
        warm = gauge.follow(Ranges())
        for number in range(count):
            warm(nobody, stamps[number], None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * size[0] * size[1] * 4 < count * size[0] * size[1] * 4


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


def test_the_thermal_file_is_not_overwritten(clips, heat, tmp_path):
    video = shutil.copy(heat.video, tmp_path / "t.mkv")
    before = video.read_bytes()
    with pytest.raises(cssv.CssvError):
        encode(clips, video, PLACED, video)
    assert video.read_bytes() == before


# ---- one frame


def state_at(track, box):
    return ObjectState(track, "", 1.0, box, (0, 0), (0, 0), (0, 0), 1.0)


def test_who_is_hidden_is_not_read():
    celsius = np.full((60, 80), 20.0, np.float32)
    celsius[20:50, 20:50] = 30
    view = ThermalView(celsius, Mount.of(None, (80, 60), (80, 60)))
    near, far = state_at(1, (20, 20, 30, 30)), state_at(2, (22, 10, 24, 36))
    aside = state_at(3, (52, 10, 24, 36))
    shown, outlines = take_temperatures(
        Shown((near, far, aside), (far,)), Ranges(), np.zeros((60, 80), np.uint8), (80, 60), view
    )
    assert [state.thermal_c and state.thermal_c.value for state in shown.objects] == [30, None, 20]
    # One that is not drawn is hidden by none that is.
    assert shown.replaced[0].thermal_c is not None
    assert shown.replaced[0].temperature_c is None
    assert {track for track, _ in outlines} == {1, 2, 3}
    assert take_temperatures(shown, Ranges(), None, (80, 60), None) == (shown, {})


def test_large_outlines_are_sampled():
    radii, shift = pack_radii(superellipse(600, 500))
    outline = Outline(1, "", 255, (100, 50, 600, 500), radii, shift, Selector.RINGS, 0)
    hidden = np.zeros((600, 800), bool)
    x, y, share = _visible(outline, hidden)
    assert share == 1
    assert SAMPLES / 2 < x.size <= SAMPLES
    assert hidden[y, x].all()
    assert hidden.sum() > 100_000
    assert abs(x.mean() - 400) < 2
    assert abs(y.mean() - 300) < 2
    assert _visible(outline, hidden)[2] == 0


# ---- streams


def stream(path, api, pictures, scene):
    found = [cssv.detections(api.boxes_at(n), labels="block", ids=[1, 2]) for n in range(api.COUNT)]
    with cssv.Encoder(path, size=(api.WIDTH, api.HEIGHT), rate=25, scene=scene) as encoder:
        for picture, boxes, thermal in zip(api.pictures(), found, pictures, strict=True):
            given = None if thermal is None else thermal.copy()
            encoder.write(picture, boxes, given)
            if given is not None:
                given[:] = 0
    return rows_by_track(path)


@pytest.mark.parametrize("kind", ["counts", "float32", "float64"])
def test_a_stream_takes_thermal_pictures(tmp_path, api, pictures, kind):
    made = [as_counts(p) if kind == "counts" else p.astype(kind) for p in pictures]
    made[5] = None
    rows = stream(tmp_path / "a.cssv", api, made, PLACED)
    assert rows[1] == pytest.approx([WARM] * 5 + [None] + [WARM] * 18, abs=0.006)
    assert rows[2] == pytest.approx([COLD] * 5 + [None] + [COLD] * 18, abs=0.006)


def test_thermal_pictures_that_a_stream_refuses(tmp_path, api, pictures):
    whole, boxes = api.pictures(count=3), cssv.detections(api.boxes_at(0))
    with cssv.Encoder(
        tmp_path / "a.cssv", size=(api.WIDTH, api.HEIGHT), rate=25, scene=thermal_scene()
    ) as encoder:
        encoder.write(whole[0], boxes, pictures[0])
        for bad in (pictures[0][None], pictures[0].astype(np.uint8), pictures[0].astype(complex)):
            with pytest.raises(FrameError, match="not a thermal picture"):
                encoder.write(whole[1], boxes, bad)
        with pytest.raises(FrameError, match=r"60x84.*100x84"):
            encoder.write(whole[1], boxes, pictures[0][:, :60])
        encoder.write(whole[1], boxes, pictures[1])
    with cssv.open(tmp_path / "a.cssv") as clip:
        assert len(clip) == 2
    bare = cssv.Encoder(tmp_path / "b.cssv", size=(api.WIDTH, api.HEIGHT), rate=25)
    with pytest.raises(FrameError, match="uint16 counts with a scale"):
        bare.write(whole[0], boxes, as_counts(pictures[0]))
    with pytest.raises(ThermalError, match="homography"):
        bare.write(whole[0], boxes, pictures[0][:30])
    bare.abort()


# ---- real cameras


def test_a_real_recording_beside_a_clip(data, tmp_path):
    """The recording is its own clip, in grey; what it reads in a box is what its counts say there."""
    from cssv.thermal.cptv import CptvVideo

    path = data / "thermal" / "cacophony_v2.cptv"
    counts = [array for array, _ in CptvVideo(path)]
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as container:
        made = container.add_stream("ffv1", rate=9)
        made.width, made.height, made.pix_fmt = 160, 120, "yuv420p"
        for number, array in enumerate(counts):
            grey = np.clip((array.astype(int) - 2600) // 2, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.dstack([grey] * 3), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts = number
            container.mux(made.encode(frame))
        container.mux(made.encode(None))
    box = (60, 40, 30, 36)
    (tmp_path / "boxes.txt").write_text(
        "".join(f"{n + 1},1,{','.join(map(str, box))},0.9\n" for n in range(len(counts)))
    )
    scene = {"cssv_scene": 1, "thermal": {"scale": 0.05, "offset_c": -115}}
    done = cssv.encode(
        clip, tmp_path / "a.cssv", boxes=tmp_path / "boxes.txt", scene=scene, thermal=path, created_s=0
    )
    rows = rows_by_track(done.path)[1]
    assert len(rows) == 100
    for celsius, array in zip(rows, counts, strict=True):
        inside = array[40:76, 60:90].astype(float) * 0.05 - 115
        low, high = np.quantile(inside, [0.25, 0.75])
        assert low <= celsius <= high


def test_a_flir_still_beside_a_clip(data, api, tmp_path):
    api.write_clip(tmp_path / "clip.mkv", width=160, height=120)
    (tmp_path / "boxes.txt").write_text("".join(f"{n + 1},1,40,30,60,60,0.9\n" for n in range(api.COUNT)))
    done = cssv.encode(
        tmp_path / "clip.mkv", tmp_path / "a.cssv", boxes=tmp_path / "boxes.txt",
        thermal=data / "thermal" / "Flir_E40.jpg",
    )  # fmt: skip
    rows = rows_by_track(done.path)[1]
    assert len(rows) == api.COUNT
    assert all(17.9 < celsius < 24.7 for celsius in rows)
    assert CENTIKELVIN.scale == 0.01
