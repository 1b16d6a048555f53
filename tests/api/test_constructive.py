"""Clips with the constructive carrier: encoded, copied, cut, committed, streamed, and read again."""

from __future__ import annotations

import json
import re
import subprocess

import numpy as np
import pytest

import cssv
from cssv.carriers.constructive.carrier import ConstructiveCarrier
from cssv.carriers.constructive.extractor import GIVE_UP_FRAMES, ConstructiveExtractor
from cssv.container import Reader
from cssv.errors import NibblesLostError, OptionError
from cssv.frames import planes_crc
from cssv.template.certainty import planar_certainty, value_certainty
from cssv.testing import clips as synthetic
from cssv.view import overlay

#: The clip has 24 frames; at this rate they last 4.8 s, so that three windows hold 10, 10 and 4 of them.
RATE = 5


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("constructive") / "clip.cssv"
    cssv.encode(
        clips / "clip.mkv",
        path,
        scene=synthetic.SCENE,
        boxes=clips / "boxes.txt",
        carrier="constructive",
        rate=RATE,
        created_s=1,
    )
    return path


@pytest.fixture
def file(first, tmp_path):
    copy = tmp_path / "clip.cssv"
    copy.write_bytes(first.read_bytes())
    return copy


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def moments(path):
    with cssv.Decoder(path) as decoder:
        return [(m.number, m.time, m.heat, m.states_in_pixels, m.is_missing) for m in decoder]


def covers(path):
    with cssv.video.VideoReader(path) as reader:
        return [frame.planes for frame in reader]


def test_the_file_says_how_it_was_made_and_is_sound(first):
    found = cssv.info(first)
    assert found.facts["carrier"] == "constructive"
    assert found.facts["window"] == "2"
    assert cssv.verify(first).is_sound


def test_no_pixel_changes_by_more_than_one_level(first, clips):
    with cssv.open(first) as clip:
        stegos = [moment.frame.planes for moment in clip]
    originals = covers(clips / "clip.mkv")
    assert any((stego != cover).any() for stego, cover in zip(stegos, originals, strict=True))
    for stego, cover in zip(stegos, originals, strict=True):
        assert np.abs(stego.astype(int) - cover).max() <= 1
        assert np.array_equal(stego & 0xF0, cover & 0xF0)


def test_the_pixels_hold_what_the_scene_track_says(first):
    """Boxes within a pixel, all other values within 1/32 of their range."""
    with cssv.open(first) as clip:
        ranges = clip[0].clip.ranges
        pairs = [(moment.states, moment.states_in_pixels) for moment in clip]
    assert sum(len(exact) for exact, _ in pairs) > 24
    for exact, carried in pairs:
        for one, other in zip(exact, carried, strict=True):
            assert (one.track, one.label, one.name) == (other.track, other.label, other.name)
            for of in (lambda b: b[0] + b[2] / 2, lambda b: b[1] + b[3], lambda b: b[2], lambda b: b[3]):
                assert abs(of(one.box_px) - of(other.box_px)) <= 1.001
            speed = ranges.speed_px_s
            error = np.hypot(*np.subtract(one.velocity_px_s, other.velocity_px_s))
            assert error <= (speed[1] - speed[0]) / 32 + 1e-6
            certainties = [planar_certainty(state.sigma_px_s, speed) for state in (one, other)]
            assert abs(certainties[0] - certainties[1]) <= 1 / 32 + 1e-6
            for name in ("temperature_c", "density_kg_m3"):
                span = getattr(ranges, name)
                mine, theirs = getattr(one, name), getattr(other, name)
                if mine is None or theirs is None:
                    assert mine == theirs
                    continue
                assert abs(mine.value - theirs.value) <= (span[1] - span[0]) / 32 + 1e-6
                assert abs(value_certainty(mine, span) - value_certainty(theirs, span)) <= 1 / 32 + 1e-6


@pytest.mark.parametrize("options", [("-c", "copy"), ("-c:v", "ffv1"), ("-c:v", "libx264", "-qp", "0")])
def test_the_heat_map_of_a_copy_is_the_same_bytes(first, tmp_path, options):
    ffmpeg("-i", first, "-map", "0:v", *options, tmp_path / "copy.mkv")
    for one, other in zip(moments(first), moments(tmp_path / "copy.mkv"), strict=True):
        assert one[:2] == other[:2]
        assert one[2].any()
        assert np.array_equal(one[2], other[2])
        assert one[3] == other[3]


def test_a_cut_copy_keeps_whole_windows(first, tmp_path):
    """Frames of a window that is cut have no heat map, and the result says so."""
    ffmpeg("-i", first, "-map", "0:v", "-vf", "trim=start_frame=4,setpts=PTS-STARTPTS", "-c:v", "ffv1",
           tmp_path / "cut.mkv")  # fmt: skip
    whole, cut = moments(first), moments(tmp_path / "cut.mkv")
    assert [number for number, *_ in cut] == list(range(4, 24))
    assert [missing for *_, missing in cut] == [True] * 6 + [False] * 14
    for one, other in zip(whole[10:], cut[6:], strict=True):
        assert np.array_equal(one[2], other[2])
    assert not any(heat.any() for _, _, heat, _, _ in cut[:6])
    done = cssv.decode(tmp_path / "cut.mkv", objects=tmp_path / "o.csv")
    assert (done.frames, done.missing_frames) == (20, 6)


def test_random_access_is_like_reading_in_order(first, tmp_path):
    ffmpeg("-i", first, "-map", "0:v", "-c:v", "ffv1", tmp_path / "copy.mkv")
    for source in (first, tmp_path / "copy.mkv"):
        wanted = moments(source)
        with cssv.open(source) as clip:
            for number in (23, 3, 12, 13, 9, 0, 19):
                moment = clip[number]
                assert (moment.number, moment.time) == wanted[number][:2]
                assert np.array_equal(moment.heat, wanted[number][2])


def test_a_copy_tells_the_scene(first, tmp_path):
    """Windows carry parts of it in turn."""
    ffmpeg("-i", first, "-map", "0:v", "-c", "copy", tmp_path / "copy.mkv")
    with cssv.open(tmp_path / "copy.mkv") as clip:
        scene = clip.scene
        assert clip[0].plane is None
    given = synthetic.SCENE["environment"]
    assert scene.environment.humidity_pct.value == pytest.approx(given["humidity_pct"], rel=1e-2)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A clip of 400x320 pixels with objects in opposite corners, and its original."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(7)
    noise = rng.integers(40, 60, (320, 400, 3), dtype=np.uint8)
    path = folder / "large.cssv"
    options = {"carrier": "constructive", "layout": "yuv420p"}
    with cssv.Encoder(path, size=(400, 320), rate=10, **options) as encoder:
        for number in range(40):
            picture, boxes = noise.copy(), [[60 + 2 * number, 60, 40, 60], [330 - 3 * number, 230, 50, 70]]
            for x, y, w, h in boxes:
                picture[y : y + h, x : x + w] = 220
            encoder.write(picture, cssv.detections(boxes, [0.9, 0.8], ["cart", "person"], [1, 2]))
    return path


@pytest.mark.parametrize(("x", "y"), [(0, 0), (140, 0), (238, 158), (26, 24), (240, 160)])
def test_a_crop_tells_of_all_objects_and_knows_its_place(large, tmp_path, x, y):
    ffmpeg("-i", large, "-map", "0:v", "-vf", f"crop=160:160:{x}:{y}", "-c:v", "ffv1", tmp_path / "crop.mkv")
    with cssv.open(large) as whole, cssv.open(tmp_path / "crop.mkv") as crop:
        assert len(crop) == len(whole) == 40
        compared = 0
        for moment, full in zip(crop, whole, strict=True):
            assert moment.origin == (x, y)
            assert moment.states == full.states_in_pixels
            assert len(moment.states) == 2
            # An object that lies inside of the crop is drawn as in the whole picture.
            luma, wanted = moment.heat[:160], full.heat[:320][y : y + 160, x : x + 160]
            for state in moment.states:
                left, top, w, h = map(round, state.box_px)
                right, low = left + w, top + h
                if min(left - x, top - y) < 20 or max(right - x, low - y) > 140:
                    continue
                part = slice(top - y, low - y), slice(left - x, right - x)
                assert luma[part].any()
                assert np.array_equal(luma[part], wanted[part])
                compared += 1
    assert compared or (x, y) != (26, 24)
    found = cssv.info(tmp_path / "crop.mkv")
    assert found.origin == (x, y)


@pytest.mark.parametrize(("x", "y", "shown"), [(0, 0, ["cart 1"]), (240, 160, ["person 2"]), (240, 0, [])])
def test_the_overlay_of_a_crop_labels_what_it_shows(large, tmp_path, monkeypatch, x, y, shown):
    texts, places = [], []
    plain = overlay.draw_text
    monkeypatch.setattr(
        overlay,
        "draw_text",
        lambda picture, text, left, top, *rest: (
            texts.append(text.split("  ")[0]),
            places.append((left, top)),
            plain(picture, text, left, top, *rest),
        ),
    )
    ffmpeg("-i", large, "-map", "0:v", "-vf", f"crop=160:160:{x}:{y}", "-c:v", "ffv1", tmp_path / "crop.mkv")
    with cssv.open(tmp_path / "crop.mkv") as crop:
        moment = crop[6]
        assert moment.overlay.shape == (160, 160, 3)
        # The other lines have the values.
        assert [text for text in texts if not re.search("px/s|°C|kg", text)] == shown
        assert all(0 <= left < 160 and 0 <= top < 160 for left, top in places)


def test_a_part_of_a_crop_that_is_too_small_tells_nothing(large, tmp_path):
    ffmpeg("-i", large, "-map", "0:v", "-vf", "crop=138:138:20:20", "-c:v", "ffv1", tmp_path / "crop.mkv")
    with pytest.raises(NibblesLostError):
        moments(tmp_path / "crop.mkv")


def test_copies_and_crops_have_velocities_on_the_ground(clips, tmp_path):
    """The camera is in the pixels, in parts that come in turn."""
    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["camera"] = {"homography": [[0.02, 0, -1], [0, 0.03, -2], [0, 0, 1]]}
    path = tmp_path / "ground.cssv"
    options = {"carrier": "constructive", "rate": RATE, "boxes": clips / "boxes.txt", "window": 1}
    cssv.encode(clips / "clip.mkv", path, scene=scene, **options)
    for name, crop in (("copy", "copy"), ("crop", "crop=160:160:20:0")):
        ffmpeg("-i", path, "-map", "0:v", "-vf", "null" if crop == "copy" else crop, "-c:v", "ffv1",
               tmp_path / f"{name}.mkv")  # fmt: skip
        with cssv.open(path) as exact, cssv.open(tmp_path / f"{name}.mkv") as carried:
            assert carried.scene.camera.homography == pytest.approx(
                np.array(scene["camera"]["homography"]), rel=1e-3
            )
            rows = [
                pair
                for a, b in zip(exact, carried, strict=True)
                for pair in zip(a.objects, b.objects, strict=True)
            ]
            assert len(rows) > 20
            for one, other in rows:
                assert other.vx_m_s == pytest.approx(one.vx_m_s, abs=0.02 * 200 / 32 + 0.02)
                assert other.vy_m_s == pytest.approx(one.vy_m_s, abs=0.03 * 200 / 32 + 0.02)


def test_a_lossy_copy_is_refused(first, tmp_path):
    ffmpeg("-i", first, "-map", "0:v", "-c:v", "libx264", "-crf", "28", tmp_path / "lossy.mp4")
    with pytest.raises(NibblesLostError, match=r"pixels of frame 0 of .* carry no heat map"):
        moments(tmp_path / "lossy.mp4")
    assert cssv.info(tmp_path / "lossy.mp4").kind == "plain"


def test_a_long_plain_clip_is_not_read_to_its_end(tmp_path, monkeypatch):
    """The search ends when no window can have begun."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x160:rate=50:duration=12"]
    ffmpeg(*source, "-c:v", "ffv1", "-pix_fmt", "yuv420p", tmp_path / "plain.mkv")
    read = []
    feed = ConstructiveExtractor.feed
    monkeypatch.setattr(ConstructiveExtractor, "feed", lambda *a: (read.append(1), feed(*a))[1])
    with pytest.raises(NibblesLostError, match="pixels of frame 0 of"):
        moments(tmp_path / "plain.mkv")
    assert len(read) == GIVE_UP_FRAMES + 1 < 600


@pytest.fixture
def warmer():
    scene = json.loads(json.dumps(synthetic.SCENE))
    scene["objects"][1]["temperature_c"] = 20
    return scene


def test_a_commit_changes_only_windows_that_differ(file, first):
    """An object that appears in the last window."""
    scene = json.loads(json.dumps(synthetic.SCENE))
    path = [{"time_s": time, "box_px": [100, 20, 30, 40]} for time in (4.2, 4.6)]
    scene["objects"].append({"name": "late", "label": "cart", "trajectory": path})
    done = cssv.commit(file, scene)
    with Reader(file) as after, Reader(first) as before:
        changed = np.flatnonzero(after.frames.stegos != before.frames.stegos)
    assert 0 < done.frames_changed == len(changed)
    assert changed.min() >= 20
    assert cssv.verify(file).is_sound
    with cssv.open(file) as clip:
        assert "late" in {state.name for state in clip[22].states_in_pixels}
        assert "late" not in {state.name for state in clip[20].states_in_pixels}


def test_commits_do_not_drift(file, first, warmer, tmp_path):
    """A chain of commits ends where one direct commit does, and going back shares the old frames."""
    direct = tmp_path / "direct.cssv"
    direct.write_bytes(first.read_bytes())
    cssv.commit(direct, warmer)
    for temperature in (18, 33, 20):
        scene = json.loads(json.dumps(warmer))
        scene["objects"][1]["temperature_c"] = temperature
        cssv.commit(file, scene)
    back = cssv.commit(file, synthetic.SCENE)
    with Reader(file, version=4) as chain, Reader(direct) as one, Reader(first) as old, Reader(file) as new:
        assert np.array_equal(chain.frames.stegos, one.frames.stegos)
        assert np.array_equal(new.frames.stegos, old.frames.stegos)
    assert back.frames_coded == 0
    assert cssv.verify(file).is_sound


def test_a_commit_with_the_cover_is_a_fresh_encoding(file, warmer, clips, tmp_path):
    cssv.commit(file, warmer, cover=clips / "clip.mkv")
    fresh = tmp_path / "fresh.cssv"
    cssv.encode(
        clips / "clip.mkv", fresh, scene=warmer, boxes=clips / "boxes.txt", carrier="constructive", rate=RATE
    )
    with Reader(file) as one, Reader(fresh) as other:
        changed = [n for n in range(24) if one.sample(1, n) != other.sample(1, n)]
        assert len(one) == len(other)
    with cssv.open(file) as one, cssv.open(fresh) as other:
        for mine, theirs in zip(one, other, strict=True):
            assert mine.states == theirs.states
            assert np.array_equal(mine.heat, theirs.heat)
            if mine.number in changed:
                assert planes_crc(mine.frame.planes) == planes_crc(theirs.frame.planes)


def test_export_keeps_the_payload(first, tmp_path):
    cssv.export(first, tmp_path / "out.mkv")
    cssv.export(first, tmp_path / "out.cssv")
    for path in (tmp_path / "out.mkv", tmp_path / "out.cssv"):
        for one, other in zip(moments(first), moments(path), strict=True):
            assert np.array_equal(one[2], other[2])


def test_diff_of_versions(file, warmer):
    cssv.commit(file, warmer)
    found = cssv.diff(file, 1, 2)
    assert found.to_json()["objects"]


def test_a_stream_carries_windows(tmp_path):
    """Frames wait until their window is complete; the last window may be short."""
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 36}]}
    path = tmp_path / "live.cssv"
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 30, (160, 192, 3), dtype=np.uint8)
    with cssv.Encoder(
        path, size=(192, 160), rate=10, scene=scene, carrier="constructive", window=1
    ) as encoder:
        for number in range(25):
            picture = noise.copy()
            picture[40:90, 10 + 4 * number : 40 + 4 * number] = 200
            box = [[10 + 4 * number, 40, 30, 50]]
            encoder.write(picture, cssv.detections(box, [0.9], ["cart"]))
    assert cssv.verify(path).is_sound
    found = moments(path)
    assert len(found) == 25
    assert all(len(states) == 1 for _, _, _, states, _ in found[3:])
    assert not any(missing for *_, missing in found)


@pytest.mark.parametrize(("window", "word"), [("0", "length"), ("61", "length"), ("-2", "length")])
def test_windows_have_bounds(clips, tmp_path, window, word):
    with pytest.raises(OptionError, match=word):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", carrier="constructive", window=window)
    assert not (tmp_path / "x.cssv").exists()


def test_options_belong_to_their_carrier(clips, tmp_path):
    with pytest.raises(OptionError, match="no option window"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", window=2)
    with pytest.raises(OptionError, match="no option merge"):
        cssv.encode(clips / "clip.mkv", tmp_path / "x.cssv", carrier="constructive", merge="opap")
    assert ConstructiveCarrier().options() == {"window": "2"}
