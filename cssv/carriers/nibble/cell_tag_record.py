"""Frame of a tag in cells: magic, kind, frame number, body and checksum (nibble/SPEC2.md, "Cell tags").

A tag has TAG_SIZE bytes. Its fields follow one another without gaps, the first bit of each being its highest.
A fixed pattern is added to all bytes, so that equal cells never look like a tag.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cssv.errors import FramingError

#: Bytes of a tag, of its checksum, and bits of its body.
TAG_SIZE, CRC_SIZE, BODY_BITS = 24, 3, 137
#: The first bits of a tag.
MAGIC, MAGIC_BITS = 0x15B, 9
#: Kinds of a tag: below CLIP_KIND an object's tag, whose kind is the selector of its drawing.
KIND_BITS, CLIP_KIND = 2, 3
#: Bits of the number of the frame; the rest of it stands in the clip's tags.
FRAME_BITS = 20
_PATTERN = int.from_bytes(hashlib.sha256(b"CSSV cell tag").digest()[:TAG_SIZE], "big")
#: The first bits of a tag as its cells state them.
FIRST_BITS = MAGIC ^ _PATTERN >> 8 * TAG_SIZE - MAGIC_BITS
_HEAD = (MAGIC_BITS, KIND_BITS, FRAME_BITS, BODY_BITS)


@dataclass(frozen=True, slots=True)
class TagRecord:
    """A tag whose body has not been read.

    Attributes:
        kind: the selector of an object's drawing, or CLIP_KIND.
        frame: the last FRAME_BITS bits of the number of the frame.
        body: BODY_BITS bits as an integer.
    """

    kind: int
    frame: int
    body: int


def pack_bits(values: Sequence[int], widths: Sequence[int]) -> int:
    """Fields of unsigned integers in one integer, the first one highest.

    Raises:
        FramingError: a value does not fit in its number of bits.
    """
    packed = 0
    for value, width in zip(values, widths, strict=True):
        if not 0 <= value < 1 << width:
            raise FramingError("a field of a tag does not fit", found=value, bound=f"{width} bits")
        packed = packed << width | value
    return packed


def unpack_bits(packed: int, widths: Sequence[int]) -> tuple[int, ...]:
    """Inverse of :func:`pack_bits`."""
    values = []
    for width in reversed(widths):
        values.append(packed & (1 << width) - 1)
        packed >>= width
    return tuple(reversed(values))


def write_record(record: TagRecord) -> bytes:
    """TAG_SIZE bytes, as cells state them.

    Raises:
        FramingError: a field does not fit.
    """
    head = pack_bits((MAGIC, record.kind, record.frame, record.body), _HEAD).to_bytes(
        TAG_SIZE - CRC_SIZE, "big"
    )
    whole = head + _crc(head)
    return (int.from_bytes(whole, "big") ^ _PATTERN).to_bytes(TAG_SIZE, "big")


def read_record(block: bytes) -> TagRecord | None:
    """Inverse of :func:`write_record`; None if the bytes are no tag."""
    if len(block) != TAG_SIZE:
        return None
    whole = (int.from_bytes(block, "big") ^ _PATTERN).to_bytes(TAG_SIZE, "big")
    head = whole[:-CRC_SIZE]
    if _crc(head) != whole[-CRC_SIZE:]:
        return None
    magic, kind, frame, body = unpack_bits(int.from_bytes(head, "big"), _HEAD)
    return TagRecord(kind, frame, body) if magic == MAGIC else None


def _crc(head: bytes) -> bytes:
    """The last bytes of the CRC-32."""
    return zlib.crc32(head).to_bytes(4, "big")[-CRC_SIZE:]
