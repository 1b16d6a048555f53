"""Second reader of cells, their tags and the mosaic, written from cssv/carriers/nibble/SPEC2.md alone.

It uses numpy, the standard library and other second readers, and nothing else of the package: where this and
the package's reader disagree, one of them or the page is wrong. "Section" means a section of that page.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.testing.outline_reader import held_outline
from cssv.testing.pixel_reader import COMET, COS, EDGES, byte_angle, spread

U8 = NDArray[np.uint8]
Point = tuple[int, int]
#: Level 0, 1 and 2 of a cell by its column and row in the grid.
Levels = dict[Point, tuple[int, int, int]]
MODULUS = 16
SLOPE = (1338, 554, -554, -1338)
PATTERN = hashlib.sha256(b"CSSV cell tag").digest()[:24]
HEAD, BODY = (9, 2, 20, 137), (24, 11, 11, 10, 10, 3, 8, 3, 4, 4, 5, 4, 4, 4, 4, 4, 4, 4, 16)

#: Regions of an object (section 7).
REGIONS = ("ahead", "behind", "temperature", "density")


@dataclass
class CellObject:
    """One object of a picture: its tag, the bytes that its rings show, and their CRC-16."""

    kind: int
    frame: int
    track: int
    box: tuple[int, int, int, int]
    radii: bytes
    shift: int
    axis: int
    rings: int
    score: int
    label: int
    crc: int
    readings: tuple[int, ...] | None = None
    found_crc: int = 0xFFFF


def read_cell(pixels: NDArray[np.int64]) -> tuple[int, int, int]:
    """Levels of 4x4 pixels (section 5)."""
    sums = (
        1024 * int(pixels.sum()),
        int((pixels * np.array(SLOPE)).sum()),
        int((pixels * np.array(SLOPE)[:, None]).sum()),
    )
    first, second, third = ((k + 1024 * MODULUS) // (2048 * MODULUS) & 1 for k in sums)
    return first, second, third


def read_levels(luma: U8, phase: Point) -> Levels:
    """Levels of all cells of the grid that begins at a phase (section 5)."""
    height, width = luma.shape
    numbers = luma.astype(np.int64)
    return {
        ((x - phase[0]) // 4, (y - phase[1]) // 4): read_cell(numbers[y : y + 4, x : x + 4])
        for y in range(phase[1], height - 3, 4)
        for x in range(phase[0], width - 3, 4)
    }


def split(number: int, widths: Sequence[int]) -> list[int]:
    """Fields of a number, the first one highest."""
    text, at = f"{number:0{sum(widths)}b}", 0
    fields = []
    for width in widths:
        fields.append(int(text[at : at + width], 2))
        at += width
    return fields


def find_tags(levels: Levels) -> dict[Point, tuple[int, int, int]]:
    """Tags by their first cell (column, row): kind, number of the frame, body (section 6)."""
    found = {}
    for c, r in levels:
        cells = [levels.get((c + i, r + j)) for j in range(8) for i in range(8)]
        if None in cells:
            continue
        text = "".join(str(level) for cell in cells for level in cell or ())
        whole = bytes(a ^ b for a, b in zip(int(text, 2).to_bytes(24, "big"), PATTERN, strict=True))
        magic, kind, frame, body = split(int.from_bytes(whole[:21], "big"), HEAD)
        if magic == 0x15B and zlib.crc32(whole[:21]).to_bytes(4, "big")[1:] == whole[21:]:
            found[c, r] = kind, frame, body
    return found


def read_object(kind: int, frame: int, body: int, corner: Point) -> CellObject | None:
    """An object's tag whose top left pixel is ``corner`` (section 6.1)."""
    track, dx, dy, w, h, s, axis, rings, score, label, *numbers, crc = split(body, BODY)
    if s > 4 or (rings == 0 and kind != EDGES):
        return None
    w, h = (w + 1) * 2**s, (h + 1) * 2**s
    cx, cy = corner[0] + 16 + dx - 1024, corner[1] + 16 + dy - 1024
    box = (cx - w // 2, cy - h // 2, w, h)
    coefficients = [numbers[0], *(number - 8 for number in numbers[1:])]
    shares = []
    for j in range(32):
        cosines = [round(1024 * math.cos(math.pi * k * (2 * j + 1) / 64)) for k in range(8)]
        total = sum(a * b for a, b in zip(coefficients, cosines, strict=True))
        shares.append(min(max(total, 4096), 32768))
    radii, shift = held_outline(shares, box)
    return CellObject(kind, frame, track, box, radii, shift, axis, rings, score, label, crc)


def read_part(frame: int, body: int) -> dict[str, Any]:
    """A part of the clip (section 6.2); empty if it is not valid."""
    part, rest = split(body, (5, 132))
    data = (rest >> 4).to_bytes(16, "big")
    if part == 0:
        high, pts, width, height, objects, rings, labels, _ = split(rest, (12, 64, 14, 14, 8, 3, 4, 13))
        if min(width, height) < 31:
            return {}
        return {
            "frame": high * 2**20 + frame,
            "pts": pts - 2**64 if pts >= 2**63 else pts,
            "size": (width + 1, height + 1),
            "objects": objects,
            "rings": rings,
            "label_count": labels,
        }
    if part == 1:
        numerator, denominator, low, high = struct.unpack(">IIff", data)
        valid = numerator and denominator and -math.inf < low < high < math.inf
        return {"time_base": (numerator, denominator), "speed": (low, high)} if valid else {}
    if part == 2:
        a, b, c, d = struct.unpack(">ffff", data)
        valid = -math.inf < a < b < math.inf and -math.inf < c < d < math.inf
        return {"temperature": (a, b), "density": (c, d)} if valid else {}
    texts: dict[int, str] = {}
    for number, text in ((2 * part - 5, data[:8]), (2 * part - 4, data[8:])):
        if part <= 10 and number <= 15 and text.rstrip(b"\0"):
            texts[number] = text.rstrip(b"\0").decode(errors="replace")
    return {"labels": texts}


def footprint(tag: CellObject) -> dict[Point, tuple[int, bool]]:
    """(d, behind) by pixel, within the frame and outside (section 8 of version 1, section 3)."""
    x, y, w, h = tag.box
    cx, cy = x + w // 2, y + h // 2
    last = max(tag.rings.bit_count(), 1) * min(max(min(w, h) // 6, 6), 12)
    radius = [r << tag.shift for r in tag.radii]
    margin = (34 if tag.kind == COMET else 17) * last // 16 + 2
    if tag.kind == EDGES:
        last = margin = 1
    hx = (max(r * abs(COS[8 * k % 256]) for k, r in enumerate(radius)) >> 7) + margin
    hy = (max(r * abs(COS[(8 * k - 64) % 256]) for k, r in enumerate(radius)) >> 7) + margin
    inside = np.zeros((2 * hy + 1, 2 * hx + 1), bool)
    for dy in range(-hy, hy + 1):
        for dx in range(-hx, hx + 1):
            k, p = divmod(byte_angle(dx, dy), 8)
            limit = radius[k] * (8 - p) + radius[(k + 1) % 32] * p
            inside[dy + hy, dx + hx] = math.isqrt(64 * (dx * dx + dy * dy)) <= limit
    far = 2 * last if tag.kind == COMET else last
    chess, city = spread(inside, far + 1, corners=True), spread(inside, 3 * far // 2 + 2, corners=False)
    drawn = {}
    for dy in range(-hy, hy + 1):
        for dx in range(-hx, hx + 1):
            d = max(int(chess[dy + hy, dx + hx]), (2 * int(city[dy + hy, dx + hx]) + 2) // 3)
            back = -(dx * COS[tag.axis] + dy * COS[(tag.axis - 64) % 256])
            behind = tag.kind != EDGES and back > 0
            if behind and tag.kind == COMET:
                tail = min(back * back // (dx * dx + dy * dy), 1 << 14)
                d = (d * ((1 << 15) - tail) + (1 << 15) - 1) >> 15
            if d <= last:
                drawn[cx + dx, cy + dy] = (d, behind)
    return drawn


def place_cells(tag: CellObject, phase: Point) -> dict[Point, tuple[str, int] | None]:
    """Region and number of each cell of a footprint; None for the inside (section 7)."""
    x, y, w, h = tag.box
    cx, cy = x + w // 2, y + h // 2
    v = min(max(min(w, h) // 6, 6), 12)
    names = [name for bit, name in ((1, "velocity"), (2, "temperature"), (4, "density")) if tag.rings & bit]
    cells: dict[Point, tuple[str, int] | None] = {}
    count: dict[tuple[str, int, int], int] = {}
    drawn = footprint(tag)
    for py, px in sorted((py, px) for px, py in drawn):
        if (px - phase[0]) % 4 != 2 or (py - phase[1]) % 4 != 2:
            continue
        d, behind = drawn[px, py]
        cell = (px - phase[0]) // 4, (py - phase[1]) // 4
        if d == 0 or tag.kind == EDGES:
            cells[cell] = None
            continue
        name = names[(d - 1) // v]
        if name == "velocity":
            name = "behind" if behind else "ahead"
        square = name, ((px - 2 - cx) // 4 + 32) // 64, ((py - 2 - cy) // 4 + 32) // 64
        cells[cell] = name, count.get(square, 0)
        count[square] = count.get(square, 0) + 1
    return cells


def crc16(data: bytes) -> int:
    """CRC-16 of bytes (section 7)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 * (crc >> 15)) & 0xFFFF
    return crc


def read_byte(votes: list[list[int]], least: int) -> int | None:
    """The byte with these votes, the highest digit first; None if one of the ``least`` highest is unknown."""
    digits = [2 if 2 * sum(each) > len(each) else 0 if 2 * sum(each) < len(each) else 1 for each in votes]
    if 1 in digits:
        if digits.index(1) < least:
            return None
        digits[digits.index(1)] = 2
    return int("".join("1" if digit == 2 else "0" for digit in digits), 2)


def read_regions(tag: CellObject, cells: list[tuple[str, int, tuple[int, int, int]]]) -> None:
    """Set the bytes and the CRC-16 of an object from its own cells: region, number and levels (section 7)."""
    votes: dict[str, list[list[list[int]]]] = {
        name: [[[] for _ in range(8)] for _ in range(3)] for name in REGIONS
    }
    for name, n, levels in cells:
        velocity = name in ("ahead", "behind")
        places = (n % 8, (n if velocity else n + 4) % 8, (n + 4 if name == "behind" else n) % 8)
        for level in range(3):
            kind = 0 if level == 1 and not velocity else level
            votes[name][kind][places[level]].append(levels[level])
    both = [a + b for a, b in zip(votes["ahead"][2], votes["behind"][2], strict=True)]
    votes["ahead"][2] = votes["behind"][2] = both
    read = {
        name: [read_byte(each, least) for each, least in zip(votes[name], (3, 3, 2), strict=True)]
        for name in REGIONS
    }
    ahead, behind = (read[name][:2] for name in ("ahead", "behind"))
    # One half can stand for the other.
    ahead, behind = (behind if None in ahead else ahead), (ahead if None in behind else behind)
    shown = [0] * 9
    for bit, part, numbers in (
        (1, slice(0, 5), [*behind, *ahead, read["ahead"][2]]),
        (2, slice(5, 7), [read["temperature"][0], read["temperature"][2]]),
        (4, slice(7, 9), [read["density"][0], read["density"][2]]),
    ):
        if tag.rings & bit and tag.kind != EDGES:
            shown[part] = [-1 if number is None else number for number in numbers]
    tag.readings = None if -1 in shown else tuple(shown)
    tag.found_crc = crc16(b"" if tag.readings is None else bytes(tag.readings))


def read(luma: U8) -> tuple[Point | None, list[CellObject], dict[str, Any]]:
    """The phase of a picture, its objects in reading order of their tags, and what the clip's tags say."""
    for phase in ((x, y) for y in range(4) for x in range(4)):
        levels = read_levels(luma, phase)
        tags = find_tags(levels)
        if tags:
            return phase, *read_mosaic(levels, tags, phase)
    return None, [], {}


def read_mosaic(
    levels: Levels, tags: dict[Point, tuple[int, int, int]], phase: Point
) -> tuple[list[CellObject], dict[str, Any]]:
    """Objects and facts of the clip in a picture of which the tags are known (sections 6 and 7)."""
    objects: list[CellObject] = []
    clip: dict[str, Any] = {}
    free = set(levels)
    for (c, r), (kind, frame, body) in tags.items():
        free -= {(c + i, r + j) for j in range(8) for i in range(8)}
        if kind == 3:
            for key, value in read_part(frame, body).items():
                clip[key] = {**clip.get(key, {}), **value} if key == "labels" else value
            continue
        tag = read_object(kind, frame, body, (4 * c + phase[0], 4 * r + phase[1]))
        if tag is not None:
            objects.append(tag)
    for tag in sorted(objects, key=lambda tag: (tag.box[1] + tag.box[3], tag.track))[::-1]:
        cells = place_cells(tag, phase)
        own = sorted(free & set(cells), key=lambda cell: cell[::-1])
        free -= set(own)
        placed = [(cells[cell], levels[cell]) for cell in own]
        read_regions(tag, [(*place, three) for place, three in placed if place is not None])
    return objects, clip
