"""A damaged index with tags is not a torn append: no tag leads to another version, and nothing is cut off."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest

from cssv.container import Appender, Archive, Reader, compact, repair
from cssv.container.tail import has_damaged_index
from cssv.errors import ChecksumError, ContainerError, RevisionError
from cssv.testing.container import problems_of
from tests.container.appends import contents
from tests.container.both_readers import assert_same, package_refuses, second_refuses

MASKS = (0x01, 0x80, 0xFF)


@pytest.fixture
def tagged(path, append_version):
    """Versions 1 and 2; ``approved`` of version 1, moved to version 2, then ``other`` of version 1."""
    append_version(path, {1: b"two"}, {})
    ends = [path.stat().st_size]
    for name, number in (("approved", 1), ("approved", 2), ("other", 1)):
        with Appender(path) as appender:
            appender.tag(name, number)
        ends.append(path.stat().st_size)
    return path, ends


def flip(path, data, at, mask):
    path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])


def tags_of(path):
    """Version of each tag; None where a tag is refused because of damage."""
    found = {}
    for name in ("approved", "other"):
        try:
            with Reader(path, version=name) as reader:
                found[name] = reader.version.number
        except ChecksumError:
            found[name] = None
        except RevisionError:
            found[name] = 0
    return found


@pytest.mark.series
@pytest.mark.parametrize("mask", MASKS)
def test_a_flip_in_any_tag_is_found_or_of_no_consequence(tagged, mask, second_reader):
    path, ends = tagged
    data, playing = path.read_bytes(), contents(path)
    harmless = 0
    heads = {start + at for start in ends[:2] for at in range(72)}
    for at in sorted({*heads, *range(ends[0], ends[-2], 7), *range(ends[-2], ends[-1])}):
        flip(path, data, at, mask)
        found = tags_of(path)
        assert found in ({"approved": 2, "other": 1}, {"approved": None, "other": None}), at
        with Reader(path) as reader:
            kinds = {problem.kind for problem in problems_of(reader)}
        assert kinds <= {"index"}, at
        # Nothing depends on the types and names of an index that another one has replaced.
        if found["other"] is not None and not kinds:
            harmless += 1
        # Of the last index every byte counts.
        if at >= ends[-2]:
            assert found == {"approved": None, "other": None}, at
            assert kinds == {"index"}, at
        assert contents(path) == playing
        assert second_refuses(second_reader, path, "other", whole=False) == (found["other"] is None), at
        assert second_refuses(second_reader, path) == package_refuses(path), at
    assert harmless <= 2 * 40


def test_nothing_that_writes_makes_the_loss_permanent(tagged):
    path, ends = tagged
    data = path.read_bytes()
    for at in range(ends[-2], ends[-1], 3):
        flip(path, data, at, 0x10)
        rotten = path.read_bytes()
        assert repair(path) == 0
        for act in (
            lambda: Appender(path),
            lambda: Appender(path, parent=1),
            lambda: Appender(path, parent="approved"),
        ):
            with pytest.raises(ChecksumError, match=f"index at byte {ends[-2]} is damaged"):
                act()
        assert path.read_bytes() == rotten
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_report_names_the_place(tagged):
    path, ends = tagged
    flip(path, path.read_bytes(), ends[-2] + 50, 1)
    with Reader(path) as reader:
        (problem,) = problems_of(reader)
        assert (reader.torn_bytes, reader.index.tags, reader.index.damaged_at) == (0, (), ends[-2])
        assert str(ends[-2]) in reader.index.notes[0]
    assert problem.kind == "index"
    assert problem.text == f"index at byte {ends[-2]} is damaged; tags may be older"


@pytest.mark.parametrize("cut", [1, 2, 30, -52, -30, -5, -1])
def test_an_index_that_lacks_bytes_is_a_torn_append(tagged, cut):
    """Then the tags are those of before, as the tag was never acknowledged."""
    path, ends = tagged
    data = path.read_bytes()
    length = ends[-2] + cut if cut > 0 else ends[-1] + cut
    path.write_bytes(data[:length])
    assert tags_of(path) == {"approved": 2, "other": 0}
    with Reader(path) as reader:
        assert [problem.kind for problem in problems_of(reader)] == ["tail"]
    assert repair(path) == length - ends[-2]
    assert path.read_bytes() == data[: ends[-2]]


def test_every_cut_of_the_last_tag_is_torn(tagged, second_reader):
    path, ends = tagged
    data = path.read_bytes()
    for length in range(ends[-2], ends[-1]):
        path.write_bytes(data[:length])
        assert tags_of(path) == {"approved": 2, "other": 0}, length
        assert not package_refuses(path)
        assert not second_refuses(second_reader, path, "approved")


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"moof"])
def test_a_destroyed_index_before_a_sound_one_is_damage(tagged, filler, second_reader):
    """No writer appends behind a torn index, so the later one proves that this one was complete."""
    path, ends = tagged
    data = path.read_bytes()
    for start, stop in ((ends[1], ends[2]), (ends[1], ends[1] + 64), (ends[0], ends[2])):
        path.write_bytes(data[:start] + (filler * stop)[: stop - start] + data[stop:])
        assert tags_of(path) == {"approved": None, "other": None}
        assert second_refuses(second_reader, path, "other", whole=False)
        assert package_refuses(path)
        assert second_refuses(second_reader, path)
        rotten = path.read_bytes()
        with suppress(ContainerError):
            repair(path)
        assert path.read_bytes() == rotten


def test_a_version_that_was_torn_is_no_damage_of_tags(tagged, append_version, second_reader):
    """Its index counts only once the old moov is renamed, so a wrong checksum of it loses nothing."""
    path, ends = tagged
    added, _ = append_version.bytes_of(path, {0: b"torn"}, {})
    data = path.read_bytes()
    assert len(data) == ends[-1]
    start = added.rindex(b"CSIX") - 24
    for at in [*range(start, len(added), 7), len(added) - 1]:
        path.write_bytes(data + added[:at] + bytes([added[at] ^ 0x40]) + added[at + 1 :])
        assert tags_of(path) == {"approved": 2, "other": 1}
        assert not package_refuses(path)
        assert not second_refuses(second_reader, path)
    assert repair(path) == len(added)
    assert path.read_bytes() == data


def test_a_compacted_copy_has_no_tags_rather_than_older_ones(tagged):
    path, ends = tagged
    flip(path, path.read_bytes(), ends[-2] + 60, 2)
    copy = path.with_name("copy.cssv")
    with copy.open("wb") as file:
        compact(path, file, [1, 2])
    assert tags_of(copy) == {"approved": 0, "other": 0}
    assert contents(copy) == contents(path)
    with Appender(copy) as appender:
        appender.tag("approved", 2)
    assert tags_of(copy)["approved"] == 2
    with pytest.raises(ChecksumError):
        compact(path, io.BytesIO(), ["approved"])


def test_a_tag_that_is_being_written_is_no_damage(tagged, monkeypatch):
    """A reader that meets a writer in the middle of its work looks again."""
    path, _ = tagged
    whole, looks = path.read_bytes(), []
    path.write_bytes(whole[:-5])

    def look(*arguments):
        looks.append(len(looks))
        # The writer goes on after the first look.
        path.write_bytes(whole)
        return len(looks) == 1 or has_damaged_index(*arguments)

    monkeypatch.setattr("cssv.container.archive.has_damaged_index", look)
    with Archive(path) as archive:
        assert archive.index.tags == (("approved", 2), ("other", 1))
    assert looks == [0, 1]


def test_a_checked_out_version_keeps_the_rule(tagged, second_reader):
    """The tags behind a checkout."""
    path, _ = tagged
    with Appender(path) as appender:
        appender.checkout(1)
        start = path.stat().st_size
        appender.tag("late", 2)
    assert_same(second_reader, path)
    data = path.read_bytes()
    for at in range(start, len(data)):
        flip(path, data, at, 0x08)
        for name in ("late", "approved"):
            with pytest.raises(ChecksumError, match="is damaged"):
                Reader(path, version=name)
        with Reader(path) as reader:
            assert reader.index.playing == 1
