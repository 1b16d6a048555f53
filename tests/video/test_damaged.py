"""Joined recordings are whole; damaged frames are refused, left out or end the clip, as the option says."""

from __future__ import annotations

import av
import numpy as np
import pytest

import cssv
from cssv.errors import OptionError, VideoError
from cssv.testing.clips import write_clip
from cssv.video import VideoReader

COUNT = 20


@pytest.fixture(scope="module")
def segment(tmp_path_factory):
    """An MPEG-TS of 20 frames with a key frame every five."""
    path = tmp_path_factory.mktemp("segment") / "a.ts"
    options = {"x264-params": "keyint=5:min-keyint=5:scenecut=0:bframes=0"}
    return write_clip(path, codec="libx264", count=COUNT, options=options)


@pytest.fixture(scope="module")
def holed(segment, tmp_path_factory):
    """The same with one picture overwritten, and the number of the frame that FFmpeg finds damaged."""
    content = bytearray(segment.read_bytes())
    middle = len(content) // 2 // 188 * 188
    for packet in range(middle, middle + 5 * 188, 188):
        content[packet + 60 : packet + 188] = bytes(128)
    path = tmp_path_factory.mktemp("holed") / "holed.ts"
    path.write_bytes(content)
    flags = [picture.is_corrupt for picture in plain(path)]
    assert 0 < sum(flags) < COUNT
    return path, flags


def plain(path):
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        return list(container.decode(video=0))


def read(path, **options):
    with VideoReader(path, **options) as reader:
        frames = [frame.planes for frame in reader]
        return frames, reader.info.notes


def test_a_joined_recording_is_whole(segment, tmp_path):
    """The counters of its packets jump where two files meet, which FFmpeg flags at the packet."""
    joined = tmp_path / "joined.ts"
    joined.write_bytes(segment.read_bytes() * 2)
    with av.open(str(joined)) as container:
        assert any(packet.is_corrupt for packet in container.demux(video=0))
    frames, notes = read(joined)
    one, _ = read(segment)
    assert len(frames) == 2 * COUNT
    np.testing.assert_array_equal(frames, one * 2)
    assert not [note for note in notes if "damaged" in note]


@pytest.mark.parametrize(("name", "count"), [("segm_cat.ts", 75), ("ts_jump_back.ts", 100)])
def test_real_joined_recordings_are_whole(data, name, count):
    frames, _ = read(data / "cases" / name)
    assert len(frames) == count


def test_a_damaged_frame_is_an_error_that_names_the_option(holed):
    path, flags = holed
    with pytest.raises(VideoError, match=rf"after {flags.index(True)} frames") as caught:
        read(path, damaged="error")
    assert '`damaged="skip"`' in str(caught.value)
    assert '`damaged="stop"`' in str(caught.value)


def test_damaged_frames_are_left_out(holed):
    path, flags = holed
    frames, notes = read(path, damaged="skip")
    sound = [picture.to_ndarray() for picture in plain(path) if not picture.is_corrupt]
    np.testing.assert_array_equal(frames, sound)
    assert any(f"damaged frames left out: {sum(flags)};" in note for note in notes)
    with VideoReader(path, damaged="skip") as reader:
        stamps = [frame.pts for frame in reader]
        assert reader.timestamps() == stamps


def test_the_clip_ends_before_the_first_damaged_frame(holed):
    path, flags = holed
    frames, notes = read(path, damaged="stop")
    assert len(frames) == flags.index(True)
    assert any(f"ended after {len(frames)} frames, where the file is damaged" in note for note in notes)
    with VideoReader(path, damaged="stop") as reader:
        assert len(reader.timestamps()) == flags.index(True)


@pytest.mark.parametrize("damaged", ["skip", "stop"])
def test_the_sound_part_of_a_file_cut_short_can_be_read(tmp_path, damaged):
    path = write_clip(tmp_path / "a.mkv", codec="libx264", count=COUNT)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(VideoError, match="breaks off"):
        read(path)
    frames, notes = read(path, damaged=damaged)
    assert 0 < len(frames) < COUNT
    assert any("damaged" in note for note in notes)


def test_readers_without_the_option_do_not_name_it(holed):
    with pytest.raises(VideoError, match="breaks off") as caught:
        read(holed[0])
    assert "damaged=" not in str(caught.value)


def test_the_sound_ends_with_the_frames(tmp_path):
    path = write_clip(tmp_path / "a.ts", codec="libx264", count=60, audio=True)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        half = [packet.pos for packet in container.demux(video=0) if packet.size][30]
    # The packets of one frame, behind the first; their heads say to which stream they belong.
    for at in range(half + 188, half + 40 * 188, 188):
        if content[at + 1 : at + 3] == bytes([content[half + 1] & ~0x40, content[half + 2]]):
            content[at + 20 : at + 188] = bytes(168)
    path.write_bytes(content)
    done = cssv.encode(path, tmp_path / "a.cssv", damaged="stop", lossless=True)
    assert 0 < done.frames < 60
    with av.open(str(tmp_path / "a.cssv")) as container:
        kinds = [container.streams.video[0], container.streams.audio[0]]
        picture_s, sound_s = (float((each.start_time + each.duration) * each.time_base) for each in kinds)
    assert abs(picture_s - sound_s) < 0.1


@pytest.mark.parametrize("damaged", ["skip", "stop"])
def test_a_sound_clip_is_the_same_under_every_option(segment, damaged):
    frames, notes = read(segment, damaged=damaged)
    np.testing.assert_array_equal(frames, read(segment)[0])
    assert notes == read(segment)[1]


@pytest.mark.parametrize("damaged", ["skip", "stop"])
def test_a_file_is_encoded_past_the_damage(holed, tmp_path, damaged):
    path, flags = holed
    done = cssv.encode(path, tmp_path / "a.cssv", damaged=damaged, lossless=True)
    assert done.frames == (COUNT - sum(flags) if damaged == "skip" else flags.index(True))
    assert any("damaged" in note for note in done.notes)
    tracked = cssv.track(path, damaged=damaged)
    assert any("damaged" in note for note in tracked.notes)
    # A later commit opens the clip in the same way.
    cssv.commit(tmp_path / "a.cssv", {"cssv_scene": 1, "environment": {"humidity_pct": 5}}, cover=path)


def test_the_choice_is_checked(holed, tmp_path):
    with pytest.raises(OptionError, match="unknown damaged: found 'ignore'; allowed: error, skip, stop"):
        cssv.encode(holed[0], tmp_path / "a.cssv", damaged="ignore")


def test_a_really_damaged_recording(data):
    path = data / "cases/ts_lost_video.ts"
    with pytest.raises(VideoError, match="a picture is damaged"):
        read(path)
    frames, notes = read(path, damaged="skip")
    assert len(frames) == 49
    assert any("damaged frames left out: 1;" in note for note in notes)
