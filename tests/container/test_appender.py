"""Appending: where samples lie, and which sample entries and chunks a version has."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from cssv.container import Appender, Reader, walk_boxes
from cssv.container.mp4_boxes import write_box
from cssv.errors import ContainerError
from cssv.testing.container import problems_of
from tests.container.appends import ABOUT, contents

GOLDEN = Path(__file__).resolve().parent.parent / "vectors" / "container_v1.cssv"


def entry(number):
    return write_box(b"avc1", bytes(6), b"\0\1", bytes(70), write_box(b"avcC", bytes([number])))


def test_other_settings_get_a_further_entry(path, small_clip):
    with Appender(path) as appender:
        appender.write_video(2, b"a", is_key=True, stego_crc=1, head=entry(9))
        appender.write_video(1, b"b", is_key=False, stego_crc=1, head=small_clip.head)
        appender.stage(ABOUT, frames_changed=2)
        appender.publish()
        for frame in range(3):
            appender.write_video(frame, b"c", is_key=not frame, stego_crc=1, head=entry(9))
        appender.stage(ABOUT, frames_changed=3)
        appender.publish()
    with Reader(path, version=2) as reader:
        table = reader.video.table
        assert table.entries == (small_clip.head, entry(9))
        assert [table.entry_of(frame) for frame in range(3)] == [0, 0, 1]
        assert table.syncs.tolist() == [1, 3]
    with Reader(path) as reader:
        assert reader.video.table.entries == (entry(9),)
        assert reader.video.table.syncs.tolist() == [1]
        assert len(reader.video.table.chunk_offsets) == 1
    with Appender(path, parent=2) as appender:
        appender.write_video(2, b"x", is_key=True, stego_crc=1)
        appender.stage(ABOUT, frames_changed=1)
        appender.publish()
    with Reader(path) as reader:
        assert reader.video.table.entry_of(2) == 1


def test_another_codec_beside_is_refused(path):
    other = entry(1).replace(b"avc1", b"vp09")
    with Appender(path) as appender:
        appender.write_video(2, b"a", is_key=True, stego_crc=1, head=other)
        with pytest.raises(ContainerError, match="different codecs"):
            appender.stage(ABOUT, frames_changed=1)


def test_a_frame_of_another_version_costs_no_byte(path):
    with Appender(path) as appender:
        appender.write_video(2, b"nowhere else", is_key=False, stego_crc=77, head=entry(9))
        appender.stage(ABOUT, frames_changed=1)
        appender.publish()
    with Appender(path, parent=1) as appender, Reader(path, version=2) as other:
        appender.share_video(2, other)
        appender.stage(ABOUT, frames_changed=1)
        version = appender.publish()
    assert contents(path) == contents(path, 2)
    with Reader(path) as reader, Reader(path, version=2) as other:
        assert version.parent == 1
        assert reader.frames.stegos.tolist() == other.frames.stegos.tolist()
        assert reader.frames.stegos[2] == 77
        assert reader.video.table.entry_of(2) == 1
        assert not reader.is_key(1, 2)
        assert np.array_equal(reader.video.table.offsets, other.video.table.offsets)
        assert [box.kind for box in walk_boxes(path) if box.depth == 0].count(b"mdat") == 2


def test_frames_of_another_file_are_refused(path, small_clip, tmp_path):
    small_clip.write(tmp_path / "other.cssv")
    with (
        Appender(path) as appender,
        Reader(tmp_path / "other.cssv") as other,
        pytest.raises(ContainerError, match="different files"),
    ):
        appender.share_video(0, other)


def test_samples_are_grouped_into_chunks_of_half_a_second(clip_class, tmp_path):
    frames = [(at, 1, at % 25 == 0, b"v%03d" % at, b"s%03d" % at) for at in range(100)]
    clip_class(frames).write(tmp_path / "clip.cssv")
    with Appender(tmp_path / "clip.cssv") as appender:
        for at in [*range(50, 80), *range(20, 30)]:
            appender.write_video(at, b"V%03d" % at, is_key=at % 25 == 0, stego_crc=0)
            appender.write_scene(at, b"S%03d" % at)
        appender.stage(ABOUT, frames_changed=40)
        appender.publish()
    with Reader(tmp_path / "clip.cssv") as reader:
        assert problems_of(reader) == []
        for track in (reader.video, reader.scene):
            counts = track.table.chunk_counts.tolist()
            assert counts == [13, 7, 10, 9, 11, 13, 13, 4, 11, 9]
            changed = {*range(50, 80), *range(20, 30)}
            for at in range(100):
                letter = track.kind[0].upper() if at in changed else track.kind[0]
                assert reader.sample(track.number, at) == b"%c%03d" % (ord(letter), at)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_frames(clip_class, tmp_path, seed):
    frames = [(3 * at, 3, True, b"old", b"{}") for at in range(60)]
    clip_class(frames).write(tmp_path / "clip.cssv")
    order = random.Random(seed).sample(range(60), 40)
    with Appender(tmp_path / "clip.cssv") as appender:
        for at in order:
            appender.write_video(at, b"v%d" % at, is_key=True, stego_crc=at)
        for at in reversed(order):
            appender.write_scene(at, b"s%d" % at)
        appender.stage(ABOUT, frames_changed=40)
        appender.publish()
    video, scene = contents(tmp_path / "clip.cssv")
    assert video == [b"v%d" % at if at in order else b"old" for at in range(60)]
    assert scene == [b"s%d" % at if at in order else b"{}" for at in range(60)]


def test_only_words_change(path, small_bytes):
    """No mdat where there is nothing to put into one."""
    with Appender(path) as appender:
        appender.stage(ABOUT, frames_changed=0)
        appender.publish()
    assert contents(path) == contents(path, 1)
    assert [box.kind for box in walk_boxes(path) if box.depth == 0][4:] == [b"moov", b"cssv"]


def test_a_format_1_file_is_carried_on(tmp_path):
    path = tmp_path / "old.cssv"
    path.write_bytes(GOLDEN.read_bytes())
    old = contents(path)
    with Appender(path) as appender:
        appender.tag("old", 1)
        appender.write_scene(3, b"{}")
        appender.stage(ABOUT, frames_changed=0)
        assert appender.publish().root == 1
    with Reader(path) as reader:
        assert reader.index.tags == (("old", 1),)
        assert problems_of(reader) == []
    assert contents(path, 1) == old
    assert contents(path)[1][3] == b"{}"
