"""Every rule of SPEC.md for files of several versions, kept and broken: both readers read or refuse alike."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest

from cssv.container import Appender, Reader
from tests.container.both_readers import assert_same, check_accepted, package_refuses, second_refuses
from tests.container.page_files import (
    MP4A,
    SAMPLES,
    SOUND,
    STBL,
    VIDEO,
    Index,
    Made,
    Node,
    Rough,
    Row,
    adding,
    box,
    index,
    made,
    pack,
    tall,
    trak,
    u32,
    u64,
)


def nothing(_):
    pass


def grown(
    first=None,
    *,
    change=nothing,
    rename=b"free",
    checkout=False,
    form=2,
    index_first=False,
    tables=nothing,
    words=nothing,
):
    """A second version with the first one's samples, or the first one again, appended to a made file.

    ``change`` is of the last index, ``tables`` of the second moov, ``words`` of the second frame table.
    """
    file = Made()
    for name, value in (first or {}).items():
        setattr(file, name, value)
    data = bytearray(file.bytes())
    tree = file.tree()
    tables(tree)
    start, copy = len(data), tree.dump()
    rows = [replace(file.row)]
    if not checkout:
        about = {"texts": (b"", b"second", b"{}"), "changed": 0, "root": 1}
        rows.append(Row(2, 1, moov=(start, len(copy), zlib.crc32(copy[8:])), added=77, **about))
    numbers = list(struct.unpack(f">{len(file.table) // 4}I", file.table))
    words(numbers)
    table = None if checkout else pack(*map(u32, numbers))
    index = Index(rows, rows[-1].number, live=start, table=table, form=form)
    data[file.live + 4 : file.live + 8] = rename
    if index_first:
        index.live = start + len(index.dump(start))
    change(index)
    if index_first:
        return bytes(data + index.dump(start) + copy)
    return bytes(data + copy + index.dump(start + len(copy)))


def last_row(**changes):
    def change(found):
        found.rows[-1] = replace(found.rows[-1], **changes)
        found.playing = found.rows[-1].number

    return change


def first_row(**changes):
    return lambda found: found.rows.__setitem__(0, replace(found.rows[0], **changes))


OLD_FORMAT = index(form=1)

GROWN = {
    "two versions": {},
    "format 1 and 1": {"first": OLD_FORMAT, "form": 1},
    "format 1 and 2": {"first": OLD_FORMAT},
    "a next number far ahead": {"change": lambda i: setattr(i, "following", 99)},
    "format 1, a parent that is no row": {
        "first": OLD_FORMAT,
        "form": 1,
        "change": last_row(number=9, parent=5),
    },
    "checked out": {"checkout": True},
    "format 1, checked out": {"first": OLD_FORMAT, "checkout": True},
    "a gap in the numbers": {"change": last_row(number=1000)},
    "the facts of the row before": {"change": last_row(texts=(b"", b"second", b""))},
    "the facts of the row before, written again": {
        "change": last_row(texts=(b"", b"second", b'{"layout":"rgb24"}'))
    },
    "format 1 and 2, the facts of the row before": {
        "first": OLD_FORMAT,
        "change": last_row(texts=(b"", b"second", b"")),
    },
    "its own root": {"change": last_row(root=2)},
    "no parent": {"change": last_row(root=2, parent=0, changed=3)},
    "tags": {"change": lambda i: setattr(i, "tags", [(2, b"a"), (1, b"b")])},
    "a renamed moov of any type": {"rename": b"abcd"},
    "a rename torn": {"rename": b"frov"},
}


@pytest.mark.parametrize("what", GROWN)
def test_what_may_be_appended_is_read_by_both(what, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown(**GROWN[what]))
    plays = check_accepted(path, second_reader)
    assert len(plays[3]) == (1 if GROWN[what].get("checkout") else 2)


def test_a_row_without_facts_has_those_of_the_row_before(second_reader, tmp_path):
    """However many rows before it these were written."""
    path = tmp_path / "grown.cssv"

    def change(found):
        last = found.rows[1] = replace(found.rows[1], texts=(b"", b"second", b""))
        end = last.moov[0] + last.moov[1]
        found.rows.append(replace(last, number=3, parent=2, moov=last.moov, texts=(b"", b"third", b"")))
        # The second version's parts lie where the first one's do not, before the third one's.
        gap = found.rows[0].table[0] + 12 * 4
        found.rows[1] = replace(found.rows[1], moov=(gap, 8, 0), table=(gap + 8, 0))
        assert gap + 8 + 12 * 4 <= last.moov[0] < end
        found.playing = 3

    data = grown({"tail": box(b"free", bytes(200))}, change=change)
    path.write_bytes(data)
    rows = second_reader.read(path, whole=False).versions
    with Reader(path) as reader:
        assert [dict(row.about.meta) for row in reader.index.versions] == [{"layout": "rgb24"}] * 3
    assert [row.facts for row in rows] == [{"layout": "rgb24"}] * 3


def test_format_1_is_understood_as_the_page_says(second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown(OLD_FORMAT, form=1))
    size = len(made(**OLD_FORMAT))
    rows = second_reader.read(path).versions
    assert [(v.root, v.changed, v.added) for v in rows] == [(1, 3, size), (1, 3, path.stat().st_size - size)]
    path.write_bytes(grown(OLD_FORMAT, form=1, change=last_row(number=9, parent=5)))
    assert [(v.parent, v.root) for v in second_reader.read(path).versions] == [(0, 1), (0, 9)]
    assert second_reader.read(path).index.following == 10


def both_rows(one, two):
    """Changes of the first row and of the last."""
    return lambda index: (first_row(**one)(index), last_row(**two)(index))


#: An index that is not valid leads nowhere, as L is the moov that it alone names.
NOT_VALID = {
    "5 the same number": {"change": last_row(number=1, parent=0)},
    "5 a parent behind it": {"change": first_row(parent=2)},
    "5 a parent that is no row": {"change": last_row(number=5, parent=3, root=5)},
    "5 another's root": {"change": last_row(number=5, root=2)},
    "5 root 0": {"change": last_row(root=0)},
    "5 root without a parent": {"change": last_row(parent=0, root=1, changed=3)},
    "5 1 plays, L is of 2": {
        "change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], moov=(i.rows[0].moov[0], 8, 0))),
            setattr(i, "playing", 1),
        )
    },
    "5.1 moov before the table before": {"change": lambda i: setattr(i.rows[0], "table", (i.live - 8, 0))},
    "5.1 moov in the wrong order": {
        "change": lambda i: setattr(i.rows[0], "moov", (i.live, *i.rows[0].moov[1:]))
    },
    "5.1 table before its moov": {"change": lambda i: setattr(i.rows[0], "table", (100, 0))},
    "5.1 tables that overlap": {"change": lambda i: setattr(i.rows[0], "audio", 32)},
    "5 version 0": {"change": both_rows({"number": 0, "root": 0}, {"parent": 0, "root": 2, "changed": 3})},
    "5 an old version without frames": {"change": first_row(frames=0, changed=0)},
    "5 an old version's 31 audio tracks": {
        "first": {"tail": box(b"free", bytes(5000))},
        "change": first_row(audio=31),
    },
    "5 the first row without facts": {"change": first_row(texts=(b"", b"", b""))},
    "5 format 1, the last row without facts": {
        "first": OLD_FORMAT,
        "form": 1,
        "change": last_row(texts=(b"", b"second", b"")),
    },
    "5 an old moov of 7 bytes": {"change": lambda i: first_row(moov=(i.rows[0].moov[0], 7, 0))(i)},
    "5 format 1, its own parent": {"first": OLD_FORMAT, "form": 1, "change": last_row(parent=2)},
    "5 format 1, a later parent": {"first": OLD_FORMAT, "form": 1, "change": last_row(parent=3)},
    "5.2 no table of the last version": {"change": lambda i: setattr(i, "table", None)},
    "5.2 format 1 with its table elsewhere": {"first": OLD_FORMAT, "form": 1, "checkout": True},
    "5.2 bytes behind the tags": {"checkout": True, "change": lambda i: setattr(i, "trailing", bytes(4))},
    "5.2 table that ends within the index": {
        "checkout": True,
        "change": lambda i: setattr(i.rows[0], "table", (i.live + i.rows[0].moov[1], 0)),
    },
    "5.3 live moov behind the index": {"checkout": True, "index_first": True},
    "5 the next number is an old one": {"change": lambda i: setattr(i, "following", 2)},
    "5 another format's type of box": {"change": lambda i: setattr(i, "kind", b"uuid")},
    "6 a format that is not known": {"form": 3},
}


@pytest.mark.parametrize("what", NOT_VALID)
def test_an_index_that_is_not_valid_leads_nowhere(what, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown(**NOT_VALID[what]))
    assert second_refuses(second_reader, path, whole=False)
    assert package_refuses(path, whole=False)


#: Likewise where the old version still plays: then the index before counts.
NOT_COUNTED = {
    "6 not yet renamed": nothing,
    "5.3 last moov within the index": lambda i: (
        setattr(i.rows[1], "moov", (i.live + 20, *i.rows[1].moov[1:])),
        setattr(i, "live", i.rows[0].moov[0]),
        setattr(i, "playing", 1),
    ),
    "5 tag of no row": lambda i: (
        setattr(i, "live", i.rows[0].moov[0]),
        setattr(i, "playing", 1),
        setattr(i, "tags", [(3, b"a")]),
    ),
}


@pytest.mark.parametrize("what", NOT_COUNTED)
def test_an_index_that_does_not_count_is_passed_over(what, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    data = grown(change=NOT_COUNTED[what], rename=b"moov")
    path.write_bytes(data)
    plays = check_accepted(path, second_reader)
    assert (plays[0], len(plays[3]), plays[4][2]) == (1, 1, ())
    assert plays[-1] == len(data) - len(made())


def test_an_index_for_another_playing_version_counts_without_a_rename(second_reader, tmp_path):
    """The same but for what made the others not count."""
    path = tmp_path / "grown.cssv"
    change = lambda i: (setattr(i, "live", i.rows[0].moov[0]), setattr(i, "playing", 1))  # noqa: E731
    path.write_bytes(grown(change=change, rename=b"moov"))
    plays = check_accepted(path, second_reader)
    assert (plays[0], len(plays[3]), plays[-1]) == (1, 2, 0)


#: The box of a version that does not play.
BAD_OLD_MOOV = {
    "6 CRC-32": {"change": lambda i: setattr(i.rows[0], "moov", (*i.rows[0].moov[:2], 0))},
    "6 size": {"change": lambda i: setattr(i.rows[0], "moov", (i.rows[0].moov[0], 8, 0))},
    "6 no top-level box": {
        "first": {"before_index": box(b"free", bytes(8))},
        "change": lambda i: setattr(i.rows[0], "moov", (i.rows[0].moov[0] + 8, *i.rows[0].moov[1:])),
    },
    "5 frame table": {"change": lambda i: setattr(i.rows[0], "table", (i.rows[0].table[0], 0))},
    "3 other frames": {
        "change": lambda i: (
            setattr(i.rows[0], "frames", 2),
            setattr(i.rows[0], "changed", 0),
            setattr(i.rows[0], "table", (i.rows[0].table[0], 0)),
        )
    },
}


@pytest.mark.parametrize("what", BAD_OLD_MOOV)
def test_an_old_version_that_does_not_fit_its_row_is_refused(what, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown(**BAD_OLD_MOOV[what]))
    for number, refused in ((1, True), (2, False)):
        assert second_refuses(second_reader, path, number, whole=False) == refused
        assert package_refuses(path, number, whole=False) == refused
    assert second_refuses(second_reader, path)
    assert package_refuses(path)


def test_an_old_moov_with_a_64_bit_header_is_refused(second_reader, tmp_path):
    """The old moov's first eight bytes become part of a header of sixteen, over the same bytes."""
    path = tmp_path / "grown.cssv"
    file = Made()
    file.moov_change = lambda tree: tree.body.insert(0, Rough(pack(u32(0x10), b"free", bytes(8))))
    file.bytes()
    data = bytearray(grown({"moov_change": file.moov_change}))
    size = int.from_bytes(data[file.live : file.live + 4], "big")
    payload = pack(u64(size), bytes(data[file.live + 16 : file.live + size]))
    data[file.live : file.live + size] = pack(u32(1), b"free", payload)
    at = data.rindex(b"CSIX") - 24
    data[at + 68 + 32 : at + 68 + 36] = pack(u32(zlib.crc32(payload)))
    data[-4:] = pack(u32(zlib.crc32(data[at:-4])))
    path.write_bytes(data)
    for number, refused in ((1, True), (2, False)):
        assert second_refuses(second_reader, path, number, whole=False) == refused
        assert package_refuses(path, number, whole=False) == refused


HISS, CRACKLE = (48 + len(b"".join(SAMPLES[:at])) for at in (6, 7))


def heard(*places):
    """The second version's sound, elsewhere: (offset, bytes) of its two samples."""
    whole = b"".join(SAMPLES)

    def tables(tree):
        tree[SOUND + STBL + "co64"].put(8, *[u64(at) for at, _ in places])
        tree[SOUND + STBL + "stsz"].put(12, *[u32(size) for _, size in places])

    def words(numbers):
        numbers[2] = zlib.crc32(b"".join(whole[at - 48 : at - 48 + size] for at, size in places))

    return {"tables": tables, "words": words}


def crossed():
    """The second version's sound is the first one's pictures, and its pictures are the first one's sound."""
    sound = heard((48, 9), (57, 10))

    def tables(tree):
        sound["tables"](tree)
        tree[VIDEO + STBL + "co64"].put(8, u64(HISS), u64(CRACKLE))
        tree[VIDEO + STBL + "stsz"].put(12, u32(4), u32(7))

    def words(numbers):
        sound["words"](numbers)
        numbers[3:5] = map(zlib.crc32, SAMPLES[6:])

    return {"tables": tables, "words": words}


#: Section 3's rules for samples of several versions.
SHARED_BADLY = {
    "audio in another order": heard((CRACKLE, 7), (HISS, 4)),
    "audio cut elsewhere": heard((HISS, 3), (HISS + 3, 8)),
    "audio in part": heard((HISS, 4), (CRACKLE, 6)),
    "audio of a video sample": heard((HISS, 4), (48, 9)),
    "audio that is other versions' video": crossed(),
}


@pytest.mark.parametrize("what", SHARED_BADLY)
def test_samples_that_share_bytes_badly_are_found_by_the_check(what, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown(**SHARED_BADLY[what]))
    for number in (1, 2):
        assert not second_refuses(second_reader, path, number, whole=False)
        assert not package_refuses(path, number, whole=False)
    assert second_refuses(second_reader, path)
    assert package_refuses(path)


def test_the_audio_rows_of_a_frame_table_may_stand_in_any_order(second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    rows = [[3, 2, zlib.crc32(b"hisscrackle")], [4, 1, zlib.crc32(b"more")]]
    for order in (rows, rows[::-1]):
        file = Made()
        file.samples = [*SAMPLES, b"more"]
        file.more = lambda places: [trak(4, b"soun", MP4A, 48000, [], (5,), places[8:9])]
        file.crc_change = lambda words, order=order: words.__setitem__(slice(0, 3), [*order[0], *order[1]])
        file.index_change = first_row(audio=2)
        path.write_bytes(file.bytes())
        check_accepted(path, second_reader)


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_both_find_the_same_of_all_damage(mask, branched, second_reader):
    """A byte in every eleven of a file with four versions, tags and a checkout."""
    data = branched.read_bytes()
    with branched.open("r+b", buffering=0) as file:
        for at in range(mask % 11, len(data), 11):
            file.seek(at)
            file.write(bytes([data[at] ^ mask]))
            assert second_refuses(second_reader, branched) == package_refuses(branched), at
            file.seek(at)
            file.write(data[at : at + 1])
    assert branched.read_bytes() == data


def test_versions_without_any_index_of_theirs_are_refused(second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    data = grown()
    path.write_bytes(data[: data.rindex(b"CSIX") - 24])
    assert second_refuses(second_reader, path)
    assert package_refuses(path)


def test_damage_to_an_older_index_is_found_by_the_check_only(second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    data = bytearray(grown())
    data[data.index(b"CSIX") + 24] ^= 1
    path.write_bytes(data)
    assert not second_refuses(second_reader, path, whole=False)
    assert not package_refuses(path, whole=False)
    assert second_refuses(second_reader, path)
    assert package_refuses(path)


def test_behind_262144_boxes_nothing_is_looked_at(second_reader, tmp_path):
    """An index is the last box, or one too far behind; what comes after it may be any number."""
    path = tmp_path / "made.cssv"
    for count, refused in ((262144 - 4, False), (262144 - 3, True)):
        path.write_bytes(made(before_index=box(b"free") * count))
        assert second_refuses(second_reader, path) == refused
        assert package_refuses(path) == refused
    path.write_bytes(made(tail=box(b"free") * 300_000))
    with Reader(path) as reader:
        assert second_reader.read(path).behind == reader.torn_bytes == 8 * 300_000


def test_too_many_boxes_in_one_are_refused(second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    for count, refused in ((4096 - 4, False), (4096 - 3, True)):
        path.write_bytes(made(**adding("", *[Node(b"free")] * count)))
        assert second_refuses(second_reader, path) == refused
        assert package_refuses(path) == refused


def test_a_format_1_file_whose_parent_is_no_row_can_be_appended_to(second_reader, append_version, tmp_path):
    """Allowed in format 1, not in 2: it counts as none, and so it is written."""
    path = tmp_path / "made.cssv"

    def change(found):
        found.form = 1
        found.rows[0] = replace(found.rows[0], number=5, parent=3)

    path.write_bytes(made(index_change=change))
    with Appender(path) as appender:
        appender.tag("tag", 5)
    append_version(path, {}, {0: b"{}"})
    plays = assert_same(second_reader, path)
    assert (plays[0], plays[4][2]) == (6, (("tag", 5),))


BEHIND = tall(b"mdat", b"video one")


def test_samples_lie_before_the_index_that_leads_to_them(second_reader, tmp_path):
    """What lies behind it is cut off by whoever writes next."""
    path = tmp_path / "made.cssv"
    for where, refused in (("before_moov", False), ("before_index", False), ("tail", True)):
        at = made(**{where: BEHIND}).index(BEHIND) + 16
        changes = {where: BEHIND, "moov_change": lambda t, at=at: t[VIDEO + STBL + "co64"].put(8, u64(at))}
        path.write_bytes(made(**changes))
        assert second_refuses(second_reader, path, whole=False) == refused
        assert package_refuses(path, whole=False) == refused
    # Whatever else lies there does not matter.
    path.write_bytes(made(tail=BEHIND))
    check_accepted(path, second_reader)


def test_samples_of_the_second_version_lie_before_its_index(second_reader, tmp_path):
    """An index whose rows point behind it is chosen, as it is valid, but the version is not read."""
    path = tmp_path / "grown.cssv"
    at = len(grown()) + 16
    data = grown(tables=lambda tree: tree[VIDEO + STBL + "co64"].put(8, u64(at))) + BEHIND
    assert data.index(BEHIND) == at - 16
    path.write_bytes(data)
    for number, refused in ((1, False), (2, True)):
        assert second_refuses(second_reader, path, number, whole=False) == refused
        assert package_refuses(path, number, whole=False) == refused
    assert second_refuses(second_reader, path)
    assert package_refuses(path)


@pytest.mark.parametrize(("audio", "refused"), [(30, False), (31, True)])
def test_audio_tracks_of_a_row_that_is_not_read(audio, refused, second_reader, tmp_path):
    path = tmp_path / "grown.cssv"
    path.write_bytes(grown({"tail": box(b"free", bytes(5000))}, change=first_row(audio=audio)))
    assert second_refuses(second_reader, path, 2, whole=False) == refused
    assert package_refuses(path, 2, whole=False) == refused
