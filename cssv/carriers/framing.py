"""Sealed records: bytes of a fixed size that end with their CRC-32.

Records in the pixels (marks, tags) have this form. A reader accepts a block only if its checksum is right,
so random pixels are not taken for a record.
"""

from __future__ import annotations

import struct
import zlib

from cssv.errors import FramingError

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
