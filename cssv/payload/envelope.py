"""The frame of a payload: magic, version, length and checksum around its bytes."""

from __future__ import annotations

import struct
import zlib

from cssv.errors import FramingError

MAGIC, VERSION = 0xC5FA, 1
#: Most bytes of the content.
MOST_BYTES = 1 << 15
_HEAD, _CRC = struct.Struct(">HBH"), struct.Struct(">I")
#: Bytes around the content.
OVERHEAD = _HEAD.size + _CRC.size
_REMEDY = "The payload is damaged; use another copy of the clip."


def seal_payload(content: bytes) -> bytes:
    """The content between its head and its checksum.

    Raises:
        FramingError: the content is too long.
    """
    if len(content) > MOST_BYTES:
        raise FramingError(
            "a payload is too long",
            found=f"{len(content)} bytes",
            bound=f"at most {MOST_BYTES}",
            remedy="Make the window shorter.",
        )
    sealed = _HEAD.pack(MAGIC, VERSION, len(content)) + content
    return sealed + _CRC.pack(zlib.crc32(sealed))


def open_payload(data: bytes) -> bytes:
    """Inverse of :func:`seal_payload`. Bytes behind the checksum are ignored.

    Raises:
        FramingError: magic, version, length or checksum is wrong.
    """
    if len(data) < OVERHEAD:
        raise FramingError("a payload is truncated", found=f"{len(data)} bytes", bound=f"from {OVERHEAD}")
    magic, version, length = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise FramingError("not a payload", found=f"magic {magic:04x}", bound=f"{MAGIC:04x}")
    if version != VERSION:
        raise FramingError(
            "a payload has another version",
            found=version,
            bound=f"{VERSION}",
            remedy="Use a newer version of this package.",
        )
    if length > min(MOST_BYTES, len(data) - OVERHEAD):
        raise FramingError(
            "a payload is shorter than its length field states",
            found=f"length {length} in {len(data)} bytes",
            bound=f"at most {MOST_BYTES}",
            remedy=_REMEDY,
        )
    end = _HEAD.size + length
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise FramingError(
            "a payload's checksum is wrong",
            found=data[end : end + _CRC.size].hex(),
            bound=f"{zlib.crc32(data[:end]):08x}",
            remedy=_REMEDY,
        )
    return data[_HEAD.size : end]
