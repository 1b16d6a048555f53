"""Marks of the form ``sparse``: header, miniature and the pages of the room, repeated across the picture."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cssv.carriers.framing import seal
from cssv.carriers.nibble.bits import UNIT, BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.mark_record import MINIATURE_SIZE, Miniature
from cssv.carriers.nibble.room import Room
from cssv.carriers.nibble.room_page import (
    PAGE_SIZE,
    RoomObject,
    read_labels,
    read_objects,
    read_plane,
)
from cssv.carriers.nibble.sparse_grid import BLOCK_SIZE, SIDE
from cssv.carriers.nibble.sparse_header import (
    FIXED_SLOTS,
    MAGIC_BYTES,
    SparseHeader,
    common_part,
    tile_of,
)
from cssv.errors import FramingError
from cssv.frames import U8

#: Bytes of the miniature that are carried, in two slots: the digest is cut to six bytes.
CARRIED_SIZE = 2 * PAGE_SIZE
#: Tiles that a header can address in each direction.
_MOST_TILES = 256


def seal_part(part: bytes, seed: bytes) -> bytes:
    """A block: a part of PAGE_SIZE bytes, and its CRC-32 that begins with ``seed``."""
    return part + zlib.crc32(part, zlib.crc32(seed)).to_bytes(4, "big")


def _unsealed(block: bytes, seed_crc: int) -> bytes | None:
    """The part of a block; None if it is cut off or its CRC is wrong."""
    if len(block) != BLOCK_SIZE or zlib.crc32(block[:-4], seed_crc) != int.from_bytes(block[-4:], "big"):
        return None
    return block[:-4]


def _page_seed(common: bytes, page: int) -> bytes:
    """The seed of a page: it belongs to one frame and one place in the list."""
    return common + page.to_bytes(4, "big")


def write_marks(luma: U8, header: SparseHeader, miniature: bytes, pages: Sequence[bytes]) -> None:
    """Write the marks of a frame into the lowest bits of its luma plane, in place.

    Args:
        luma: (H, W) uint8.
        header: of the frame; the tile is set for each block.
        miniature: the bytes of :meth:`Miniature.write`.
        pages: as many as the header says.
    """
    grid, written = header.grid, header.write()
    common = common_part(written)
    sealed = [seal_part(page, _page_seed(common, number)) for number, page in enumerate(pages)]
    for slot in range(header.used_slots):
        blocks = grid.blocks(luma, slot)
        rows, columns = blocks.shape[:2]
        if 0 < slot < FIXED_SLOTS:
            part = miniature[(slot - 1) * PAGE_SIZE : slot * PAGE_SIZE]
            records = [seal_part(part, bytes([slot]))]
        elif slot and header.page_of(slot, 0, 1) == header.page_of(slot, 0, 0):
            records = [sealed[header.page_of(slot, 0, 0)]]
        else:
            tiles = [(column, row) for row in range(rows) for column in range(columns)]
            if slot:
                records = [sealed[header.page_of(slot, *tile)] for tile in tiles]
            else:
                rest = written[18:-4]
                records = [seal(written[:16] + bytes(tile) + rest, BLOCK_SIZE) for tile in tiles]
        if not records:
            continue
        bits = block_pixels(np.frombuffer(b"".join(records), np.uint8).reshape(-1, SIDE, SIDE // 8))
        shape = (1, 1) if len(records) == 1 else (rows, columns)
        set_bits(blocks, bits.reshape(*shape, SIDE, SIDE), 1)


@dataclass(frozen=True, slots=True)
class SparseMarks:
    """Content of the marks of one picture.

    Attributes:
        header: of the frame.
        origin: x, y of the picture's top left pixel in the frame.
        miniature: ranges, size, time base and environment; None if every copy of it is damaged.
        room: the objects and the ground.
        intact, whole: number of readable blocks, and number of blocks that lie completely in the picture.
    """

    header: SparseHeader
    origin: tuple[int, int]
    miniature: Miniature | None
    room: Room
    intact: int
    whole: int


def find_origin(luma: U8) -> tuple[int, int] | None:
    """Place of the picture's top left pixel in the whole frame, from any intact header; None without one."""
    for skip in range(UNIT):
        packed = np.packbits(luma[:, skip:] & 1, axis=1)
        hits = np.argwhere((packed[:, :-1] == MAGIC_BYTES[0]) & (packed[:, 1:] == MAGIC_BYTES[1]))
        for row, column in hits:
            block = packed[row : row + SIDE, column : column + SIDE // 8].tobytes()
            if SparseHeader.is_valid(block):
                header = SparseHeader.read(block)
                tile = header.grid.tile
                return header.tile_x * tile - (int(column) * UNIT + skip), header.tile_y * tile - int(row)
    return None


def read_marks(
    luma: U8, origin: tuple[int, int], bits: BitPlane, *, is_sound: bool = False
) -> SparseMarks | None:
    """Read the marks of a stego picture.

    Args:
        luma: (H, W) uint8, the stego luma.
        origin: its place in the whole frame (:func:`find_origin`).
        bits: its bit plane.
        is_sound: a checksum has shown that the pixels are as written: one copy of each part is enough.

    Returns:
        The marks; None if no header is intact.
    """
    size = luma.shape[1], luma.shape[0]
    headers = list(_headers(bits))
    if not headers:
        return None
    # A damaged header can have a right checksum by chance: the majority decides.
    common, agreeing = Counter(map(common_part, headers)).most_common(1)[0]
    header = replace(
        SparseHeader.read(next(block for block in headers if common_part(block) == common)),
        tile_x=0,
        tile_y=0,
    )
    reader = _BlockReader(bits, origin, size, header, common, is_sound=is_sound)
    miniature = reader.miniature()
    frame = None if miniature is None else (miniature.width, miniature.height)
    whole = len(list(header.grid.tiles_in(0, origin, size, frame)))
    intact = agreeing
    parts: dict[int, bytes] = {}
    for slot in range(1, header.used_slots):
        found, slot_whole, slot_intact = reader.parts(slot, frame)
        whole, intact = whole + slot_whole, intact + slot_intact
        if slot >= FIXED_SLOTS:
            parts |= found
    return SparseMarks(header, origin, miniature, _room(header, parts, frame), intact, whole)


def _headers(bits: BitPlane) -> Iterator[bytes]:
    """The intact headers of a picture whose tile is that of their place."""
    for x, y, block in bits.find(MAGIC_BYTES, SIDE):
        if SparseHeader.is_valid(block):
            tile = SparseHeader.read(block).grid.tile
            if (x, y) == tuple(tile * at for at in tile_of(block)):
                yield block


class _BlockReader:
    """Reads the blocks of a picture.

    Args:
        bits: the bit plane of the picture.
        origin: its place in the frame.
        size: its width and height.
        header: of the frame.
        common: what all its headers share.
        is_sound: whether one copy of each part is enough.
    """

    def __init__(
        self,
        bits: BitPlane,
        origin: tuple[int, int],
        size: tuple[int, int],
        header: SparseHeader,
        common: bytes,
        *,
        is_sound: bool,
    ) -> None:
        self._bits, self._origin, self._size = bits, origin, size
        self._header, self._common, self._is_sound = header, common, is_sound

    def parts(self, slot: int, frame: tuple[int, int] | None) -> tuple[dict[int, bytes], int, int]:
        """The intact parts in a slot by page, the number of its whole blocks, and that of its intact ones."""
        found: dict[int, bytes] = {}
        seeds: dict[int, int] = {}
        whole = intact = 0
        x, y = self._header.grid.slots[slot]
        tile = self._header.grid.tile
        is_fixed = slot < FIXED_SLOTS
        for column, row in self._header.grid.tiles_in(slot, self._origin, self._size, frame):
            page = -slot if is_fixed else self._header.page_of(slot, column, row)
            # One copy is enough in sound pixels, and the others need not be counted.
            if self._is_sound and page in found:
                continue
            if page not in seeds:
                seeds[page] = zlib.crc32(bytes([slot]) if is_fixed else _page_seed(self._common, page))
            part = _unsealed(self._bits.block(column * tile + x, row * tile + y, SIDE), seeds[page])
            whole += 1
            if part is not None:
                found.setdefault(page, part)
                intact += 1
        return found, whole, intact

    def miniature(self) -> Miniature | None:
        """The miniature from any intact copies of its halves; None if there are none."""
        halves = [self.parts(slot, None)[0].get(-slot) for slot in range(1, FIXED_SLOTS)]
        try:
            return Miniature.read(seal(b"".join(half or b"" for half in halves), MINIATURE_SIZE))
        except FramingError:
            # A half is missing, or its numbers are wrong under a right checksum.
            return None


def _room(header: SparseHeader, parts: dict[int, bytes], frame: tuple[int, int] | None) -> Room:
    """What the pages tell."""
    objects: dict[int, RoomObject] = {}
    labels: dict[int, str] = {}
    first, last = header.first_object_page, header.first_object_page + header.object_pages
    for page, part in parts.items():
        if first <= page < last:
            place = (page - first) * header.objects_a_page
            found = read_objects(header, page - first, part)
            objects |= {place + k: each for k, each in enumerate(found) if each is not None}
        elif page >= last:
            labels |= dict(read_labels(part))
    plane = None
    if header.has_plane and frame is not None and 0 in parts and (not header.has_lens or 1 in parts):
        plane = read_plane(parts[0], frame, parts[1] if header.has_lens else None)
    return Room(header.objects, dict(sorted(objects.items())), labels, plane)
