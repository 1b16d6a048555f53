"""The index: its inverse pair in format 2, what may stand in it, and what format 1 means."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssv.container.facts import read_facts, write_facts
from cssv.container.index import (
    INDEX_UUID,
    FrameTable,
    Index,
    IndexMeta,
    VersionRow,
    index_size,
    read_frame_table,
    read_index,
    write_frame_table,
    write_index,
)
from cssv.errors import ChecksumError, ContainerError, LimitError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ABOUT = st.builds(
    IndexMeta,
    st.integers(0, 2**37),
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers()), max_size=3),
)


WORDS = st.integers(0, 2**32 - 1)


@st.composite
def rows(draw):
    """Rows of versions with branches, and where the last one's moov ends."""
    versions, end = [], draw(st.integers(0, 2**40))
    for number in sorted(draw(st.sets(st.integers(1, 2**32 - 2), min_size=1, max_size=4))):
        size, frames, audio = draw(st.integers(8, 2**20)), draw(st.integers(1, 9)), draw(st.integers(0, 3))
        parent = draw(st.sampled_from([None, *versions]))
        place = end + draw(st.integers(0, 1000))
        version = VersionRow(
            number=number,
            parent=parent.number if parent else 0,
            about=draw(ABOUT),
            moov_offset=place,
            moov_size=size,
            moov_crc=draw(WORDS),
            table_offset=place + size + draw(st.integers(0, 9)),
            table_crc=draw(WORDS),
            frames=frames,
            audio_tracks=audio,
            root=parent.root if parent and draw(st.booleans()) else number,
            frames_changed=draw(st.integers(0, frames)),
            bytes_added=draw(st.integers(0, 2**64 - 1)),
        )
        versions.append(version)
        end = version.table_offset + version.table_size
    return versions, end


@st.composite
def histories(draw):
    """An index, the frame table of its last version or None, and where the index lies."""
    versions, end = draw(rows())
    last, playing = versions[-1], draw(st.sampled_from(versions))
    frames = None
    if draw(st.booleans()):
        end = last.moov_offset + last.moov_size
        column = st.lists(WORDS, min_size=last.frames, max_size=last.frames)
        columns = [np.array(draw(column), np.uint32) for _ in range(3)]
        frames = FrameTable(
            tuple((at, draw(WORDS), draw(WORDS)) for at in range(last.audio_tracks)), *columns
        )
    live = playing.moov_offset
    if draw(st.booleans()):
        live, end = end + draw(st.integers(0, 9)), end + 9 + playing.moov_size
    names = draw(st.sets(TEXTS.filter(lambda name: 0 < len(name.encode()) < 256), max_size=4))
    tags = [
        (name, draw(st.sampled_from(versions)).number)
        for name in sorted(names, key=lambda name: name.encode())
    ]
    following = draw(st.integers(last.number + 1, 2**32 - 1))
    index = Index(tuple(versions), draw(WORDS), playing.number, following, live, tuple(tags))
    return index, frames, end + draw(st.integers(0, 9))


@given(history=histories())
def test_index_is_its_own_inverse(history):
    index, frames, offset = history
    data = write_index(index, frames, offset)
    again = read_index(data, offset)
    assert len(data) == index_size(index, has_table=frames is not None)
    if frames is None:
        assert again == index
        return
    last = again.versions[-1]
    place, crc = last.table_offset, last.table_crc
    rows = (*index.versions[:-1], replace(index.versions[-1], table_offset=place, table_crc=crc))
    assert again == replace(index, versions=rows)
    found = data[place - offset : place - offset + last.table_size]
    assert place - offset + last.table_size == len(data) - 4
    read = read_frame_table(found, last)
    assert read.audio == frames.audio
    for name in ("samples", "scenes", "stegos"):
        assert np.array_equal(getattr(read, name), getattr(frames, name))


def facts_bytes(data):
    """What each row of an index says its facts take, as SPEC.md lays rows out."""
    (count,) = struct.unpack_from(">I", data, 44)
    at, found = 68, []
    for _ in range(count):
        lengths = struct.unpack_from(">III", data, at + 56)
        found.append(lengths[2])
        at += 84 + sum(lengths)
    return found


@st.composite
def many_facts(draw):
    """Facts of versions, often those of the version before, as the same object or another."""
    choices = [{}, {"a": 1}, {"a": 1.0}, {"a": True}, {"b": "\u00e9", "a": [1]}, {"a": [1], "b": "\u00e9"}]
    return [dict(one) if draw(st.booleans()) else one for one in draw(st.lists(st.sampled_from(choices)))]


def with_meta(every):
    """An index of versions with these facts, of which the last is given a frame table; and its place."""
    rows = [
        row(
            *(at + 1, at, 100 + 40 * at, 18, 120 + 40 * at),
            about=IndexMeta(at, "Ada Lovelace", f"message {at}", meta),
        )
        for at, meta in enumerate(every)
    ]
    end = rows[-1].moov_offset + 18
    return Index(tuple(rows), 0, len(rows), len(rows) + 1, rows[-1].moov_offset), end


@given(every=many_facts().filter(bool))
def test_facts_are_written_where_they_are_not_those_of_the_row_before(every):
    """Equal is what has equal bytes: 1, 1.0 and true are three facts."""
    index, offset = with_meta(every)
    data = write_index(index, ONE_FRAME, offset)
    texts = [write_facts(meta) for meta in every]
    before = [b"", *texts]
    assert facts_bytes(data) == [
        0 if text == other else len(text) for text, other in zip(texts, before, strict=False)
    ]
    assert len(data) == index_size(index, has_table=True)
    again = read_index(data, offset)
    assert [write_facts(version.about.meta) for version in again.versions] == texts
    assert write_index(again, ONE_FRAME, offset) == data


def test_versions_with_equal_facts_cost_little():
    """Or a long history would be made of facts: every index repeats every row."""
    facts = {"layout": "yuv420p", "source": {"name": "clip.mp4", "codec": "h264"}, "words": ["word"] * 300}
    size = {}
    for count in (1, 300):
        index, offset = with_meta([dict(facts) for _ in range(count)])
        data = write_index(index, ONE_FRAME, offset)
        size[count] = len(data)
        read = read_index(data, offset)
        assert [version.about for version in read.versions] == [version.about for version in index.versions]
    assert size[1] > 2000
    assert (size[300] - size[1]) / 299 <= 110


def test_rows_share_facts_and_do_not_copy_them():
    """Or 5 MB could ask for 4 GB."""
    index, offset = with_meta([{"a": ["b" * 100] * 500}] * 1000)
    read = read_index(write_index(index, ONE_FRAME, offset), offset)
    first, *others = (version.about.meta for version in read.versions)
    assert first == {"a": ["b" * 100] * 500}
    assert all(meta is first for meta in others)


def without_facts(data, at):
    """An index whose row at this place of the box is left without its facts, ``{}``."""
    start = at + (84 if data[4:8] == b"cssv" else 68)
    assert data[start : start + 2] == b"{}"
    parts = (data[: at + 64], bytes(4), data[at + 68 : start], data[start + 2 : -4])
    made = (len(data) - 2).to_bytes(4, "big") + b"".join(parts)[4:]
    return made + zlib.crc32(made).to_bytes(4, "big")


def test_the_first_row_has_facts():
    index = Index((FIRST,), 0, 1, 2, 100)
    with pytest.raises(ContainerError, match="not JSON"):
        read_index(without_facts(write_index(index, ONE_FRAME, 118), 68), 118)


@pytest.mark.parametrize("number", [0, 1])
def test_rows_of_format_1_have_facts(number):
    data = format_1(PAIR, ONE_FRAME, 200)
    with pytest.raises(ContainerError, match="not JSON"):
        read_index(without_facts(data, 48 + 70 * number), 200)


def test_a_damaged_index_says_where_it_lies_and_what_helps():
    data = bytearray(write_index(PAIR, ONE_FRAME, 150))
    data[100] ^= 1
    with pytest.raises(ChecksumError, match=r"^the index at byte 150 is damaged\. .*'ffmpeg -c copy'"):
        read_index(bytes(data), 150)


@given(history=histories())
def test_index_finds_by_number_and_tag(history):
    index = history[0]
    assert index.find(None) == index.current == index.find(index.playing)
    for version in index.versions:
        assert index.find(version.number) is version
    for name, number in index.tags:
        assert index.find(name).number == number
    for absent in (0, 2**32, "\0"):
        with pytest.raises(ContainerError, match="no such"):
            index.find(absent)


@given(history=histories(), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_index_with_a_changed_bit_is_refused(history, at, bit):
    index, frames, offset = history
    data = bytearray(write_index(index, frames, offset))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(ContainerError):
        read_index(bytes(data), offset)


ONE = np.zeros(1, np.uint32)
ONE_FRAME = FrameTable((), ONE, ONE, ONE)


def row(number, parent, moov_offset, moov_size, table_offset, **changes) -> VersionRow:
    made = VersionRow(
        number, parent, IndexMeta(), moov_offset, moov_size, 0, table_offset, 0, 1, 0, 1, 1, 1
    )  # fmt: skip
    return replace(made, **changes)


FIRST, SECOND = row(1, 0, 100, 18, 118), row(2, 1, 130, 20, 0)
PAIR = Index((FIRST, SECOND), 0, 2, 3, 130)


def both_ways(index, frames=ONE_FRAME, offset=150):
    return read_index(write_index(index, frames, offset), offset)


@pytest.mark.parametrize("change", [{"moov_offset": 129}, {"moov_offset": 0}, {"moov_size": 500}])
def test_versions_may_not_overlap(change):
    """Or a small file could make a checker read the same megabytes for every version."""
    assert len(both_ways(PAIR).versions) == 2
    with pytest.raises(ContainerError, match=r"overlaps|lies before"):
        both_ways(replace(PAIR, versions=(FIRST, replace(SECOND, **change))))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"playing": 3}, "does not have"),
        ({"playing": 0}, "does not have"),
        ({"tags": (("a", 3),)}, "does not have"),
        ({"tags": (("b", 1), ("a", 1))}, "do not ascend"),
        ({"tags": (("a", 1), ("a", 2))}, "do not ascend"),
        ({"tags": (("", 1),)}, "tag name"),
        ({"tags": (("a" * 256, 1),)}, "tag name"),
        ({"live_offset": 131}, "lies before"),
        ({"live_offset": 129}, "lies before"),
        ({"versions": (FIRST, replace(SECOND, root=2))}, None),
        ({"versions": (FIRST, replace(SECOND, root=0))}, "root"),
        ({"versions": (FIRST, replace(SECOND, root=3))}, "root"),
        ({"versions": (FIRST, replace(SECOND, parent=0))}, "root"),
        ({"versions": (FIRST, replace(SECOND, parent=0, root=2))}, None),
        ({"versions": (FIRST, replace(SECOND, parent=2))}, "do not ascend"),
        ({"versions": (FIRST, replace(SECOND, number=3, parent=2)), "playing": 3}, "missing"),
        ({"versions": (FIRST, replace(SECOND, number=1)), "playing": 1}, "ascend"),
    ],
)
def test_what_an_index_may_name(change, match):
    if match is None:
        both_ways(replace(PAIR, **change))
        return
    with pytest.raises(ContainerError, match=match):
        both_ways(replace(PAIR, **change))


def test_index_without_a_table_lies_behind_the_last_one():
    index = replace(PAIR, versions=(FIRST, replace(SECOND, table_offset=160)))
    assert both_ways(index, None, 172) == index
    with pytest.raises(ContainerError, match="lies before"):
        both_ways(index, None, 171)


def test_numbers_are_not_given_twice():
    assert both_ways(replace(PAIR, next_number=9)).next_number == 9
    with pytest.raises(ContainerError, match="number of the next version is taken"):
        both_ways(replace(PAIR, next_number=2))
    assert both_ways(replace(PAIR, next_number=2**32 - 1)).next_number == 2**32 - 1
    with pytest.raises(LimitError, match="no more version numbers"):
        both_ways(replace(PAIR, next_number=2**32))


def test_the_box_s_type_is_its_format_s():
    """A file may end anywhere within an appended index, and FFmpeg opens none that ends within a uuid."""
    data = write_index(PAIR, ONE_FRAME, 150)
    assert data[4:8] == b"cssv"
    other = data[:4] + b"uuid" + data[8:-4]
    with pytest.raises(ContainerError, match="unknown format"):
        read_index(other + zlib.crc32(other).to_bytes(4, "big"), 150)


def test_moved_index_is_refused():
    index = Index((FIRST,), 0, 1, 2, 100)
    data = write_index(index, ONE_FRAME, 118)
    assert read_index(data, 118).current.number == 1
    with pytest.raises(ContainerError, match="moved"):
        read_index(data, 119)


def format_1(index, frames, offset):
    """Format 1, as SPEC.md tells it apart."""
    rows = b""
    for version in index.versions:
        about = version.about
        texts = [about.author.encode(), about.message.encode(), write_facts(about.meta)]
        rows += struct.pack(
            ">IIQQQIQIIIIII",
            *(version.number, version.parent, about.created_s),
            *(version.moov_offset, version.moov_size, version.moov_crc),
            *(version.table_offset, version.table_crc, version.frames, version.audio_tracks),
            *map(len, texts),
        ) + b"".join(texts)
    head = struct.pack(">4sHHQII", b"CSIX", 1, 0, offset, index.ftyp_crc, len(index.versions))
    tail = write_frame_table(frames)
    size = 24 + len(head + rows + tail) + 4
    data = size.to_bytes(4, "big") + b"uuid" + INDEX_UUID + head + rows + tail
    return data + zlib.crc32(data).to_bytes(4, "big")


def test_format_1_means_what_it_meant():
    """Three versions, of which the third has no parent; each table ends its index."""
    third_table = 200 + 24 + 24 + 3 * (68 + 2)
    versions = (
        FIRST,
        replace(SECOND, table_offset=160),
        row(3, 0, 180, 20, third_table, root=3),
    )
    data = format_1(Index(versions, 7, 3, 4, 180), ONE_FRAME, 200)
    read = read_index(data, 200)
    ends = [118 + 16, 160 + 16, 200 + len(data)]
    added = [ends[0], ends[1] - ends[0], ends[2] - ends[1]]
    expected = [
        replace(version, bytes_added=size, frames_changed=1)
        for version, size in zip(versions, added, strict=True)
    ]
    assert read == Index(tuple(expected), 7, 3, 4, 180)
    grown = replace(read, versions=(*expected[:-1], replace(expected[-1], table_crc=0)))
    assert read_index(write_index(grown, ONE_FRAME, 200), 200).playing == 3


@pytest.mark.parametrize("parent", [2, 3])
def test_format_1_has_parents_below_their_children(parent):
    """A parent that is no row is none, but one that can never have been is a fault."""
    second = replace(SECOND, parent=parent, root=2)
    with pytest.raises(ContainerError, match="do not ascend"):
        read_index(format_1(Index((FIRST, second), 7, 2, 3, 130), ONE_FRAME, 200), 200)
    third = replace(second, number=9, table_offset=200 + 48 + 2 * 70)
    read = read_index(format_1(Index((FIRST, third), 7, 9, 10, 130), ONE_FRAME, 200), 200)
    assert [(version.parent, version.root) for version in read.versions] == [(0, 1), (0, 9)]


FACTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
)


def nesting(value):
    """How deep, counted in the values and not in their text."""
    if isinstance(value, dict | list):
        return 1 + max(map(nesting, value.values() if isinstance(value, dict) else value), default=0)
    return 0


@given(facts=st.dictionaries(TEXTS, FACTS, max_size=3), deeper=st.integers(0, 66))
def test_facts_are_written_if_and_only_if_they_are_read(facts, deeper):
    for _ in range(deeper):
        facts = {"[": [facts]} if deeper % 2 else {'"{': facts}
    try:
        text = write_facts(facts)
    except ContainerError:
        assert nesting(facts) > 64 or "inf" in repr(facts).lower()
        return
    assert nesting(facts) <= 64
    assert read_facts(text) == facts


@pytest.mark.parametrize("value", [10**300, -(10**299), float("inf"), float("nan"), {1}, "\ud800"])
def test_facts_that_could_not_be_read_are_not_written(value):
    with pytest.raises(ContainerError):
        write_facts({"a": value})


def test_frame_table_of_the_wrong_length_is_refused():
    with pytest.raises(ChecksumError):
        read_frame_table(b"", FIRST)
