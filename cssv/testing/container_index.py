"""Second reader of boxes and indexes, written from sections 1, 2, 5 and 6 of cssv/container/SPEC.md alone.

One half of the second reader of .cssv files; :mod:`cssv.testing.container_reader` is the other. It uses the
standard library only. Invalid input raises ValueError.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUR_UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")
MIB = 1024 * 1024
#: (type, start, payload start, end) of a top-level box.
Top = tuple[bytes, int, int, int]
KINDS = {1: b"uuid", 2: b"cssv"}

#: Boxes that the page names, by parent: none may occur twice.
NAMED = {
    b"moov": (b"mvhd",),
    b"trak": (b"tkhd", b"edts", b"tref", b"mdia"),
    b"edts": (b"elst",),
    b"tref": (b"cdsc",),
    b"mdia": (b"mdhd", b"hdlr", b"minf"),
    b"minf": (b"vmhd", b"smhd", b"nmhd", b"stbl"),
    b"stbl": (b"stsd", b"stts", b"stsc", b"stsz", b"co64", b"stco", b"stss", b"ctts"),
}


@dataclass
class VersionRead:
    """One row of an index."""

    number: int
    parent: int
    created: int
    moov: tuple[int, int, int]
    table: tuple[int, int]
    frames: int
    audio: int
    root: int = 0
    changed: int = 0
    added: int = 0
    author: str = ""
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def table_size(self) -> int:
        """Bytes of the frame table."""
        return 12 * (self.audio + self.frames)


@dataclass
class IndexRead:
    """One index box."""

    start: int
    end: int
    form: int
    ftyp_crc: int
    versions: list[VersionRead]
    playing: int
    following: int
    live: int
    tags: dict[str, int]
    damaged: int | None = None

    def find(self, revision: int | str | None) -> VersionRead:
        """The row of a number or a tag; None is the version that plays."""
        number: int | str = self.playing if revision is None else revision
        need(self.damaged is None or not isinstance(number, str), "tags behind a damaged index")
        number = self.tags.get(number, number) if isinstance(number, str) else number
        for version in self.versions:
            if version.number == number:
                return version
        raise ValueError("no such version")


def need(condition: object, why: str) -> None:
    """Raise ValueError unless the condition holds."""
    if not condition:
        raise ValueError(why)


def integer(data: bytes, at: int, width: int) -> int:
    """Unsigned big-endian integer of ``width`` bytes at an offset."""
    need(at >= 0 and at + width <= len(data), "field beyond its box")
    return int.from_bytes(data[at : at + width], "big")


# Boxes (page, sections 1 and 2).


def walk(data: bytes) -> list[Top]:
    """(type, start, payload start, end) of the whole top-level boxes."""
    at = 0
    found: list[Top] = []
    while len(data) - at >= 8 and len(found) < 262144:
        size, kind, header = integer(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            if len(data) - at < 16:
                break
            size, header = integer(data, at + 8, 8), 16
        if size < header or at + size > len(data):
            break
        found.append((kind, at, at + header, at + size))
        at += size
    return found


def inside(payload: bytes) -> list[tuple[bytes, bytes]]:
    """(type, payload) of the boxes in a box."""
    at = 0
    found: list[tuple[bytes, bytes]] = []
    while at < len(payload):
        size, kind, header = integer(payload, at, 4), payload[at + 4 : at + 8], 8
        if size == 1:
            size, header = integer(payload, at + 8, 8), 16
        need(len(kind) == 4 and size >= header and at + size <= len(payload), "box does not fit its parent")
        found.append((kind, payload[at + header : at + size]))
        need(len(found) <= 4096, "too many boxes")
        at += size
    return found


def named(kind: bytes, payload: bytes) -> dict[bytes, bytes]:
    """The boxes in a box of this type that the page names, by type."""
    found: dict[bytes, bytes] = {}
    for name, body in inside(payload):
        if name in NAMED[kind]:
            need(name not in found, f"several {name!r}")
            found[name] = body
    return found


def take(found: dict[bytes, bytes], kind: bytes) -> bytes:
    """Payload of a box that must be present."""
    need(kind in found, f"no {kind!r}")
    return found[kind]


def full(payload: bytes, newest: int) -> int:
    """The version of a full box."""
    version = integer(payload, 0, 4) >> 24
    need(version <= newest, "unknown version of a box")
    return version


def counted(payload: bytes, width: int, columns: int) -> list[tuple[int, ...]]:
    """Rows of a full box that is a counted table."""
    full(payload, 0)
    rows = integer(payload, 4, 4)
    need(len(payload) == 8 + rows * width * columns, "table does not fill its box")
    code = {4: "I", 8: "Q"}[width]
    return list(struct.iter_unpack(">" + code * columns, payload[8:]))


# The index (page, sections 5 and 6).


def whole_number(text: str) -> int:
    """Integer of at most 300 digits."""
    need(len(text) <= 300, "digits of an integer")
    return int(text)


def real_number(text: str) -> float:
    """Finite number."""
    need(math.isfinite(float(text)), "an infinite number")
    return float(text)


def depth_of(text: str) -> int:
    """Nesting depth of objects and lists in a JSON text."""
    deepest, depth, in_string = 0, 0, False
    for part in re.findall(r'\\.|["\[\]{}]', text, re.DOTALL):
        if part == '"':
            in_string = not in_string
        elif len(part) == 1 and not in_string:
            depth += 1 if part in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def read_facts(text: str) -> dict[str, Any]:
    """Facts of a row: a JSON object."""
    need(depth_of(text) <= 64, "facts nest too deeply")
    facts = json.loads(text, parse_constant=real_number, parse_int=whole_number, parse_float=real_number)
    need(isinstance(facts, dict), "facts")
    return dict(facts)


def read_row(box: bytes, at: int, form: int, before: Mapping[int, VersionRead]) -> tuple[VersionRead, int]:
    """(version, offset behind its row); ``before`` maps the numbers of the rows before to them."""
    fixed = 68 if form == 1 else 84
    need(at + fixed <= len(box) - 4, "row beyond index")
    row = struct.unpack_from(">IIQQQIQIIIIII", box, at)
    version = VersionRead(row[0], row[1], row[2], row[3:6], row[6:8], row[8], row[9])
    need(row[0] >= 1 and row[0] > max(before, default=0), "version number")
    need(row[2] <= 253402300799 and 8 <= row[4] <= 256 * MIB, "row bounds")
    need(1 <= row[8] <= 2**24 and row[9] <= 30, "row bounds")
    need(row[10] <= 1024 and row[11] <= 65536 and row[12] <= 65536, "text bounds")
    parent = before.get(version.parent)
    if form == 1:
        need(version.parent < version.number, "parent")
        version.parent = version.parent if parent else 0
        version.root = parent.root if parent else version.number
        version.changed = version.frames
        last = list(before.values())[-1] if before else None
        start = last.table[0] + last.table_size + 4 if last else 0
        version.added = version.table[0] + version.table_size + 4 - start
    else:
        need(version.parent == 0 or parent, "parent is no row before")
        version.root, version.changed, version.added = struct.unpack_from(">IIQ", box, at + 68)
        need(version.root == version.number or (parent and version.root == parent.root), "root")
        need(version.changed <= version.frames, "changed frames")
    at += fixed
    need(at + sum(row[10:13]) <= len(box) - 4, "texts beyond index")
    texts = []
    for length in row[10:13]:
        texts.append(box[at : at + length].decode("utf-8"))
        at += length
    version.author, version.message = texts[:2]
    if row[12] == 0:
        need(form == 2 and before, "a row without facts")
        version.facts = list(before.values())[-1].facts
    else:
        version.facts = read_facts(texts[2])
    return version, at


def read_tags(
    box: bytes, at: int, count: int, numbers: Mapping[int, VersionRead]
) -> tuple[dict[str, int], int]:
    """({name: version}, offset behind them)."""
    tags: dict[str, int] = {}
    last = b""
    for _ in range(count):
        need(at + 6 <= len(box) - 4, "tag beyond index")
        number, length = struct.unpack_from(">IH", box, at)
        name = box[at + 6 : at + 6 + length]
        at += 6 + length
        need(1 <= length <= 255 and at <= len(box) - 4, "name of a tag")
        need(number in numbers and name > last, "tag")
        tags[name.decode("utf-8")], last = number, name
    return tags, at


def read_index(data: bytes, start: int, end: int) -> IndexRead:
    """Index in a box; ValueError if it is not valid."""
    box = data[start:end]
    need(52 <= len(box) <= 256 * MIB, "index size")
    need(integer(box, len(box) - 4, 4) == zlib.crc32(box[:-4]), "index checksum")
    magic, form, _, offset, ftyp_crc, count = struct.unpack_from(">4sHHQII", box, 24)
    need(magic == b"CSIX" and KINDS.get(form) == box[4:8] and offset == start, "index header")
    need(1 <= count <= 65535, "number of versions")
    at, playing, following, live, tag_count = 48, 0, 0, 0, 0
    if form == 2:
        need(len(box) >= 72, "index size")
        playing, following, live, tag_count = struct.unpack_from(">IIQI", box, 48)
        need(tag_count <= 65535, "number of tags")
        at = 68
    rows: dict[int, VersionRead] = {}
    for _ in range(count):
        version, at = read_row(box, at, form, rows)
        rows[version.number] = version
    versions = list(rows.values())
    tags, at = read_tags(box, at, tag_count, rows)
    last = versions[-1]
    if form == 1:
        playing, following, live = last.number, last.number + 1, last.moov[0]
    need(playing in rows, "no row plays")
    need(following > last.number, "next number")
    check_places(versions, start, start + at, end - 4, with_table=form == 1)
    need(rows[playing].moov[0] <= live <= start - rows[playing].moov[1], "place of the live moov")
    return IndexRead(start, end, form, ftyp_crc, versions, playing, following, live, tags)


def check_places(
    versions: list[VersionRead], start: int, behind_tags: int, last_field: int, *, with_table: bool
) -> None:
    """Check where the moov boxes and frame tables of the versions lie."""
    end = 0
    for version in versions:
        need(version.moov[0] >= end, "order of the versions' parts")
        need(version.table[0] >= version.moov[0] + version.moov[1], "order of the versions' parts")
        end = version.table[0] + version.table_size
    last = versions[-1]
    here = last.table[0] == behind_tags and end == last_field
    before = behind_tags == last_field and end <= start and not with_table
    need(here or before, "place of the frame table")
    need(last.moov[0] + last.moov[1] <= start, "place of the last moov")


def index_boxes(data: bytes, tops: list[Top]) -> list[tuple[int, int]]:
    """(start, end) of the boxes that have an index's type and UUID."""
    return [
        (start, end)
        for kind, start, body, end in tops
        if kind in KINDS.values() and body == start + 8 and data[body : body + 16] == OUR_UUID
        if end - start >= 52
    ]


def choose(data: bytes, tops: list[Top]) -> tuple[IndexRead, Top]:
    """(index of the version that players show, their moov box)."""
    live = next((box for box in tops if box[0] == b"moov"), None)
    if live is None:
        raise ValueError("no moov")
    for start, end in reversed(index_boxes(data, tops)):
        try:
            index = read_index(data, start, end)
        except ValueError:
            continue
        if (index.live, index.find(None).moov[1]) == (live[1], live[3] - live[1]):
            if is_damaged(data, end, live[1]):
                index.damaged, index.tags = end, {}
            return index, live
    raise ValueError("no index of what is shown")


# A damaged index behind the chosen one (page, section 7).


def signs(data: bytes, at: int) -> int:
    """How many of the four signs of an index begin at a byte."""
    return (
        (data[at + 4 : at + 8] in KINDS.values())
        + (data[at + 8 : at + 24] == OUR_UUID)
        + (data[at + 24 : at + 28] == b"CSIX")
        + (data[at + 32 : at + 40] == at.to_bytes(8, "big"))
    )


def is_right(data: bytes, at: int, size: int) -> bool:
    """Whether the checksum of an index at a byte is right, if its size is this one."""
    box = size.to_bytes(4, "big") + data[at + 4 : at + size]
    return 52 <= size <= 256 * MIB and integer(box, size - 4, 4) == zlib.crc32(box[:-4])


def is_damaged(data: bytes, at: int, live: int) -> bool:
    """Whether the bytes behind the chosen index are a damaged index."""
    left = len(data) - at
    if left < 52 or data[at + 4 : at + 8] in (b"mdat", b"moov"):
        return False
    if signs(data, at) >= 2:
        size = integer(data, at, 4)
        if size <= left:
            return not is_right(data, at, size)
        if is_right(data, at, left):
            return True
    later = data.find(OUR_UUID, at + 16, at + 256 * MIB)
    while later >= 0:
        start = later - 8
        if signs(data, start) == 4 and data[start + 56 : start + 64] == live.to_bytes(8, "big"):
            return True
        later = data.find(OUR_UUID, later + 1, at + 256 * MIB)
    return False
