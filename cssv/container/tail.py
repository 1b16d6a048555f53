"""Bytes behind the chosen index: a torn append, or a damaged index with other tags (SPEC.md, section 7)."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from cssv.container.index import INDEX_KINDS, INDEX_LEAST, INDEX_MAGIC, INDEX_UUID
from cssv.container.limits import INDEX_LIMIT
from cssv.container.mp4_boxes import U32, U64, read_exactly

#: Offsets in an index box of format 2.
_MAGIC_AT, _OWN_OFFSET_AT, _LIVE_OFFSET_AT = 24, 32, 56
_HEAD_BYTES = _LIVE_OFFSET_AT + 8
#: Of the four signs of an index, as many must be sound. One damaged byte changes at most one sign.
_LEAST_SIGNS = 2
#: Types of the boxes with which the append of a version or a checkout begins.
_VERSION_STARTS = (b"mdat", b"moov")
_STEP = 1 << 20


def signs_of_index(head: bytes, offset: int) -> int:
    """How many of the four signs of an index a box at ``offset`` has: type, UUID, magic, its own offset.

    ``head``: the first bytes of the box.
    """
    return (
        (head[4:8] in INDEX_KINDS.values())
        + (head[8:24] == INDEX_UUID)
        + (head[_MAGIC_AT : _MAGIC_AT + 4] == INDEX_MAGIC)
        + (head[_OWN_OFFSET_AT : _OWN_OFFSET_AT + 8] == U64.pack(offset))
    )


def looks_like_index(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether the ``size`` bytes at ``offset`` are an index, sound or damaged."""
    if size < INDEX_LEAST:
        return False
    return signs_of_index(read_exactly(file, offset, min(size, _HEAD_BYTES)), offset) >= _LEAST_SIGNS


def has_damaged_index(file: BinaryIO, start: int, end: int, live_offset: int) -> bool:
    """Whether a damaged index begins at ``start``, the byte behind the chosen index.

    Only a change of tags is an index right behind another one, and counts as soon as it is complete. So an
    index there that has all its bytes, but a wrong checksum, was damaged later. One that lacks bytes at the
    end of the file was torn.

    Args:
        file: the file.
        start: end of the chosen index.
        end: end of the file.
        live_offset: offset of the ``moov`` that players use.
    """
    left = end - start
    if left < INDEX_LEAST:
        return False
    head = read_exactly(file, start, min(left, _HEAD_BYTES))
    if head[4:8] in _VERSION_STARTS:
        return False
    if signs_of_index(head, start) >= _LEAST_SIGNS:
        size = int(U32.unpack_from(head)[0])
        if size <= left:
            return not INDEX_LEAST <= size <= INDEX_LIMIT or not _is_right(file, start, size)
        # The size itself may be the damage: then the checksum is right under the true size.
        if left <= INDEX_LIMIT and _is_right(file, start, left):
            return True
    # An append is begun only behind a complete one, so an index further back proves this one complete.
    return _has_later_index(file, start + 8, end, live_offset)


def _is_right(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether the checksum of the box at ``offset`` is right, if its size is this one."""
    data = read_exactly(file, offset, size)
    return zlib.crc32(data[4:-4], zlib.crc32(U32.pack(size))) == int.from_bytes(data[-4:], "big")


def _has_later_index(file: BinaryIO, start: int, end: int, live_offset: int) -> bool:
    """Whether the head of an index for this ``moov`` begins at any byte from ``start`` on."""
    end = min(end, start + INDEX_LIMIT)
    for at in range(start, end, _STEP):
        # Each piece reaches into the next one, so that no head is cut in two.
        piece = read_exactly(file, at, min(_STEP + _HEAD_BYTES, end - at))
        found = piece.find(INDEX_UUID, 8)
        while found >= 0:
            head = piece[found - 8 : found - 8 + _HEAD_BYTES]
            is_whole = signs_of_index(head, at + found - 8) == 4
            if is_whole and head[_LIVE_OFFSET_AT:] == U64.pack(live_offset):
                return True
            found = piece.find(INDEX_UUID, found + 1)
    return False
