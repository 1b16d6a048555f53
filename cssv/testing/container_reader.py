"""Second reader of .cssv files, written from cssv/container/SPEC.md alone.

It uses the standard library and nothing of the package: where this and the package's reader disagree, one
of them or the page is wrong. It reads the whole file into memory; invalid input raises ValueError.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

from cssv.testing.container_index import (
    MIB,
    IndexRead,
    VersionRead,
    choose,
    counted,
    full,
    index_boxes,
    inside,
    integer,
    named,
    need,
    take,
    walk,
)

#: (offset, size) of a sample.
Place = tuple[int, int]


@dataclass
class Sample:
    """One sample of a track; ``place`` is that in the order of decoding."""

    data: bytes
    pts: int
    duration: int
    key: bool
    entry: int
    at: int = 0
    place: int = 0


@dataclass
class TrackRead:
    """One track of one version; samples are in the order of presentation."""

    number: int
    kind: str
    timescale: int
    size: tuple[int, int]
    entries: list[bytes]
    samples: list[Sample]


@dataclass
class FileRead:
    """One version of a file, and the file's index."""

    versions: list[VersionRead]
    shown: VersionRead
    tracks: list[TrackRead]
    audio_rows: list[tuple[int, int, int]]
    sample_crcs: list[int]
    scene_crcs: list[int]
    stego_crcs: list[int]
    behind: int
    index: IndexRead


# Tracks (page, sections 2 to 4).


def start_of(trak: dict[bytes, bytes], movie_timescale: int, timescale: int) -> int:
    """Time of the first sample, from the edit list."""
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
    empty: int = edits[0][0] if rows == 2 else 0
    media: int = edits[-1][1]
    return floor(Fraction(empty * timescale, movie_timescale) + Fraction(1, 2)) - media


def read_entries(stsd: bytes) -> list[bytes]:
    """Sample entries."""
    full(stsd, 1)
    count, at = integer(stsd, 4, 4), 8
    entries: list[bytes] = []
    need(1 <= count <= 256, "sample entries")
    for _ in range(count):
        size = integer(stsd, at, 4)
        need(16 <= size <= MIB and at + size <= len(stsd), "sample entry")
        entries.append(stsd[at : at + size])
        at += size
    need(at == len(stsd), "sample entries do not fill their box")
    return entries


def chunk_list(stbl: dict[bytes, bytes]) -> list[tuple[int, int, int]]:
    """(offset, samples, entry) of every chunk."""
    need((b"co64" in stbl) != (b"stco" in stbl), "co64 or stco")
    offsets = counted(stbl[b"co64"], 8, 1) if b"co64" in stbl else counted(stbl[b"stco"], 4, 1)
    rows = counted(take(stbl, b"stsc"), 4, 3)
    need(bool(rows) == bool(offsets), "stsc")
    chunks: list[tuple[int, int, int]] = []
    for row, (first, per_chunk, entry) in enumerate(rows):
        after = rows[row + 1][0] if row + 1 < len(rows) else len(offsets) + 1
        need(first == len(chunks) + 1 and first < after <= len(offsets) + 1, "stsc order")
        chunks += [(offsets[chunk - 1][0], per_chunk, entry) for chunk in range(first, after)]
    return chunks


def read_keys(stbl: dict[bytes, bytes], count: int) -> set[int] | None:
    """Sample numbers, or None for all."""
    if b"stss" not in stbl:
        return None
    keys = [number for (number,) in counted(stbl[b"stss"], 4, 1)]
    need(all(a < b for a, b in pairwise([0, *keys, count + 1])), "stss")
    need(not count or keys[:1] == [1], "decoding cannot start at the first sample")
    return set(keys)


def read_samples(file: File, stbl: dict[bytes, bytes], start: int, entries: list[bytes]) -> list[Sample]:
    """Samples of a track, in the order of presentation."""
    stsz = take(stbl, b"stsz")
    full(stsz, 0)
    common, count = integer(stsz, 4, 4), integer(stsz, 8, 4)
    need(count <= min(2**24, len(file.data)), "too many samples")
    need(len(stsz) == 12 + (0 if common else 4 * count), "stsz")
    sizes = [common] * count if common else [size for (size,) in struct.iter_unpack(">I", stsz[12:])]
    durations: list[int] = []
    for repeat, duration in counted(take(stbl, b"stts"), 4, 2):
        need(0 < duration < 2**31 and 0 < repeat <= count - len(durations), "stts")
        durations += [duration] * repeat
    need(len(durations) == count, "stts")
    keys = read_keys(stbl, count)
    samples: list[Sample] = []
    pts = start
    for at, per_chunk, entry in chunk_list(stbl):
        need(0 < per_chunk <= count - len(samples) and 1 <= entry <= len(entries), "chunk")
        for _ in range(per_chunk):
            size, duration = sizes[len(samples)], durations[len(samples)]
            need(0 < size <= 1024 * MIB and file.holds(at, size), "place of a sample")
            key = keys is None or len(samples) + 1 in keys
            samples.append(Sample(file.data[at : at + size], pts, duration, key, entry - 1, at, len(samples)))
            at, pts = at + size, pts + duration
    need(len(samples) == count, "chunks")
    return in_order(samples, counted(stbl[b"ctts"], 4, 2)) if b"ctts" in stbl else samples


def in_order(samples: list[Sample], rows: list[tuple[int, ...]]) -> list[Sample]:
    """The samples of a track with composition offsets, by frame (page, section 3, "Reordered frames")."""
    offsets: list[int] = []
    for repeat, offset in rows:
        need(0 < repeat <= len(samples) - len(offsets) and offset < 2**31, "ctts")
        offsets += [offset] * repeat
    need(len(offsets) == len(samples) and (not samples or min(offsets) == 0), "ctts")
    # Up to here the times of a sample are those of the frame of the same number.
    times = [(sample.pts, sample.duration) for sample in samples]
    frames = {pts: frame for frame, (pts, _) in enumerate(times)}
    shown = [frames.get(s.pts + c - offsets[0], -1) for s, c in zip(samples, offsets, strict=True)]
    need(sorted(shown) == list(range(len(samples))), "a frame has no sample of its own")
    latest = -1
    for sample, frame in zip(samples, shown, strict=True):
        need(not sample.key or (latest == sample.place - 1 and frame == sample.place), "open group")
        latest = max(latest, frame)
        sample.pts, sample.duration = times[frame]
        sample.pts += offsets[0]
    return [samples[place] for place in sorted(range(len(samples)), key=shown.__getitem__)]


def read_track(file: File, trak: dict[bytes, bytes], movie_timescale: int) -> TrackRead | None:
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
    need(kind == "video" or b"ctts" not in stbl, "ctts")
    samples = read_samples(file, stbl, start, entries)
    latest = min(2**53, 2**31 * timescale)
    start = samples[0].pts if samples else start
    need(abs(start) <= latest and sum(s.duration for s in samples) <= latest, "times")
    return TrackRead(number, kind, timescale, size, entries, samples)


def read_tracks(file: File, moov: bytes) -> list[TrackRead]:
    """Tracks of a moov payload."""
    mvhd = take(named(b"moov", moov), b"mvhd")
    movie_timescale = integer(mvhd, 20 if full(mvhd, 1) else 12, 4)
    need(movie_timescale > 0, "movie timescale")
    traks = [body for name, body in inside(moov) if name == b"trak"]
    need(len(traks) <= 32, "too many tracks")
    tracks = [read_track(file, named(b"trak", trak), movie_timescale) for trak in traks]
    return [track for track in tracks if track]


def check_tracks(data: bytes, tracks: list[TrackRead], version: VersionRead) -> None:
    """Check that the tracks belong together and fit the version's row."""
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

    def __init__(self, data: bytes) -> None:
        self.data, self.tops = data, walk(data)
        need(self.tops and self.tops[0][0] == b"ftyp" and self.tops[0][3] <= 4096, "no ftyp")
        brands = data[self.tops[0][2] + 8 : self.tops[0][3]]
        need(b"cssv" in [brands[at : at + 4] for at in range(0, len(brands), 4)], "brand")
        self.index, self.live = choose(data, self.tops)
        self.areas = [
            (body, end) for kind, _, body, end in self.tops if kind == b"mdat" and end <= self.index.start
        ]
        self.area_starts = [area[0] for area in self.areas]

    def holds(self, at: int, size: int) -> bool:
        """Whether these bytes lie in one mdat."""
        area = bisect_right(self.area_starts, at) - 1
        return area >= 0 and at + size <= self.areas[area][1]

    def moov_of(self, version: VersionRead, at: int) -> bytes:
        """Payload of a version's moov box, first written or a copy, at an offset."""
        place = next((box for box in self.tops if box[1] == at), None)
        if place is None or place[2:] != (at + 8, at + version.moov[1]):
            raise ValueError("moov is elsewhere")
        payload = self.data[at + 8 : place[3]]
        need(zlib.crc32(payload) == version.moov[2], "moov checksum")
        return payload

    def show(self, version: VersionRead) -> FileRead:
        """Everything of one version; video and scene samples are compared with their checksums."""
        plays = version.number == self.index.playing
        tracks = read_tracks(self, self.moov_of(version, self.live[1] if plays else version.moov[0]))
        check_tracks(self.data, tracks, version)
        table = self.data[version.table[0] : version.table[0] + version.table_size]
        need(len(table) == version.table_size, "frame table is cut")
        need(zlib.crc32(table) == version.table[1], "frame table checksum")
        words, n = struct.unpack(f">{len(table) // 4}I", table), version.frames
        rows = [(words[at], words[at + 1], words[at + 2]) for at in range(0, 3 * version.audio, 3)]
        crcs = [list(words[at : at + n]) for at in range(3 * version.audio, len(words), n)]
        known = {track.number: len(track.samples) for track in tracks if track.kind == "audio"}
        need(known == {row[0]: row[1] for row in rows}, "audio rows")
        for track, wanted in (("video", crcs[0]), ("scene", crcs[1])):
            (samples,) = (part.samples for part in tracks if part.kind == track)
            need([zlib.crc32(sample.data) for sample in samples] == wanted, f"{track} checksum")
        behind = 0 if self.index.damaged else len(self.data) - self.index.end
        video, scene, stego = crcs
        return FileRead(self.index.versions, version, tracks, rows, video, scene, stego, behind, self.index)

    def check(self) -> None:
        """Check the whole file (page, section 9), except for bytes behind the index."""
        need(zlib.crc32(self.data[: self.tops[0][3]]) == self.index.ftyp_crc, "ftyp checksum")
        need(self.index.damaged is None, "a damaged index behind the chosen one")
        for start, end in index_boxes(self.data, self.tops):
            if end <= self.index.end:
                need(integer(self.data, end - 4, 4) == zlib.crc32(self.data[start : end - 4]), "older index")
        seen: set[Place] = set()
        sounds: set[tuple[Place, ...]] = set()
        for version in self.index.versions:
            self.moov_of(version, version.moov[0])
            self.check_version(self.show(version), seen, sounds)
        # The same part of two sounds, or of a sound and of a frame, stands in this list twice.
        places = sorted([*seen, *(place for sound in sounds for place in sound)])
        for (at, size), (after, _) in pairwise(places):
            need(at + size <= after, "samples share bytes")

    def check_version(self, read: FileRead, seen: set[Place], sounds: set[tuple[Place, ...]]) -> None:
        """Check the samples of one version; note the bytes that they use."""
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


def read(path: Path | str, number: int | str | None = None, *, whole: bool = True) -> FileRead:
    """Read a version: a number, a tag, or None for the one that plays; ValueError for an invalid file.

    With ``whole`` the whole file is checked first.
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


def as_if_played(path: Path | str, number: int | str) -> bytes:
    """Bytes of a file, changed so that players show this version."""
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
