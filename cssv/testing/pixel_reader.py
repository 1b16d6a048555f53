"""Second reader of stego frames, written from cssv/carriers/nibble/SPEC.md alone.

It uses numpy and the standard library, and nothing of the package: where this and the package's reader
disagree, one of them or the page is wrong. It is slow and simple on purpose, pixel by pixel. "Section"
means a section of that page.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Point = tuple[int, int]
#: Pixel of the frame -> (distance from the object, True if behind it).
Drawn = dict[Point, tuple[int, bool]]

CELL, MARK, GRID = 80, 32, 8
MARK_MAGIC, TAG_MAGIC = b"\xc5\x5b", b"\x7a\x60"
RINGS, COMET, EDGES = 0, 1, 2
COS = [round(128 * math.cos(2 * math.pi * a / 256)) for a in range(256)]
SLOPES = [round(16384 * math.tan(math.pi * (2 * k + 1) / 256)) for k in range(32)]


@dataclass
class Tag:
    """One intact tag; ``at`` is its top left pixel in the frame. ``rings`` and ``check`` are of version 2."""

    track: int
    label: bytes
    selector: int
    shift: int
    box: tuple[int, int, int, int]
    score: int
    axis: int
    radii: list[int]
    at: tuple[int, int]
    rings: tuple[int, ...] = (0, 1, 2)
    check: int = 0


@dataclass
class Ring:
    """What one ring, or one half of ring 0, shows; floats before any rounding."""

    weight: float
    chroma_weight: float
    value: float
    certainty: float
    hue: float


@dataclass
class FrameObjects:
    """One object: its tag, the share of its rings that is visible, and what the rings show."""

    tag: Tag
    visible: float
    rings: list[Ring] = field(default_factory=list)
    ahead: Ring | None = None
    behind: Ring | None = None


@dataclass
class Picture:
    """All that one stego picture holds."""

    origin: tuple[int, int]
    frame: int
    pts: int
    flags: int
    objects: int
    marks: int
    miniature: dict[str, Any] | None
    template: list[U8]
    tags: list[Tag]
    shown: list[FrameObjects]
    support: set[tuple[int, int]] | None
    sound: set[tuple[int, int]]


def three_planes(stored: U8, layout: str) -> list[U8]:
    """Three planes of a stored picture (section 1)."""
    if layout == "rgb24":
        return [stored[..., i] for i in range(3)]
    rows, width = stored.shape
    height = rows * 2 // 3
    data = stored.tobytes()
    sizes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    planes: list[U8] = []
    at = 0
    for shape in sizes:
        count = shape[0] * shape[1]
        planes.append(np.frombuffer(data[at : at + count], np.uint8).reshape(shape))
        at += count
    return planes


def block(luma: U8, x: int, y: int, rows: int) -> bytes | None:
    """Section 3: the bytes of a block whose top left pixel is (x, y) of the picture, or None."""
    if x < 0 or y < 0 or y + rows > luma.shape[0] or x + 16 > luma.shape[1]:
        return None
    out = bytearray()
    for line in luma[y : y + rows, x : x + 16] & 1:
        for half in (line[:8], line[8:]):
            out.append(int("".join(map(str, half)), 2))
    return bytes(out)


def is_sealed(data: bytes) -> bool:
    """True if the last four bytes are the CRC-32 of the others."""
    return int.from_bytes(data[-4:], "big") == zlib.crc32(data[:-4])


def header(data: bytes | None) -> dict[str, Any] | None:
    """Fields of a mark's header, or None (section 4.1)."""
    if data is None or data[:2] != MARK_MAGIC or data[2] != 1 or not is_sealed(data):
        return None
    flags, frame, pts, cell_x, cell_y, objects, check = struct.unpack(">BIqBBBxI", data[3:24])
    return {
        "flags": flags, "frame": frame, "pts": pts, "cell": (cell_x, cell_y),
        "objects": objects, "check": check,
    }  # fmt: skip


def check(planes: list[U8], origin: Point, cell: Point) -> int:
    """Section 4.1: CRC-32 of the nibbles of a cell of the picture."""
    crc = 0
    for number, plane in enumerate(planes):
        step = planes[0].shape[0] // plane.shape[0]
        side = CELL // step
        left, top = ((CELL * cell[k] - origin[k]) // step for k in (0, 1))
        samples = np.zeros((side, side), np.uint8)
        shown = plane[top : top + side, left : left + side] & 15
        samples[: shown.shape[0], : shown.shape[1]] = shown
        if number == 0:
            samples[:MARK, :MARK] &= 14
        crc = zlib.crc32(samples.tobytes(), crc)
    return crc


def miniature(data: bytes | None) -> dict[str, Any] | None:
    """Fields of a miniature, or None (section 4.2)."""
    if data is None or not is_sealed(data):
        return None
    ranges = struct.unpack(">6f", data[:24])
    width, height, numerator, denominator = struct.unpack(">HHII", data[24:36])
    pairs = [ranges[0:2], ranges[2:4], ranges[4:6]]
    if not all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in pairs):
        return None
    if not (32 <= width <= 16384 and 32 <= height <= 16384 and numerator and denominator):
        return None
    return {
        "ranges": pairs,
        "size": (width, height),
        "time_base": (numerator, denominator),
        "air": struct.unpack(">f5e", data[36:50]),
        "digest": data[50:58],
    }


def locate(luma: U8) -> Point | None:
    """Section 7: the origin from any one intact header."""
    height, width = luma.shape
    bits = (luma & 1).astype(np.uint16)
    row = np.zeros((height, max(width - 15, 0)), np.uint16)
    for k in range(16):
        row = row << 1 | bits[:, k : k + row.shape[1]]
    for y, x in np.argwhere(row == int.from_bytes(MARK_MAGIC, "big")):
        found = header(block(luma, int(x), int(y), 16))
        if found is not None:
            return CELL * found["cell"][0] - int(x), CELL * found["cell"][1] - int(y)
    return None


def read_marks(luma: U8, origin: Point) -> dict[Point, dict[str, Any]]:
    """Sections 4 and 7: intact headers by cell."""
    marks = {}
    height, width = luma.shape
    for cell_y in range(256):
        for cell_x in range(256):
            x, y = cell_x * CELL - origin[0], cell_y * CELL - origin[1]
            if x < 0 or y < 0 or x + MARK > width or y + MARK > height:
                continue
            found = header(block(luma, x, y, 16))
            if found is not None and found["cell"] == (cell_x, cell_y):
                marks[cell_x, cell_y] = found
    return marks


def read_support(luma: U8, origin: Point, cells: Iterable[Point]) -> set[Point]:
    """Section 4.3: the set of (row, column) of support blocks of the frame."""
    support: set[Point] = set()
    for cell_x, cell_y in cells:
        data = block(luma, cell_x * CELL - origin[0] + 16, cell_y * CELL - origin[1] + 16, 16)
        if data is None or struct.pack(">I", zlib.crc32(data[:29]))[1:] != data[29:]:
            continue
        for number in range(225):
            if data[number // 8] >> (7 - number % 8) & 1:
                support.add((5 * (cell_y - 1) + number // 15, 5 * (cell_x - 1) + number % 15))
    return support


def read_tags(luma: U8, origin: Point) -> list[Tag]:
    """Intact tags (section 5)."""
    tags = []
    height, width = luma.shape
    for y in range(-origin[1] % GRID, height - 31, GRID):
        for x in range(-origin[0] % GRID, width - 15, GRID):
            data = block(luma, x, y, 32) if block(luma, x, y, 1) == TAG_MAGIC else None
            if data is None or not is_sealed(data):
                continue
            drawing, track, *box, score, axis = struct.unpack(">BIhhHHBB", data[2:17])
            selector, shift = drawing >> 4, drawing & 15
            if selector > EDGES or shift > 6 or not box[2] or not box[3]:
                continue
            label = data[49:57].rstrip(b"\0")
            at = (x + origin[0], y + origin[1])
            left, top, w, h = box
            radii = list(data[17:49])
            # Zero in version 1, which has all rings.
            missing, check_sum = data[57], int.from_bytes(data[58:60], "big")
            if missing > (7 if selector == EDGES else 6):
                continue
            rings = tuple(ring for ring in range(3) if not missing >> ring & 1)
            tag = Tag(track, label, selector, shift, (left, top, w, h), score, axis, radii, at, rings)
            tag.check = check_sum
            tags.append(tag)
    return tags


def byte_angle(dx: int, dy: int) -> int:
    """Direction in 256ths of a turn (section 8)."""
    longer, shorter = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
    ratio = (shorter << 14) // max(longer, 1)
    angle = sum(slope <= ratio for slope in SLOPES)
    if abs(dy) > abs(dx):
        angle = 64 - angle
    if dx < 0:
        angle = 128 - angle
    if dy < 0:
        angle = -angle
    return angle % 256


def spread(inside: NDArray[np.bool_], most: int, *, corners: bool) -> NDArray[np.int64]:
    """Steps to the nearest inside pixel, up to ``most``: by 8 neighbours or by 4."""
    steps = np.where(inside, 0, most + 1)
    reached = inside.copy()
    for step in range(1, most + 1):
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        across = grown.copy() if corners else reached
        wide = grown.copy()
        wide[:, 1:] |= across[:, :-1]
        wide[:, :-1] |= across[:, 1:]
        steps[wide & ~reached] = step
        reached = wide
    return steps


def footprint(tag: Tag, size: Point) -> Drawn:
    """Section 8: {(x, y) in the frame: (d, behind)} of the drawn pixels."""
    x, y, w, h = tag.box
    cx, cy = x + w // 2, y + h // 2
    v = min(max(min(w, h) // 6, 6), 12)
    radius = [r << tag.shift for r in tag.radii]
    n = len(tag.rings)
    margin = {RINGS: 17 * n * v // 16 + 2, COMET: 34 * n * v // 16 + 2, EDGES: 1}[tag.selector]
    hx = (max(r * abs(COS[8 * k % 256]) for k, r in enumerate(radius)) >> 7) + margin
    hy = (max(r * abs(COS[(8 * k - 64) % 256]) for k, r in enumerate(radius)) >> 7) + margin
    inside = np.zeros((2 * hy + 1, 2 * hx + 1), bool)
    for dy in range(-hy, hy + 1):
        for dx in range(-hx, hx + 1):
            k, p = divmod(byte_angle(dx, dy), 8)
            limit = radius[k] * (8 - p) + radius[(k + 1) % 32] * p
            inside[dy + hy, dx + hx] = math.isqrt(64 * (dx * dx + dy * dy)) <= limit
    last = 1 if tag.selector == EDGES else n * v
    farthest = 2 * last if tag.selector == COMET else last
    chess, city = (
        spread(inside, farthest + 1, corners=True),
        spread(inside, 3 * farthest // 2 + 2, corners=False),
    )
    distance = np.maximum(chess, (2 * city + 2) // 3)
    drawn: Drawn = {}
    for dy in range(max(-hy, -cy), min(hy + 1, size[1] - cy)):
        for dx in range(max(-hx, -cx), min(hx + 1, size[0] - cx)):
            d = int(distance[dy + hy, dx + hx])
            back = -(dx * COS[tag.axis] + dy * COS[(tag.axis - 64) % 256])
            behind = tag.selector != EDGES and back > 0
            if behind and tag.selector == COMET:
                tail = min(back * back // (dx * dx + dy * dy), 1 << 14)
                d = (d * ((1 << 15) - tail) + (1 << 15) - 1) >> 15
            if d <= last:
                drawn[cx + dx, cy + dy] = (d, behind)
    return drawn


def gains(v: int) -> list[int]:
    """Weights across one ring in 256ths (section 9)."""
    return [round(256 * math.exp(-((q - (v - 1) / 2) ** 2) / (2 * (v / 2) ** 2))) for q in range(v)]


class Sums:
    """Least squares of one ring: (sum of g z, sum of g squared) of each plane."""

    def __init__(self) -> None:
        self.top, self.bottom = [0.0] * 3, [0.0] * 3

    def add(self, plane: int, gain: float, value: float, weight: float = 1.0) -> None:
        """Add one sample."""
        self.top[plane] += weight * gain * value
        self.bottom[plane] += weight * gain * gain

    def plus(self, other: Sums) -> Sums:
        """Sums of both parts."""
        total = Sums()
        total.top = [a + b for a, b in zip(self.top, other.top, strict=True)]
        total.bottom = [a + b for a, b in zip(self.bottom, other.bottom, strict=True)]
        return total

    def ring(self) -> Ring:
        """Values at which the squares are least."""
        peak, cb, cr = (t / b if b else 0.0 for t, b in zip(self.top, self.bottom, strict=True))
        value = 255 * (peak - 56) / 184
        certainty, hue = 255 * math.hypot(cb, cr) / 112, 128 * math.atan2(cr, cb) / math.pi
        return Ring(self.bottom[0], self.bottom[1], value, certainty, hue % 256)


def read_object(
    template: list[U8],
    origin: Point,
    tag: Tag,
    drawn: Drawn,
    owner: dict[Point, int],
    number: int,
    taken: NDArray[np.bool_],
) -> FrameObjects:
    """Read the rings of one object (section 12)."""
    own: Drawn = {at: value for at, value in drawn.items() if owner.get(at) == number}
    rings_all = sum(d > 0 for d, _ in drawn.values())
    visible = sum(d > 0 for d, _ in own.values()) / max(rings_all, 1)
    shown = FrameObjects(tag, visible)
    if tag.selector == EDGES:
        return shown
    v = min(max(min(tag.box[2:]) // 6, 6), 12)
    table = gains(v)
    step = template[0].shape[0] // template[1].shape[0]
    count = len(tag.rings)
    sums = {(ring, behind): Sums() for ring in range(count) for behind in (False, True)}
    for (x, y), (d, behind) in own.items():
        if d == 0:
            continue
        ring, q = divmod(d - 1, v)
        gain, row, column = table[q] / 256, y - origin[1], x - origin[0]
        bright = int(template[0][row, column])
        if taken[row, column]:
            sums[ring, behind].add(0, gain, (bright & 0xE0) + 8, 0.25)
        else:
            sums[ring, behind].add(0, gain, bright)
        if row % step == 0 and column % step == 0:
            for plane in (1, 2):
                signed = (int(template[plane][row // step, column // step]) ^ 128) - 128
                sums[ring, behind].add(plane, gain, signed)
    shown.rings = [sums[ring, False].plus(sums[ring, True]).ring() for ring in range(count)]
    shown.ahead, shown.behind = sums[0, False].ring(), sums[0, True].ring()
    return shown


def taken_pixels(
    shape: tuple[int, ...], origin: Point, size: Point, tags: list[Tag], *, sparse: bool
) -> NDArray[np.bool_]:
    """Pixels of the picture whose lowest bit is a mark's or a tag's."""
    taken = np.zeros(shape, bool)
    columns, rows = (size[0] - MARK) // CELL + 1, (size[1] - MARK) // CELL + 1
    for y in range(shape[0]):
        for x in range(shape[1]):
            cell_y, in_y = divmod(y + origin[1], CELL)
            cell_x, in_x = divmod(x + origin[0], CELL)
            if 0 <= cell_x < columns and 0 <= cell_y < rows and in_x < MARK and in_y < MARK:
                taken[y, x] = sparse or in_x < 16 or in_y < 16
    for tag in tags:
        left, top = tag.at[0] - origin[0], tag.at[1] - origin[1]
        taken[max(top, 0) : top + 32, max(left, 0) : left + 16] = True
    return taken


def read(stored: U8, layout: str) -> Picture | None:
    """Read all that a stego picture holds; None when no header is intact."""
    planes = three_planes(stored, layout)
    luma = planes[0]
    origin = locate(luma)
    if origin is None:
        return None
    marks = read_marks(luma, origin)
    if not marks:
        return None
    first = next(iter(marks.values()))
    small = None
    for cell_x, cell_y in marks:
        x, y = cell_x * CELL - origin[0], cell_y * CELL - origin[1]
        halves = block(luma, x + 16, y, 16), block(luma, x, y + 16, 16)
        small = small or miniature(b"".join(half or b"" for half in halves))
    tags = read_tags(luma, origin)
    sparse = bool(first["flags"] & 1)
    template = [np.left_shift(plane, 4) for plane in planes]
    support = read_support(luma, origin, marks) if sparse else None
    height, width = luma.shape
    size = small["size"] if small else (origin[0] + width + MARK, origin[1] + height + MARK)
    taken = taken_pixels(luma.shape, origin, size, tags, sparse=sparse)
    if support is not None:
        template = [clear(plane, height // plane.shape[0], origin, support) for plane in template]
    # The package reads the visible part of the frame only, so this does too.
    owner: dict[Point, int] = {}
    feet: list[Drawn] = []
    for tag in tags:
        everything = footprint(tag, (origin[0] + width, origin[1] + height))
        feet.append({at: d for at, d in everything.items() if at[0] >= origin[0] and at[1] >= origin[1]})
    order = sorted(range(len(tags)), key=lambda i: (tags[i].box[1] + tags[i].box[3], tags[i].track))
    for number in order:
        owner.update(dict.fromkeys(feet[number], number))
    shown = [read_object(template, origin, tag, feet[i], owner, i, taken) for i, tag in enumerate(tags)]
    return Picture(
        origin, first["frame"], first["pts"], first["flags"], first["objects"], len(marks), small,
        template, tags, shown, support,
        {cell for cell, mark in marks.items() if check(planes, origin, cell) == mark["check"]},
    )  # fmt: skip


def clear(plane: U8, step: int, origin: Point, support: set[Point]) -> U8:
    """Plane with zeros outside the support (section 6)."""
    kept = np.zeros_like(plane)
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            at = ((row * step + origin[1]) // 16, (column * step + origin[0]) // 16)
            if at in support:
                kept[row, column] = plane[row, column]
    return kept
