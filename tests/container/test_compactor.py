"""Copies with fewer versions: what they hold, what they say, what they refuse."""

from __future__ import annotations

import errno
import io
from dataclasses import replace

import pytest

from cssv.container import Appender, Reader, compact, walk_boxes
from cssv.container.index import read_index, write_index
from cssv.errors import ChecksumError, ContainerError, LimitError, OptionError, OutputError
from cssv.testing.container import problems_of


@pytest.fixture
def path(small_bytes, tmp_path, append_version):
    """Versions 1 - 2 - 3 - 4 and 2 - 5; 3 was drawn from a cover; 2 plays."""
    place = tmp_path / "clip.cssv"
    place.write_bytes(small_bytes)
    append_version(place, {1: b"two"}, {0: b"{2}"}, message="m2")
    append_version(place, {1: b"three", 2: b"3"}, {}, message="m3", root=0)
    append_version(place, {0: b"four"}, {1: b"{4}"}, message="m4")
    append_version(place, {}, {2: b"{5}"}, message="m5", parent=2)
    with Appender(place) as appender:
        appender.checkout(2)
        appender.tag("one", 1)
        appender.tag("four", 4)
    return place


def everything(path, number):
    with Reader(path, version=number) as reader:
        return [
            (
                track.kind,
                track.number,
                track.pts().tolist(),
                [reader.is_key(track.number, at) for at in range(len(track.table))],
                [track.table.entries[track.table.entry_of(at)] for at in range(len(track.table))],
                [reader.sample(track.number, at) for at in range(len(track.table))],
            )
            for track in reader.tracks
        ], [column.tolist() for column in (reader.frames.samples, reader.frames.scenes, reader.frames.stegos)]


#: (parent, root) of what is kept. Where its root is not, nothing that is there can draw its pictures again.
KEPT = {
    (1, 2, 3, 4, 5): {1: (0, 1), 2: (1, 1), 3: (2, 3), 4: (3, 3), 5: (2, 1)},
    (1, 4): {1: (0, 1), 4: (1, 4)},
    (1, 4, 5): {1: (0, 1), 4: (1, 4), 5: (1, 1)},
    (1, 3, 4): {1: (0, 1), 3: (1, 3), 4: (3, 3)},
    (2, 4, 5): {2: (0, 2), 4: (2, 4), 5: (2, 5)},
    (3, 4): {3: (0, 3), 4: (3, 3)},
    (4, 5): {4: (0, 4), 5: (0, 5)},
    (1,): {1: (0, 1)},
}


@pytest.mark.parametrize("numbers", KEPT)
def test_kept_versions_are_what_they_were(path, tmp_path, numbers):
    copy = tmp_path / "copy.cssv"
    with copy.open("wb") as file:
        compact(path, file, [*reversed(numbers), numbers[0]])
    with Reader(copy) as reader, Reader(path) as old:
        assert problems_of(reader) == []
        assert reader.torn_bytes == 0
        rows = {version.number: (version.parent, version.root) for version in reader.index.versions}
        assert rows == KEPT[numbers]
        assert reader.index.playing == (2 if 2 in numbers else numbers[-1])
        assert reader.index.tags == tuple(tag for tag in old.index.tags if tag[1] in numbers)
        for number in numbers:
            assert reader.index.find(number).about == old.index.find(number).about
        assert sum(version.bytes_added for version in reader.index.versions) == copy.stat().st_size
    for number in numbers:
        assert everything(copy, number) == everything(path, number)
    assert copy.stat().st_size < path.stat().st_size
    tops = [box.kind for box in walk_boxes(copy) if box.depth == 0]
    assert tops.count(b"moov") == tops.count(b"cssv") == tops.count(b"mdat") == 1
    assert tops[-1] == b"cssv"


def test_what_is_shared_is_there_once(path):
    copy = io.BytesIO()
    compact(path, copy, [1, 2, 3, 4, 5])
    for text in (b"first frame", b"second", b"third frame!", b"two", b"three", b"priming", b"{5}"):
        assert copy.getvalue().count(text) == 1
    copy = io.BytesIO()
    compact(path, copy, [4])
    for text in (b"first frame", b"second", b"third frame!", b"two", b"{5}"):
        assert text not in copy.getvalue()


def test_frames_changed_are_counted_against_the_new_parent(path, tmp_path):
    with (tmp_path / "copy.cssv").open("wb") as file:
        compact(path, file, [1, 4, 5])
    with Reader(tmp_path / "copy.cssv") as reader:
        assert [version.frames_changed for version in reader.index.versions] == [3, 3, 1]


def test_a_root_that_is_dropped_is_not_replaced_by_another_cover_s(path, tmp_path, append_version):
    """4 was drawn from 3, whose cover was another than that of 1: it is its own root, copied again too."""
    copies = [tmp_path / "one.cssv", tmp_path / "two.cssv"]
    for source, copy in zip((path, *copies), copies, strict=False):
        with copy.open("wb") as file:
            compact(source, file, [1, 4])
        with Reader(copy) as reader:
            assert (reader.index.find(4).parent, reader.index.find(4).root) == (1, 4)
    child = append_version(copies[1], {0: b"five"}, {}, parent=4)
    assert (child.parent, child.root) == (4, 4)


def test_a_copy_is_carried_on(path, tmp_path, append_version):
    copy = tmp_path / "copy.cssv"
    with copy.open("wb") as file:
        compact(path, file, [1, 3, 5], playing=3)
    assert append_version(copy, {0: b"again"}, {}).parent == 3
    with Appender(copy) as appender:
        appender.checkout(1)
        appender.tag("five", 5)
    with Reader(copy) as reader:
        assert [version.number for version in reader.index.versions] == [1, 3, 5, 6]
        assert reader.index.tags == (("five", 5), ("one", 1))
        assert problems_of(reader) == []
    for number in (1, 3, 5):
        assert everything(copy, number) == everything(path, number)


@pytest.mark.parametrize("kept", [(1,), (2, 4), (1, 2, 3, 4, 5)])
def test_a_number_is_never_given_twice(path, tmp_path, kept, append_version):
    """Version 5, the newest, is dropped, and the copy copied again: the next is 6 all the same."""
    copies = [tmp_path / "one.cssv", tmp_path / "two.cssv"]
    for source, copy in zip((path, *copies), copies, strict=False):
        with copy.open("wb") as file:
            compact(source, file, kept)
        with Reader(copy) as reader:
            assert reader.index.next_number == 6
    with Appender(copies[1]) as appender:
        appender.tag("tag", kept[0])
        appender.checkout(kept[0])
    assert append_version(copies[1], {0: b"six"}, {}).number == 6
    with copies[0].open("wb") as file:
        compact(copies[1], file, [kept[0]])
    assert append_version(copies[0], {}, {}).number == 7
    with Reader(copies[0]) as reader:
        assert [version.number for version in reader.index.versions] == [kept[0], 7]


def test_numbers_run_out(path, tmp_path, append_version):
    copy = tmp_path / "copy.cssv"
    data = path.read_bytes()
    at = data.rindex(b"CSIX") - 24
    last = replace(read_index(data[at:], at), next_number=0xFFFFFFFE)
    copy.write_bytes(data[:at] + write_index(last, None, at))
    assert append_version(copy, {}, {}).number == 0xFFFFFFFE
    with pytest.raises(LimitError, match="no more version numbers"):
        append_version(copy, {}, {})
    with Appender(copy) as appender:
        appender.checkout(1)
        appender.tag("tag", 0xFFFFFFFE)
    with Reader(copy) as reader:
        assert reader.index.next_number == 0xFFFFFFFF
        assert problems_of(reader) == []


def test_samples_of_the_first_version_are_interleaved(clip_class, sound_class, tmp_path, append_version):
    frames = [(at, 1, at % 25 == 0, b"video %02d" % at, b"scene %02d" % at) for at in range(50)]
    clip = clip_class(frames)
    clip.sounds = [sound_class(clip.time_base, [(at, 1, b"sound %02d" % at) for at in range(50)])]
    clip.write(tmp_path / "clip.cssv")
    append_version(tmp_path / "clip.cssv", {at: b"new %02d" % at for at in range(10, 40)}, {})
    with (tmp_path / "copy.cssv").open("wb") as file:
        compact(tmp_path / "clip.cssv", file, [1, 2])
    data = (tmp_path / "copy.cssv").read_bytes()
    text = data[48 : data.index(b"free") - 4].decode()
    first, second = text[: 3 * 8 * 50], text[3 * 8 * 50 :]
    halves = [range(50)[at : at + 13] for at in range(0, 50, 13)]
    expected = [f"{kind} {at:02}" for half in halves for kind in ("video", "scene", "sound") for at in half]
    assert first == "".join(expected)
    assert second == "".join(f"new {at:02}" for at in range(10, 40))
    for number in (1, 2):
        assert everything(tmp_path / "copy.cssv", number) == everything(tmp_path / "clip.cssv", number)
    with Reader(tmp_path / "copy.cssv") as reader:
        assert {len(track.table.chunk_offsets) for track in reader.tracks} == {4, 5}


@pytest.mark.parametrize("text", [b"third frame!", b"priming", b"{5}"])
def test_nothing_damaged_is_copied(path, text):
    path.write_bytes(path.read_bytes().replace(text, b"#" + text[1:]))
    with pytest.raises(ChecksumError, match="damaged"):
        compact(path, io.BytesIO(), [1, 5])


def test_refused(path):
    for numbers, playing, error, match in (
        ([], None, OptionError, "no version is kept"),
        ([1, 9], None, ContainerError, "no such version"),
        ([1, 2], 3, OptionError, "playing version is not kept"),
    ):
        with pytest.raises(error, match=match):
            compact(path, io.BytesIO(), numbers, playing)


class FullDisk(io.BytesIO):
    def write(self, data):
        if self.tell() + len(data) > 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_full_disk_is_an_output_error(path):
    with pytest.raises(OutputError, match="No space left"):
        compact(path, FullDisk(), [1])
