"""Framing of every payload: magic, version, length bound, CRC-32.

A frame is ``magic (2) | version (1) | length (2, big endian) | body | CRC-32 (4)``; the CRC covers all that
precedes it. Fixed-size records that live in the pixels (marks, tags) drop the length, because their
size is known, and use :func:`seal` and :func:`unseal`.
"""

from __future__ import annotations

import struct
import zlib

from cssv.errors import FramingError

#: Longest body that :func:`unwrap` accepts, in bytes.
BODY_LIMIT = 65_535
_HEAD = struct.Struct(">2sBH")
_CRC = struct.Struct(">I")


def seal(record: bytes, size: int) -> bytes:
    """Pad ``record`` with zero bytes to ``size - 4`` and append its CRC-32, big endian."""
    if len(record) > size - 4:
        raise FramingError("record too long", found=len(record), bound=f"at most {size - 4} bytes")
    padded = record.ljust(size - 4, b"\0")
    return padded + _CRC.pack(zlib.crc32(padded))


def is_sealed(block: bytes) -> bool:
    """Whether the last four bytes are the CRC-32 of those before them."""
    return len(block) > 4 and zlib.crc32(block[:-4]) == _CRC.unpack_from(block, len(block) - 4)[0]


def unseal(block: bytes, size: int) -> bytes:
    """Inverse of :func:`seal`, padding kept. Raises FramingError when the size or the CRC differs."""
    if len(block) != size:
        raise FramingError("a record has another size", found=f"{len(block)} bytes", bound=f"{size}")
    if not is_sealed(block):
        raise FramingError(
            "a record's checksum is wrong", found=block[-4:].hex(), bound="CRC-32 of the record"
        )
    return block[:-4]


def wrap(magic: bytes, version: int, body: bytes) -> bytes:
    """Frame ``body`` (at most BODY_LIMIT bytes) under a two-byte magic and a version 0 to 255."""
    if len(magic) != 2 or not 0 <= version <= 255 or len(body) > BODY_LIMIT:
        raise FramingError(
            "this body cannot be framed",
            found=f"magic {magic!r}, version {version}, {len(body)} bytes",
            bound=f"2-byte magic, version 0 to 255, at most {BODY_LIMIT} bytes",
        )
    head = _HEAD.pack(magic, version, len(body)) + body
    return head + _CRC.pack(zlib.crc32(head))


def unwrap(magic: bytes, version: int, framed: bytes) -> bytes:
    """Inverse of :func:`wrap`; bytes after the frame are ignored.

    Raises:
        FramingError: the magic, version, length or CRC is wrong.
    """
    if len(framed) < _HEAD.size + _CRC.size:
        raise FramingError("a payload breaks off", found=f"{len(framed)} bytes", bound="at least 9")
    found_magic, found_version, length = _HEAD.unpack_from(framed)
    if found_magic != magic:
        raise FramingError("a payload has another magic", found=found_magic.hex(), bound=magic.hex())
    if found_version != version:
        raise FramingError("a payload has another version", found=found_version, bound=str(version))
    end = _HEAD.size + length
    if end + _CRC.size > len(framed):
        raise FramingError("a payload breaks off", found=f"{len(framed)} bytes", bound=f"{end + _CRC.size}")
    if zlib.crc32(framed[:end]) != _CRC.unpack_from(framed, end)[0]:
        raise FramingError("a payload's checksum is wrong", found=framed[end : end + 4].hex())
    return framed[_HEAD.size : end]
