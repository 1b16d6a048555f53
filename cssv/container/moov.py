"""The ``moov`` box: all tracks of one version, as values and as bytes (SPEC.md, sections 2 and 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from cssv.container.entries import HANDLERS, Kind, is_scene_entry
from cssv.container.limits import (
    CREATED_LIMIT_S,
    SAMPLES_LIMIT,
    SIDE_LIMIT,
    TIMESCALE_LIMIT,
    TRACKS_LIMIT,
    check_limit,
    ticks_limit,
)
from cssv.container.mp4_boxes import (
    I64,
    U16,
    U32,
    U64,
    FieldReader,
    only_box,
    optional_box,
    read_boxes,
    write_box,
    write_full_box,
)
from cssv.container.tables import I64s, SampleTable, read_stbl, write_stbl
from cssv.errors import ContainerError

#: Name in every track's ``hdlr``.
HANDLER_NAME = b"CSSV\0"

#: Seconds from 1904-01-01, where ISO-BMFF begins to count, to 1970-01-01.
EPOCH_1904_S = 2_082_844_800

#: The code of an unknown language (ISO 639-2).
UNDETERMINED = "und"
_MATRIX = b"".join(U32.pack(value) for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
_MEDIA_HEADERS: dict[Kind, bytes] = {
    "video": write_full_box(b"vmhd", 0, 1, bytes(8)),
    "audio": write_full_box(b"smhd", 0, 0, bytes(4)),
    "scene": write_full_box(b"nmhd", 0, 0),
}
_DATA_INFORMATION = write_box(
    b"dinf", write_full_box(b"dref", 0, 0, U32.pack(1), write_full_box(b"url ", 0, 1))
)


@dataclass(frozen=True, slots=True, eq=False)
class MediaTrack:
    """One track of a version.

    Attributes:
        number: track id in the file, at least 1.
        kind: ``"video"``, ``"audio"`` or ``"scene"``.
        timescale: media units per second.
        start: presentation time of the first sample in media units; negative if the decoder needs samples
            before time 0, which a player must skip (AAC priming).
        table: the samples.
        width, height: in pixels; 0 unless video.
        language: ISO 639-2/T code of an audio track, three letters; ``"und"`` for unknown, and for tracks
            of other kinds.
    """

    number: int
    kind: Kind
    timescale: int
    start: int
    table: SampleTable
    width: int = 0
    height: int = 0
    language: str = UNDETERMINED

    def __post_init__(self) -> None:
        check_limit("track id is out of range", self.number, (1 << 31) - 1, 1)
        check_limit("timescale is out of range", self.timescale, TIMESCALE_LIMIT, 1)
        latest = ticks_limit(self.timescale)
        check_limit("start time is out of range", self.start, latest, -latest)
        check_limit("track is too long in time", self.table.total, latest)
        check_limit("width does not fit a track header", self.width, SIDE_LIMIT)
        check_limit("height does not fit a track header", self.height, SIDE_LIMIT)
        check_language(self.language)
        if self.kind != "video" and self.table.order is not None:
            raise ContainerError(f"the samples of a {self.kind} track are reordered")

    @property
    def time_base(self) -> Fraction:
        """Seconds per media unit."""
        return Fraction(1, self.timescale)

    @property
    def end(self) -> int:
        """Presentation time at which the last sample ends, in media units."""
        return self.start + self.table.total

    def pts(self) -> I64s:
        """(n,) int64: presentation time of every sample, in media units."""
        return self.table.times() + self.start


@dataclass(frozen=True, slots=True, eq=False)
class Movie:
    """The content of one ``moov`` box.

    Attributes:
        tracks: in file order; exactly one video and one scene track.
        created_s: seconds since 1970-01-01 UTC; 0 for unknown.
    """

    tracks: tuple[MediaTrack, ...]
    created_s: int = 0

    def __post_init__(self) -> None:
        check_limit("file has an impossible number of tracks", len(self.tracks), TRACKS_LIMIT, 1)
        for kind in ("video", "scene"):
            found = sum(track.kind == kind for track in self.tracks)
            if found != 1:
                raise ContainerError(f"a CSSV file has one {kind} track", found=found)
        if len({track.number for track in self.tracks}) != len(self.tracks):
            raise ContainerError("two tracks have the same id")
        check_limit("time of creation is out of range", self.created_s, CREATED_LIMIT_S)
        total = sum(len(track.table) for track in self.tracks)
        check_limit("file has too many samples", total, SAMPLES_LIMIT)

    def only(self, kind: Kind) -> MediaTrack:
        """Return the one video or scene track."""
        return next(track for track in self.tracks if track.kind == kind)


def movie_timescale(tracks: tuple[MediaTrack, ...]) -> int:
    """Movie units per second, chosen so that the start of every track is restored exactly.

    It is the least common multiple of all timescales. If that exceeds 31 bits, it is the largest multiple of
    the video's timescale that does not: audio starts are then rounded to that finer grid, and rounding back
    to the units of the audio restores them.
    """
    common = math.lcm(*(track.timescale for track in tracks))
    if common <= TIMESCALE_LIMIT:
        return common
    video = next(track.timescale for track in tracks if track.kind == "video")
    return TIMESCALE_LIMIT // video * video


def _round(value: Fraction) -> int:
    """Round half up, as the SPEC says; round() would round half to even."""
    return math.floor(value + Fraction(1, 2))


def write_moov(movie: Movie) -> bytes:
    """Return the ``moov`` box; equal values give equal bytes."""
    timescale = movie_timescale(movie.tracks)
    created = 0 if movie.created_s == 0 else movie.created_s + EPOCH_1904_S
    duration = max(_track_duration(track, timescale) for track in movie.tracks)
    video = movie.only("video").number
    first_audio = next((track.number for track in movie.tracks if track.kind == "audio"), 0)
    header = write_full_box(
        b"mvhd",
        1,
        0,
        U64.pack(created) * 2,
        U32.pack(timescale),
        U64.pack(duration),
        U32.pack(0x10000),
        U16.pack(0x100),
        bytes(10),
        _MATRIX,
        bytes(24),
        U32.pack(max(track.number for track in movie.tracks) + 1),
    )
    traks = [
        _write_trak(track, timescale, created, video, shown=track.number in (video, first_audio))
        for track in movie.tracks
    ]
    return write_box(b"moov", header, *traks)


def _track_duration(track: MediaTrack, timescale: int) -> int:
    """Duration of the track's edits in movie units, rounded up so that no player drops the last sample."""
    empty = _round(Fraction(max(track.start, 0) * timescale, track.timescale))
    return empty + _shown_duration(track, timescale)


def _shown_duration(track: MediaTrack, timescale: int) -> int:
    shown = max(track.table.total + min(track.start, 0), 0)
    return math.ceil(Fraction(shown * timescale, track.timescale))


def _write_trak(track: MediaTrack, timescale: int, created: int, video: int, *, shown: bool) -> bytes:
    # Flags: enabled (1), in the movie (2). Further audio tracks are not enabled, or players would mix them.
    flags = 3 if shown or track.kind == "scene" else 2
    audio = track.kind == "audio"
    header = write_full_box(
        b"tkhd",
        1,
        flags,
        U64.pack(created) * 2,
        U32.pack(track.number),
        bytes(4),
        U64.pack(_track_duration(track, timescale)),
        bytes(8),
        U16.pack(0),
        U16.pack(1 if audio else 0),
        U16.pack(0x100 if audio else 0),
        bytes(2),
        _MATRIX,
        U32.pack(track.width << 16),
        U32.pack(track.height << 16),
    )
    parts = [header, _write_edits(track, timescale)]
    if track.kind == "scene":
        parts.append(write_box(b"tref", write_box(b"cdsc", U32.pack(video))))
    parts.append(_write_mdia(track, created))
    return write_box(b"trak", *parts)


def _write_edits(track: MediaTrack, timescale: int) -> bytes:
    """The ``edts`` box that shows the first sample at ``track.start``; no bytes if it is there already."""
    delay = track.table.delay
    if track.start == 0 and not delay:
        return b""
    rows = [(_shown_duration(track, timescale), max(-track.start, 0) + delay)]
    if track.start > 0:
        rows.insert(0, (_round(Fraction(track.start * timescale, track.timescale)), -1))
    packed = b"".join(U64.pack(length) + I64.pack(at) + U32.pack(0x10000) for length, at in rows)
    return write_box(b"edts", write_full_box(b"elst", 1, 0, U32.pack(len(rows)), packed))


def check_language(language: str) -> None:
    """Raise ContainerError unless ``language`` is three letters from a to z."""
    if len(language) != 3 or not all("a" <= letter <= "z" for letter in language):
        raise ContainerError("a language is three letters", found=language, bound="a to z each")


def _pack_language(language: str) -> int:
    """Pack three letters in five bits each, as ``mdhd`` holds them (ISO/IEC 14496-12, 8.4.2)."""
    first, second, third = (ord(letter) - 0x60 for letter in language)
    return first << 10 | second << 5 | third


def _unpack_language(packed: int) -> str:
    letters = "".join(chr((packed >> shift & 31) + 0x60) for shift in (10, 5, 0))
    # QuickTime numbers its languages, and other programs leave 0: neither gives three letters.
    return letters if all("a" <= letter <= "z" for letter in letters) else UNDETERMINED


def _write_mdia(track: MediaTrack, created: int) -> bytes:
    header = write_full_box(
        b"mdhd",
        1,
        0,
        U64.pack(created) * 2,
        U32.pack(track.timescale),
        U64.pack(track.table.total),
        U16.pack(_pack_language(track.language)),
        bytes(2),
    )
    handler = write_full_box(b"hdlr", 0, 0, bytes(4), HANDLERS[track.kind], bytes(12), HANDLER_NAME)
    information = write_box(b"minf", _MEDIA_HEADERS[track.kind], _DATA_INFORMATION, write_stbl(track.table))
    return write_box(b"mdia", header, handler, information)


def read_moov(moov: memoryview, limit: int = SAMPLES_LIMIT) -> Movie:
    """Undo :func:`write_moov`; ``moov`` is the payload behind the box header.

    ``limit``: the most samples that all tracks together may have, from the size of the file. Tracks of other
    kinds than those of CSSV are skipped. Raises ContainerError and LimitError.
    """
    boxes = read_boxes(moov, "moov")
    fields = FieldReader(only_box(boxes, b"mvhd", "moov"), "mvhd")
    wide = fields.version(1) == 1
    created = fields.u64() if wide else fields.u32()
    fields.take(8 if wide else 4)
    timescale = check_limit("movie timescale is out of range", fields.u32(), (1 << 32) - 1, 1)
    traks = [payload for kind, payload in boxes if kind == b"trak"]
    check_limit("file has an impossible number of tracks", len(traks), TRACKS_LIMIT, 1)
    tracks: list[MediaTrack] = []
    left = min(limit, SAMPLES_LIMIT)
    for trak in traks:
        track = _read_trak(trak, timescale, left)
        if track is not None:
            tracks.append(track)
            left -= len(track.table)
    # Only other programs use this time, so a value that CSSV never writes counts as unknown.
    created_s = created - EPOCH_1904_S
    return Movie(tuple(tracks), created_s if 0 <= created_s <= CREATED_LIMIT_S else 0)


def _read_trak(trak: memoryview, timescale: int, samples_left: int) -> MediaTrack | None:
    boxes = read_boxes(trak, "trak")
    media = read_boxes(only_box(boxes, b"mdia", "trak"), "mdia")
    handler = FieldReader(only_box(media, b"hdlr", "mdia"), "hdlr")
    handler.take(8)
    code = bytes(handler.take(4))
    kind = next((kind for kind, known in HANDLERS.items() if known == code), None)
    # A subtitle track, for example: allowed in the file, but not a track of CSSV.
    if kind is None:
        return None
    header = FieldReader(only_box(media, b"mdhd", "mdia"), "mdhd")
    wide = header.version(1) == 1
    header.take(16 if wide else 8)
    media_timescale = check_limit("timescale is out of range", header.u32(), TIMESCALE_LIMIT, 1)
    language = _read_language(header, wide=wide) if kind == "audio" else UNDETERMINED
    information = read_boxes(only_box(media, b"minf", "mdia"), "minf")
    table = read_stbl(only_box(information, b"stbl", "minf"), samples_left, may_reorder=kind == "video")
    # Nothing in these boxes is used; the calls check that none of them occurs twice.
    for name in (b"vmhd", b"smhd", b"nmhd"):
        optional_box(information, name, "minf")
    reference = optional_box(boxes, b"tref", "trak")
    if reference is not None:
        optional_box(read_boxes(reference, "tref"), b"cdsc", "tref")
    if kind == "scene" and not all(is_scene_entry(entry) for entry in table.entries):
        return None
    number, width, height = _read_tkhd(only_box(boxes, b"tkhd", "trak"))
    start = _read_start(optional_box(boxes, b"edts", "trak"), timescale, media_timescale) + table.delay
    if kind != "video":
        width = height = 0
    return MediaTrack(number, kind, media_timescale, start, table, width, height, language)


def _read_language(header: FieldReader, *, wide: bool) -> str:
    """Language in an ``mdhd`` read up to its timescale; what the box leaves out is unknown."""
    duration_bytes = 8 if wide else 4
    if header.left < duration_bytes + 2:
        return UNDETERMINED
    header.take(duration_bytes)
    return _unpack_language(header.u16())


def _read_tkhd(payload: memoryview) -> tuple[int, int, int]:
    """Track id, width and height in whole pixels."""
    fields = FieldReader(payload, "tkhd")
    wide = fields.version(1) == 1
    fields.take(16 if wide else 8)
    number = fields.u32()
    fields.take(4 + (8 if wide else 4) + 16 + 36)
    return number, fields.u32() >> 16, fields.u32() >> 16


def _read_start(edts: memoryview | None, timescale: int, media_timescale: int) -> int:
    """Presentation time of the begin of the media, in media units."""
    if edts is None:
        return 0
    fields = FieldReader(only_box(read_boxes(edts, "edts"), b"elst", "edts"), "elst")
    wide = fields.version(1) == 1
    count = check_limit("edit list has an unknown form", fields.u32(), 2, 1)
    rows: list[tuple[int, int]] = []
    for _ in range(count):
        length = fields.u64() if wide else fields.u32()
        at = fields.i64() if wide else int.from_bytes(fields.take(4), "big", signed=True)
        if fields.u32() != 0x10000:
            raise ContainerError("edit list changes the speed")
        rows.append((length, at))
    if fields.left:
        raise ContainerError("elst is longer than its count says", found=f"{fields.left} bytes more")
    # A first row without media (-1) delays the track; the other row skips media before time 0.
    empty = rows.pop(0)[0] if rows[0][1] == -1 and count == 2 else 0
    if len(rows) != 1 or rows[0][1] < 0:
        raise ContainerError("edit list has an unknown form")
    return _round(Fraction(empty * media_timescale, timescale)) - rows[0][1]
