"""Boxes of MP4 files: written from parts, and read within bounds (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

from cssv.container.limits import CHILD_BOXES_LIMIT, DEPTH_LIMIT, TOP_BOXES_LIMIT, check_limit
from cssv.errors import ContainerError, InputError
from cssv.files.inputs import check_regular
from cssv.files.patched import as_input_file, read_at

#: Types of boxes that contain only boxes, of those that CSSV reads.
PARENTS = frozenset((b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"tref"))

_HEADER = struct.Struct(">I4s")
U16 = struct.Struct(">H")
U32 = struct.Struct(">I")
U64 = struct.Struct(">Q")
I64 = struct.Struct(">q")


def write_box(kind: bytes, *parts: bytes) -> bytes:
    """One box: 32-bit size, four-byte type, payload."""
    size = 8 + sum(len(part) for part in parts)
    return b"".join((U32.pack(check_limit(f"{kind!r} box is too long", size, 0xFFFFFFFF)), kind, *parts))


def write_full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """One box whose payload begins with a version byte and 24 bits of flags."""
    return write_box(kind, U32.pack(version << 24 | flags), *parts)


class FieldReader:
    """A reader of big-endian fields, one after another; ContainerError beyond the end."""

    __slots__ = ("_at", "_size", "_view", "_what")

    def __init__(self, view: memoryview, what: str) -> None:
        self._view = view
        self._size = len(view)
        self._what = what
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self._size - self._at

    def take(self, count: int) -> memoryview:
        """Return the next ``count`` bytes, as a view."""
        start, stop = self._at, self._at + count
        if not start <= stop <= self._size:
            raise ContainerError(
                f"{self._what} ends early", found=f"{self.left} bytes left", bound=f"{count} needed"
            )
        self._at = stop
        return self._view[start:stop]

    def u16(self) -> int:
        """Return the next two bytes as an unsigned integer."""
        return int(U16.unpack(self.take(2))[0])

    def u32(self) -> int:
        """Return the next four bytes as an unsigned integer."""
        return int(U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        """Return the next eight bytes as an unsigned integer."""
        return int(U64.unpack(self.take(8))[0])

    def i64(self) -> int:
        """Return the next eight bytes as a signed integer."""
        return int(I64.unpack(self.take(8))[0])

    def version(self, newest: int) -> int:
        """Return the version of a full box, at most ``newest``, and skip its flags."""
        found = self.u32() >> 24
        if found > newest:
            raise ContainerError(f"{self._what} has an unknown version", found=found, bound=f"0 to {newest}")
        return found


def read_boxes(view: memoryview, what: str) -> list[tuple[bytes, memoryview]]:
    """Type and payload of every box in ``view``; the boxes must fill it exactly."""
    found: list[tuple[bytes, memoryview]] = []
    fields = FieldReader(view, what)
    while fields.left:
        check_limit(f"{what} holds too many boxes", len(found) + 1, CHILD_BOXES_LIMIT)
        size, kind = _HEADER.unpack(fields.take(8))
        header = 8
        # A size of 1 means that 64 bits of it follow.
        if size == 1:
            size, header = fields.u64(), 16
        if size < header:
            raise ContainerError(f"a box in {what} has an impossible size", found=size)
        found.append((kind, fields.take(size - header)))
    return found


def only_box(boxes: list[tuple[bytes, memoryview]], kind: bytes, what: str) -> memoryview:
    """Payload of the only box of this type; ContainerError if there is none, or several."""
    payload = optional_box(boxes, kind, what)
    if payload is None:
        raise ContainerError(f"{what} lacks its {kind.decode('latin-1')!r} box")
    return payload


def optional_box(boxes: list[tuple[bytes, memoryview]], kind: bytes, what: str) -> memoryview | None:
    """Payload of the box of this type, or None; ContainerError if there are several."""
    found = [payload for name, payload in boxes if name == kind]
    if len(found) > 1:
        raise ContainerError(f"{what} has several {kind.decode('latin-1')!r} boxes", found=len(found))
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a box in a file.

    Attributes:
        kind: four-byte type.
        offset: of its first header byte, from the start of the file.
        header: bytes of its header: 8, or 16 with a 64-bit size.
        size: bytes of the whole box, header included.
        depth: 0 at the top level.
        whole: False for bytes at the end of a file that are not one complete box.
    """

    kind: bytes
    offset: int
    header: int
    size: int
    depth: int = 0
    whole: bool = True

    @property
    def payload(self) -> tuple[int, int]:
        """Offsets of the first payload byte and of the byte behind the last."""
        return self.offset + self.header, self.offset + self.size


def read_exactly(file: BinaryIO, offset: int, count: int) -> bytes:
    """``count`` bytes at ``offset``; ContainerError if the file has fewer."""
    try:
        data = read_at(file, offset, count)
    except OSError as error:
        raise ContainerError(f"cannot read the file at byte {offset}", found=str(error)) from error
    if len(data) != count:
        raise ContainerError(
            f"file ends early at byte {offset}", found=f"{len(data)} bytes", bound=f"{count} needed"
        )
    return data


def _box_at(file: BinaryIO, offset: int, end: int, depth: int) -> Box:
    """The box at ``offset``; with ``whole`` False if it does not fit before ``end``."""
    torn = Box(b"", offset, 0, end - offset, depth, whole=False)
    if end - offset < 8:
        return torn
    head = read_exactly(file, offset, min(16, end - offset))
    size, kind, header = U32.unpack_from(head)[0], head[4:8], 8
    if size == 1:
        if len(head) < 16:
            return torn
        size, header = U64.unpack_from(head, 8)[0], 16
    if not header <= size <= end - offset:
        return torn
    return Box(kind, offset, header, size, depth)


def top_boxes(file: BinaryIO, end: int) -> Iterator[Box]:
    """Top-level boxes in file order; the last may be a torn tail (``whole`` is False).

    Bytes behind TOP_BOXES_LIMIT boxes count as a torn tail: no writer goes beyond that limit.
    """
    offset = count = 0
    while offset < end:
        count += 1
        # Beyond the limit the end is moved here, so that the next box does not fit.
        box = _box_at(file, offset, end if count <= TOP_BOXES_LIMIT else offset, 0)
        yield box if box.whole else replace(box, size=end - offset)
        offset += box.size if box.whole else end - offset


def _inner_boxes(file: BinaryIO, parent: Box) -> Iterator[Box]:
    """Boxes inside a box, depth first."""
    check_limit("boxes are nested too deeply", parent.depth + 1, DEPTH_LIMIT)
    offset, end = parent.payload
    count = 0
    while offset < end:
        count += 1
        check_limit("box holds too many boxes", count, CHILD_BOXES_LIMIT)
        box = _box_at(file, offset, end, parent.depth + 1)
        yield box
        if box.whole and box.kind in PARENTS:
            yield from _inner_boxes(file, box)
        offset += box.size


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open for reading; InputError if the system refuses, or if it is not an ordinary file."""
    check_regular(path, InputError, "the file")
    try:
        return as_input_file(path).open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot open {os.fspath(path)!r}", found=reason) from error


def file_size(file: BinaryIO) -> int:
    """Bytes in the file."""
    return file.seek(0, os.SEEK_END)


def walk_boxes(path: str | os.PathLike[str]) -> Iterator[Box]:
    """Every box of a file, depth first, to show them to users.

    Bytes that are not a complete box are returned as one Box with ``whole`` False. Raises InputError if the
    file cannot be opened, LimitError if it has too many boxes, and ContainerError for other faults.
    """
    with open_file(path) as file:
        found = 0
        for top in top_boxes(file, file_size(file)):
            inner = _inner_boxes(file, top) if top.whole and top.kind in PARENTS else ()
            for box in chain((top,), inner):
                found += 1
                check_limit("file holds too many boxes", found, TOP_BOXES_LIMIT)
                yield box
