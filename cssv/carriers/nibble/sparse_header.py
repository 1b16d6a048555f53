"""The header of a frame of the form ``sparse``: which frame this is, and what its marks hold (SPEC2.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cssv.carriers.framing import is_sealed, seal, unseal
from cssv.carriers.nibble.sparse_grid import BLOCK_SIZE, COMPACT, WIDE, MarkGrid
from cssv.errors import FramingError
from cssv.template.drawing import Rings

MAGIC = 0xC55E
VERSION = 2
MAGIC_BYTES = struct.pack(">H", MAGIC)
_VALID_START = MAGIC_BYTES + bytes([VERSION])
_RGB, _COMPACT, _PLANE, _LENS, _WIDE_TRACKS, _PLAIN = 1, 2, 4, 8, 16, 32
_HEADER = struct.Struct(">HBBIqBBHBB")
#: Slots that every frame uses: the header and the two halves of the miniature.
FIXED_SLOTS = 3
#: Bits of a page, and those of an object without and with each part (SPEC2.md).
PAGE_BITS = 224
_OBJECT_BITS, _WIDE_BITS, _RING_BITS = 74, 16, 10
MOST_OBJECTS = 0xFFFF


@dataclass(frozen=True, slots=True)
class SparseHeader:
    """The part of the marks that changes from frame to frame and tells how to read the other parts.

    Attributes:
        frame: number of the frame in the encoded clip, from 0 (32 bit).
        pts: presentation time in the miniature's time base (64 bit, signed).
        objects: number of objects of the frame.
        rings: rings that its drawings have.
        label_pages: number of pages with labels.
        rgb: planes are R, G, B instead of Y, Cb, Cr.
        is_compact: whether the grid is the compact one.
        has_plane, has_lens: whether there is a page with the ground plane, and one with its lens.
        has_wide_tracks: whether tracks have 32 bits instead of 16.
        tile_x, tile_y: column and row of the tile, so that a crop knows its place.
        plain: merged by plain replacement instead of optimal pixel adjustment.
    """

    frame: int
    pts: int
    objects: int = 0
    rings: Rings = Rings.ALL
    label_pages: int = 0
    rgb: bool = False
    is_compact: bool = False
    has_plane: bool = False
    has_lens: bool = False
    has_wide_tracks: bool = False
    tile_x: int = 0
    tile_y: int = 0
    plain: bool = False

    def write(self) -> bytes:
        """The bytes of a block. Raises FramingError when a field does not fit."""
        flags = _RGB * self.rgb | _COMPACT * self.is_compact | _PLANE * self.has_plane
        flags |= _LENS * self.has_lens | _WIDE_TRACKS * self.has_wide_tracks | _PLAIN * self.plain
        try:
            record = _HEADER.pack(
                MAGIC, VERSION, flags, self.frame, self.pts, self.tile_x, self.tile_y,
                self.objects, self.rings, self.label_pages,
            )  # fmt: skip
        except struct.error as error:
            raise FramingError("a frame header does not fit", found=str(self), bound=str(error)) from error
        return seal(record, BLOCK_SIZE)

    @staticmethod
    def read(block: bytes) -> SparseHeader:
        """Inverse of :meth:`write`. Raises FramingError on a wrong magic, version, CRC or set of rings."""
        record = unseal(block, BLOCK_SIZE)
        magic, version, flags, frame, pts, x, y, objects, rings, labels = _HEADER.unpack_from(record)
        if magic != MAGIC or version != VERSION or rings > Rings.ALL:
            raise FramingError(
                "not a frame header of this form",
                found=f"magic {magic:04x}, version {version}, rings {rings}",
                bound=f"magic {MAGIC:04x}, version {VERSION}, rings up to {Rings.ALL:d}",
                remedy="Update cssv if the version is newer.",
            )
        return SparseHeader(
            frame, pts, objects, Rings(rings), labels, bool(flags & _RGB), bool(flags & _COMPACT),
            bool(flags & _PLANE), bool(flags & _LENS), bool(flags & _WIDE_TRACKS), x, y,
            bool(flags & _PLAIN),
        )  # fmt: skip

    @staticmethod
    def is_valid(block: bytes) -> bool:
        """Whether :meth:`read` would accept the block."""
        is_whole = len(block) == BLOCK_SIZE and block[:3] == _VALID_START and is_sealed(block)
        return is_whole and block[20] <= Rings.ALL

    @property
    def grid(self) -> MarkGrid:
        """The grid of the blocks."""
        return COMPACT if self.is_compact else WIDE

    @property
    def object_bits(self) -> int:
        """Bits of an object."""
        rings = (self.rings & (Rings.TEMPERATURE | Rings.DENSITY)).bit_count()
        return _OBJECT_BITS + _WIDE_BITS * self.has_wide_tracks + _RING_BITS * rings

    @property
    def objects_a_page(self) -> int:
        """Objects that a page holds."""
        return PAGE_BITS // self.object_bits

    @property
    def object_pages(self) -> int:
        """Number of pages with objects."""
        return -(-self.objects // self.objects_a_page)

    @property
    def first_object_page(self) -> int:
        """Number of the first page with objects: after those of the ground."""
        return self.has_plane + self.has_lens

    @property
    def pages(self) -> int:
        """Number of pages: of the ground, of objects, of labels."""
        return self.first_object_page + self.object_pages + self.label_pages

    @property
    def used_slots(self) -> int:
        """Number of slots that hold something."""
        return min(FIXED_SLOTS + self.pages, len(self.grid.slots))

    def page_of(self, slot: int, tile_x: int, tile_y: int) -> int:
        """The page in a slot of a tile. Where not all fit, they take turns from tile to tile and in time."""
        room, first = len(self.grid.slots) - FIXED_SLOTS, slot - FIXED_SLOTS
        if self.pages <= room:
            return first
        return (first + room * (self.frame + tile_x + tile_y)) % self.pages


def common_part(block: bytes) -> bytes:
    """What a written header shares with those of the other tiles of its frame."""
    return block[:16] + block[18:-4]


def tile_of(block: bytes) -> tuple[int, int]:
    """Column and row of the tile of a written header."""
    return block[16], block[17]
