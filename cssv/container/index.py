"""The ``uuid`` index box: the versions of a file and a checksum for every frame."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.container.boxes import Cursor
from cssv.container.limits import (
    AUTHOR_LIMIT,
    CREATED_LIMIT_S,
    INDEX_LIMIT,
    MESSAGE_LIMIT,
    META_LIMIT,
    MOOV_LIMIT,
    SAMPLES_LIMIT,
    TRACKS_LIMIT,
    VERSIONS_LIMIT,
    check_limit,
)
from cssv.errors import ChecksumError, ContainerError

#: Extended type of the index box (``uuid``), from a random draw made once.
INDEX_UUID = bytes.fromhex("c55f1d9a7b3e4c0da6425e8f90d17b36")
INDEX_MAGIC = b"CSIX"
INDEX_FORMAT = 1

#: Bytes before the index's own fields: size, ``uuid``, the 16 bytes above.
INDEX_HEADER = 24

_HEAD = struct.Struct(">4sHHQII")
_ROW = struct.Struct(">IIQQQIQIIIIII")
_AUDIO = struct.Struct(">III")
_BIG32 = np.dtype(">u4")

U32s = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class IndexMeta:
    """What a version says about itself.

    Attributes:
        created_s: seconds since 1970-01-01 UTC, given by the caller so that files are reproducible.
        author, message: as in git; free text.
        meta: a JSON object with the codec's own facts (layout, merge, fidelity, codec, source ...).
    """

    created_s: int = 0
    author: str = ""
    message: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One row of the version table.

    Attributes:
        number: 1 for the first version, then ascending.
        parent: number of the version it was made from, less than its own; 0 for none.
        about: time, author, message, facts.
        moov_offset, moov_size, moov_crc: the whole box; CRC32 of its bytes behind the type field.
        table_offset, table_crc: its frame table in the file; CRC32 of the table's bytes.
        frames: video samples, which is also scene samples.
        audio_tracks: rows of the frame table that are about audio.
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
    """All versions of a file, oldest first; the last is the current one.

    ``ftyp_crc`` is the CRC32 of the whole ``ftyp`` box.
    """

    versions: tuple[Version, ...]
    ftyp_crc: int

    @property
    def current(self) -> Version:
        """The version that players show."""
        return self.versions[-1]


def write_meta(meta: Mapping[str, Any]) -> bytes:
    """Compact JSON with sorted keys, so that equal facts are equal bytes."""
    try:
        text = json.dumps(
            dict(meta), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ContainerError("version facts are not JSON", found=str(error)) from error


def read_meta(data: bytes) -> dict[str, Any]:
    """Undo :func:`write_meta`."""
    try:
        meta = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ContainerError("version facts are not JSON", found=str(error)) from error
    if not isinstance(meta, dict):
        raise ContainerError("version facts are not a JSON object", found=type(meta).__name__)
    return meta


def write_frame_table(table: FrameTable) -> bytes:
    """Audio rows, then three columns of one u32 a frame."""
    rows = [_AUDIO.pack(*row) for row in table.audio]
    columns = [column.astype(_BIG32).tobytes() for column in (table.samples, table.scenes, table.stegos)]
    return b"".join(rows + columns)


def read_frame_table(data: bytes, version: Version) -> FrameTable:
    """Undo :func:`write_frame_table`; ChecksumError when the bytes are not the version's."""
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


def _write_row(version: Version) -> bytes:
    about = version.about
    author, message, meta = _encode(about.author), _encode(about.message), write_meta(about.meta)
    check_limit("author is too long", len(author), AUTHOR_LIMIT)
    check_limit("message is too long", len(message), MESSAGE_LIMIT)
    check_limit("version facts are too long", len(meta), META_LIMIT)
    check_limit("time of creation is out of range", about.created_s, CREATED_LIMIT_S)
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
    return b"".join((fixed, author, message, meta))


def _read_row(cursor: Cursor) -> Version:
    fixed = _ROW.unpack(cursor.take(_ROW.size))
    number, parent, created_s, moov_offset, moov_size, moov_crc = fixed[:6]
    table_offset, table_crc, frames, audio_tracks, author, message, meta = fixed[6:]
    check_limit("time of creation is out of range", created_s, CREATED_LIMIT_S)
    check_limit("moov is too long", moov_size, MOOV_LIMIT, 8)
    check_limit("version has too many frames", frames, SAMPLES_LIMIT, 1)
    check_limit("version has too many audio tracks", audio_tracks, TRACKS_LIMIT)
    check_limit("author is too long", author, AUTHOR_LIMIT)
    check_limit("message is too long", message, MESSAGE_LIMIT)
    check_limit("version facts are too long", meta, META_LIMIT)
    try:
        texts = [str(cursor.take(length), "utf-8") for length in (author, message)]
    except UnicodeDecodeError as error:
        raise ContainerError("text of a version is not UTF-8", found=str(error)) from error
    about = IndexMeta(created_s, texts[0], texts[1], read_meta(bytes(cursor.take(meta))))
    return Version(
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
    )


def write_index(index: Index, table: FrameTable, offset: int) -> bytes:
    """Make the index box for file offset ``offset``, with the frame table of its current version.

    ``table_offset`` and ``table_crc`` of the current version are filled in here.
    """
    tail = write_frame_table(table)
    rows = b"".join(_write_row(version) for version in index.versions)
    at = offset + INDEX_HEADER + _HEAD.size + len(rows)
    current = replace(index.current, table_offset=at, table_crc=zlib.crc32(tail))
    rows = b"".join(_write_row(version) for version in (*index.versions[:-1], current))
    head = _HEAD.pack(INDEX_MAGIC, INDEX_FORMAT, 0, offset, index.ftyp_crc, len(index.versions))
    size = INDEX_HEADER + len(head) + len(rows) + len(tail) + 4
    check_limit("index is too long", size, INDEX_LIMIT)
    data = b"".join((size.to_bytes(4, "big"), b"uuid", INDEX_UUID, head, rows, tail))
    return data + zlib.crc32(data).to_bytes(4, "big")


def read_index(data: bytes, offset: int) -> Index:
    """Undo :func:`write_index`: ``data`` is the whole box as found at ``offset``.

    Raises ChecksumError for damaged bytes, ContainerError and LimitError for impossible ones.
    """
    check_limit("index is of an impossible size", len(data), INDEX_LIMIT, INDEX_HEADER + _HEAD.size + 4)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise ChecksumError("index is damaged")
    cursor = Cursor(memoryview(data)[INDEX_HEADER:-4], "index")
    magic, form, _flags, own_offset, ftyp_crc, count = _HEAD.unpack(cursor.take(_HEAD.size))
    if magic != INDEX_MAGIC or form != INDEX_FORMAT:
        raise ContainerError(
            "index is of an unknown format",
            found=f"{magic!r} {form}",
            bound=f"{INDEX_MAGIC!r} {INDEX_FORMAT}",
        )
    if own_offset != offset:
        raise ContainerError("index was moved", found=f"byte {offset}", bound=f"byte {own_offset}")
    check_limit("index has an impossible number of versions", count, VERSIONS_LIMIT, 1)
    versions = tuple(_read_row(cursor) for _ in range(count))
    _check_rows(versions)
    current = versions[-1]
    if current.table_offset != offset + len(data) - 4 - cursor.left or current.table_size != cursor.left:
        raise ContainerError("frame table does not fill the index")
    return Index(versions, ftyp_crc)


def _check_rows(versions: tuple[Version, ...]) -> None:
    """Numbers ascend, and so does the place of everything: moov 1, table 1, moov 2, table 2 ..."""
    number = end = 0
    for version in versions:
        if version.number <= number or version.parent >= version.number:
            raise ContainerError("versions do not ascend", found=version.number, bound=f"above {number}")
        number = version.number
        moov_end = version.moov_offset + version.moov_size
        if version.moov_offset < end or version.table_offset < moov_end:
            raise ContainerError(f"version {number} overlaps what was written before it")
        end = version.table_offset + version.table_size
