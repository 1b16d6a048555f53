"""Pages of the marks, 28 bytes each: the objects of a frame, their labels, and the ground (SPEC2.md)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from cssv.carriers.nibble.sparse_header import PAGE_BITS, SparseHeader
from cssv.errors import FramingError, InputError
from cssv.scene.ground import Plane, Size
from cssv.scene.lens import Lens
from cssv.template.drawing import Rings

#: Bytes of a page.
PAGE_SIZE = PAGE_BITS // 8
#: Steps of a box: along each side of the frame.
BOX_STEPS = 256
#: Labels that an object can refer to; 0 is none.
MOST_LABELS = 15
#: Bytes of a label that a page holds, in UTF-8.
LABEL_SIZE = PAGE_SIZE - 2
_LENS = struct.Struct(">5f")
#: Bounds of the numbers of a lens: what no camera has would only give meaningless places.
_LARGEST_LENS = 1e6
_LEAST_PIXEL = 1e-9


@dataclass(frozen=True, slots=True)
class RoomObject:
    """One object of the room, in whole numbers.

    Attributes:
        left, top, right, bottom: its box in 1/256 of the frame; right and bottom are 1 to 256.
        speed: 0 to 63, share of the range.
        heading: 0 to 127, 128 = one turn.
        motion: certainty of the velocity, 0 (unknown) to 15.
        score: detection score, 0 to 15.
        is_comet: whether its drawing is a comet.
        label: index in the table of labels; 0 for none.
        track: identity.
        temperature, density: 0 to 63, share of the range.
        temperature_certainty, density_certainty: as ``motion``.
    """

    left: int
    top: int
    right: int
    bottom: int
    speed: int = 0
    heading: int = 0
    motion: int = 0
    score: int = 0
    is_comet: bool = False
    label: int = 0
    track: int = 0
    temperature: int = 0
    temperature_certainty: int = 0
    density: int = 0
    density_certainty: int = 0


def _widths(header: SparseHeader) -> tuple[int, ...]:
    """Bits of each field of an object; 0 for those that the frame does not have."""
    track = 32 if header.has_wide_tracks else 16
    warm, dense = (6, 4), (6, 4)
    return (
        *(8, 8, 8, 8, 6, 7, 4, 4, 1, 4, track),
        *(warm if header.rings & Rings.TEMPERATURE else (0, 0)),
        *(dense if header.rings & Rings.DENSITY else (0, 0)),
    )


def write_objects(header: SparseHeader, objects: Sequence[RoomObject]) -> list[bytes]:
    """The pages of objects.

    Raises:
        FramingError: a number does not fit.
    """
    widths, count, pages = _widths(header), header.objects_a_page, []
    for first in range(0, len(objects), count):
        packed = filled = 0
        for each in objects[first : first + count]:
            fields = [int(value) for value in astuple(each)]
            # The far edges are at least 1.
            fields[2], fields[3] = fields[2] - 1, fields[3] - 1
            for value, width in zip(fields, widths, strict=True):
                if not width:
                    continue
                if not 0 <= value < 1 << width:
                    raise FramingError("an object of the room does not fit", found=str(each))
                packed, filled = packed << width | value, filled + width
        pages.append((packed << PAGE_BITS - filled).to_bytes(PAGE_SIZE, "big"))
    return pages


def read_objects(header: SparseHeader, number: int, page: bytes) -> list[RoomObject | None]:
    """The objects of a page. Inverse of :func:`write_objects`.

    Args:
        header: of the frame.
        number: of the page among those of objects.
        page: its bytes.

    Returns:
        None in place of an object whose box is empty.
    """
    widths, count = _widths(header), header.objects_a_page
    count = min(count, header.objects - number * count)
    packed, left, found = int.from_bytes(page, "big"), PAGE_BITS, list[RoomObject | None]()
    for _ in range(count):
        fields = []
        for width in widths:
            left -= width
            fields.append(packed >> left & (1 << width) - 1)
        found.append(_object(fields))
    return found


def _object(fields: Sequence[int]) -> RoomObject | None:
    """An object from its fields as they are stored; None if its box is empty."""
    left, top, right, bottom, speed, heading, motion, score, comet, label, track, *rest = fields
    if left > right or top > bottom:
        return None
    return RoomObject(
        left, top, right + 1, bottom + 1, speed, heading, motion, score, bool(comet), label, track, *rest
    )


def write_labels(labels: Sequence[str]) -> list[bytes]:
    """The pages of the labels 1, 2 and so on. Labels are cut to LABEL_SIZE bytes at a character boundary."""
    pages: list[bytes] = []
    page = b""
    for index, label in enumerate(labels, 1):
        text = label.encode(errors="replace")[:LABEL_SIZE].decode(errors="ignore").encode()
        entry = bytes([len(text)]) + text
        if page and len(page) + len(entry) > PAGE_SIZE:
            pages.append(page)
            page = b""
        page = (page or bytes([index])) + entry
    return [each.ljust(PAGE_SIZE, b"\0") for each in ([*pages, page] if page else pages)]


def read_labels(page: bytes) -> Iterator[tuple[int, str]]:
    """The labels of a page with their indices. Inverse of :func:`write_labels`."""
    index, at = page[0], 1
    while at < PAGE_SIZE and 0 < page[at] <= PAGE_SIZE - 1 - at and 0 < index <= MOST_LABELS:
        end = at + 1 + page[at]
        yield index, page[at + 1 : end].decode(errors="replace")
        index, at = index + 1, end


def write_plane(plane: Plane) -> bytes:
    """The page of the ground plane: its matrix for points as shares of the frame, in numbers of 24 bits.

    Raises:
        FramingError: a number does not fit.
    """
    matrix = plane.matrix * (*plane.size, 1)
    matrix = matrix / np.abs(matrix).max()
    return b"".join(_short(float(number)) for number in matrix.flat).ljust(PAGE_SIZE, b"\0")


def write_lens(lens: Lens) -> bytes | None:
    """The page of a lens; None if its numbers do not fit."""
    numbers = (*lens.centre_px, *lens.pixel_mm, lens.kappa1_per_mm2)
    return _LENS.pack(*numbers).ljust(PAGE_SIZE, b"\0") if _is_lens(numbers) else None


def read_plane(page: bytes, size: Size, lens_page: bytes | None) -> Plane | None:
    """Inverse of :func:`write_plane` and :func:`write_lens`; None if the numbers are no plane.

    Args:
        page: of the plane.
        size: width and height of the frame.
        lens_page: of its lens; None without one.
    """
    numbers = [struct.unpack(">f", page[3 * k : 3 * k + 3] + b"\0")[0] for k in range(9)]
    lens = None
    if lens_page is not None:
        values = _LENS.unpack_from(lens_page)
        if not _is_lens(values):
            return None
        lens = Lens((values[0], values[1]), (values[2], values[3]), values[4])
    if not all(map(math.isfinite, numbers)):
        return None
    try:
        return Plane(np.array(numbers).reshape(3, 3) / (*size, 1), size, lens)
    except InputError:
        # A right checksum over wrong numbers.
        return None


def _short(number: float) -> bytes:
    """The upper three bytes of a number of at most 1 in single precision, rounded."""
    bits = int.from_bytes(struct.pack(">f", number), "big") + 0x80
    return bits.to_bytes(4, "big")[:3]


def _is_lens(numbers: Sequence[float]) -> bool:
    """Whether the five numbers can be those of a lens."""
    is_bounded = all(math.isfinite(number) and abs(number) <= _LARGEST_LENS for number in numbers)
    return is_bounded and min(numbers[2:4]) >= _LEAST_PIXEL
