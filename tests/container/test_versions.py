"""Several versions in one file, appended as SPEC.md section 7 reserves, and appends that broke off."""

from __future__ import annotations

import pytest

from cssv.container import Reader, boxes
from cssv.errors import ContainerError

FRAMES, SCENES = {1: b"changed second"}, {0: b'{"scene":2}', 1: b'{"n":1}'}


@pytest.fixture
def first(small_bytes, tmp_path):
    path = tmp_path / "clip.cssv"
    path.write_bytes(small_bytes)
    return path


@pytest.fixture
def second(first, append_version):
    append_version(first, FRAMES, SCENES)
    return first


def contents(reader):
    frames = [reader.sample(reader.video.number, at) for at in range(len(reader))]
    return frames, [reader.scene_sample(at) for at in range(len(reader))]


OLD = ([b"first frame", b"second", b"third frame!"], [b'{"scene":1}', b"{}", b'{"o":[]}'])
NEW = ([b"first frame", b"changed second", b"third frame!"], [b'{"scene":2}', b'{"n":1}', b'{"o":[]}'])


def test_the_last_version_is_shown_and_the_first_can_be(second, second_reader):
    with Reader(second) as reader:
        assert contents(reader) == NEW
        assert [version.number for version in reader.index.versions] == [1, 2]
        assert [version.parent for version in reader.index.versions] == [0, 1]
        assert [version.about.message for version in reader.index.versions] == ["first", "second"]
        assert reader.torn_bytes == 0
        assert list(reader.verify()) == []
    with Reader(second, version=1) as reader:
        assert contents(reader) == OLD
        assert list(reader.verify()) == []
    for number, (frames, scenes) in ((None, NEW), (1, OLD), (2, NEW)):
        video, scene, _ = second_reader.read(second, number).tracks
        assert [sample.data for sample in video.samples] == frames
        assert [sample.data for sample in scene.samples] == scenes


def test_appending_changes_four_bytes_of_what_was_there(second, small_bytes):
    now = second.read_bytes()
    changed = [at for at, byte in enumerate(small_bytes) if now[at] != byte]
    moov = small_bytes.index(b"moov")
    assert changed == [moov, moov + 1, moov + 2, moov + 3]
    assert [box.kind for box in boxes(second) if box.depth == 0] == [
        *(b"ftyp", b"mdat", b"free", b"uuid"),
        *(b"mdat", b"moov", b"uuid"),
    ]


def test_an_append_cut_anywhere_shows_the_old_version(first, small_bytes, second_reader, append_version):
    more = append_version.bytes_of(first, FRAMES, SCENES)[0]
    for length in range(len(more) + 1):
        first.write_bytes(small_bytes + more[:length])
        with Reader(first) as reader:
            assert contents(reader) == OLD
            assert reader.index.current.number == 1
            assert reader.torn_bytes == length
            assert [problem.kind for problem in reader.verify()] == (["tail"] if length else [])
        if length % 16 == 0:
            assert second_reader.read(first).behind == length


def test_a_whole_append_of_the_same_size_counts_only_once_renamed(second, second_reader, append_version):
    """The third moov is as long as the second: only its place tells them apart."""
    before = second.read_bytes()
    more, old = append_version.bytes_of(second, {1: b"third changed.."}, {0: b'{"scene":3}'})
    second.write_bytes(before + more)
    with Reader(second) as reader:
        assert contents(reader) == NEW
        assert reader.torn_bytes == len(more)
    assert second_reader.read(second).shown.number == 2
    second.write_bytes(before[: old + 4] + b"free" + before[old + 8 :] + more)
    with Reader(second) as reader:
        assert reader.index.current.number == 3
        assert reader.version.moov_size == reader.index.versions[1].moov_size
        assert reader.scene_sample(0) == b'{"scene":3}'


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"A"])
def test_a_tail_that_reached_the_disk_as_rubbish_is_ignored(first, small_bytes, second_reader, filler):
    first.write_bytes(small_bytes + filler * 5000)
    with Reader(first) as reader:
        assert contents(reader) == OLD
        assert reader.torn_bytes == 5000
    assert second_reader.read(first).behind == 5000


def test_a_damaged_new_index_is_no_version(second, second_reader):
    data = bytearray(second.read_bytes())
    data[-1] ^= 1
    second.write_bytes(data)
    with pytest.raises(ContainerError):
        Reader(second)
    with pytest.raises(ValueError, match="no index"):
        second_reader.read(second)


def test_five_versions(first, second_reader, append_version):
    for at in range(2, 6):
        frames, scenes = {at % 3: b"frame of %d" % at}, {0: b'{"scene":%d}' % at}
        append_version(first, frames, scenes, message=f"m{at}")
    with Reader(first) as reader:
        assert [version.about.message for version in reader.index.versions] == [
            "first",
            "m2",
            "m3",
            "m4",
            "m5",
        ]
        assert list(reader.verify()) == []
        assert contents(reader)[0] == [b"frame of 3", b"frame of 4", b"frame of 5"]
    for number in range(1, 6):
        with Reader(first, version=number) as reader:
            assert list(reader.verify()) == []
            assert reader.scene_sample(0) == b'{"scene":%d}' % number
        assert second_reader.read(first, number).shown.number == number


def test_damage_to_an_old_version_is_named(second, small_bytes):
    moov = small_bytes.index(b"moov")
    data = bytearray(second.read_bytes())
    data[moov + 40] ^= 1
    second.write_bytes(data)
    with Reader(second) as reader:
        assert contents(reader) == NEW
        (problem,) = reader.verify()
    assert problem.kind == "history"
    assert "version 1" in problem.text
    with pytest.raises(ContainerError, match="moov of version 1 is damaged"):
        Reader(second, version=1)


def test_damage_to_an_old_frame_table_is_named(second, small_bytes):
    data = bytearray(second.read_bytes())
    data[len(small_bytes) - 8] ^= 1
    second.write_bytes(data)
    with Reader(second) as reader:
        assert [problem.kind for problem in reader.verify()] == ["history"]
    with pytest.raises(ContainerError, match="frame table of version 1"):
        Reader(second, version=1)


def test_every_changed_byte_of_two_versions_is_found_or_in_what_is_not_read(second, small_bytes):
    """What is not covered: the dead parts, which are old samples no longer shown and old index heads."""
    data = second.read_bytes()
    with Reader(second) as reader:
        last = reader.index.current
    dead = set(range(len(small_bytes)))
    for at in range(len(data)):
        second.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        try:
            with Reader(second) as reader:
                found = bool(list(reader.verify()))
        except ContainerError:
            found = True
        assert found or at in dead, at
        assert found or at < last.moov_offset
