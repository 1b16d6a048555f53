"""A second reader of .cssv files, written from cssv/container/SPEC.md alone.

Standard library only, and nothing of the package: where this and the package's reader disagree,
one of them or the page is wrong. It reads the whole file into memory and refuses by ValueError.
"""

from __future__ import annotations

import json
import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

OUR_UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")
MIB = 1024 * 1024

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
class Sample:
    data: bytes
    pts: int
    duration: int
    key: bool
    entry: int
    at: int = 0


@dataclass
class TrackRead:
    number: int
    kind: str
    timescale: int
    size: tuple[int, int]
    entries: list[bytes]
    samples: list[Sample]


@dataclass
class VersionRead:
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
    facts: dict = field(default_factory=dict)

    @property
    def table_size(self) -> int:
        return 12 * (self.audio + self.frames)


@dataclass
class IndexRead:
    start: int
    end: int
    form: int
    ftyp_crc: int
    versions: list[VersionRead]
    playing: int
    live: int
    tags: dict[str, int]

    def find(self, revision) -> VersionRead:
        """The row of a number or a tag; None is the version that plays."""
        number = self.playing if revision is None else self.tags.get(revision, revision)
        for version in self.versions:
            if version.number == number:
                return version
        raise ValueError("no such version")


@dataclass
class FileRead:
    versions: list[VersionRead]
    shown: VersionRead
    tracks: list[TrackRead]
    audio_rows: list[tuple[int, int, int]]
    sample_crcs: list[int]
    scene_crcs: list[int]
    stego_crcs: list[int]
    behind: int
    index: IndexRead


def need(condition, why):
    if not condition:
        raise ValueError(why)


def integer(data, at, width):
    need(at >= 0 and at + width <= len(data), "field beyond its box")
    return int.from_bytes(data[at : at + width], "big")


# Boxes (page, sections 1 and 2).


def walk(data):
    """(type, start, payload start, end) of the whole top-level boxes."""
    at, found = 0, []
    while len(data) - at >= 8:
        size, kind, header = integer(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            if len(data) - at < 16:
                break
            size, header = integer(data, at + 8, 8), 16
        if size < header or at + size > len(data):
            break
        found.append((kind, at, at + header, at + size))
        need(len(found) <= 262144, "too many boxes")
        at += size
    return found


def inside(payload):
    at, found = 0, []
    while at < len(payload):
        size, kind, header = integer(payload, at, 4), payload[at + 4 : at + 8], 8
        if size == 1:
            size, header = integer(payload, at + 8, 8), 16
        need(len(kind) == 4 and size >= header and at + size <= len(payload), "box does not fit its parent")
        found.append((kind, payload[at + header : at + size]))
        need(len(found) <= 4096, "too many boxes")
        at += size
    return found


def named(kind, payload):
    """The boxes in a box of this type that the page names, by type."""
    found = {}
    for name, body in inside(payload):
        if name in NAMED[kind]:
            need(name not in found, f"several {name}")
            found[name] = body
    return found


def take(found, kind):
    need(kind in found, f"no {kind}")
    return found[kind]


def full(payload, newest):
    """The version of a full box."""
    version = integer(payload, 0, 4) >> 24
    need(version <= newest, "unknown version of a box")
    return version


def counted(payload, width, columns):
    """Rows of a full box that is a counted table."""
    full(payload, 0)
    rows = integer(payload, 4, 4)
    need(len(payload) == 8 + rows * width * columns, "table does not fill its box")
    code = {4: "I", 8: "Q"}[width]
    return list(struct.iter_unpack(">" + code * columns, payload[8:]))


# The index (page, sections 5 and 6).


def no_constant(name):
    raise ValueError(f"{name} in JSON")


def read_facts(text):
    try:
        facts = json.loads(text, parse_constant=no_constant)
    except RecursionError as error:
        raise ValueError("facts nest too deeply") from error
    need(isinstance(facts, dict), "facts")
    return facts


def read_row(box, at, form, before):
    """(version, offset behind its row); ``before`` maps the numbers of the rows before to them."""
    fixed = 68 if form == 1 else 84
    need(at + fixed <= len(box) - 4, "row beyond index")
    row = struct.unpack_from(">IIQQQIQIIIIII", box, at)
    version = VersionRead(row[0], row[1], row[2], row[3:6], row[6:8], row[8], row[9])
    need(row[0] >= 1 and row[0] > max(before, default=0), "version number")
    need(row[2] <= 253402300799 and 8 <= row[4] <= 256 * MIB, "row bounds")
    need(1 <= row[8] <= 2**24 and row[9] <= 32, "row bounds")
    need(row[10] <= 1024 and row[11] <= 65536 and row[12] <= 65536, "text bounds")
    parent = before.get(version.parent)
    if form == 1:
        need(version.parent < version.number, "parent")
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
    version.author, version.message, version.facts = *texts[:2], read_facts(texts[2])
    return version, at


def read_tags(box, at, count, numbers):
    """({name: version}, offset behind them)."""
    tags, last = {}, b""
    for _ in range(count):
        need(at + 6 <= len(box) - 4, "tag beyond index")
        number, length = struct.unpack_from(">IH", box, at)
        name = box[at + 6 : at + 6 + length]
        at += 6 + length
        need(1 <= length <= 255 and at <= len(box) - 4, "name of a tag")
        need(number in numbers and name > last, "tag")
        tags[name.decode("utf-8")], last = number, name
    return tags, at


def read_index(data, start, end):
    """The index in a box, or ValueError where it is not valid."""
    box = data[start:end]
    need(52 <= len(box) <= 256 * MIB, "index size")
    need(integer(box, len(box) - 4, 4) == zlib.crc32(box[:-4]), "index checksum")
    magic, form, _, offset, ftyp_crc, count = struct.unpack_from(">4sHHQII", box, 24)
    need(magic == b"CSIX" and form in (1, 2) and offset == start, "index header")
    need(1 <= count <= 65535, "number of versions")
    at, playing, live, tag_count = 48, None, None, 0
    if form == 2:
        need(len(box) >= 68, "index size")
        playing, live, tag_count = struct.unpack_from(">IQI", box, 48)
        need(tag_count <= 65535, "number of tags")
        at = 64
    rows = {}
    for _ in range(count):
        version, at = read_row(box, at, form, rows)
        rows[version.number] = version
    versions = list(rows.values())
    tags, at = read_tags(box, at, tag_count, rows)
    last = versions[-1]
    if form == 1:
        playing, live = last.number, last.moov[0]
    need(playing in rows, "no row plays")
    check_places(versions, start, start + at, end - 4, with_table=form == 1)
    need(rows[playing].moov[0] <= live <= start - rows[playing].moov[1], "place of the live moov")
    return IndexRead(start, end, form, ftyp_crc, versions, playing, live, tags)


def check_places(versions, start, behind_tags, last_field, *, with_table):
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


def choose(data, tops):
    """(index of what players show, their moov box)."""
    live = next((box for box in tops if box[0] == b"moov"), None)
    need(live, "no moov")
    for kind, start, body, end in reversed(tops):
        if kind != b"uuid" or body != start + 8 or data[body : body + 16] != OUR_UUID:
            continue
        try:
            index = read_index(data, start, end)
        except ValueError:
            continue
        if (index.live, index.find(None).moov[1]) == (live[1], live[3] - live[1]):
            return index, live
    raise ValueError("no index of what is shown")


# Tracks (page, sections 2 to 4).


def start_of(trak, movie_timescale, timescale):
    if b"edts" not in trak:
        return 0
    elst = take(named(b"edts", trak[b"edts"]), b"elst")
    version, rows = full(elst, 1), integer(elst, 4, 4)
    need(rows in (1, 2), "edit list")
    layout = struct.Struct(">QqI" if version else ">IiI")
    need(len(elst) == 8 + rows * layout.size, "edit list")
    edits = [layout.unpack_from(elst, 8 + row * layout.size) for row in range(rows)]
    need(all(rate == 0x10000 for _, _, rate in edits), "edit rate")
    need(edits[-1][1] >= 0 and (rows == 1 or edits[0][1] == -1), "edit list")
    empty = edits[0][0] if rows == 2 else 0
    return floor(Fraction(empty * timescale, movie_timescale) + Fraction(1, 2)) - edits[-1][1]


def read_entries(stsd):
    full(stsd, 1)
    count, at, entries = integer(stsd, 4, 4), 8, []
    need(1 <= count <= 256, "sample entries")
    for _ in range(count):
        size = integer(stsd, at, 4)
        need(16 <= size <= MIB and at + size <= len(stsd), "sample entry")
        entries.append(stsd[at : at + size])
        at += size
    need(at == len(stsd), "sample entries do not fill their box")
    return entries


def chunk_list(stbl):
    """(offset, samples, entry) of every chunk."""
    need((b"co64" in stbl) != (b"stco" in stbl), "co64 or stco")
    offsets = counted(stbl[b"co64"], 8, 1) if b"co64" in stbl else counted(stbl[b"stco"], 4, 1)
    rows = counted(take(stbl, b"stsc"), 4, 3)
    need(bool(rows) == bool(offsets), "stsc")
    chunks = []
    for row, (first, per_chunk, entry) in enumerate(rows):
        after = rows[row + 1][0] if row + 1 < len(rows) else len(offsets) + 1
        need(first == len(chunks) + 1 and first < after <= len(offsets) + 1, "stsc order")
        chunks += [(offsets[chunk - 1][0], per_chunk, entry) for chunk in range(first, after)]
    return chunks


def read_keys(stbl, count):
    """Sample numbers, or None for all."""
    if b"stss" not in stbl:
        return None
    keys = [number for (number,) in counted(stbl[b"stss"], 4, 1)]
    need(all(a < b for a, b in pairwise([0, *keys, count + 1])), "stss")
    return set(keys)


def read_samples(file, stbl, start, entries):
    need(b"ctts" not in stbl, "ctts")
    stsz = take(stbl, b"stsz")
    full(stsz, 0)
    common, count = integer(stsz, 4, 4), integer(stsz, 8, 4)
    need(count <= min(2**24, len(file.data)), "too many samples")
    need(len(stsz) == 12 + (0 if common else 4 * count), "stsz")
    sizes = [common] * count if common else [size for (size,) in struct.iter_unpack(">I", stsz[12:])]
    durations = []
    for repeat, duration in counted(take(stbl, b"stts"), 4, 2):
        need(0 < duration < 2**31 and 0 < repeat <= count - len(durations), "stts")
        durations += [duration] * repeat
    need(len(durations) == count, "stts")
    keys = read_keys(stbl, count)
    samples, pts = [], start
    for at, per_chunk, entry in chunk_list(stbl):
        need(0 < per_chunk <= count - len(samples) and 1 <= entry <= len(entries), "chunk")
        for _ in range(per_chunk):
            size, duration = sizes[len(samples)], durations[len(samples)]
            need(0 < size <= 1024 * MIB and file.holds(at, size), "place of a sample")
            key = keys is None or len(samples) + 1 in keys
            samples.append(Sample(file.data[at : at + size], pts, duration, key, entry - 1, at))
            at, pts = at + size, pts + duration
    need(len(samples) == count, "chunks")
    return samples


def read_track(file, trak, movie_timescale):
    """A track, or None for one of another kind."""
    mdia = named(b"mdia", take(trak, b"mdia"))
    kind = {b"vide": "video", b"soun": "audio", b"meta": "scene"}.get(take(mdia, b"hdlr")[8:12])
    if kind is None:
        return None
    if b"tref" in trak:
        named(b"tref", trak[b"tref"])
    stbl = named(b"stbl", take(named(b"minf", take(mdia, b"minf")), b"stbl"))
    entries = read_entries(take(stbl, b"stsd"))
    if kind == "scene" and any(
        entry[4:8] != b"mett" or not entry[16:].startswith(b"\0application/json\0") for entry in entries
    ):
        return None
    tkhd, mdhd = take(trak, b"tkhd"), take(mdia, b"mdhd")
    timescale = integer(mdhd, 20 if full(mdhd, 1) else 12, 4)
    need(0 < timescale < 2**31, "timescale")
    number = integer(tkhd, 20 if full(tkhd, 1) else 12, 4)
    corner = 88 if tkhd[0] else 76
    need(0 < number < 2**31, "track id")
    sides = (integer(tkhd, corner, 4) >> 16, integer(tkhd, corner + 4, 4) >> 16)
    size = sides if kind == "video" else (0, 0)
    start = start_of(trak, movie_timescale, timescale)
    samples = read_samples(file, stbl, start, entries)
    latest = min(2**53, 2**31 * timescale)
    need(abs(start) <= latest and sum(s.duration for s in samples) <= latest, "times")
    return TrackRead(number, kind, timescale, size, entries, samples)


def read_tracks(file, moov):
    mvhd = take(named(b"moov", moov), b"mvhd")
    movie_timescale = integer(mvhd, 20 if full(mvhd, 1) else 12, 4)
    need(movie_timescale > 0, "movie timescale")
    traks = [body for name, body in inside(moov) if name == b"trak"]
    need(len(traks) <= 32, "too many tracks")
    tracks = [read_track(file, named(b"trak", trak), movie_timescale) for trak in traks]
    return [track for track in tracks if track]


def check_tracks(data, tracks, version):
    kinds = [track.kind for track in tracks]
    need(kinds.count("video") == 1 and kinds.count("scene") == 1, "tracks")
    need(len({track.number for track in tracks}) == len(tracks), "track ids")
    samples = [sample for track in tracks for sample in track.samples]
    need(len(samples) <= 2**24 and sum(len(s.data) for s in samples) <= len(data), "too many samples")
    video = next(track for track in tracks if track.kind == "video")
    scene = next(track for track in tracks if track.kind == "scene")
    times = [[(s.pts, s.duration) for s in track.samples] for track in (video, scene)]
    need(times[0] == times[1] and video.timescale == scene.timescale, "scene times")
    need(len(video.samples) == version.frames, "frames")
    need(kinds.count("audio") == version.audio, "audio tracks")


# The file.


class File:
    """The bytes of a file, its boxes and the index that counts."""

    def __init__(self, data):
        self.data, self.tops = data, walk(data)
        need(self.tops and self.tops[0][0] == b"ftyp" and self.tops[0][3] <= 4096, "no ftyp")
        brands = data[self.tops[0][2] + 8 : self.tops[0][3]]
        need(b"cssv" in [brands[at : at + 4] for at in range(0, len(brands), 4)], "brand")
        self.index, self.live = choose(data, self.tops)
        self.areas = [(body, end) for kind, _, body, end in self.tops if kind == b"mdat"]
        self.area_starts = [area[0] for area in self.areas]

    def holds(self, at, size):
        """Whether these bytes lie in one mdat."""
        area = bisect_right(self.area_starts, at) - 1
        return area >= 0 and at + size <= self.areas[area][1]

    def moov_of(self, version, at):
        """Payload of a version's moov box, first written or a copy, at an offset."""
        place = next((box for box in self.tops if box[1] == at), None)
        need(place and place[2] == at + 8 and place[3] == at + version.moov[1], "moov is elsewhere")
        payload = self.data[at + 8 : place[3]]
        need(zlib.crc32(payload) == version.moov[2], "moov checksum")
        return payload

    def show(self, version):
        """Everything of one version; video and scene samples are compared with their checksums."""
        plays = version.number == self.index.playing
        tracks = read_tracks(self, self.moov_of(version, self.live[1] if plays else version.moov[0]))
        check_tracks(self.data, tracks, version)
        table = self.data[version.table[0] : version.table[0] + version.table_size]
        need(len(table) == version.table_size, "frame table is cut")
        need(zlib.crc32(table) == version.table[1], "frame table checksum")
        words, n = struct.unpack(f">{len(table) // 4}I", table), version.frames
        rows = [words[3 * row : 3 * row + 3] for row in range(version.audio)]
        crcs = [list(words[at : at + n]) for at in range(3 * version.audio, len(words), n)]
        known = {track.number: len(track.samples) for track in tracks if track.kind == "audio"}
        need(known == {row[0]: row[1] for row in rows}, "audio rows")
        for track, wanted in (("video", crcs[0]), ("scene", crcs[1])):
            (samples,) = (part.samples for part in tracks if part.kind == track)
            need([zlib.crc32(sample.data) for sample in samples] == wanted, f"{track} checksum")
        behind = len(self.data) - self.index.end
        return FileRead(self.index.versions, version, tracks, rows, *crcs, behind, self.index)

    def check(self):
        """The check of the whole file (page, section 9), but for what lies behind the index."""
        need(zlib.crc32(self.data[: self.tops[0][3]]) == self.index.ftyp_crc, "ftyp checksum")
        for kind, start, body, end in self.tops:
            ours = kind == b"uuid" and body == start + 8 and self.data[body : body + 16] == OUR_UUID
            if ours and end <= self.index.end:
                need(integer(self.data, end - 4, 4) == zlib.crc32(self.data[start : end - 4]), "older index")
        seen, sounds = set(), set()
        for version in self.index.versions:
            self.moov_of(version, version.moov[0])
            self.check_version(self.show(version), seen, sounds)
        # The same part of two sounds, or of a sound and of a frame, stands in this list twice.
        places = sorted([*seen, *(place for sound in sounds for place in sound)])
        for (at, size), (after, _) in pairwise(places):
            need(at + size <= after, "samples share bytes")

    def check_version(self, read, seen, sounds):
        own = [(s.at, len(s.data)) for track in read.tracks for s in track.samples]
        need(len(own) == len(set(own)), "two samples of a version are the same bytes")
        for track in read.tracks:
            if track.kind == "audio":
                crc = 0
                for sample in track.samples:
                    crc = zlib.crc32(sample.data, crc)
                need((track.number, len(track.samples), crc) in read.audio_rows, "audio checksum")
                sounds.add(tuple((s.at, len(s.data)) for s in track.samples))
            else:
                seen.update((s.at, len(s.data)) for s in track.samples)


def read(path, number=None, *, whole=True):
    """A version (a number, a tag, or None for the one that plays); ValueError for what the page refuses.

    With ``whole`` nothing is returned unless the check of the whole file finds no fault.
    """
    while True:
        data = Path(path).read_bytes()
        try:
            file = File(data)
            version = file.index.find(number)
            if whole:
                file.check()
            return file.show(version)
        except ValueError:
            # A writer may have been at work while the bytes were read.
            if Path(path).stat().st_size == len(data):
                raise


def as_if_played(path, number):
    """The bytes of a file, so changed that players show this version."""
    file = File(Path(path).read_bytes())
    version, data = file.index.find(number), bytearray(file.data)
    if version.number != file.index.playing:
        for kind, start, _, _ in file.tops:
            if start == version.moov[0]:
                data[start + 4 : start + 8] = b"moov"
                break
            if kind == b"moov":
                data[start + 4 : start + 8] = b"free"
    return bytes(data)
