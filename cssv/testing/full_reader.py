"""Second reader of stego frames of the form ``full``, written from cssv/carriers/nibble/SPEC2.md alone.

It uses numpy, the standard library and the second reader of version 1, on whose page that page builds, and
nothing of the package: where this and the package's reader disagree, one of them or the page is wrong. It is
slow and simple on purpose. "Section" means a section of that page.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.testing.pixel_reader import (
    CELL,
    MARK,
    MARK_MAGIC,
    Drawn,
    FrameObjects,
    Point,
    Tag,
    block,
    check,
    footprint,
    is_sealed,
    miniature,
    read_object,
    read_tags,
    taken_pixels,
    three_planes,
)

U8 = NDArray[np.uint8]


@dataclass
class FullPicture:
    """All that one stego picture holds.

    Attributes:
        origin: x, y of its top left pixel in the frame.
        header: fields of a header.
        marks: number of intact headers.
        miniature: fields of the miniature, or None.
        template: three planes without edges, and without the bits of marks and tags.
        tags: intact tags.
        shown: what the rings of each show.
        sound: (column, row) of the cells whose check is right.
        misfits: number of bytes that say neither a nibble of a ring nor nothing.
    """

    origin: Point
    header: dict[str, Any]
    marks: int
    miniature: dict[str, Any] | None
    template: list[U8]
    tags: list[Tag]
    shown: list[FrameObjects]
    sound: set[Point]
    misfits: int


def header(data: bytes | None) -> dict[str, Any] | None:
    """Fields of a mark's header, or None (section 1)."""
    if data is None or data[:2] != MARK_MAGIC or data[2] != 2 or not is_sealed(data):
        return None
    flags, frame, pts, x, y, objects, bits, sum_ = struct.unpack(">BIqBBBBI", data[3:24])
    empty = bits >> 4, bits & 15
    if not all(1 <= each <= 4 for each in empty) or flags & 1:
        return None
    return {
        "flags": flags, "frame": frame, "pts": pts, "cell": (x, y), "objects": objects, "empty": empty,
        "check": sum_,
    }  # fmt: skip


def headers(luma: U8) -> tuple[Point, dict[Point, dict[str, Any]]] | None:
    """The origin, and the intact headers by cell; None without one (section 7 of version 1)."""
    height, width = luma.shape
    found: list[tuple[int, int, dict[str, Any]]] = []
    first = (luma & 1).astype(bool)
    # Headers begin with the bits of their magic; most places have others.
    start = [bool(MARK_MAGIC[k // 8] >> (7 - k % 8) & 1) for k in range(16)]
    might = np.ones((height, max(width - 15, 0)), bool)
    for k, bit in enumerate(start):
        might &= first[:, k : k + might.shape[1]] == bit
    for y, x in np.argwhere(might):
        head = header(block(luma, int(x), int(y), 16))
        if head is not None:
            found.append((int(x), int(y), head))
    if not found:
        return None
    x, y, head = found[0]
    origin = CELL * head["cell"][0] - x, CELL * head["cell"][1] - y
    marks = {
        head["cell"]: head
        for x, y, head in found
        if (CELL * head["cell"][0] - x, CELL * head["cell"][1] - y) == origin
        and x + MARK <= width
        and y + MARK <= height
    }
    return (origin, marks) if marks else None


def read(stored: U8, layout: str) -> FullPicture | None:
    """Read all that a stego picture holds; None when no header is intact."""
    planes = three_planes(stored, layout)
    luma = planes[0]
    found = headers(luma)
    if found is None:
        return None
    origin, marks = found
    head = next(iter(marks.values()))
    small = None
    for x, y in ((CELL * cell[0] - origin[0], CELL * cell[1] - origin[1]) for cell in marks):
        halves = block(luma, x + 16, y, 16), block(luma, x, y + 16, 16)
        small = small or miniature(b"".join(half or b"" for half in halves))
    tags = read_tags(luma, origin)
    height, width = luma.shape
    size = small["size"] if small else (origin[0] + width + MARK, origin[1] + height + MARK)
    taken = taken_pixels(luma.shape, origin, size, tags, sparse=False)
    feet: list[Drawn] = []
    for tag in tags:
        whole = footprint(tag, (origin[0] + width, origin[1] + height))
        feet.append({at: d for at, d in whole.items() if at[0] >= origin[0] and at[1] >= origin[1]})
    owner: dict[Point, int] = {}
    for number in sorted(range(len(tags)), key=lambda i: (tags[i].box[1] + tags[i].box[3], tags[i].track)):
        owner.update(dict.fromkeys(feet[number], number))
    rings = np.zeros(luma.shape, bool)
    for (x, y), number in owner.items():
        rings[y - origin[1], x - origin[0]] = feet[number][x, y][0] > 0
    template, misfits = _template(planes, rings, taken, head["empty"])
    nibbles = [np.left_shift(plane, 4) for plane in planes]
    return FullPicture(
        origin, head, len(marks), small, template, tags,
        [read_object(nibbles, origin, tag, feet[i], owner, i, taken) for i, tag in enumerate(tags)],
        {cell for cell, mark in marks.items() if check(planes, origin, cell) == mark["check"]},
        misfits,
    )  # fmt: skip


def _template(
    planes: list[U8], rings: NDArray[np.bool_], taken: NDArray[np.bool_], empty: tuple[int, int]
) -> tuple[list[U8], int]:
    """The planes of section 4, and the number of bytes outside of rings whose lowest bits are not 0."""
    template, misfits = [], 0
    for number, plane in enumerate(planes):
        step = rings.shape[0] // plane.shape[0]
        drawn = rings[::step, ::step]
        own = plane & (np.where(taken, 0xFE, 0xFF).astype(np.uint8) if number == 0 else np.uint8(0xFF))
        mask = (1 << empty[min(number, 1)]) - 1
        misfits += int(np.count_nonzero(own[~drawn] & np.uint8(mask)))
        template.append(np.where(drawn, np.left_shift(own, 4), 0).astype(np.uint8))
    return template, misfits
