"""Damaged and malicious files of several versions: a named error or problem, at once, in little memory."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import Appender, IndexMeta, Reader, compact, repair, walk_boxes
from cssv.container import check as faults
from cssv.container.index import read_index, write_index
from cssv.container.mp4_boxes import read_exactly
from cssv.errors import ContainerError, CssvError
from cssv.testing.container import problems_of

pytestmark = pytest.mark.series


@pytest.fixture(scope="module")
def three(small_clip, tmp_path_factory, append_version):
    """Bytes of a file with three versions, two tags and a checkout."""
    path = tmp_path_factory.mktemp("three") / "three.cssv"
    small_clip.write(path)
    append_version(path, {1: b"two"}, {0: b"{2}"})
    append_version(path, {0: b"three"}, {}, parent=1, root=0)
    with Appender(path) as appender:
        appender.tag("a", 1)
        appender.tag("b", 3)
        appender.checkout(2)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "hostile.cssv"


@contextmanager
def little_memory(limit=2 << 20):
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
    # It does not hang: on a quiet machine it takes less than a second.
    assert time.monotonic() - began < 300


def explore(path):
    """Do everything that one can do with a file; returns the numbers of the versions that could be read."""
    with Reader(path) as reader:
        numbers = [version.number for version in reader.index.versions]
        problems_of(reader)
    sound = []
    for number in numbers:
        with suppress(ContainerError), Reader(path, version=number) as reader:
            assert reader.source
            for track in reader.tracks:
                for at in range(len(track.table)):
                    reader.sample(track.number, at)
            sound.append(number)
        with suppress(ContainerError):
            compact(path, io.BytesIO(), [number])
    with suppress(ContainerError):
        compact(path, io.BytesIO(), numbers)
    return sound


def write_to(path):
    """Do everything that writes; the file must read the same or not at all afterwards."""
    repair(path)
    with Appender(path) as appender:
        appender.write_scene(0, b"{}")
        appender.stage(IndexMeta(), frames_changed=0)
        appender.publish()


def last_index(data):
    at = data.rindex(b"CSIX") - 24
    return at, read_index(data[at:], at)


def sealed(data):
    """The file with the checksums of its moov boxes and of its last index made right."""
    at, index = last_index(data)
    rows = [
        replace(row, moov_crc=zlib.crc32(data[row.moov_offset + 8 : row.moov_offset + row.moov_size]))
        for row in index.versions
    ]
    return data[:at] + write_index(replace(index, versions=tuple(rows)), None, at)


def test_the_file_is_sound_and_sealing_changes_nothing(three, scratch):
    assert sealed(three) == three
    scratch.write_bytes(three)
    assert explore(scratch) == [1, 2, 3]
    write_to(scratch)
    assert explore(scratch) == [1, 2, 3, 4]


def test_every_truncation_shows_whole_versions_or_none(three, scratch):
    for length in range(0, len(three), 3):
        scratch.write_bytes(three[:length])
        try:
            numbers = explore(scratch)
        except ContainerError:
            continue
        assert numbers in ([1], [1, 2], [1, 2, 3])
        with Reader(scratch) as reader:
            assert {problem.kind for problem in problems_of(reader)} <= {"tail"}


@pytest.mark.parametrize(("mask", "first"), [(0xFF, 0), (0x01, 14), (0x80, 27)])
def test_changed_bytes_are_errors_of_ours(three, scratch, mask, first):
    scratch.write_bytes(three)
    with scratch.open("r+b", buffering=0) as file:
        for at in range(first, len(three), 41):
            file.seek(at)
            file.write(bytes([three[at] ^ mask]))
            with suppress(ContainerError):
                explore(scratch)
            file.seek(at)
            file.write(three[at : at + 1])


def test_changed_bytes_are_carried_on_or_refused(three, scratch):
    """Nothing that a writer does to a damaged file makes it worse."""
    for at in range(0, len(three), 89):
        scratch.write_bytes(three[:at] + bytes([three[at] ^ 0x20]) + three[at + 1 :])
        try:
            before = explore(scratch)
        except ContainerError:
            continue
        with suppress(ContainerError):
            write_to(scratch)
        assert set(before) <= set(explore(scratch)), at


VALUES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\0\0\0\2"]


@pytest.mark.parametrize(("first", "value"), list(enumerate(VALUES)))
def test_lies_in_the_last_index_under_its_right_checksum(three, scratch, first, value):
    """In its fixed fields at every second byte, further on at every seventh."""
    start = last_index(three)[0]
    with little_memory():
        for at in [*range(start + 24, start + 68, 2), *range(start + 68 + first, len(three) - 4, 7)]:
            data = bytearray(three)
            data[at : at + 4] = value
            data = data[: len(three)]
            data[-4:] = struct.pack(">I", zlib.crc32(data[start:-4]))
            scratch.write_bytes(data)
            with suppress(ContainerError):
                explore(scratch)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    )
)
@settings(max_examples=150)
def test_lies_anywhere_under_right_checksums(changes, three, scratch):
    data = bytearray(three)
    for at, value in changes:
        place = 48 + at % (len(data) - 60)
        data[place : place + len(value)] = value
    data = bytes(data[: len(three)])
    with suppress(CssvError, ValueError, struct.error):
        data = sealed(data)
    scratch.write_bytes(data)
    with suppress(ContainerError):
        explore(scratch)
    with suppress(ContainerError):
        list(walk_boxes(scratch))


def moved(data, kind, number, shift):
    """The file with all chunks of one track of one version moved, under right checksums."""
    _, index = last_index(data)
    row = index.find(number)
    handler = data.index(kind, row.moov_offset)
    place = data.index(b"co64", handler) + 12
    assert place < row.moov_offset + row.moov_size
    count = struct.unpack_from(">I", data, place - 4)[0]
    made = bytearray(data)
    for at in range(place, place + 8 * count, 8):
        struct.pack_into(">Q", made, at, struct.unpack_from(">Q", data, at)[0] + shift)
    return sealed(bytes(made))


@pytest.mark.parametrize(("kind", "number", "shift"), [(b"vide", 1, 1), (b"soun", 3, -1)])
def test_versions_that_share_half_a_sample_are_named(three, scratch, kind, number, shift):
    """Or many versions, each one byte further, would make a checker read a file for ever."""
    scratch.write_bytes(moved(three, kind, number, shift))
    with Reader(scratch) as reader:
        (problem,) = problems_of(reader)
    assert (problem.kind, problem.version) == ("history", number)
    assert "share" in problem.text
    with pytest.raises(ContainerError, match="share"):
        compact(scratch, io.BytesIO(), [1, 2, 3])


@pytest.mark.parametrize("shifts", [(0,), tuple(range(-6, 7))])
def test_no_byte_is_read_twice_however_many_versions_show_it(
    clip_class, tmp_path, monkeypatch, append_version, shifts
):
    """Sixty versions of the same megabyte, alike or each a little aside."""
    path = tmp_path / "many.cssv"
    frames = [(at, 1, True, bytes([at]) * 10_000, b"{%d}" % at) for at in range(100)]
    clip_class(frames).write(path)
    for at in range(60):
        append_version(path, {}, {0: b"{%d}" % at})
    with Appender(path) as appender:
        # So that the last index can be sealed without a frame table.
        appender.tag("last", 61)
    data = path.read_bytes()
    for number in range(2, 61):
        data = moved(data, b"vide", number, shifts[number % len(shifts)])
    path.write_bytes(data)
    read = []

    def counted(file, offset, count):
        read.append(count)
        return read_exactly(file, offset, count)

    monkeypatch.setattr(faults, "read_exactly", counted)
    with Reader(path) as reader, little_memory(8 << 20):
        problems = problems_of(reader)
    aside = sum(shifts[number % len(shifts)] != 0 for number in range(2, 61))
    assert [problem.kind for problem in problems] == ["history"] * aside
    assert sum(read) < len(data)


def test_audio_that_every_version_cuts_otherwise_is_not_looked_through_for_ever(three, scratch, monkeypatch):
    """A table of n samples of one size costs no bytes: their number is bounded by the file's size."""
    scratch.write_bytes(three)
    monkeypatch.setattr(faults, "_SAMPLES_PER_BYTE", 0)
    with Reader(scratch) as reader:
        problems = problems_of(reader)
    assert {problem.kind for problem in problems} == {"history"}
    assert {problem.version for problem in problems} == {1, 2, 3}


def test_tags_and_versions_by_the_thousand_cost_what_they_weigh(three, scratch):
    at, index = last_index(three)
    tags = tuple((f"tag-{number:06}", 1 + number % 3) for number in range(60_000))
    scratch.write_bytes(three[:at] + write_index(replace(index, tags=tags), None, at))
    with little_memory(64 * scratch.stat().st_size), Reader(scratch) as reader:
        assert reader.index.tags == tags
        assert reader.index.find("tag-059999").number == 3
