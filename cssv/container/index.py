"""The index box: the versions of a file, and checksums of everything they show (SPEC.md, section 5)."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.container.facts import read_facts, write_facts
from cssv.container.limits import (
    AUTHOR_LIMIT,
    CREATED_LIMIT_S,
    INDEX_LIMIT,
    MESSAGE_LIMIT,
    META_LIMIT,
    MOOV_LIMIT,
    SAMPLES_LIMIT,
    TAG_LIMIT,
    TAGS_LIMIT,
    TRACKS_LIMIT,
    VERSIONS_LIMIT,
    check_limit,
)
from cssv.container.mp4_boxes import FieldReader
from cssv.errors import ChecksumError, ContainerError, RevisionError, did_you_mean

#: Types of the index box, by format. FFmpeg opens no file that ends within the first 24 bytes of a ``uuid``
#: box, so what is appended must be of another type.
INDEX_KINDS = {1: b"uuid", 2: b"cssv"}
#: The 16 bytes behind the header of every index box, drawn at random once.
INDEX_UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")
INDEX_MAGIC = b"CSIX"
#: The format that is written; format 1 is still read.
INDEX_FORMAT = 2
_FIRST_FORMAT = 1

#: Bytes before the fields of the index: size, type, the 16 bytes above.
INDEX_HEADER = 24

_HEAD = struct.Struct(">4sHHQII")
#: Smallest size of an index; a shorter box is not one.
INDEX_LEAST = INDEX_HEADER + _HEAD.size + 4
_HEAD_MORE = struct.Struct(">IIQI")
_ROW = struct.Struct(">IIQQQIQIIIIII")
_ROW_MORE = struct.Struct(">IIQ")
_TAG = struct.Struct(">IH")
_AUDIO = struct.Struct(">III")
_BIG32 = np.dtype(">u4")

U32s = NDArray[np.uint32]

#: What can be done with a file whose index is damaged.
INDEX_COPY_REMEDY = "The pictures may be undamaged: 'ffmpeg -c copy' copies them with all they carry."

#: Tags that a message lists.
_LISTED = 20

#: What names a version: its number, a tag, or None for the playing one.
Revision = int | str | None


@dataclass(frozen=True, slots=True)
class IndexMeta:
    """The description of a version that its author gives.

    Attributes:
        created_s: seconds since 1970-01-01 UTC, 0 for unknown; given by the caller, so that files are
            reproducible.
        author, message: as in git; free text.
        meta: the facts, a JSON object with the settings of the encoder (layout, codec, source ...);
            versions read from one index may share it.
    """

    created_s: int = 0
    author: str = ""
    message: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One row of the version table.

    Attributes:
        number: 1 for the first version, then ascending.
        parent: number of the version from which this one was made, less than its own; 0 for none.
        about: time, author, message, facts.
        moov_offset, moov_size, moov_crc: place of the ``moov`` box, and CRC-32 of its bytes behind the type.
        table_offset, table_crc: place of the frame table, and CRC-32 of its bytes.
        frames: number of video samples, and of scene samples.
        audio_tracks: number of audio rows in the frame table.
        root: number of the version whose pictures those of this one were drawn from: an ancestor; or the
            version itself, if they were drawn from a cover, or if a compacted copy left the ancestor out.
        frames_changed: frames that differ from the parent's; all of them without a parent.
        bytes_added: bytes by which the file grew.
    """

    number: int
    parent: int
    about: IndexMeta
    moov_offset: int
    moov_size: int
    moov_crc: int
    table_offset: int
    table_crc: int
    frames: int
    audio_tracks: int
    root: int
    frames_changed: int
    bytes_added: int

    @property
    def table_size(self) -> int:
        """Bytes of the frame table."""
        return _AUDIO.size * self.audio_tracks + 12 * self.frames


@dataclass(frozen=True, slots=True, eq=False)
class FrameTable:
    """Checksums (CRC-32 as in zlib) of everything a version shows.

    Attributes:
        audio: (track id, samples, CRC of all sample bytes end to end) of each audio track.
        samples: (n,) uint32, CRC of each video sample's bytes.
        scenes: (n,) uint32, CRC of each scene sample's bytes.
        stegos: (n,) uint32, CRC of each decoded stego frame's planes.
    """

    audio: tuple[tuple[int, int, int], ...]
    samples: U32s
    scenes: U32s
    stegos: U32s


@dataclass(frozen=True, slots=True)
class Index:
    """All versions of a file.

    Attributes:
        versions: oldest first; at least one.
        ftyp_crc: CRC32 of the whole ``ftyp`` box.
        playing: number of the playing version, the one that players show.
        next_number: number of the next version; above all numbers that the file ever had.
        live_offset: offset of the ``moov`` box that players use: the playing version's, or a later copy.
        tags: (name, version number), ascending by the names' UTF-8 bytes.
        damaged_at: offset of a damaged index behind this one; None if there is none. The tags are not known
            then, and ``tags`` is empty.
    """

    versions: tuple[VersionRow, ...]
    ftyp_crc: int
    playing: int
    next_number: int
    live_offset: int
    tags: tuple[tuple[str, int], ...] = ()
    damaged_at: int | None = None

    @property
    def current(self) -> VersionRow:
        """The version that players show."""
        return self.find(self.playing)

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users: what is not known of the file because of damage."""
        if self.damaged_at is None:
            return ()
        return (
            f"the index at byte {self.damaged_at} is damaged, so the tags of the versions are not known; "
            "this damage does not concern the versions",
        )

    def check_tags(self) -> None:
        """Raise ChecksumError if it is not known which tags the versions have."""
        if self.damaged_at is not None:
            raise ChecksumError(
                f"the index at byte {self.damaged_at} is damaged, so the tags are not known",
                remedy="Use the numbers of the versions: `cssv.log()` lists them.",
            )

    def find(self, revision: Revision) -> VersionRow:
        """Return the version with this number or tag; None means the playing one.

        Raises RevisionError if there is none, and ChecksumError for a tag if the tags are not known.
        """
        number = self.playing if revision is None else revision
        # True is an int to Python, but never the number of a version to a caller.
        if isinstance(number, bool) or not isinstance(number, int | str):
            raise RevisionError("not the number or tag of a version", found=repr(number))
        if isinstance(number, str):
            self.check_tags()
            named = dict(self.tags)
            if number not in named:
                numbers = f"The versions have the numbers {self._numbers()}."
                raise RevisionError(
                    "no such tag",
                    found=number,
                    bound=_listed(named) or "none yet",
                    remedy=" ".join(filter(None, (did_you_mean(number, named), numbers))),
                )
            number = named[number]
        at = bisect_left(self.versions, number, key=lambda version: version.number)
        if at < len(self.versions) and self.versions[at].number == number:
            return self.versions[at]
        names = _listed([name for name, _ in self.tags])
        remedy = f"A tag can be used as well: {names}." if names else None
        raise RevisionError("no such version", found=number, bound=self._numbers(), remedy=remedy)

    def _numbers(self) -> str:
        return f"{self.versions[0].number} to {self.versions[-1].number}"


def _listed(names: Collection[str]) -> str:
    """The first few names."""
    return ", ".join(islice(names, _LISTED)) + (" ..." if len(names) > _LISTED else "")


def write_frame_table(table: FrameTable) -> bytes:
    """Audio rows, then three columns of one u32 a frame."""
    rows = [_AUDIO.pack(*row) for row in table.audio]
    columns = [column.astype(_BIG32).tobytes() for column in (table.samples, table.scenes, table.stegos)]
    return b"".join(rows + columns)


def read_frame_table(data: bytes, version: VersionRow) -> FrameTable:
    """Undo :func:`write_frame_table`; ChecksumError if the version has another checksum."""
    if len(data) != version.table_size or zlib.crc32(data) != version.table_crc:
        raise ChecksumError(f"frame table of version {version.number} is damaged")
    start = _AUDIO.size * version.audio_tracks
    audio = tuple(_AUDIO.iter_unpack(data[:start]))
    columns = np.frombuffer(data, _BIG32, offset=start).astype(np.uint32).reshape(3, version.frames)
    return FrameTable(audio, columns[0], columns[1], columns[2])


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ContainerError("text of a version is not Unicode", found=ascii(text)) from error


def _write_rows(versions: tuple[VersionRow, ...]) -> bytes:
    """Rows one after the other; facts equal to those of the row before are left out."""
    rows: list[bytes] = []
    before, text = None, b""
    for version in versions:
        meta = version.about.meta
        # Rows that were read share one object, so that most comparisons need no writing.
        written = text if meta is before else write_facts(meta)
        rows.append(_write_row(version, b"" if written == text else written))
        before, text = meta, written
    return b"".join(rows)


def _write_row(version: VersionRow, meta: bytes) -> bytes:
    about = version.about
    author, message = _encode(about.author), _encode(about.message)
    check_limit("author is too long", len(author), AUTHOR_LIMIT)
    check_limit("message is too long", len(message), MESSAGE_LIMIT)
    check_limit("version facts are too long", len(meta), META_LIMIT)
    check_limit("time of creation is out of range", about.created_s, CREATED_LIMIT_S)
    check_limit("more frames are changed than there are", version.frames_changed, version.frames)
    fixed = _ROW.pack(
        version.number,
        version.parent,
        about.created_s,
        version.moov_offset,
        version.moov_size,
        version.moov_crc,
        version.table_offset,
        version.table_crc,
        version.frames,
        version.audio_tracks,
        len(author),
        len(message),
        len(meta),
    )
    more = _ROW_MORE.pack(version.root, version.frames_changed, version.bytes_added)
    return b"".join((fixed, more, author, message, meta))


def _read_row(fields: FieldReader, form: int, before: Mapping[str, Any] | None) -> VersionRow:
    """Read one row. ``before``: the facts of a row that has none itself; None if it must have them."""
    fixed = _ROW.unpack(fields.take(_ROW.size))
    number, parent, created_s, moov_offset, moov_size, moov_crc = fixed[:6]
    table_offset, table_crc, frames, audio_tracks, author, message, meta = fixed[6:]
    check_limit("time of creation is out of range", created_s, CREATED_LIMIT_S)
    check_limit("moov is too long", moov_size, MOOV_LIMIT, 8)
    check_limit("version has too many frames", frames, SAMPLES_LIMIT, 1)
    check_limit("version has too many audio tracks", audio_tracks, TRACKS_LIMIT - 2)
    check_limit("author is too long", author, AUTHOR_LIMIT)
    check_limit("message is too long", message, MESSAGE_LIMIT)
    check_limit("version facts are too long", meta, META_LIMIT)
    root, frames_changed, bytes_added = 0, frames, 0
    if form > _FIRST_FORMAT:
        root, frames_changed, bytes_added = _ROW_MORE.unpack(fields.take(_ROW_MORE.size))
        check_limit("more frames are changed than there are", frames_changed, frames)
    texts = [_decode(fields.take(length)) for length in (author, message)]
    # Shared, not copied: an index may have many rows, and facts may be long.
    facts = before if not meta and before is not None else read_facts(bytes(fields.take(meta)))
    about = IndexMeta(created_s, texts[0], texts[1], facts)
    return VersionRow(
        number,
        parent,
        about,
        moov_offset,
        moov_size,
        moov_crc,
        table_offset,
        table_crc,
        frames,
        audio_tracks,
        root,
        frames_changed,
        bytes_added,
    )


def _decode(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise ContainerError("text of a version is not UTF-8", found=str(error)) from error


def _write_tag(name: str, number: int) -> bytes:
    data = _encode(name)
    return _TAG.pack(number, check_limit("tag name is empty or too long", len(data), TAG_LIMIT, 1)) + data


def _read_tag(fields: FieldReader) -> tuple[str, int]:
    number, length = _TAG.unpack(fields.take(_TAG.size))
    return _decode(fields.take(check_limit("tag name is empty or too long", length, TAG_LIMIT, 1))), number


def _write_fields(index: Index, offset: int) -> bytes:
    """All bytes between the header of the box and its frame table."""
    head = _HEAD.pack(INDEX_MAGIC, INDEX_FORMAT, 0, offset, index.ftyp_crc, len(index.versions))
    number = check_limit("there are no more version numbers", index.next_number, 0xFFFFFFFF)
    more = _HEAD_MORE.pack(index.playing, number, index.live_offset, len(index.tags))
    return b"".join((head, more, _write_rows(index.versions), *(_write_tag(*tag) for tag in index.tags)))


def index_size(index: Index, *, has_table: bool) -> int:
    """Size in bytes of the box that :func:`write_index` returns."""
    table = index.versions[-1].table_size if has_table else 0
    return INDEX_HEADER + len(_write_fields(index, 0)) + table + 4


def write_index(index: Index, table: FrameTable | None, offset: int) -> bytes:
    """Return the index box for file offset ``offset``.

    ``table`` is the frame table of the last version, whose ``table_offset`` and ``table_crc`` are
    filled in here; None if the table lies in the file already.
    """
    check_limit("index has an impossible number of versions", len(index.versions), VERSIONS_LIMIT, 1)
    check_limit("index has too many tags", len(index.tags), TAGS_LIMIT)
    tail = b""
    if table is not None:
        tail = write_frame_table(table)
        at = offset + INDEX_HEADER + len(_write_fields(index, offset))
        last = replace(index.versions[-1], table_offset=at, table_crc=zlib.crc32(tail))
        index = replace(index, versions=(*index.versions[:-1], last))
    written = _write_fields(index, offset)
    size = INDEX_HEADER + len(written) + len(tail) + 4
    check_limit("index is too long", size, INDEX_LIMIT)
    data = b"".join((size.to_bytes(4, "big"), INDEX_KINDS[INDEX_FORMAT], INDEX_UUID, written, tail))
    return data + zlib.crc32(data).to_bytes(4, "big")


def read_index(data: bytes, offset: int) -> Index:
    """Undo :func:`write_index`: ``data`` is the whole box as found at ``offset``.

    Fields that format 1 lacks get the values of SPEC.md, section 5: the last version plays, and the first
    ancestor is the root. Raises ChecksumError for damaged bytes, ContainerError and LimitError for
    impossible values.
    """
    check_limit("index is of an impossible size", len(data), INDEX_LIMIT, INDEX_LEAST)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise ChecksumError(
            f"the index at byte {offset} is damaged",
            remedy=INDEX_COPY_REMEDY,
        )
    fields = FieldReader(memoryview(data)[INDEX_HEADER:-4], "index")
    magic, form, _flags, own_offset, ftyp_crc, count = _HEAD.unpack(fields.take(_HEAD.size))
    if magic != INDEX_MAGIC or INDEX_KINDS.get(form) != data[4:8]:
        raise ContainerError(
            "index is of an unknown format",
            found=f"{magic!r} {form}",
            bound=f"{INDEX_MAGIC!r} {_FIRST_FORMAT} in a uuid box, {INDEX_FORMAT} in a cssv box",
        )
    if own_offset != offset:
        raise ContainerError("index was moved", found=f"byte {offset}", bound=f"byte {own_offset}")
    check_limit("index has an impossible number of versions", count, VERSIONS_LIMIT, 1)
    if form == _FIRST_FORMAT:
        versions = _as_format_2(_read_rows(fields, form, count))
        last = versions[-1]
        index = Index(versions, ftyp_crc, last.number, last.number + 1, last.moov_offset)
    else:
        playing, following, live_offset, tags = _HEAD_MORE.unpack(fields.take(_HEAD_MORE.size))
        check_limit("index has too many tags", tags, TAGS_LIMIT)
        versions = _read_rows(fields, form, count)
        named = tuple(_read_tag(fields) for _ in range(tags))
        index = Index(versions, ftyp_crc, playing, following, live_offset, named)
    _check_numbers(index)
    _check_places(index, offset, offset + len(data) - 4 - fields.left, fields.left, form)
    return index


def _as_format_2(versions: tuple[VersionRow, ...]) -> tuple[VersionRow, ...]:
    """Rows of format 1 with the fields that format 2 added; a parent without a row becomes 0."""
    roots: dict[int, int] = {}
    found: list[VersionRow] = []
    end = 0
    for version in versions:
        parent = version.parent if version.parent in roots else 0
        root = roots[version.number] = roots.get(parent, version.number)
        # In format 1 the index of each version ended with its frame table and a checksum of 4 bytes.
        behind = version.table_offset + version.table_size + 4
        found.append(replace(version, parent=parent, root=root, bytes_added=behind - end))
        end = behind
    return tuple(found)


def _read_rows(fields: FieldReader, form: int, count: int) -> tuple[VersionRow, ...]:
    """Read all rows; numbers must ascend, and so must the places: moov 1, table 1, moov 2, table 2 ..."""
    versions: list[VersionRow] = []
    for _ in range(count):
        before = versions[-1].about.meta if versions and form > _FIRST_FORMAT else None
        versions.append(_read_row(fields, form, before))
    number = end = 0
    for version in versions:
        if version.number <= number or version.parent >= version.number:
            raise ContainerError("versions do not ascend", found=version.number, bound=f"above {number}")
        number = version.number
        moov_end = version.moov_offset + version.moov_size
        if version.moov_offset < end or version.table_offset < moov_end:
            raise ContainerError(f"version {number} overlaps what was written before it")
        end = version.table_offset + version.table_size
    return tuple(versions)


def _check_numbers(index: Index) -> None:
    """Check that every number of a version in the index is that of a row, and that roots are possible."""
    roots = {0: 0}
    for version in index.versions:
        if version.parent not in roots:
            raise ContainerError(f"parent of version {version.number} is missing", found=version.parent)
        if version.root not in (version.number, roots.get(version.parent)) or not version.root:
            raise ContainerError(f"version {version.number} has an impossible root", found=version.root)
        roots[version.number] = version.root
    for number in (index.playing, *(number for _, number in index.tags)):
        if number not in roots or not number:
            raise ContainerError("index names a version that it does not have", found=number)
    if index.next_number <= index.versions[-1].number:
        raise ContainerError("the number of the next version is taken", found=index.next_number)
    names = [name.encode() for name, _ in index.tags]
    if any(one >= other for one, other in pairwise(names)):
        raise ContainerError("tags do not ascend")


def _check_places(index: Index, offset: int, at: int, left: int, form: int) -> None:
    """Check that everything lies before the index at ``offset``, or is the frame table in it.

    ``at``, ``left``: place and size of the bytes between the tags and the checksum of the index.
    """
    last, playing = index.versions[-1], index.current
    own_table = form == _FIRST_FORMAT or last.table_offset == at
    if left != (last.table_size if own_table else 0) or (own_table and last.table_offset != at):
        raise ContainerError("frame table does not fill the index")
    end = last.moov_offset + last.moov_size if own_table else last.table_offset + last.table_size
    if index.live_offset < playing.moov_offset or max(end, index.live_offset + playing.moov_size) > offset:
        raise ContainerError("index lies before data that it refers to")
