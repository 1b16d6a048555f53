"""A second reader of .cssv files, written from cssv/container/SPEC.md alone.

Standard library only, and nothing of the package: where this and the package's reader disagree,
one of them or the page is wrong. It reads the whole file into memory and refuses by ValueError.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path

OUR_UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")
MIB = 1024 * 1024


@dataclass
class Sample:
    data: bytes
    pts: int
    duration: int
    key: bool
    entry: int


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
    author: str = ""
    message: str = ""
    facts: dict = field(default_factory=dict)


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


def need(condition, why):
    if not condition:
        raise ValueError(why)


def integer(data, at, width):
    need(at >= 0 and at + width <= len(data), "field beyond its box")
    return int.from_bytes(data[at : at + width], "big")


def walk(data):
    """(type, start, payload start, end) of the whole top-level boxes (section 1)."""
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
        need(size >= header and at + size <= len(payload), "box does not fit its parent")
        found.append((kind, payload[at + header : at + size]))
        need(len(found) <= 4096, "too many boxes")
        at += size
    return found


def one(payload, *path):
    """The payload at a path of box types, or None if its last step is absent."""
    for step, kind in enumerate(path):
        hits = [body for name, body in inside(payload) if name == kind]
        need(len(hits) <= 1, f"several {kind}")
        if not hits:
            need(step == len(path) - 1, f"no {kind}")
            return None
        payload = hits[0]
    return payload


def full(payload, newest):
    """The version of a full box."""
    version = integer(payload, 0, 4) >> 24
    need(version <= newest, "unknown version of a box")
    return version


def must(payload, *path):
    found = one(payload, *path)
    need(found is not None, f"no {path[-1]}")
    return found


def counted(payload, width, columns):
    """Rows of a full box that is a counted table."""
    full(payload, 0)
    rows = integer(payload, 4, 4)
    need(len(payload) == 8 + rows * width * columns, "table does not fill its box")
    code = {4: "I", 8: "Q"}[width]
    return list(struct.iter_unpack(">" + code * columns, payload[8:]))


def read_index(data, start, end):
    """(versions, current frame table's offset) of a valid index box, or ValueError."""
    box = data[start:end]
    need(52 <= len(box) <= 256 * MIB, "index size")
    need(integer(box, len(box) - 4, 4) == zlib.crc32(box[:-4]), "index checksum")
    magic, form, _, offset, ftyp_crc, count = struct.unpack_from(">4sHHQII", box, 24)
    need(magic == b"CSIX" and form == 1 and offset == start, "index header")
    need(1 <= count <= 65535, "number of versions")
    at, versions, last, end_of_last = 48, [], 0, 0
    for _ in range(count):
        need(at + 68 <= len(box) - 4, "row beyond index")
        row = struct.unpack_from(">IIQQQIQIIIIII", box, at)
        at += 68
        one_version = VersionRead(row[0], row[1], row[2], row[3:6], row[6:8], row[8], row[9])
        need(row[0] > last and row[1] < row[0] and row[2] <= 253402300799, "row")
        need(8 <= row[4] <= 256 * MIB and 1 <= row[8] <= 2**24 and row[9] <= 32, "row bounds")
        need(row[10] <= 1024 and row[11] <= 65536 and row[12] <= 65536, "text bounds")
        need(row[3] >= end_of_last and row[6] >= row[3] + row[4], "order of the versions' parts")
        last, end_of_last = row[0], row[6] + 12 * (row[8] + row[9])
        need(at + sum(row[10:13]) <= len(box) - 4, "texts beyond index")
        texts = []
        for length in row[10:13]:
            texts.append(box[at : at + length].decode("utf-8"))
            at += length
        one_version.author, one_version.message = texts[:2]
        one_version.facts = json.loads(texts[2])
        need(isinstance(one_version.facts, dict), "facts")
        versions.append(one_version)
    current = versions[-1]
    need(current.table[0] == start + at, "place of the frame table")
    need(len(box) - 4 - at == 12 * (current.frames + current.audio), "size of the frame table")
    return versions, ftyp_crc


def choose(data, tops):
    """The index of what players show (section 7)."""
    live = [box for box in tops if box[0] == b"moov"]
    need(live, "no moov")
    for kind, start, body, end in reversed(tops):
        if kind != b"uuid" or body != start + 8 or data[body : body + 16] != OUR_UUID:
            continue
        try:
            versions, ftyp_crc = read_index(data, start, end)
        except (ValueError, RecursionError):
            continue
        if versions[-1].moov[:2] == (live[0][1], live[0][3] - live[0][1]):
            return versions, ftyp_crc, end
    raise ValueError("no index of what is shown")


def start_of(trak, movie_timescale, timescale):
    edits = one(trak, b"edts")
    if edits is None:
        return 0
    elst = must(edits, b"elst")
    version, rows = full(elst, 1), integer(elst, 4, 4)
    need(rows in (1, 2), "edit list")
    layout = struct.Struct(">QqI" if version else ">IiI")
    need(len(elst) >= 8 + rows * layout.size, "edit list")
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
    return entries


def chunk_list(stbl):
    """(offset, samples, entry) of every chunk."""
    co64 = one(stbl, b"co64")
    offsets = counted(must(stbl, b"stco"), 4, 1) if co64 is None else counted(co64, 8, 1)
    rows = counted(must(stbl, b"stsc"), 4, 3)
    need(bool(rows) == bool(offsets), "stsc")
    chunks = []
    for row, (first, per_chunk, entry) in enumerate(rows):
        after = rows[row + 1][0] if row + 1 < len(rows) else len(offsets) + 1
        need(first == len(chunks) + 1 and first < after <= len(offsets) + 1, "stsc order")
        chunks += [(offsets[chunk - 1][0], per_chunk, entry) for chunk in range(first, after)]
    return chunks


def read_samples(data, areas, stbl, start, entries):
    need(one(stbl, b"ctts") is None, "ctts")
    stsz = must(stbl, b"stsz")
    full(stsz, 0)
    common, count = integer(stsz, 4, 4), integer(stsz, 8, 4)
    need(count <= min(2**24, len(data)), "too many samples")
    need(len(stsz) == 12 + (0 if common else 4 * count), "stsz")
    sizes = [common] * count if common else [size for (size,) in struct.iter_unpack(">I", stsz[12:])]
    durations = []
    for repeat, duration in counted(must(stbl, b"stts"), 4, 2):
        need(0 < duration < 2**31 and 0 < repeat <= count - len(durations), "stts")
        durations += [duration] * repeat
    need(len(durations) == count, "stts")
    stss = one(stbl, b"stss")
    keys = None if stss is None else [number for (number,) in counted(stss, 4, 1)]
    need(keys is None or keys == sorted(set(keys)), "stss order")
    need(not keys or (keys[0] >= 1 and keys[-1] <= count), "stss range")
    samples, pts, wanted = [], start, None if keys is None else set(keys)
    for offset, per_chunk, entry in chunk_list(stbl):
        need(0 < per_chunk <= count - len(samples) and 1 <= entry <= len(entries), "chunk")
        for _ in range(per_chunk):
            size, duration = sizes[len(samples)], durations[len(samples)]
            need(0 < size <= 1024 * MIB, "sample size")
            need(any(low <= offset and offset + size <= high for low, high in areas), "not in mdat")
            key = wanted is None or len(samples) + 1 in wanted
            samples.append(Sample(data[offset : offset + size], pts, duration, key, entry - 1))
            offset, pts = offset + size, pts + duration
    need(len(samples) == count, "chunks")
    return samples


def read_tracks(data, tops, moov):
    mvhd = must(moov, b"mvhd")
    movie_timescale = integer(mvhd, 20 if full(mvhd, 1) else 12, 4)
    need(movie_timescale > 0, "movie timescale")
    areas = [(body, end) for kind, _, body, end in tops if kind == b"mdat"]
    tracks = []
    for name, trak in inside(moov):
        if name != b"trak":
            continue
        handler = must(trak, b"mdia", b"hdlr")[8:12]
        kind = {b"vide": "video", b"soun": "audio", b"meta": "scene"}.get(handler)
        stbl = must(trak, b"mdia", b"minf", b"stbl")
        if kind is None:
            continue
        entries = read_entries(must(stbl, b"stsd"))
        if kind == "scene" and any(
            entry[4:8] != b"mett" or not entry[16:].startswith(b"\0application/json\0") for entry in entries
        ):
            continue
        tkhd, mdhd = must(trak, b"tkhd"), must(trak, b"mdia", b"mdhd")
        timescale = integer(mdhd, 20 if full(mdhd, 1) else 12, 4)
        need(0 < timescale < 2**31, "timescale")
        number = integer(tkhd, 20 if full(tkhd, 1) else 12, 4)
        corner = 88 if tkhd[0] else 76
        need(0 < number < 2**31, "track id")
        size = (integer(tkhd, corner, 4) >> 16, integer(tkhd, corner + 4, 4) >> 16)
        start = start_of(trak, movie_timescale, timescale)
        samples = read_samples(data, areas, stbl, start, entries)
        latest = min(2**53, 2**31 * timescale)
        need(abs(start) <= latest and sum(s.duration for s in samples) <= latest, "times")
        tracks.append(TrackRead(number, kind, timescale, size, entries, samples))
    return tracks


def check_tracks(data, tracks, shown):
    kinds = [track.kind for track in tracks]
    need(kinds.count("video") == 1 and kinds.count("scene") == 1, "tracks")
    need(len({track.number for track in tracks}) == len(tracks) <= 32, "track ids")
    need(sum(len(s.data) for track in tracks for s in track.samples) <= len(data), "overlap")
    video = next(track for track in tracks if track.kind == "video")
    scene = next(track for track in tracks if track.kind == "scene")
    times = [[(s.pts, s.duration) for s in track.samples] for track in (video, scene)]
    need(times[0] == times[1] and video.timescale == scene.timescale, "scene times")
    need(len(video.samples) == shown.frames, "frames")
    need(kinds.count("audio") == shown.audio, "audio tracks")


def read(path, number=None):
    """Everything in the file, every checksum compared; ValueError for what the page refuses."""
    data = Path(path).read_bytes()
    tops = walk(data)
    need(tops and tops[0][0] == b"ftyp" and tops[0][3] <= 4096, "no ftyp")
    brands = data[tops[0][2] + 8 : tops[0][3]]
    need(b"cssv" in [brands[at : at + 4] for at in range(0, len(brands), 4)], "brand")
    versions, ftyp_crc, end = choose(data, tops)
    need(zlib.crc32(data[: tops[0][3]]) == ftyp_crc, "ftyp checksum")
    shown = next((v for v in versions if v.number == (number or versions[-1].number)), None)
    need(shown is not None, "no such version")
    at, size, crc = shown.moov
    place = [box for box in tops if box[0] in (b"moov", b"free") and box[1] == at and box[2] == at + 8]
    need(place and place[0][3] == at + size, "moov is elsewhere")
    need(zlib.crc32(data[at + 8 : at + size]) == crc, "moov checksum")
    tracks = read_tracks(data, tops, data[at + 8 : at + size])
    check_tracks(data, tracks, shown)
    length = 12 * (shown.audio + shown.frames)
    table = data[shown.table[0] : shown.table[0] + length]
    need(len(table) == length and zlib.crc32(table) == shown.table[1], "frame table checksum")
    words = struct.unpack(f">{length // 4}I", table)
    rows = [words[3 * row : 3 * row + 3] for row in range(shown.audio)]
    rest, n = words[3 * shown.audio :], shown.frames
    result = FileRead(
        versions,
        shown,
        tracks,
        rows,
        list(rest[:n]),
        list(rest[n : 2 * n]),
        list(rest[2 * n :]),
        len(data) - end,
    )
    check_samples(result)
    return result


def check_samples(result):
    for track in result.tracks:
        crcs = [zlib.crc32(sample.data) for sample in track.samples]
        if track.kind == "audio":
            whole = zlib.crc32(b"".join(sample.data for sample in track.samples))
            need((track.number, len(crcs), whole) in result.audio_rows, "audio checksum")
        else:
            known = result.sample_crcs if track.kind == "video" else result.scene_crcs
            need(crcs == known, f"{track.kind} checksum")
