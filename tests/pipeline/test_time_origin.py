"""Clips that begin late by their own clock begin at 0 once encoded."""

from __future__ import annotations

from fractions import Fraction

import pytest

import cssv
from cssv.container import Reader
from cssv.errors import VideoError
from cssv.frames import Frame
from cssv.testing.clips import SCENE, Truth, pictures, write_clip
from cssv.video import AudioCopy, Span, VideoReader

LATE_S = 3600


@pytest.fixture(scope="module", params=["mkv", "ts", "mp4"])
def late(request, tmp_path_factory):
    """A clip of a second whose first frame is at one hour."""
    path = tmp_path_factory.mktemp("late") / f"late.{request.param}"
    stamps = [LATE_S * 25 + number for number in range(25)]
    return write_clip(path, codec="mpeg4", count=25, pts=stamps, time_base=Fraction(1, 25))


def first_time(path):
    with VideoReader(path) as reader:
        return next(iter(reader)).time


def test_a_late_clip_begins_at_0_and_the_facts_say_where(late, tmp_path):
    origin = first_time(late)
    assert origin >= LATE_S
    done = cssv.encode(late, tmp_path / "x.cssv", scene=SCENE, detector=Truth(), lossless=True)
    assert any(f"time 0 of the file is {float(origin):g} s" in note for note in done.notes)
    found = cssv.info(done.path)
    assert (found.facts["start_s"], found.duration_s, found.video.start_s) == (str(origin), 1, 0)
    with cssv.open(done.path) as clip:
        assert [moment.time for moment in clip] == [Fraction(number, 25) for number in range(25)]
        assert [row.time_s for row in clip[24].objects] == [0.96] * 2


def test_info_says_where_a_late_clip_begins(late):
    found = cssv.info(late)
    assert found.video.start_s == first_time(late)
    assert found.to_json()["start_s"] == float(found.video.start_s)
    assert found.duration_s == 1


def test_a_part_of_a_late_clip_counts_on_its_own_clock(late, tmp_path):
    origin = first_time(late)
    done = cssv.encode(
        late, tmp_path / "x.cssv", detector=Truth(), start=origin + Fraction(2, 5), lossless=True
    )
    assert done.frames == 15
    with Reader(done.path) as reader:
        assert reader.video.start == 0
        assert reader.version.about.meta["start_s"] == str(origin + Fraction(2, 5))


@pytest.mark.parametrize("span", [{"stop": 1}, {"start": 4000}, {"start": 1, "stop": 2}])
def test_a_span_outside_says_where_the_clip_lies(late, tmp_path, span):
    first = first_time(late)
    last = first + Fraction(24, 25)
    with pytest.raises(VideoError) as caught:
        cssv.encode(late, tmp_path / "x.cssv", detector=Truth(), **span)
    assert f"from {float(first):g} s to {float(last):.2f} s" in str(caught.value)
    with (
        VideoReader(late, span=Span(**span)) as reader,
        pytest.raises(VideoError, match="times from 36"),
    ):
        list(reader)


def test_times_in_the_scene_are_those_of_the_clip(late, tmp_path):
    # Between two frames, where block 1 has its centre near (62, 66).
    at_s = float(first_time(late)) + 0.5
    scene = {"cssv_scene": 1, "objects": [{"match": {"at_s": at_s, "near_px": [62, 66]}, "name": "first"}]}
    path = cssv.encode(late, tmp_path / "x.cssv", scene=scene, detector=Truth(), lossless=True).path
    with cssv.open(path) as clip:
        assert [state.name for state in clip[3].states] == ["first", None]
        assert clip.scene.objects[0].match.at_s == pytest.approx(0.5)


def test_a_commit_says_which_times_its_scene_has(late, tmp_path):
    path = cssv.encode(late, tmp_path / "x.cssv", detector=Truth(), lossless=True).path
    notes = cssv.commit(path, {"cssv_scene": 1, "environment": {"ambient_temperature_c": 3}}).notes
    assert any(f"begins {float(first_time(late)):g} s into the clip" in note for note in notes)
    assert cssv.info(path).facts["start_s"] == str(first_time(late))


def test_a_real_late_clip(data, tmp_path, ffprobe):
    path = cssv.encode(
        data / "cases" / "late_start.mkv", tmp_path / "x.cssv", detector="motion", lossless=True
    ).path
    assert float(ffprobe(path, "-show_format")["format"]["duration"]) == 2
    assert cssv.info(path).facts["start_s"] == "95000"


@pytest.fixture(scope="module")
def with_sound(tmp_path_factory, ffmpeg):
    """Picture and sound that begin at one hour, the picture a fifth of a second later."""
    path = tmp_path_factory.mktemp("sound") / "late.mkv"
    picture = ("-itsoffset", "0.2", "-f", "lavfi", "-i", "testsrc=size=192x160:rate=25:duration=1")
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000")
    ffmpeg(*picture, *sound, "-c:v", "mpeg4", "-c:a", "aac", "-output_ts_offset", LATE_S, path)
    return path


def test_the_sound_of_a_late_clip_stays_in_step(with_sound, tmp_path):
    _, packet = next(iter(AudioCopy(with_sound)))
    ahead_s = first_time(with_sound) - packet.pts * packet.time_base
    assert ahead_s > Fraction(1, 10)
    with Reader(
        cssv.encode(with_sound, tmp_path / "x.cssv", detector="motion", lossless=True).path
    ) as reader:
        (audio,) = [track for track in reader.tracks if track.kind == "audio"]
        starts = [track.start * track.time_base for track in (reader.video, audio)]
    assert starts[0] - starts[1] == pytest.approx(ahead_s, abs=0.001)
    assert 0 <= min(starts) < Fraction(1, 1000)


def test_the_sound_of_a_late_clip_follows_frames_that_are_counted(with_sound, tmp_path):
    path = cssv.encode(with_sound, tmp_path / "x.cssv", detector="motion", rate=25, lossless=True).path
    with Reader(path) as reader:
        (audio,) = [track for track in reader.tracks if track.kind == "audio"]
        assert (reader.video.start, audio.start) == (0, 0)
        assert "start_s" not in reader.version.about.meta


@pytest.mark.parametrize(("ending", "offset"), [("ts", 0), ("mkv", 2), ("mp4", 4)])
def test_small_starts_stay(tmp_path, ending, offset):
    stamps = [offset * 25 + number for number in range(5)]
    path = write_clip(tmp_path / f"a.{ending}", codec="mpeg4", count=5, pts=stamps, time_base=Fraction(1, 25))
    with Reader(cssv.encode(path, tmp_path / "x.cssv", detector=Truth(), lossless=True).path) as reader:
        assert reader.video.start * reader.video.time_base == first_time(path)
        assert "start_s" not in reader.version.about.meta


@pytest.mark.parametrize("first", [900_000_000_000_000, 3_600_000_000])
def test_a_stream_may_have_the_stamps_of_any_clock(tmp_path, first):
    base = Fraction(1, 1_000_000)
    begin_s = first * base
    trajectory = [
        {"time_s": float(begin_s), "box_px": [10, 10, 40, 40]},
        {"time_s": float(begin_s) + 1, "box_px": [50, 10, 40, 40]},
    ]
    scene = {"cssv_scene": 1, "objects": [{"name": "given", "trajectory": trajectory}]}
    with cssv.Encoder(
        tmp_path / "x.cssv", size=(192, 160), rate=25, time_base=base, scene=scene, lossless=True
    ) as encoder:
        for number, picture in enumerate(pictures(count=10)):
            frame = Frame(picture, "rgb24", first + 40_000 * number, base, number)
            encoder.write(frame, cssv.detections([], []))
        notes = encoder.notes
    with cssv.open(tmp_path / "x.cssv") as clip:
        assert [moment.time for moment in clip] == [Fraction(number, 25) for number in range(10)]
        found = [[state.box_px[0] for state in moment.states] for moment in clip]
        assert found[0] == [pytest.approx(10, abs=0.01)]
        assert found[9] == [pytest.approx(10 + 40 * 9 / 25, abs=0.01)]
    assert cssv.info(tmp_path / "x.cssv").facts["start_s"] == str(begin_s)
    assert any("by the clip's own clock" in note for note in notes)


def test_a_stream_keeps_a_small_start(tmp_path):
    with cssv.Encoder(tmp_path / "x.cssv", size=(192, 160), rate=25, lossless=True) as encoder:
        for number, picture in enumerate(pictures(count=3)):
            encoder.write(Frame(picture, "rgb24", 25 + number, Fraction(1, 25), number))
    with Reader(tmp_path / "x.cssv") as reader:
        assert reader.video.start * reader.video.time_base == 1
