"""Random access, loops and what a moment tells; from a .cssv and from copies of it."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import av
import numpy as np
import pytest

import cssv
from cssv.errors import VideoError
from cssv.testing import clips as synthetic

KINDS = ["h264", "ffv1", "vp9", ".mkv", ".mp4", ".webm", "folder"]


@pytest.fixture(scope="module")
def source(encode, tmp_path_factory):
    """``source(kind)``: the clip with that codec, or a copy of that kind."""
    folder = tmp_path_factory.mktemp("copies")
    made = {}

    def make(kind):
        if kind in ("h264", "ffv1", "vp9"):
            return encode(codec=kind, lossless=True)
        if kind not in made:
            made[kind] = folder / ("folder" if kind == "folder" else f"copy{kind}")
            cssv.export(encode(lossless=True), made[kind])
        return made[kind]

    return make


@pytest.fixture(scope="module")
def stego(encode):
    """Lossless, so that each codec has the same pixels, and a single picture tells all."""
    return encode(lossless=True)


@pytest.fixture(scope="module")
def heats(stego):
    with cssv.Decoder(stego) as decoder:
        return [moment.heat for moment in decoder]


@pytest.mark.parametrize("kind", KINDS)
def test_any_order_equals_the_order_of_time(kind, source, heats):
    order = list(range(synthetic.COUNT)) * 2
    random.Random(kind).shuffle(order)
    with cssv.open(source(kind)) as clip:
        assert len(clip) == synthetic.COUNT
        for index in order:
            moment = clip[index]
            assert moment.number == index
            assert moment.time == Fraction(index, synthetic.RATE)
            assert np.array_equal(moment.heat, heats[index])


@pytest.mark.parametrize("kind", ["h264", ".mkv", "folder"])
def test_two_loops_at_once_do_not_disturb_each_other(kind, source, heats):
    with cssv.open(source(kind)) as clip:
        slow, fast = iter(clip), iter(clip)
        seen = []
        for number in range(6):
            seen.append(next(slow).number)
            assert next(fast).number == 2 * number
            assert next(fast).number == 2 * number + 1
            assert np.array_equal(clip[-1].heat, heats[-1])
        assert seen == list(range(6))


@pytest.mark.parametrize("kind", ["h264", ".mkv"])
def test_a_loop_may_break_off_and_begin_again(kind, source):
    with cssv.open(source(kind)) as clip:
        for moment in clip:
            if moment.number == 3:
                break
        assert [moment.number for moment in clip] == list(range(len(clip)))


@pytest.mark.parametrize("kind", ["h264", ".mkv", "folder"])
def test_bounds(kind, source):
    with cssv.open(source(kind)) as clip:
        assert clip[-1].number == synthetic.COUNT - 1
        assert clip[-synthetic.COUNT].number == 0
        assert clip[np.int64(3)].number == 3
        for index in (synthetic.COUNT, -synthetic.COUNT - 1, 10**30, -(10**30)):
            with pytest.raises(IndexError, match="24 frames"):
                clip[index]
        # A refused index disturbs nothing.
        assert clip[4].number == 4


@pytest.mark.parametrize("index", [1.0, "1", None, (1, 2)])
def test_only_whole_numbers_index(index, stego):
    with cssv.open(stego) as clip, pytest.raises(TypeError, match="one whole number"):
        clip[index]


def test_a_moment_outlives_its_clip(stego, source):
    for path in (stego, source(".mkv")):
        with cssv.open(path) as clip:
            moment = clip[5]
        assert len(moment.objects) == len(moment.objects_in_pixels) == 2
        assert moment.heat.shape == moment.frame.planes.shape
        assert moment.picture.shape == moment.overlay.shape


def test_a_closed_clip_says_so(stego):
    clip = cssv.open(stego)
    clip.close()
    clip.close()
    with pytest.raises(cssv.CssvError, match="closed"):
        clip[0]


def test_metadata_and_pixels_agree(stego, source):
    ranges = cssv.info(stego).ranges
    with cssv.open(stego) as clip, cssv.open(source(".mkv")) as copy:
        assert clip.scene.objects
        for number in range(4, 20):
            told = {row.track: row for row in clip[number].objects}
            seen = {row.track: row for row in copy[number].objects}
            assert told.keys() == seen.keys() == {1, 2}
            for track, row in told.items():
                other = seen[track]
                assert (row.source, other.source) == ("metadata", "pixels")
                assert abs(row.x_px - other.x_px) <= 1
                assert abs(row.h_px - other.h_px) <= 1
                assert math.hypot(row.vx_px_s - other.vx_px_s, row.vy_px_s - other.vy_px_s) <= 100 / 16
                assert abs(row.temperature_c - other.temperature_c) <= 80 / 16
                assert abs(row.density_kg_m3 - other.density_kg_m3) <= 2000 / 16
    assert ranges.speed_px_s == (0, 100)


def test_pixels_of_the_file_equal_pixels_of_its_copy(stego, source):
    with cssv.open(stego) as clip, cssv.open(source(".webm")) as copy:
        for number in (0, 11, 23):
            assert clip[number].objects_in_pixels == copy[number].objects


def test_scene_of_a_copy_does_not_disturb_a_seek(source):
    with cssv.Decoder(source(".mkv")) as decoder:
        decoder.seek(7)
        assert decoder.scene.environment.humidity_pct.value == 61
        assert next(iter(decoder)).number == 7


def test_a_decoder_loops_again_from_the_start(source):
    for kind in ("h264", ".mkv", "folder"):
        with cssv.Decoder(source(kind)) as decoder:
            for _ in range(2):
                assert [m.number for m in decoder] == list(range(len(decoder)))


@pytest.mark.parametrize("kind", ["h264", ".mkv", "folder"])
@pytest.mark.parametrize("number", [-1, 24, 1000])
def test_seeking_beyond_the_clip(kind, number, source):
    with cssv.Decoder(source(kind)) as decoder, pytest.raises(VideoError, match="no such frame"):
        decoder.seek(number)


def test_a_recording_of_a_copy_that_begins_in_the_middle(clips, tmp_path):
    """Packets before the first key frame cannot be decoded; the frames after it are whole."""
    long = synthetic.write_clip(tmp_path / "long.mkv", count=90)
    stego = cssv.encode(long, tmp_path / "long.cssv", boxes=clips / "boxes.txt", lossless=True).path
    with cssv.Decoder(stego) as decoder:
        heats = [moment.heat for moment in decoder]
    whole, source = cssv.export(stego, tmp_path / "copy.mp4").path, tmp_path / "cut.ts"
    with av.open(str(whole)) as before, av.open(str(tmp_path / "copy.ts"), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    data = (tmp_path / "copy.ts").read_bytes()
    source.write_bytes(data[len(data) // 188 // 3 * 188 :])
    with cssv.Decoder(source) as decoder:
        numbers = [moment.number for moment in decoder]
    assert 0 < len(numbers) < len(heats)
    with cssv.open(source) as clip:
        assert len(clip) == len(numbers)
        for index in (0, len(numbers) - 1, len(numbers) // 2):
            assert clip[index].number == numbers[index]
            assert np.array_equal(clip[index].heat, heats[numbers[index]])
        assert [moment.number for moment in clip] == numbers


def test_info_of_every_kind(encode, source, clips, tmp_path):
    told = {
        "cssv": cssv.info(encode(name="sound.mp4")),
        "copy": cssv.info(source(".mp4")),
        "plain": cssv.info(clips / "sound.mp4"),
    }
    for kind, found in told.items():
        assert found.kind == kind
        assert (found.video.width, found.video.height) == (192, 160)
        assert found.frames == 24
        assert found.to_json()["carries"] == (kind != "plain")
    assert told["cssv"].facts["source"]["codec"] == "mpeg4"
    assert told["cssv"].versions[0].created_s == 1_700_000_000
    assert [name for name, _, _ in told["cssv"].boxes] == ["ftyp", "mdat", "moov", "cssv"]
    assert sum(size for _, _, size in told["cssv"].boxes) == told["cssv"].size_bytes
    assert told["copy"].ranges == told["cssv"].ranges
    assert told["cssv"].video.has_audio
    assert told["plain"].ranges is None
    folder = cssv.info(source("folder"))
    assert (folder.kind, folder.frames, folder.size_bytes) == ("copy", 24, None)
    one = cssv.info(sorted(source("folder").iterdir())[9])
    assert (one.kind, one.frames, one.first_frame) == ("copy", 1, 9)


@pytest.mark.parametrize("call", [cssv.info, cssv.open, cssv.Decoder, cssv.verify, cssv.encode, cssv.decode])
def test_what_is_not_there_is_named(call, tmp_path):
    with pytest.raises(cssv.CssvError, match=r"nothing\.mp4"):
        call(tmp_path / "nothing.mp4")
    (tmp_path / "text.mp4").write_text("not a clip")
    with pytest.raises(cssv.CssvError):
        call(tmp_path / "text.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


def test_export_keeps_pixels_and_sound(encode, tmp_path):
    stego = encode(name="sound.mp4")
    planes = synthetic.source_planes(stego)
    for suffix in (".mkv", ".mp4", ".webm"):
        done = cssv.export(stego, tmp_path / f"x{suffix}")
        assert done.frames == synthetic.COUNT
        for before, after in zip(planes, synthetic.source_planes(done.path), strict=True):
            assert np.array_equal(before, after)
        assert cssv.info(done.path).video.has_audio or done.notes


def test_export_refuses(stego, clips, tmp_path):
    with pytest.raises(cssv.CssvError, match=r"\.mkv, \.mp4, \.webm"):
        cssv.export(stego, tmp_path / "x.gif")
    with pytest.raises(cssv.CssvError, match="carry no heat map"):
        cssv.export(clips / "clip.mkv", tmp_path / "x.mkv")
    with pytest.raises(cssv.CssvError, match="carry no heat map"):
        cssv.export(clips / "clip.mkv", tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_track_writes_mot(clips, tmp_path):
    found = cssv.track(clips / "clip.mkv", tmp_path / "t.txt", boxes=clips / "boxes.txt")
    rows = np.loadtxt(tmp_path / "t.txt", delimiter=",")
    assert found.rows == len(rows) == 2 * synthetic.COUNT
    for frame, track, *box in rows[:, :6]:
        assert np.abs(np.subtract(box, synthetic.boxes_at(int(frame) - 1)[int(track) - 1])).max() < 1
    alone = cssv.track(boxes=clips / "boxes.txt", rate=25)
    assert [track.id for track in alone.tracks] == [1, 2]
    assert np.allclose(alone.tracks[0].boxes_px, found.tracks[0].boxes_px)


def test_track_needs_something(tmp_path):
    with pytest.raises(cssv.CssvError, match="nothing to track"):
        cssv.track(None, tmp_path / "t.txt")
    (tmp_path / "far.txt").write_text("1,1,5,5,9,9,1\n2000000000,1,5,5,9,9,1\n")
    with pytest.raises(cssv.CssvError, match="frame"):
        cssv.track(boxes=tmp_path / "far.txt")
