"""Damaged and malicious files: a named error or a named problem, at once and in little memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.container import Reader, is_cssv, limits, repair, walk_boxes
from cssv.container.moov import read_moov
from cssv.errors import ChecksumError, ContainerError, LimitError
from cssv.testing.container import duration_of, problems_of

pytestmark = pytest.mark.series


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "hostile.cssv"


def find(data: bytes, kind: bytes, start: int = 0) -> int:
    """Offset of the first box of this type at or after ``start``."""
    return data.index(kind, start) - 4


#: From the start of an index box to its first row.
ROWS = 68


def seal(data: bytes) -> bytes:
    """Make the checksums of a one-version file right again after its tables were changed."""
    sealed = bytearray(data)
    moov, index = (
        find(data, b"moov", data.rindex(b"CSIX") - 5000 if len(data) > 6000 else 0),
        data.rindex(b"CSIX") - 24,
    )
    size = struct.unpack_from(">Q", data, index + ROWS + 24)[0]
    sealed[index + ROWS + 32 : index + ROWS + 36] = struct.pack(
        ">I", zlib.crc32(data[moov + 8 : moov + size])
    )
    sealed[-4:] = struct.pack(">I", zlib.crc32(sealed[index:-4]))
    return bytes(sealed)


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def explore(path) -> list[str]:
    """Do everything one can do with a file; returns the problems' kinds. CssvErrors only."""
    is_cssv(path)
    list(walk_boxes(path))
    with Reader(path) as reader:
        for track in reader.tracks:
            for at in range(len(track.table)):
                reader.pts(track.number, at)
                duration_of(reader, track.number, at)
                track.table.entry_of(at)
                try:
                    reader.key_before(track.number, at)
                    reader.sample(track.number, at)
                except ContainerError:
                    continue
        return [problem.kind for problem in problems_of(reader)]


def outcome(path) -> str:
    try:
        problems = explore(path)
    except ContainerError as error:
        return error.kind
    return problems[0] if problems else "sound"


def test_sealing_and_exploring_work_on_a_sound_file(small_bytes, scratch):
    assert seal(small_bytes) == small_bytes
    scratch.write_bytes(small_bytes)
    assert outcome(scratch) == "sound"


def test_every_truncation_is_refused(small_bytes, scratch):
    for length in range(len(small_bytes)):
        scratch.write_bytes(small_bytes[:length])
        with pytest.raises(ContainerError):
            Reader(scratch)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_changed_byte_is_found(small_bytes, scratch, mask):
    scratch.write_bytes(small_bytes)
    with scratch.open("r+b", buffering=0) as file:
        for at, byte in enumerate(small_bytes):
            file.seek(at)
            file.write(bytes([byte ^ mask]))
            assert outcome(scratch) != "sound", at
            file.seek(at)
            file.write(bytes([byte]))
    assert scratch.read_bytes() == small_bytes


@pytest.mark.parametrize("value", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0"])
def test_lies_under_right_checksums_are_refused_by_both_readers_or_none(
    small_bytes, scratch, second_reader, value
):
    """Every second 32-bit word of moov and index replaced and sealed again."""
    for at in range(find(small_bytes, b"moov"), len(small_bytes) - 4, 2):
        lie = patched(small_bytes, at, value)
        try:
            scratch.write_bytes(seal(lie))
        except (struct.error, ValueError):
            continue
        mine = outcome(scratch)
        try:
            second_reader.read(scratch)
        except (ValueError, struct.error):
            assert mine != "sound", at
        else:
            assert mine == "sound", at


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    )
)
@settings(max_examples=400)
def test_random_lies_under_right_checksums(changes, small_bytes, scratch, second_reader):
    start = find(small_bytes, b"moov") + 8
    data = small_bytes
    for at, value in changes:
        data = patched(data, start + at % (len(data) - 4 - start), value)[: len(small_bytes)]
    with suppress(struct.error, ValueError):
        data = seal(data)
    scratch.write_bytes(data)
    mine = outcome(scratch)
    try:
        second_reader.read(scratch)
    except (ValueError, struct.error):
        assert mine != "sound"
    else:
        assert mine == "sound"


@given(data=st.binary(max_size=200))
@settings(max_examples=300)
def test_noise_is_not_a_file(data, scratch):
    scratch.write_bytes(data)
    assert outcome(scratch) == "container"


@given(data=st.binary(max_size=300))
@settings(max_examples=200)
def test_noise_is_not_a_moov(data):
    with pytest.raises(ContainerError):
        read_moov(memoryview(data))


# Each: which table to lie about, at what distance from its type, with what, and what must come of it.
LIES = [
    ("stts rows", b"stts", 8, b"\xff\xff\xff\xff", LimitError),
    ("stts count", b"stts", 12, b"\xff\xff\xff\xff", ContainerError),
    ("stts empty run", b"stts", 12, bytes(4), ContainerError),
    ("stts duration 0", b"stts", 16, bytes(4), LimitError),
    ("stts duration", b"stts", 16, b"\xff\xff\xff\xff", LimitError),
    ("stsz samples", b"stsz", 12, b"\xff\xff\xff\xff", LimitError),
    ("stsz common size", b"stsz", 8, b"\0\0\0\1", ContainerError),
    ("stsz sample", b"stsz", 16, b"\xff\xff\xff\xff", LimitError),
    ("stsz empty sample", b"stsz", 16, bytes(4), LimitError),
    ("stsc rows", b"stsc", 8, b"\xff\xff\xff\xff", LimitError),
    ("stsc first chunk", b"stsc", 12, b"\0\0\0\2", ContainerError),
    ("stsc samples", b"stsc", 16, b"\xff\xff\xff\xff", ContainerError),
    ("stsc entry 0", b"stsc", 20, bytes(4), LimitError),
    ("stsc entry", b"stsc", 20, b"\0\0\0\2", LimitError),
    ("co64 chunks", b"co64", 8, b"\xff\xff\xff\xff", LimitError),
    ("co64 offset", b"co64", 12, b"\xff" * 8, LimitError),
    ("co64 outside mdat", b"co64", 12, bytes(8), ContainerError),
    ("stss rows", b"stss", 8, b"\xff\xff\xff\xff", LimitError),
    ("stss sample 0", b"stss", 12, bytes(4), ContainerError),
    ("stss order", b"stss", 12, b"\0\0\0\3", ContainerError),
    ("stsd entries", b"stsd", 8, b"\xff\xff\xff\xff", LimitError),
    ("stsd entry size", b"stsd", 12, b"\xff\xff\xff\xff", LimitError),
    ("mvhd timescale", b"mvhd", 24, bytes(4), LimitError),
    ("mdhd timescale", b"mdhd", 24, bytes(4), LimitError),
    ("elst rows", b"elst", 8, b"\xff\xff\xff\xff", LimitError),
    ("elst empty edit", b"elst", 12, b"\xff" * 8, LimitError),
    ("elst rate", b"elst", 28, b"\0\2\0\0", ContainerError),
    ("elst version", b"elst", 4, b"\2", ContainerError),
    ("trak size", b"trak", -4, b"\xff\xff\xff\xff", ContainerError),
    ("trak size 0", b"trak", -4, bytes(4), ContainerError),
    ("no video", b"vide", 0, b"text", ContainerError),
    ("two videos", b"soun", 0, b"vide", ContainerError),
    ("no scene", b"mett", 0, b"metx", ContainerError),
    ("ctts in place of stss", b"stss", 0, b"ctts", ContainerError),
    ("two track headers", b"edts", 0, b"tkhd", ContainerError),
]


@pytest.mark.parametrize(("what", "kind", "at", "value", "error"), LIES, ids=[lie[0] for lie in LIES])
def test_lying_tables_are_refused(small_bytes, scratch, second_reader, what, kind, at, value, error):
    place = small_bytes.index(kind, find(small_bytes, b"moov")) + at
    scratch.write_bytes(seal(patched(small_bytes, place, value)))
    tracemalloc.start()
    with pytest.raises(error):
        Reader(scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    with pytest.raises((ValueError, struct.error)):
        second_reader.read(scratch)


INDEX_LIES = [
    ("magic", 24, b"CSIY", ContainerError),
    ("format", 28, b"\0\3", ContainerError),
    ("format 0", 28, b"\0\0", ContainerError),
    ("format 1", 28, b"\0\1", ContainerError),
    ("offset", 32, bytes(8), ContainerError),
    ("no versions", 44, bytes(4), LimitError),
    ("many versions", 44, b"\xff\xff\xff\xff", LimitError),
    ("two versions", 44, b"\0\0\0\2", ContainerError),
    ("version 0 plays", 48, bytes(4), ContainerError),
    ("version 2 plays", 48, b"\0\0\0\2", ContainerError),
    ("number 1 comes next", 52, b"\0\0\0\1", ContainerError),
    ("live moov elsewhere", 56, bytes(8), ContainerError),
    ("live moov beyond", 56, b"\xff" * 8, ContainerError),
    ("a tag", 64, b"\0\0\0\1", ContainerError),
    ("tags", 64, b"\xff\xff\xff\xff", LimitError),
    ("version 0", ROWS, bytes(4), ContainerError),
    ("own parent", ROWS + 4, b"\0\0\0\1", ContainerError),
    ("created", ROWS + 8, b"\xff" * 8, LimitError),
    ("moov beyond", ROWS + 16, b"\xff" * 8, ContainerError),
    ("moov size", ROWS + 24, b"\xff" * 8, LimitError),
    ("moov checksum", ROWS + 32, bytes(4), ChecksumError),
    ("table elsewhere", ROWS + 36, bytes(8), ContainerError),
    ("table checksum", ROWS + 44, bytes(4), ChecksumError),
    ("no frames", ROWS + 48, bytes(4), LimitError),
    ("frames", ROWS + 48, b"\xff\xff\xff\xff", LimitError),
    ("2^24 frames", ROWS + 48, b"\1\0\0\0", ContainerError),
    ("audio tracks", ROWS + 52, b"\xff\xff\xff\xff", LimitError),
    ("31 audio tracks", ROWS + 52, b"\0\0\0\x1f", LimitError),
    ("no audio tracks", ROWS + 52, bytes(4), ContainerError),
    ("author", ROWS + 56, b"\xff\xff\xff\xff", LimitError),
    ("message", ROWS + 60, b"\xff\xff\xff\xff", LimitError),
    ("facts", ROWS + 64, b"\xff\xff\xff\xff", LimitError),
    ("no root", ROWS + 68, bytes(4), ContainerError),
    ("root", ROWS + 68, b"\0\0\0\2", ContainerError),
    ("changed frames", ROWS + 72, b"\0\0\0\4", LimitError),
    ("author is not UTF-8", ROWS + 84, b"\xff", ContainerError),
    ("facts are not JSON", ROWS + 92, b"\0", ContainerError),
]


@pytest.mark.parametrize(("what", "at", "value", "error"), INDEX_LIES, ids=[lie[0] for lie in INDEX_LIES])
def test_lying_indexes_are_refused(small_bytes, scratch, second_reader, what, at, value, error):
    index = small_bytes.rindex(b"CSIX") - 24
    data = bytearray(patched(small_bytes, index + at, value))
    data[-4:] = struct.pack(">I", zlib.crc32(data[index:-4]))
    scratch.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(error):
        Reader(scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    with pytest.raises((ValueError, struct.error)):
        second_reader.read(scratch)


def test_a_moov_that_was_never_where_the_row_says_is_named(small_bytes, scratch):
    """What plays is the live one, so the version can be read; but the row is wrong."""
    index = small_bytes.rindex(b"CSIX") - 24
    data = bytearray(patched(small_bytes, index + ROWS + 16, bytes(8)))
    data[-4:] = struct.pack(">I", zlib.crc32(data[index:-4]))
    scratch.write_bytes(data)
    with Reader(scratch) as reader:
        assert reader.sample(1, 0) == b"first frame"
        (problem,) = problems_of(reader)
    assert (problem.kind, problem.version) == ("history", 1)


def with_facts(data, facts):
    """A file of one version with other facts, under the right checksum."""
    index, old = data.rindex(b"CSIX") - 24, b'{"layout":"yuv420p"}'
    made = patched(data.replace(old, facts), index + ROWS + 64, struct.pack(">I", len(facts)))
    size = struct.unpack_from(">I", data, index)[0] + len(facts) - len(old)
    at = made.rindex(b"CSIX") + 24
    # The frame table lies behind the facts.
    place = struct.unpack_from(">Q", data, index + ROWS + 36)[0] + len(facts) - len(old)
    made = patched(patched(made, index, struct.pack(">I", size)), index + ROWS + 36, struct.pack(">Q", place))
    assert at == index + 48
    return made[:-4] + struct.pack(">I", zlib.crc32(made[index:-4]))


def test_other_facts_are_read(small_bytes, scratch):
    scratch.write_bytes(with_facts(small_bytes, b'{"a":[{}]}'))
    with Reader(scratch) as reader:
        assert reader.version.about.meta == {"a": [{}]}
        assert problems_of(reader) == []


@pytest.mark.parametrize(
    ("facts", "match"),
    [(b"[" * 60000, "nested"), (b'{"a":' * 60000, "nested"), (b'{"a":' + b"9" * 60000 + b"}", "JSON")],
)
def test_facts_that_would_make_a_reader_stumble_are_an_error(facts, match, small_bytes, scratch):
    scratch.write_bytes(with_facts(small_bytes, facts[:65536]))
    with pytest.raises(ContainerError, match=match):
        Reader(scratch)


@pytest.mark.parametrize("facts", [b'{"a":"' + b'\\"' * 32000, b'"\\' * 30000, b'\\"' * 32000 + b"\\"])
def test_strings_without_end_in_facts_cost_little(facts, small_bytes, scratch):
    """Time in proportion to their length: an index may hold four thousand of them."""
    scratch.write_bytes(with_facts(small_bytes, facts))
    began = time.process_time()
    with pytest.raises(ContainerError, match="JSON"):
        Reader(scratch)
    # It does not hang: time that grows with the square of the length would be minutes.
    assert time.process_time() - began < 60


def test_samples_may_not_claim_the_same_bytes_twice(small_bytes, scratch):
    """A thousand scene samples, each the whole mdat, would make a checker read for ever."""
    data = patched(small_bytes, small_bytes.index(b"stsz") + 16, struct.pack(">I", len(small_bytes)))
    scratch.write_bytes(seal(data))
    with pytest.raises(LimitError, match="more bytes than the file has"):
        Reader(scratch)


@pytest.mark.parametrize("kind", [b"free", b"moov", b"cssv"])
def test_a_file_of_tiny_boxes_costs_little(kind, small_bytes, scratch):
    scratch.write_bytes(small_bytes[:32] + struct.pack(">I4s", 8, kind) * 50_000)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(ContainerError):
        Reader(scratch)
    spent = time.monotonic() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * scratch.stat().st_size
    assert spent < 300


def test_too_many_boxes_are_not_walked(small_bytes, scratch):
    """Those who want to see every box are told; a reader sees no moov among so many."""
    scratch.write_bytes(small_bytes[:32] + struct.pack(">I4s", 8, b"free") * (limits.TOP_BOXES_LIMIT + 1))
    with pytest.raises(ContainerError, match="no moov"):
        Reader(scratch)
    with pytest.raises(LimitError, match="too many boxes"):
        list(walk_boxes(scratch))


TAIL = 300_000


def test_a_tail_of_tiny_boxes_is_cut_off(small_bytes, scratch):
    scratch.write_bytes(small_bytes + struct.pack(">I4s", 8, b"free") * TAIL)
    with Reader(scratch) as reader:
        assert (reader.version.number, reader.torn_bytes) == (1, 8 * TAIL)
        assert reader.sample(1, 0) == b"first frame"
        assert [problem.kind for problem in problems_of(reader)] == ["tail"]
    assert repair(scratch) == 8 * TAIL
    assert scratch.read_bytes() == small_bytes


def test_behind_a_tail_of_tiny_boxes_the_next_append_lands(small_bytes, scratch, append_version):
    scratch.write_bytes(small_bytes + struct.pack(">I4s", 8, b"free") * TAIL)
    assert append_version(scratch, {1: b"new"}, {}).number == 2
    assert scratch.stat().st_size < 3 * len(small_bytes)
    assert outcome(scratch) == "sound"


def test_deep_nesting_is_a_limit_error(scratch):
    nest = b""
    for _ in range(40):
        nest = struct.pack(">I4s", 8 + len(nest), b"moov") + nest
    scratch.write_bytes(nest)
    with pytest.raises(LimitError, match="nested"):
        list(walk_boxes(scratch))


def test_boxes_shows_what_does_not_fit(small_bytes, scratch):
    scratch.write_bytes(small_bytes[:-1])
    *sound, torn = walk_boxes(scratch)
    assert all(box.whole for box in sound)
    assert not torn.whole
    assert torn.offset + torn.size == len(small_bytes) - 1


def test_huge_moov_is_refused_before_it_is_read(small_bytes, scratch):
    """A sparse file whose moov and index claim more than the limit."""
    size = limits.MOOV_LIMIT + 1
    index = small_bytes.rindex(b"CSIX") - 24
    moov = find(small_bytes, b"moov")
    data = bytearray(small_bytes[index:])
    data[32:40] = struct.pack(">Q", moov + size)
    data[ROWS + 24 : ROWS + 32] = struct.pack(">Q", size)
    data[-4:] = struct.pack(">I", zlib.crc32(data[:-4]))
    with scratch.open("wb") as file:
        file.write(small_bytes[:moov] + struct.pack(">I4s", size, b"moov"))
        file.seek(moov + size)
        file.write(data)
    tracemalloc.start()
    with pytest.raises(LimitError, match="moov is too long"):
        Reader(scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    scratch.unlink()
    assert peak < 1 << 20


def test_huge_index_is_refused_before_it_is_read(small_bytes, scratch):
    size = limits.INDEX_LIMIT + 1
    index = small_bytes.rindex(b"CSIX") - 24
    with scratch.open("wb") as file:
        file.write(small_bytes[:index] + struct.pack(">I", size) + small_bytes[index + 4 :])
        file.truncate(index + size)
    tracemalloc.start()
    with pytest.raises(LimitError, match="index is too long"):
        Reader(scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    scratch.unlink()
    assert peak < 1 << 20


def test_file_that_shrinks_while_it_is_read_is_an_error(small_bytes, scratch):
    scratch.write_bytes(small_bytes)
    with Reader(scratch) as reader:
        scratch.write_bytes(small_bytes[:40])
        with pytest.raises(ContainerError, match="ends early"):
            reader.sample(1, 0)
