"""Second reader of stego frames of the form ``sparse``, written from cssv/carriers/nibble/SPEC2.md alone.

It uses numpy, the standard library and the second reader of version 1, on whose page that page builds, and
nothing of the package: where this and the package's reader disagree, one of them or the page is wrong. It is
slow and simple on purpose. "Section" means a section of that page.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.testing.pixel_reader import (
    Drawn,
    FrameObjects,
    Point,
    Tag,
    block,
    footprint,
    miniature,
    read_object,
    read_tags,
    three_planes,
)

U8 = NDArray[np.uint8]

MAGIC = b"\xc5\x5e"
WIDE = [(48 * i + x, 48 * j + y) for x, y in ((0, 0), (24, 24), (24, 0)) for j in range(3) for i in range(3)]
COMPACT = [(0, 0), (16, 0), (0, 16), (16, 16)]


@dataclass
class SparsePicture:
    """All that one stego picture holds."""

    origin: Point
    header: dict[str, Any]
    blocks: int
    miniature: dict[str, Any] | None
    ground: list[float] | None
    lens: tuple[float, ...] | None
    objects: dict[int, dict[str, Any]]
    labels: dict[int, str]
    tags: list[Tag]
    template: list[U8]
    shown: list[FrameObjects]
    checks: list[int]


def crc_is(data: bytes | None, seed: bytes) -> bool:
    """Whether bytes 28 to 31 are the CRC-32 of the seed and the bytes before (section 8.1)."""
    return data is not None and zlib.crc32(seed + data[:28]) == int.from_bytes(data[28:], "big")


def header(data: bytes | None) -> dict[str, Any] | None:
    """Fields of a header, or None (section 8.2)."""
    if data is None or data[:2] != MAGIC or data[2] != 2 or not crc_is(data, b"") or data[20] > 7:
        return None
    flags, frame, pts, x, y, objects, rings, labels = struct.unpack(">BIqBBHBB", data[3:22])
    return {
        "flags": flags, "frame": frame, "pts": pts, "tile": (x, y), "objects": objects, "rings": rings,
        "label_pages": labels, "common": data[:16] + data[18:28], "side": 80 if flags & 2 else 144,
        "slots": COMPACT if flags & 2 else WIDE,
    }  # fmt: skip


def locate(luma: U8) -> Point | None:
    """Section 8.6: the origin from any one intact header."""
    height, width = luma.shape
    bits = (luma & 1).astype(np.uint16)
    row = np.zeros((height, max(width - 15, 0)), np.uint16)
    for k in range(16):
        row = row << 1 | bits[:, k : k + row.shape[1]]
    for y, x in np.argwhere(row == int.from_bytes(MAGIC, "big")):
        found = header(block(luma, int(x), int(y), 16))
        if found is not None:
            return found["side"] * found["tile"][0] - int(x), found["side"] * found["tile"][1] - int(y)
    return None


def object_bits(head: dict[str, Any]) -> list[tuple[str, int]]:
    """The fields of an object and their bits (section 8.4)."""
    fields = [("left", 8), ("top", 8), ("right", 8), ("bottom", 8), ("speed", 6), ("heading", 7)]
    fields += [
        ("motion", 4),
        ("score", 4),
        ("comet", 1),
        ("label", 4),
        ("track", 32 if head["flags"] & 16 else 16),
    ]
    for ring, name in ((2, "temperature"), (4, "density")):
        if head["rings"] & ring:
            fields += [(name, 6), (f"{name}_certainty", 4)]
    return fields


class Marks:
    """Blocks of a picture (sections 8.1 to 8.4)."""

    def __init__(self, luma: U8, origin: Point, head: dict[str, Any], size: Point | None) -> None:
        self.luma, self.origin, self.head, self.size = luma, origin, head, size
        bits = sum(width for _, width in object_bits(head))
        self.a_page = 224 // bits
        self.object_pages = -(-head["objects"] // self.a_page)
        self.first = (head["flags"] >> 2 & 1) + (head["flags"] >> 3 & 1)
        self.pages = self.first + self.object_pages + head["label_pages"]
        self.room = len(head["slots"]) - 3
        self.used = 3 + min(self.pages, self.room)

    def tiles(self, slot: int) -> list[tuple[int, int, int, int]]:
        """X, Y of each tile, and x, y of its block in the picture, where that is whole."""
        found = []
        x, y = self.head["slots"][slot]
        side = self.head["side"]
        for row in range(256):
            for column in range(256):
                at = side * column + x, side * row + y
                left, top = at[0] - self.origin[0], at[1] - self.origin[1]
                if left < 0 or top < 0 or left + 16 > self.luma.shape[1] or top + 16 > self.luma.shape[0]:
                    continue
                if self.size is None or (at[0] + 16 <= self.size[0] and at[1] + 16 <= self.size[1]):
                    found.append((column, row, left, top))
        return found

    def page(self, slot: int, column: int, row: int) -> int:
        """The page in a slot of a tile."""
        if self.pages <= self.room:
            return slot - 3
        return int((slot - 3 + self.room * (self.head["frame"] + column + row)) % self.pages)

    def read(self, slot: int) -> dict[int, list[bytes]]:
        """Intact parts of a slot by page; those of the miniature under -1 and -2."""
        found: dict[int, list[bytes]] = {}
        for column, row, left, top in self.tiles(slot):
            data = block(self.luma, left, top, 16)
            page = -slot if slot < 3 else self.page(slot, column, row)
            seed = bytes([slot]) if slot < 3 else self.head["common"] + page.to_bytes(4, "big")
            if data is not None and crc_is(data, seed):
                found.setdefault(page, []).append(data[:28])
        return found


def read_headers(luma: U8, origin: Point) -> list[dict[str, Any]]:
    """Intact headers whose tile is that of their place (section 8.6)."""
    found = []
    for y in range(-origin[1] % 8, luma.shape[0] - 15, 8):
        for x in range(-origin[0] % 8, luma.shape[1] - 15, 8):
            data = block(luma, x, y, 16) if block(luma, x, y, 1) == MAGIC else None
            head = header(data)
            if head is None:
                continue
            if (x + origin[0], y + origin[1]) == tuple(head["side"] * at for at in head["tile"]):
                found.append(head)
    return found


def read_objects(marks: Marks, number: int, page: bytes) -> dict[int, dict[str, Any]]:
    """Objects of a page by their place in the list (section 8.4)."""
    bits = "".join(f"{byte:08b}" for byte in page)
    found, at = {}, 0
    for k in range(marks.a_page):
        place = number * marks.a_page + k
        one: dict[str, Any] = {}
        for name, width in object_bits(marks.head):
            one[name] = int(bits[at : at + width], 2)
            at += width
        one["right"], one["bottom"] = one["right"] + 1, one["bottom"] + 1
        if place < marks.head["objects"] and one["left"] < one["right"] and one["top"] < one["bottom"]:
            found[place] = one
    return found


def read_labels(page: bytes) -> dict[int, str]:
    """Labels of a page by number (section 8.4)."""
    found: dict[int, str] = {}
    number, at = page[0], 1
    while 1 <= number <= 15 and at < 28 and page[at] and at + 1 + page[at] <= 28:
        found[number] = page[at + 1 : at + 1 + page[at]].decode("utf-8", "replace")
        number, at = number + 1, at + 1 + page[at]
    return found


def read_ground(page: bytes) -> list[float]:
    """The nine numbers of the ground (section 8.4)."""
    return [struct.unpack(">f", page[3 * k : 3 * k + 3] + b"\0")[0] for k in range(9)]


def to_ground(numbers: list[float], size: Point, x: float, y: float) -> tuple[float, float] | None:
    """Where a point of the frame lies, in metres; None above the horizon (section 8.4)."""
    u, v = x / size[0], y / size[1]
    a, b, c = (numbers[3 * k] * u + numbers[3 * k + 1] * v + numbers[3 * k + 2] for k in range(3))
    return (a / c, b / c) if c > 0 and math.isfinite(a / c) else None


def taken_pixels(marks: Marks, tags: list[Tag]) -> NDArray[np.bool_]:
    """Pixels of the picture whose lowest bit is a block's or a tag's."""
    height, width = marks.luma.shape
    taken = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            for left, top in marks.head["slots"][: marks.used]:
                at = x + marks.origin[0], y + marks.origin[1]
                in_x, in_y = (at[0] - left) % marks.head["side"], (at[1] - top) % marks.head["side"]
                begin = at[0] - in_x, at[1] - in_y
                is_inside = marks.size is None or (
                    begin[0] + 16 <= marks.size[0] and begin[1] + 16 <= marks.size[1]
                )
                if in_x < 16 and in_y < 16 and min(begin) >= 0 and is_inside:
                    taken[y, x] = True
    for tag in tags:
        left, top = tag.at[0] - marks.origin[0], tag.at[1] - marks.origin[1]
        taken[max(top, 0) : top + 32, max(left, 0) : left + 16] = True
    return taken


def drawing_check(planes: list[U8], ring: set[Point], origin: Point, taken: NDArray[np.bool_]) -> int:
    """The check of a drawing (section 8.5)."""
    crc = 0
    for number, plane in enumerate(planes):
        step = planes[0].shape[0] // plane.shape[0]
        data = bytearray()
        for row in range(plane.shape[0]):
            for column in range(plane.shape[1]):
                if (column * step + origin[0], row * step + origin[1]) in ring:
                    value = int(plane[row, column]) & 15
                    data.append(value & 14 if number == 0 and taken[row, column] else value)
        crc = zlib.crc32(bytes(data), crc)
    return crc & 0xFFFF


def read(stored: U8, layout: str) -> SparsePicture | None:
    """Read all that a stego picture holds; None when no header is intact."""
    planes = three_planes(stored, layout)
    luma = planes[0]
    origin = locate(luma)
    heads = [] if origin is None else read_headers(luma, origin)
    if origin is None or not heads:
        return None
    common, agreeing = Counter(head["common"] for head in heads).most_common(1)[0]
    head = next(head for head in heads if head["common"] == common)
    halves = [Marks(luma, origin, head, None).read(slot).get(-slot, [b""])[0] for slot in (1, 2)]
    data = b"".join(halves).ljust(60, b"\0")
    small = miniature(data + zlib.crc32(data).to_bytes(4, "big")) if all(halves) else None
    marks = Marks(luma, origin, head, small["size"] if small else None)
    parts: dict[int, list[bytes]] = {}
    for slot in range(1, marks.used):
        parts |= {page: parts.get(page, []) + found for page, found in marks.read(slot).items()}
    pages = {page: found[0] for page, found in parts.items() if page >= 0}
    objects: dict[int, dict[str, Any]] = {}
    labels: dict[int, str] = {}
    for page, part in pages.items():
        number = page - marks.first
        if 0 <= number < marks.object_pages:
            objects |= read_objects(marks, number, part)
        elif number >= 0:
            labels |= read_labels(part)
    has_ground, has_lens = head["flags"] & 4, head["flags"] & 8
    ground = read_ground(pages[0]) if has_ground and 0 in pages else None
    lens = struct.unpack(">5f", pages[1][:20]) if has_lens and 1 in pages else None
    tags = read_tags(luma, origin)
    taken = taken_pixels(marks, tags)
    owner, feet = _owners(tags, origin, luma.shape)
    rings: list[set[Point]] = [
        {at for at, (d, _) in drawn.items() if d > 0 and owner[at] == number}
        for number, drawn in enumerate(feet)
    ]
    template = [
        _template(plane, luma.shape[0] // plane.shape[0], origin, set().union(*rings)) for plane in planes
    ]
    shown = [read_object(template, origin, tag, feet[i], owner, i, taken) for i, tag in enumerate(tags)]
    checks = [drawing_check(planes, ring, origin, taken) if ring else 0 for ring in rings]
    blocks = agreeing + sum(map(len, parts.values()))
    return SparsePicture(
        origin, head, blocks, small, ground, lens, objects, labels, tags, template, shown, checks
    )


def _owners(tags: list[Tag], origin: Point, shape: tuple[int, ...]) -> tuple[dict[Point, int], list[Drawn]]:
    """The object of each drawn pixel, and the pixels of each drawing (section 8.5)."""
    feet: list[Drawn] = []
    for tag in tags:
        everything = footprint(tag, (origin[0] + shape[1], origin[1] + shape[0]))
        feet.append({at: d for at, d in everything.items() if at[0] >= origin[0] and at[1] >= origin[1]})
    owner: dict[Point, int] = {}
    for number in sorted(range(len(tags)), key=lambda i: (tags[i].box[1] + tags[i].box[3], tags[i].track)):
        owner.update(dict.fromkeys(feet[number], number))
    return owner, feet


def _template(plane: U8, step: int, origin: Point, ring: set[Point]) -> U8:
    """The nibbles of ring pixels, shifted up by four; zero elsewhere."""
    found = np.zeros_like(plane)
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            if (column * step + origin[0], row * step + origin[1]) in ring:
                found[row, column] = (int(plane[row, column]) << 4) & 0xFF
    return found
