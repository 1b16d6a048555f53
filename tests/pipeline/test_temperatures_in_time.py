"""Thermal files beside clips: which picture belongs to a frame."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

import cssv
from cssv.perception.thermal.reader import ThermalReader
from cssv.perception.thermal.timeline import Stamps
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.thermal_file import ThermalReadings
from cssv.scene import Ranges, Thermal
from cssv.scene.thermal import CENTIKELVIN
from cssv.testing.thermal_clips import (
    PLACED,
    SIZE,
    as_counts,
    encode,
    refused,
    thermal_scene,
    write_cptv,
    write_folder,
    write_video,
)


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


@pytest.mark.parametrize(("version", "units"), [(1, 1_000_000), (2, 1000)])
def test_times_of_a_cptv_are_those_of_its_version(clips, tmp_path, version, units):
    """As milliseconds, the times of version 1 last 16 minutes: the file would seem to cover any clip."""
    times = [5 * units + 40 * units // 1000 * n for n in range(24)]
    file = write_cptv(tmp_path / "t.cptv", rising(24, 25), times, version)
    done = encode(clips, tmp_path / "a.cssv", thermal_scene(time_offset_s=0), file)
    assert [c for _, c in first_temperatures(done.path)] == pytest.approx(
        [20 + 0.4 * n for n in range(24)], abs=0.011
    )
    assert encode(clips, tmp_path / "b.cssv", PLACED, file).frames == 24
    words = refused(clips, tmp_path, thermal_scene(time_offset_s=-0.5), file)
    assert "does not cover the clip" in words
    assert "from -0.50 to 0.42 s" in words


def test_a_picture_for_each_frame_at_nearly_the_same_rate_is_paired_in_order(tmp_path, clips):
    times = [round(n * 1000 / 27.6) for n in range(24)]
    file = write_cptv(tmp_path / "t.cptv", rising(24, 25), times)
    done = encode(clips, tmp_path / "a.cssv", PLACED, file)
    assert [c for _, c in first_temperatures(done.path)] == pytest.approx(
        [20 + 0.4 * n for n in range(24)], abs=0.011
    )
    assert any("paired in order" in note for note in done.notes)
    slow = write_cptv(tmp_path / "slow.cptv", rising(24, 25), [2 * t for t in times])
    assert "another length" in refused(clips, tmp_path, PLACED, slow)
    other = write_cptv(tmp_path / "other.cptv", rising(30, 25), [round(n * 1000 / 27.6) for n in range(30)])
    assert "another length" in refused(clips, tmp_path, PLACED, other)
    assert "another length" in refused(clips, tmp_path, thermal_scene(rate=20), file)


def test_a_tiff_has_no_times(tmp_path, clips):
    """FFmpeg states 25 frames a second for formats of pictures; one picture is valid at all times."""
    path = tmp_path / "t.tif"
    Image.fromarray(as_counts(np.full(SIZE[::-1], 25.0))).save(path)
    reader = ThermalReader(path, unit=CENTIKELVIN)
    assert (reader.is_timed, reader.is_still) == (False, True)
    done = encode(clips, tmp_path / "a.cssv", PLACED, path)
    assert [c for _, c in first_temperatures(done.path)] == pytest.approx([25.0] * 24, abs=0.011)


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


def test_a_recording_as_long_as_the_clip_serves_a_part_of_it(clips, heat, tmp_path):
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
    done = encode(clips, tmp_path / "b.cssv", thermal_scene(rate=12.5), folder)
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
    nobody = FrameObjects(())
    tracemalloc.start()
    try:
        gauge = ThermalReadings(
            folder, Thermal(scale=0.01, offset_c=-273.15), size=size, part=stamps, whole=stamps
        )
        warm = gauge.follow(Ranges())
        for number in range(count):
            warm(nobody, stamps[number], None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * size[0] * size[1] * 4 < count * size[0] * size[1] * 4
