"""Every rule of SPEC.md for files of one version, kept and broken: both readers read or refuse alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cssv.container import Reader
from cssv.errors import ContainerError
from tests.container.both_readers import check_accepted, package_refuses, samples_of, second_refuses
from tests.container.page_files import (
    AVC1,
    FTYP,
    METT,
    MP4A,
    SAMPLES,
    SCENE,
    SOUND,
    STBL,
    UUID,
    VIDEO,
    Node,
    Rough,
    adding,
    as_stco,
    both,
    box,
    co64,
    edits,
    full,
    index,
    made,
    moov,
    more_tracks,
    old_times,
    pack,
    put,
    row,
    silent,
    stsd,
    swap,
    table,
    tall,
    times,
    trak,
    twice,
    u32,
    u64,
    with_both_offsets,
    without,
)

FREE = box(b"free", b"anything")


def facts(text):
    return row(texts=(b"", b"", text))


def nested(depth):
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def sync(path, *keys):
    """A track with a table of samples at which decoding can start."""
    stbl = path + "/mdia/minf/stbl"
    return adding(stbl, table(b"stss", *[(key,) for key in keys]))


#: (section and rule, what is changed in a sound file that then must be read as before)
ACCEPTED = {
    "nothing": {},
    "1 unknown boxes": {"before_moov": FREE + box(b"abcd"), "before_index": tall(b"wxyz", b"1"), "tail": b""},
    "1 another brand order": {"ftyp": box(b"ftyp", b"cssv", u32(1), b"abcdcssv")},
    "1 ftyp of 4096 bytes": {"ftyp": box(b"ftyp", b"isom", u32(0), b"abcd" * 1019, b"cssv")},
    "1 tail of 7 bytes": {"tail": b"\0\0\0\x08moo"},
    "1 tail of zeros": {"tail": bytes(100)},
    "1 tail smaller than its header": {"tail": pack(u32(7), b"moov")},
    "1 tail with 64-bit size smaller than its header": {"tail": pack(u32(1), b"moov", u64(15))},
    "1 tail beyond the end": {"tail": pack(u32(9), b"cssv")},
    "1 tail beyond the end, 64 bits": {"tail": pack(u32(1), b"mdat", u64(1 << 62), bytes(99))},
    "1 tail with a cut 64-bit header": {"tail": pack(u32(1), b"mdat", bytes(4))},
    "2 versions 0": moov(old_times),
    "2 unknown boxes": adding("", Node(b"udta", b"1")),
    "2 unknown boxes in trak": adding(VIDEO, Node(b"udta", b"1"), Node(b"udta", b"1")),
    "2 unknown boxes in stbl": adding(VIDEO + "/mdia/minf/stbl", Node(b"sgpd", b"1")),
    "2 a 64-bit header inside moov": moov(lambda tree: tree[VIDEO].__setattr__("tall", True)),
    "2 a track of another kind": more_tracks(1),
    "2 32 tracks": more_tracks(29),
    "2 a meta track with another entry": adding("", trak(9, b"meta", MP4A, 1, [], (1,), [(48, b"v")])),
    "2 mett with boxes behind": stsd(
        SCENE, box(b"mett", bytes(8), b"\0application/json\0", box(b"btrt", b"1"))
    ),
    "2 mett with other leading bytes": stsd(SCENE, box(b"mett", b"\1" * 8, b"\0application/json\0")),
    "2 largest track id": put(VIDEO + "/tkhd", 20, u32((1 << 31) - 1)),
    "2 flags": put(VIDEO + "/tkhd", 1, b"\0\0\0"),
    "3 stsd version 1": stsd(VIDEO, AVC1, version=1),
    "3 several entries": stsd(VIDEO, AVC1, AVC1 + b""),
    "3 stco": moov(as_stco),
    "3 no stss": without(VIDEO + STBL + "stss"),
    "4 no edits": both(without(VIDEO + "/edts"), without(SCENE + "/edts")),
    "4 a single edit at 0": both(
        edits(VIDEO + "/edts", (0, 0, 0x10000)), edits(SCENE + "/edts", (9, 0, 0x10000))
    ),
    "4 audio that starts late and is cut": edits(SOUND + "/edts", (100, -1, 0x10000), (0, 7, 0x10000)),
    "4 longest duration": times(25, 1, 1, (1 << 31) - 1),
    "4 largest timescale": times((1 << 31) - 1, 1, 2, 3),
    "5 flags": index(flags=0xFFFF),
    "3 audio without samples": moov(silent)
    | {"crc_change": lambda words: words.__setitem__(slice(1, 3), [0, 0])},
    "3 stss of other tracks": both(sync(SCENE, 1, 3), sync(SOUND, 1)),
    "5 a next number far ahead": index(following=99),
    "5 the largest next number": index(following=2**32 - 1),
    "5 tags": index(tags=[(1, b"A"), (1, b"a" * 255), (1, "\u00fc".encode())]),
    "5 longest texts": row(texts=(b"a" * 1024, b"m" * 65536, b'{"f":"' + b"f" * 65528 + b'"}')),
    "5 latest time": row(created=253402300799),
    "5 no time": row(created=0),
    "5 any added bytes": row(added=(1 << 64) - 1),
    "5 number": {
        "index_change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], number=2**32 - 2, root=2**32 - 2)),
            setattr(i, "playing", 2**32 - 2),
        )
    },
    "5 number of format 1": {
        "index_change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], number=2**32 - 1)),
            setattr(i, "form", 1),
        )
    },
    "5 empty texts": row(texts=(b"", b"", b"{}")),
    "6 unknown facts": facts(b'{"a":[1,{"b":null}],"z":1e5}'),
    "6 facts in another order": facts(b'{"z":1, "a":2}'),
    "6 facts 64 deep": facts(nested(64)),
    "6 many brackets side by side": facts(b'{"a":[' + b"[]," * 99 + b"{}]}"),
    "6 brackets in a string": facts(b'{"a":"' + b"[{" * 99 + b'\\"' + b"[" * 99 + b'\\\\"}'),
    "6 an integer of 300 characters": facts(b'{"a":' + b"9" * 300 + b',"b":-' + b"9" * 299 + b"}"),
    "6 the largest number": facts(b'{"a":1.7976931348623157e308,"b":-1.7976931348623157e308}'),
    "6 many digits of no integer": facts(b'{"a":0.' + b"3" * 999 + b"}"),
    "9 uuid and cssv boxes that are no index": {
        "before_moov": box(b"cssv", UUID, bytes(27)) + box(b"uuid", UUID, bytes(27)),
        "before_index": box(b"cssv", bytes(44)) + box(b"uuid", bytes(44)) + tall(b"cssv", UUID, bytes(28)),
    },
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_the_page_allows_is_read_by_both(what, second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    path.write_bytes(made(**ACCEPTED[what]))
    plays = check_accepted(path, second_reader)
    assert samples_of(plays) == [SAMPLES[:3], SAMPLES[3:6]]


def named_twice():
    paths = ["mvhd", VIDEO + "/tkhd", VIDEO + "/edts", VIDEO + "/edts/elst", VIDEO + "/mdia", SCENE + "/tref"]
    paths += [VIDEO + "/mdia/" + kind for kind in ("mdhd", "hdlr", "minf", "minf/vmhd", "minf/stbl")]
    paths += [SCENE + "/tref/cdsc", SCENE + "/mdia/minf/nmhd", SOUND + "/mdia/minf/smhd"]
    paths += [VIDEO + STBL + kind for kind in ("stsd", "stts", "stsc", "stsz", "co64", "stss")]
    return {f"2 twice {path}": twice(path) for path in paths}


def versions_refused():
    paths = ["mvhd", VIDEO + "/tkhd", VIDEO + "/edts/elst", VIDEO + "/mdia/mdhd", VIDEO + STBL + "stsd"]
    found = {f"2 version 2 of {path}": put(path, 0, b"\2") for path in paths}
    tables = [VIDEO + STBL + kind for kind in ("stts", "stsc", "stsz", "co64", "stss")]
    found |= {f"2 version 1 of {path}": put(path, 0, b"\1") for path in tables}
    return found


def missing():
    paths = [
        "mvhd",
        VIDEO,
        SCENE,
        VIDEO + "/tkhd",
        VIDEO + "/mdia",
        VIDEO + "/mdia/mdhd",
        VIDEO + "/mdia/hdlr",
    ]
    paths += [VIDEO + "/mdia/minf", VIDEO + "/mdia/minf/stbl"]
    paths += [VIDEO + STBL + kind for kind in ("stsd", "stts", "stsc", "stsz", "co64")]
    return {f"2 no {path}": without(path) for path in paths}


def trailing():
    paths = [VIDEO + STBL + kind for kind in ("stsd", "stts", "stsc", "stsz", "co64", "stss")]
    paths.append(VIDEO + "/edts/elst")
    more = {
        f"3.5 {path} too long": moov(lambda t, p=path: t[p].__setattr__("body", t[p].body + bytes(4)))
        for path in paths
    }
    less = {
        f"3.5 {path} too short": moov(lambda t, p=path: t[p].__setattr__("body", t[p].body[:-1]))
        for path in paths
    }
    return more | less


def stts(path, *rows):
    return swap(path + STBL + "stts", table(b"stts", *rows))


def stsc(*rows):
    return swap(VIDEO + STBL + "stsc", table(b"stsc", *rows))


def stss(*keys):
    return swap(VIDEO + STBL + "stss", table(b"stss", *[(key,) for key in keys]))


def move(path, at, by):
    def change(tree):
        node = tree[path + STBL + "co64"]
        old = int.from_bytes(node.body[8 + 8 * at : 16 + 8 * at], "big")
        node.put(8 + 8 * at, u64(old + by))

    return moov(change)


def drop_last_scene(tree):
    stbl = tree[SCENE + "/mdia/minf/stbl"]
    offsets = co64(tree, SCENE)
    stbl["stts"].body = table(b"stts", (1, 1), (1, 2)).body
    stbl["co64"].body = full(b"co64", u32(2), u64(offsets[0]), u64(offsets[1])).body
    stbl["stsz"].body = full(b"stsz", u32(0), u32(2), u32(9), u32(2)).body


def many_times_the_same(tree):
    """200 sound samples of 50 bytes each, all in the mdat and all the same."""
    stbl = tree[SOUND + "/mdia/minf/stbl"]
    stbl["stts"].body = table(b"stts", (200, 1024)).body
    stbl["co64"].body = full(b"co64", u32(200), *[u64(48)] * 200).body
    stbl["stsz"].body = full(b"stsz", u32(50), u32(200)).body


def same_bytes(tree):
    """The second sound sample is the first; the frame table cannot tell, as both are its crackle."""
    stbl = tree[SOUND + "/mdia/minf/stbl"]
    stbl["co64"].put(8, stbl["co64"].body[16:24])
    stbl["stsz"].put(12, u32(7))


def overlap(tree):
    """The first sound sample ends with a byte of the second."""
    tree[SOUND + STBL + "stsz"].put(12, u32(5))


#: What the page says a reader must refuse (or, of 9, what a check of the whole file must name).
REFUSED = {
    # Section 1, and 11 on ftyp and boxes.
    "1 first box is not ftyp": {"ftyp": FREE},
    "1 no cssv among the brands": {"ftyp": FTYP.replace(b"cssv", b"isom")},
    "1 cssv not at a brand's place": {"ftyp": box(b"ftyp", b"isom", u32(0), b"xcssvxxx")},
    "1 cssv as major brand only": {"ftyp": box(b"ftyp", b"cssv", u32(0), b"isom")},
    "1 ftyp too long": {"ftyp": box(b"ftyp", b"isom", u32(0), b"cssv" * 1021)},
    # Section 2.
    **named_twice(),
    **versions_refused(),
    **missing(),
    "2 size 0 inside moov": adding("", Rough(pack(u32(0), b"free"))),
    "2 two videos": adding("", trak(9, b"vide", AVC1, 25, [], (1,), [(48, b"v")])),
    "2 two scenes": adding("", trak(9, b"meta", METT, 25, [], (1,), [(48, b"v")])),
    "2 33 tracks": more_tracks(30),
    "2 track id 0": put(VIDEO + "/tkhd", 20, u32(0)),
    "2 track id 2^31": put(VIDEO + "/tkhd", 20, u32(1 << 31)),
    "2 the same track id": put(VIDEO + "/tkhd", 20, u32(3)),
    "2 timescale 0": both(put(VIDEO + "/mdia/mdhd", 20, u32(0)), put(SCENE + "/mdia/mdhd", 20, u32(0))),
    "2 timescale 2^31": both(*(put(p + "/mdia/mdhd", 20, u32(1 << 31)) for p in (VIDEO, SCENE))),
    "2 movie timescale 0": put("mvhd", 20, u32(0)),
    "2 scene of another type": stsd(SCENE, box(b"metx", bytes(8), b"\0application/json\0")),
    "2 scene of another MIME type": stsd(SCENE, box(b"mett", bytes(8), b"\0application/text\0")),
    "2 scene with an encoding": stsd(SCENE, box(b"mett", bytes(8), b"x\0application/json\0")),
    "2 scene without end of string": stsd(SCENE, box(b"mett", bytes(8), b"\0application/json")),
    # Section 3.
    "3 no entries": stsd(VIDEO),
    "3 257 entries": stsd(VIDEO, *[AVC1] * 257),
    "3 entry of 15 bytes": stsd(VIDEO, box(b"avc1", bytes(7))),
    "3 entry beyond stsd": stsd(VIDEO, AVC1, count=2),
    "3 entry too long": stsd(VIDEO, box(b"avc1", bytes(1 << 20))),
    "3 ctts of the scene": adding(SCENE + "/mdia/minf/stbl", table(b"ctts", (3, 0))),
    "3 stsc not from 1": stsc((2, 1, 1)),
    "3 stsc not ascending": stsc((1, 1, 1), (1, 1, 1)),
    "3 stsc descending": stsc((1, 1, 1), (3, 1, 1), (2, 1, 1)),
    "3 stsc beyond the chunks": stsc((1, 1, 1), (4, 1, 1)),
    "3 stsc empty": stsc(),
    "3 entry 0": stsc((1, 1, 0)),
    "3 entry beyond": stsc((1, 1, 2)),
    "3 stss from 0": stss(0, 2),
    "3 stss twice": stss(1, 1),
    "3 stss descending": stss(3, 1),
    "3 stss beyond": stss(1, 4),
    "3 stss without sample 1": stss(2, 3),
    "3 stss empty": stss(),
    "3 stss of the scene without sample 1": sync(SCENE, 2),
    "3 stss of a sound without sample 1": sync(SOUND, 2),
    "3 stss of a sound empty": sync(SOUND),
    "3 co64 and stco": moov(with_both_offsets),
    "3.1 stts sums to less": stts(VIDEO, (2, 1)),
    "3.1 stts sums to more": stts(VIDEO, (1, 1), (1, 2), (2, 1)),
    "3.1 chunks sum to less": moov(
        lambda t: t[VIDEO + STBL + "co64"].__setattr__(
            "body", t[VIDEO + STBL + "co64"].body[:4] + pack(u32(2)) + t[VIDEO + STBL + "co64"].body[8:24]
        )
    ),
    "3.1 chunks sum to more": stsc((1, 1, 1), (3, 2, 1)),
    "3.2 empty run": stts(VIDEO, (0, 5), (1, 1), (1, 2), (1, 1)),
    "3.2 duration 0": both(*(stts(p, (1, 1), (1, 0), (1, 1)) for p in (VIDEO, SCENE))),
    "3.2 empty chunk": stsc((1, 1, 1), (2, 0, 1), (3, 2, 1)),
    "3.2 empty sample": put(VIDEO + STBL + "stsz", 16, u32(0))
    | {"crc_change": lambda words: words.__setitem__(4, 0)},
    "3.3 before the mdat": moov(lambda t: t[VIDEO + STBL + "co64"].put(8, u64(len(FTYP) + 15))),
    "3.3 beyond the mdat": move(SOUND, 1, 1),
    "3.3 in no mdat": moov(lambda t: t[VIDEO + STBL + "co64"].put(8, u64(8))),
    "3.3 far beyond the file": moov(lambda t: t[VIDEO + STBL + "co64"].put(8, u64((1 << 64) - 1))),
    "3.4 more bytes than the file has": moov(many_times_the_same)
    | {"crc_change": lambda words: words.__setitem__(1, 200)},
    **trailing(),
    "3.6 another timescale": put(SCENE + "/mdia/mdhd", 20, u32(50)),
    "3.6 another timescale, the same numbers": both(
        times(25, 1, 2, 1), put(SCENE + "/mdia/mdhd", 20, u32(50))
    ),
    "3.6 another start": without(SCENE + "/edts"),
    "3.6 other durations": stts(SCENE, (1, 2), (1, 1), (1, 1)),
    "3.6 another last duration": stts(SCENE, (1, 1), (1, 2), (1, 2)),
    "3.6 fewer scene samples": moov(drop_last_scene),
    # Section 4.
    "4 no row": edits(VIDEO + "/edts"),
    "4 three rows": edits(VIDEO + "/edts", (1, -1, 0x10000), (1, -1, 0x10000), (1, 0, 0x10000)),
    "4 rate": edits(SOUND + "/edts", (51200, 1024, 0x20000)),
    "4 rate of the empty edit": edits(SOUND + "/edts", (1, -1, 0), (51200, 1024, 0x10000)),
    "4 only an empty edit": edits(SOUND + "/edts", (51200, -1, 0x10000)),
    "4 media time -2": edits(SOUND + "/edts", (51200, -2, 0x10000)),
    "4 two empty edits": edits(SOUND + "/edts", (51200, -1, 0x10000), (51200, -1, 0x10000)),
    "4 two rows with media": edits(SOUND + "/edts", (51200, 0, 0x10000), (51200, 1024, 0x10000)),
    "4 start too late": edits(SOUND + "/edts", (1 << 62, -1, 0x10000), (1, 0, 0x10000)),
    "4 start too early": edits(SOUND + "/edts", (1, 1 << 54, 0x10000)),
    "4 start 2^31 s early": edits(SOUND + "/edts", (1, 48000 * (1 << 31) + 1, 0x10000)),
    "4 duration 2^31": times(25, 1, 1, 1 << 31),
    "4 total of 2^31 s": times(1, 1, 1, (1 << 31) - 1),
    # Section 5: header and bounds.
    "5 uuid": index(uuid=bytes(16)),
    "5 magic": index(magic=b"CSIY"),
    "5 format 2 in a uuid box": index(kind=b"uuid"),
    "5 format 1 in a cssv box": index(form=1, kind=b"cssv"),
    "5 another type of box": index(kind=b"free"),
    "5 the next number is taken": index(following=1),
    "5 next number 0": index(following=0),
    "5 no next number is left": {
        "index_change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], number=2**32 - 1, root=2**32 - 1)),
            setattr(i, "playing", 2**32 - 1),
            setattr(i, "following", 2**32 - 1),
        )
    },
    "5 format 0": index(form=0),
    "5 format 3": index(form=3),
    "5 offset": index(offset=0),
    "5 64-bit header": index(tall=True),
    "5 CRC-32": index(crc=1),
    "5 no versions": index(count=0),
    "5 more versions than rows": index(count=2),
    "5 65,536 versions": index(count=65536),
    "5 65,536 tags": index(tag_count=65536),
    "5 a tag that is not there": index(tag_count=1),
    "5 playing 0": index(playing=0),
    "5 playing no row": index(playing=2),
    "5 live moov elsewhere": index(live=8),
    "5 tag of no row": index(tags=[(2, b"a")]),
    "5 tag without name": index(tags=[(1, b"")]),
    "5 tag of 256 bytes": index(tags=[(1, b"a" * 256)]),
    "5 tag that is not UTF-8": index(tags=[(1, b"\xff")]),
    "5 tags descending": index(tags=[(1, b"b"), (1, b"a")]),
    "5 tags twice": index(tags=[(1, b"a"), (1, b"a")]),
    "5 tag beyond the index": index(tags=[(1, b"a")], name_length=255),
    "5 number 0": {
        "index_change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], number=0, root=0)),
            setattr(i, "playing", 0),
        )
    },
    "5 parent is itself": row(parent=1),
    "5 parent is no row": {
        "index_change": lambda i: (
            i.rows.__setitem__(0, replace(i.rows[0], number=5, parent=4, root=5)),
            setattr(i, "playing", 5),
        )
    },
    "5 created too late": row(created=253402300800),
    "5 moov of 7 bytes": row(moov=(0, 7, 0)),
    "5 no frames": row(frames=0),
    "5 other frames": row(frames=2, audio=2, changed=2),
    "5 2^24 + 1 frames": row(frames=(1 << 24) + 1),
    "5 31 audio tracks": row(audio=31),
    "5 author too long": row(texts=(b"a" * 1025, b"", b"{}")),
    "5 message too long": row(texts=(b"", b"a" * 65537, b"{}")),
    "5 facts too long": row(texts=(b"", b"", b'{"a":"' + b"b" * 65529 + b'"}')),
    "5 texts beyond the index": row(lengths=(1024, 0, 0)),
    "5 author is not UTF-8": row(texts=(b"\xff", b"", b"{}")),
    "5 message is not UTF-8": row(texts=(b"", b"\xed\xa0\x80", b"{}")),
    "5 facts are not UTF-8": row(texts=(b"", b"", b'{"a":"\xff"}')),
    "5 facts are no object": row(texts=(b"", b"", b"[1]")),
    "5 facts are not JSON": row(texts=(b"", b"", b"{")),
    "5 no facts": row(texts=(b"", b"", b"")),
    "6 facts with NaN": facts(b'{"a":NaN}'),
    "6 facts with infinity": facts(b'{"a":-Infinity}'),
    "6 facts with a number that becomes infinite": facts(b'{"a":1e309}'),
    "6 facts with a number that becomes infinite, below 0": facts(b'{"a":-2E+308}'),
    "6 facts 65 deep": facts(nested(65)),
    "6 facts 65 deep, behind a string": facts(b'{"\\\\":' + nested(64) + b"}"),
    "6 facts 65,530 deep": facts(b"[" * 65530),
    "6 an integer of 301 characters": facts(b'{"a":' + b"9" * 301 + b"}"),
    "6 an integer of 301 characters, with its sign": facts(b'{"a":-' + b"9" * 300 + b"}"),
    "6 facts with a byte order mark": facts(b"\xef\xbb\xbf{}"),
    "6 facts in UTF-16": facts("{}".encode("utf-16-le")),
    "6 facts with a bare word": facts(b'{"a":nil}'),
    "6 facts with a comma too many": facts(b'{"a":1,}'),
    "6 facts with a line break in a string": facts(b'{"a":"\n"}'),
    "6 facts with a leading zero": facts(b'{"a":01}'),
    "5 root 0": row(root=0),
    "5 root is another": row(root=2),
    "5 more changed than frames": row(changed=4),
    # Section 5: validity.
    "5.1 table before the end of its moov": row(moov=(1 << 40, 8, 0)),
    "5.2 table behind its place": {
        "index_change": lambda i: (setattr(i, "shift", 4), setattr(i, "trailing", bytes(4)))
    },
    "5.2 bytes behind the table": index(trailing=bytes(4)),
    "5.2 table cut": {"index_change": lambda i: setattr(i, "table", i.table[:-4])},
    "5.2 no table at all": index(table=None),
    "5.3 live moov before the first written": {
        "before_index": box(b"free", bytes(8)),
        "index_change": lambda i: setattr(i.rows[0], "moov", (i.live + 8, *i.rows[0].moov[1:])),
    },
    # Section 6.
    "6 no moov": {"live_kind": b"free"},
    "6 L of another size": {"before_index": box(b"free"), "grown": 8},
    "6 CRC-32 of the moov": {"moov_crc": 1},
    "6 a moov before the live one": {"before_moov": box(b"moov", b"")},
    "6 a moov with a 64-bit header": {"live_tall": True},
    # Section 9.
    "9 an older index": {"before_index": box(b"cssv", UUID, bytes(28))},
    "9 an older index of format 1": {"before_moov": box(b"uuid", UUID, bytes(28))},
    "9 ftyp": index(ftyp_crc=0),
    "9 video sample": {"crc_change": lambda words: words.__setitem__(3, 0)},
    "9 scene sample": {"crc_change": lambda words: words.__setitem__(6, 0)},
    "9 audio": {"crc_change": lambda words: words.__setitem__(2, 0)},
    "9 audio samples": {"crc_change": lambda words: words.__setitem__(1, 3)},
    "9 audio track id": {"crc_change": lambda words: words.__setitem__(0, 4)},
    "3 two samples are the same bytes": moov(same_bytes) | {"sound": [b"crackle"] * 2},
    "3 two video samples are the same bytes": moov(
        lambda t: (t[VIDEO + STBL + "co64"].put(24, u64(48)), t[VIDEO + STBL + "stsz"].put(20, u32(9)))
    )
    | {"crc_change": lambda words: words.__setitem__(5, words[3])},
    "3 samples overlap": moov(overlap) | {"sound": [b"hissc", b"crackle"]},
}


#: What one need not look at to read one version (sections 3 and 9), nor the place where L was first written.
FOUND_BY_THE_CHECK = {
    *(what for what in REFUSED if what.startswith("9 ") and what != "9 audio samples"),
    *("3 two samples are the same bytes", "3 samples overlap"),
    "3 two video samples are the same bytes",
} - {"9 audio track id"}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_page_forbids_is_refused_by_both(what, second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    path.write_bytes(made(**REFUSED[what]))
    checked = what in FOUND_BY_THE_CHECK
    assert second_refuses(second_reader, path, whole=checked)
    assert package_refuses(path, whole=checked)


@pytest.mark.parametrize("what", sorted(FOUND_BY_THE_CHECK))
def test_what_only_the_check_of_the_whole_file_finds_can_be_opened(what, second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    path.write_bytes(made(**REFUSED[what]))
    assert not package_refuses(path, whole=False)
    if what not in {"9 video sample", "9 scene sample"}:
        assert not second_refuses(second_reader, path, whole=False)


@pytest.mark.parametrize("kind", ["video", "scene"])
def test_no_bytes_of_a_damaged_sample_are_returned(kind, second_reader, tmp_path):
    path = tmp_path / "made.cssv"
    path.write_bytes(made(**REFUSED[f"9 {kind} sample"]))
    assert second_refuses(second_reader, path, whole=False)
    with Reader(path) as reader, pytest.raises(ContainerError):
        reader.sample(1, 0) if kind == "video" else reader.scene_sample(0)
