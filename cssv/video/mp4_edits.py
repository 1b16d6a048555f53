"""The end of a track by the edit list of an MP4 or QuickTime file.

FFmpeg passes on the distance of two frames in the order of decoding. With reordered frames of uneven length,
only the edit list states when the last one ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from cssv.files.patched import InputFile

# Tables of long clips are larger, and their edit list is one row among them.
_MOOV_LIMIT = 1 << 26
_BOXES_LIMIT = 100_000
_U32 = struct.Struct(">I")
_HEADER = struct.Struct(">I4s")
_EDITS = (struct.Struct(">IiI"), struct.Struct(">QqI"))


def edit_list_end(path: InputFile, track: int) -> Fraction | None:
    """Seconds from time 0 to the end of a track; None without an edit list, and for a damaged file."""
    with path.open("rb") as file:
        moov = _moov(file)
    try:
        return _track_end(moov, track)
    except (struct.error, IndexError, ZeroDivisionError):
        return None


def _moov(file: BinaryIO) -> bytes:
    """Payload of the first ``moov`` box; empty if there is none, or one too large."""
    for _ in range(_BOXES_LIMIT):
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return b""
        size, kind = _HEADER.unpack(head)
        read = _HEADER.size
        if size == 1:
            size, read = int.from_bytes(file.read(8), "big"), 16
        if kind == b"moov":
            return file.read(size - read) if read <= size <= _MOOV_LIMIT else b""
        # A size of 0 reaches to the end of the file.
        if size < read:
            return b""
        file.seek(size - read, 1)
    return b""


def _track_end(moov: bytes, track: int) -> Fraction | None:
    header = _box(moov, b"mvhd")
    for kind, trak in _boxes(moov):
        if kind != b"trak" or _field(_box(trak, b"tkhd"), 12, 20) != track:
            continue
        edits = _box(_box(trak, b"edts"), b"elst")
        if not edits:
            return None
        row = _EDITS[edits[0] == 1]
        count = min(_U32.unpack_from(edits, 4)[0], (len(edits) - 8) // row.size)
        total = sum(row.unpack_from(edits, 8 + row.size * number)[0] for number in range(count))
        return Fraction(total, _field(header, 12, 20)) if total else None
    return None


def _field(payload: bytes, at: int, at_in_version_1: int) -> int:
    """An unsigned field of 32 bits of a full box, whose place depends on the version."""
    return int(_U32.unpack_from(payload, at_in_version_1 if payload[0] == 1 else at)[0])


def _boxes(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of each box with an ordinary header."""
    at = 0
    while at + _HEADER.size <= len(payload):
        size, kind = _HEADER.unpack_from(payload, at)
        if size < _HEADER.size:
            return
        yield kind, payload[at + _HEADER.size : at + size]
        at += size


def _box(payload: bytes, wanted: bytes) -> bytes:
    """Payload of the first box of a type; empty if there is none."""
    return next((found for kind, found in _boxes(payload) if kind == wanted), b"")
