"""Several versions in one file, and appends that broke off."""

from __future__ import annotations

from itertools import product

import pytest

from cssv.container import Appender, Reader, repair, walk_boxes
from cssv.errors import ContainerError
from cssv.testing.container import problems_of

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


def shown(path, version=None):
    with Reader(path, version=version) as reader:
        return contents(reader)


OLD = ([b"first frame", b"second", b"third frame!"], [b'{"scene":1}', b"{}", b'{"o":[]}'])
NEW = ([b"first frame", b"changed second", b"third frame!"], [b'{"scene":2}', b'{"n":1}', b'{"o":[]}'])


def test_the_last_version_is_shown_and_the_first_can_be(second):
    with Reader(second) as reader:
        assert contents(reader) == NEW
        assert [version.number for version in reader.index.versions] == [1, 2]
        assert [version.parent for version in reader.index.versions] == [0, 1]
        assert [version.root for version in reader.index.versions] == [1, 1]
        assert [version.about.message for version in reader.index.versions] == ["first", "second"]
        assert [version.frames_changed for version in reader.index.versions] == [3, 1]
        assert reader.torn_bytes == 0
        assert problems_of(reader) == []
    with Reader(second, version=1) as reader:
        assert contents(reader) == OLD
        assert problems_of(reader) == []


def test_second_reader_sees_the_same(second, second_reader):
    for number, (frames, scenes) in ((None, NEW), (1, OLD), (2, NEW)):
        video, scene, _ = second_reader.read(second, number).tracks
        assert [sample.data for sample in video.samples] == frames
        assert [sample.data for sample in scene.samples] == scenes


def test_added_bytes_are_the_growth_of_the_file(second, small_bytes):
    with Reader(second) as reader:
        sizes = [version.bytes_added for version in reader.index.versions]
    assert sizes == [len(small_bytes), second.stat().st_size - len(small_bytes)]


def test_appending_changes_four_bytes_of_what_was_there(second, small_bytes):
    now = second.read_bytes()
    changed = [at for at, byte in enumerate(small_bytes) if now[at] != byte]
    moov = small_bytes.index(b"moov")
    assert changed == [moov, moov + 1, moov + 2, moov + 3]
    assert [box.kind for box in walk_boxes(second) if box.depth == 0] == [
        *(b"ftyp", b"mdat", b"free", b"cssv"),
        *(b"mdat", b"moov", b"cssv"),
    ]


def test_an_append_cut_anywhere_shows_the_old_version(first, small_bytes, append_version):
    more = append_version.bytes_of(first, FRAMES, SCENES)[0]
    assert first.read_bytes() == small_bytes
    ends = {*range(100), *range(len(more) - 100, len(more) + 1)}
    for length in sorted(ends.union(range(100, len(more), 3))):
        first.write_bytes(small_bytes + more[:length])
        with Reader(first) as reader:
            assert contents(reader) == OLD
            assert reader.index.current.number == 1
            assert reader.torn_bytes == length
            assert [problem.kind for problem in problems_of(reader)] == (["tail"] if length else [])
        if length % 7 == 0:
            assert repair(first) == length
            assert first.read_bytes() == small_bytes


def test_second_reader_ignores_a_torn_append(first, small_bytes, second_reader, append_version):
    more = append_version.bytes_of(first, FRAMES, SCENES)[0]
    for length in range(0, len(more) + 1, 16):
        first.write_bytes(small_bytes + more[:length])
        assert second_reader.read(first).behind == length


def test_a_rename_torn_anywhere_shows_the_new_version(first, small_bytes, append_version):
    """Each byte of the type may be old or new; only where all are old nothing has happened."""
    more, old = append_version.bytes_of(first, FRAMES, SCENES)
    for news in product((False, True), repeat=4):
        kind = bytes(b"free"[at] if new else b"moov"[at] for at, new in enumerate(news))
        first.write_bytes(small_bytes[: old + 4] + kind + small_bytes[old + 8 :] + more)
        assert shown(first) == (NEW if any(news) else OLD)
        if any(news):
            assert shown(first, 1) == OLD
            with Reader(first) as reader:
                assert (reader.torn_bytes, problems_of(reader)) == (0, [])
            append_version(first, {2: b"after"}, {})
            assert shown(first)[0] == [b"first frame", b"changed second", b"after"]
            assert shown(first, 1) == OLD


def test_a_whole_append_of_the_same_size_counts_only_once_renamed(second, append_version):
    """The third moov is as long as the second: only its place tells them apart."""
    before = second.read_bytes()
    more, old = append_version.bytes_of(second, {1: b"third changed.."}, {0: b"{3}", 1: b"{}"})
    second.write_bytes(before + more)
    with Reader(second) as reader:
        assert contents(reader) == NEW
        assert reader.torn_bytes == len(more)
    second.write_bytes(before[: old + 4] + b"free" + before[old + 8 :] + more)
    with Reader(second) as reader:
        assert reader.index.current.number == 3
        assert reader.version.moov_size == reader.index.versions[1].moov_size
        assert reader.scene_sample(0) == b"{3}"


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"A"])
def test_a_tail_that_reached_the_disk_as_rubbish_is_ignored(first, small_bytes, filler):
    first.write_bytes(small_bytes + filler * 5000)
    with Reader(first) as reader:
        assert contents(reader) == OLD
        assert reader.torn_bytes == 5000
    assert repair(first) == 5000
    assert repair(first) == 0
    assert first.read_bytes() == small_bytes


def test_a_damaged_new_index_is_no_version(second):
    """Nor is it a reason to show, or cut back to, the one before."""
    data = bytearray(second.read_bytes())
    data[-1] ^= 1
    second.write_bytes(data)
    with pytest.raises(ContainerError):
        Reader(second)
    with pytest.raises(ContainerError):
        repair(second)
    assert second.read_bytes() == data


def test_six_versions_on_two_branches(first, append_version, second_reader):
    expected = {1: OLD}
    for number, parent in ((2, 1), (3, 2), (4, 1), (5, 4), (6, 3)):
        frames, scenes = {number % 3: b"frame of %d" % number}, {0: b'{"scene":%d}' % number}
        row = append_version(first, frames, scenes, message=f"m{number}", parent=parent)
        assert (row.number, row.parent, row.root) == (number, parent, 1)
        old = [list(part) for part in expected[parent]]
        old[0][number % 3], old[1][0] = frames[number % 3], scenes[0]
        expected[number] = tuple(old)
        for version, samples in expected.items():
            assert shown(first, version) == samples
    with Reader(first) as reader:
        assert [version.about.message for version in reader.index.versions][1:] == [
            f"m{number}" for number in range(2, 7)
        ]
        assert problems_of(reader) == []
    for number, samples in expected.items():
        read = second_reader.read(first, number)
        assert [sample.data for sample in read.tracks[0].samples] == samples[0]


def test_a_version_from_a_cover_is_its_own_root(first, append_version):
    assert append_version(first, FRAMES, {}, root=0).root == 2
    assert append_version(first, {}, SCENES).root == 2
    assert append_version(first, {}, SCENES, parent=1).root == 1
    with pytest.raises(ContainerError, match="root"):
        append_version(first, {}, SCENES, parent=1, root=2)
    with Reader(first) as reader:
        assert [version.root for version in reader.index.versions] == [1, 2, 2, 1]


def test_checkout_and_tags(second, append_version):
    with Appender(second) as appender:
        appender.tag("good", 1)
        appender.tag("\u00fcber", 2)
        appender.checkout(1)
        appender.checkout(1)
        appender.tag("good", None)
        appender.tag("best", 2)
        appender.tag("best", 1)
    with Reader(second) as reader:
        assert contents(reader) == OLD
        assert reader.index.playing == reader.version.number == 1
        assert reader.index.tags == (("best", 1), ("\u00fcber", 2))
        assert [version.number for version in reader.index.versions] == [1, 2]
        assert problems_of(reader) == []
    assert shown(second, "\u00fcber") == NEW
    tops = [box.kind for box in walk_boxes(second) if box.depth == 0]
    assert tops.count(b"moov") == 1
    assert tops.count(b"cssv") == 8
    row = append_version(second, {2: b"on the first"}, {})
    assert (row.number, row.parent) == (3, 1)
    assert shown(second) == ([b"first frame", b"second", b"on the first"], OLD[1])


def test_versions_are_read_through_patches_as_if_they_played(second, append_version):
    """Reader.source of any version is a file whose first moov is that version's."""
    append_version(second, {0: b"third"}, {})
    with Appender(second) as appender:
        appender.checkout(2)
    expected = {number: shown(second, number) for number in (1, 2, 3)}
    for number in (1, 2, 3):
        with Reader(second, version=number) as reader:
            source = reader.source
        with source.open("rb") as file:
            data = file.read()
        with Reader(second) as reader:
            at = reader.index.find(number).moov_offset if number != 2 else reader.index.live_offset
        assert data.index(b"moov") == at + 4
        assert shown(source, number) == expected[number]


def test_damage_to_an_old_version_is_named(second, small_bytes):
    moov = small_bytes.index(b"moov")
    data = bytearray(second.read_bytes())
    data[moov + 40] ^= 1
    second.write_bytes(data)
    with Reader(second) as reader:
        assert contents(reader) == NEW
        (problem,) = problems_of(reader)
    assert (problem.kind, problem.version) == ("history", 1)
    assert "version 1" in problem.text
    with pytest.raises(ContainerError, match="moov of version 1 is damaged"):
        Reader(second, version=1)


def test_damage_to_an_old_frame_table_is_named(second, small_bytes):
    data = bytearray(second.read_bytes())
    data[len(small_bytes) - 8] ^= 1
    second.write_bytes(data)
    with Reader(second) as reader:
        assert [problem.kind for problem in problems_of(reader)] == [
            "index",
            "history",
        ]
    with pytest.raises(ContainerError, match="frame table of version 1"):
        Reader(second, version=1)


@pytest.mark.parametrize(
    ("text", "kind", "frame", "version", "names"),
    [
        (b"first frame", "sample", 0, 3, "(versions 1 to 3)"),
        (b"second", "sample", 1, 1, "(version 1)"),
        (b"changed second", "sample", 1, 3, "(versions 2 to 3)"),
        (b'{"n":1}', "scene", 1, 2, "(version 2)"),
        (b"priming", "audio", None, 3, "(versions 1 to 3)"),
    ],
)
def test_a_damaged_sample_is_named_with_every_version_that_shows_it(
    second, append_version, text, kind, frame, version, names
):
    append_version(second, {}, {1: b"x"})
    second.write_bytes(second.read_bytes().replace(text, b"#" + text[1:], 1))
    with Reader(second) as reader:
        (problem,) = problems_of(reader)
    assert (problem.kind, problem.frame, problem.version) == (kind, frame, version)
    assert problem.text.endswith(names)
    for shown_version in (1, 2):
        with Reader(second, version=shown_version) as reader:
            (problem,) = problems_of(reader)
        uses = str(shown_version) in names or "1 to 3" in names
        assert problem.version == (shown_version if uses else version)


@pytest.mark.parametrize(("mask", "shift"), [(0x10, 0), (0x01, 3), (0xFF, 6)])
def test_every_changed_byte_of_three_versions_is_found_or_of_no_consequence(
    second, append_version, mask, shift
):
    """What is not found must be where nobody looks: types and heads of boxes that are not needed.

    Every byte of a box's head, and each ninth of all.
    """
    append_version(second, {0: b"third"}, {2: b"{3}"}, parent=1)
    with Appender(second) as appender:
        appender.tag("tag", 2)
        appender.checkout(2)
    data = second.read_bytes()
    expected = {number: shown(second, number) for number in (1, 2, 3)}
    harmless = []
    tops = [box for box in walk_boxes(second) if box.depth == 0]
    starts = {box.offset + at for box in tops for at in range(24)}
    with second.open("r+b", buffering=0) as file:
        for at in sorted(starts.union(range(shift, len(data), 9))):
            file.seek(at)
            file.write(bytes([data[at] ^ mask]))
            try:
                with Reader(second) as reader:
                    found = bool(problems_of(reader))
            except ContainerError:
                found = True
            if not found:
                harmless.append(at)
                assert {number: shown(second, number) for number in (1, 2, 3)} == expected, at
            file.seek(at)
            file.write(data[at : at + 1])
    heads = {box.offset + at for box in tops for at in range(4, 24)}
    assert set(harmless) <= heads
    assert len(harmless) < 200


def test_a_reader_sees_what_it_opened_while_another_version_lands(second, append_version):
    with Reader(second) as reader, Appender(second) as appender:
        append_version.fill(appender, {0: b"other"}, {})
        assert contents(reader) == shown(second) == NEW
        appender.stage(reader.version.about, frames_changed=1)
        assert contents(reader) == shown(second) == NEW
        appender.publish()
        assert contents(reader) == NEW
        assert shown(second)[0][0] == b"other"
        assert problems_of(reader) == []
