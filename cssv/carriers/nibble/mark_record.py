"""What a mark says: which frame this is, in which units, of which scene (carriers/nibble/SPEC.md, section 4).

A mark is 128 bytes in four blocks of 32: the header (changes every frame), the scene miniature (two
blocks, constant over a clip) and the support map (sparse fidelity only). It is repeated in every
cell of the image, so that any crop of 160x160 pixels holds at least one whole mark.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.framing import is_sealed, seal, unseal
from cssv.errors import FramingError
from cssv.frames import SIDE_RANGE

MAGIC = 0xC55B
#: Versions of the pixels: SPEC.md describes the first one, SPEC2.md the second one.
VERSION, VERSION_2 = 1, 2
#: Bytes of the header and of the miniature.
HEADER_SIZE, MINIATURE_SIZE = 32, 64
#: Support blocks along one side of a cell; a support map holds 3 x 3 cells.
CELL_BLOCKS = 5

FLAG_SPARSE, FLAG_RGB, FLAG_PLAIN = 1, 2, 4

#: Offset of the column and row of the cell in a header, a byte each.
CELL_PLACE = 16
_HEADER = struct.Struct(">HBBIqBBBBI")
_MINIATURE = struct.Struct(">6fHHIIfeeeee8s")
MAGIC_BYTES = struct.pack(">H", MAGIC)
_VALID_STARTS = tuple(MAGIC_BYTES + bytes([version]) for version in (VERSION, VERSION_2))
#: Bits of a nibble.
_NIBBLE = 4
#: Largest finite number of half precision; what exceeds it is written as it.
_HALF_LIMIT = 65504.0


@dataclass(frozen=True, slots=True)
class Header:
    """The part of a mark that changes from frame to frame.

    Attributes:
        frame: number of the frame in the encoded clip, from 0 (32 bit).
        pts: presentation time in the miniature's time base (64 bit, signed).
        cell_x, cell_y: column and row of the cell in the whole frame, so that a crop knows its place.
        check: CRC-32 of the nibbles of the cell (SPEC.md, section 4.1, "Check").
        objects: how many objects the frame's template shows, 255 for that many or more.
        sparse: pixels outside the support are the cover's own.
        rgb: planes are R, G, B instead of Y, Cb, Cr.
        plain: merged by plain replacement instead of optimal pixel adjustment.
        version: of the pixels.
        empty_bits: version 2, where every byte carries: how many of the lowest bits of a luma byte, and of a
            chroma byte, are 0 where nothing is drawn. Otherwise zeros.
    """

    frame: int
    pts: int
    cell_x: int = 0
    cell_y: int = 0
    objects: int = 0
    check: int = 0
    sparse: bool = False
    rgb: bool = False
    plain: bool = False
    version: int = VERSION
    empty_bits: tuple[int, int] = (0, 0)

    def write(self) -> bytes:
        """HEADER_SIZE bytes. Raises FramingError when a field does not fit."""
        flags = FLAG_SPARSE * self.sparse | FLAG_RGB * self.rgb | FLAG_PLAIN * self.plain
        luma_bits, chroma_bits = self.empty_bits
        _check_bits(self.empty_bits)
        try:
            record = _HEADER.pack(
                MAGIC, self.version, flags, self.frame, self.pts,
                self.cell_x, self.cell_y, min(self.objects, 255), luma_bits << 4 | chroma_bits, self.check,
            )  # fmt: skip
        except struct.error as error:
            raise FramingError("a frame header does not fit", found=str(self), bound=str(error)) from error
        return seal(record, HEADER_SIZE)

    @staticmethod
    def read(block: bytes) -> Header:
        """Inverse of :meth:`write`. Raises FramingError on a wrong magic, version or CRC."""
        record = unseal(block, HEADER_SIZE)
        fields = _HEADER.unpack_from(record)
        magic, version, flags, frame, pts, cell_x, cell_y, objects, bits, check = fields
        if magic != MAGIC or version not in (VERSION, VERSION_2):
            raise FramingError(
                "not a frame header of this version",
                found=f"magic {magic:04x}, version {version}",
                bound=f"magic {MAGIC:04x}, version {VERSION} or {VERSION_2}",
                remedy="Update cssv if the version is newer.",
            )
        # Version 1 leaves the byte to later versions.
        empty_bits = _bits_of(bits) if version == VERSION_2 else (0, 0)
        _check_bits(empty_bits)
        return Header(
            frame, pts, cell_x, cell_y, objects, check,
            bool(flags & FLAG_SPARSE), bool(flags & FLAG_RGB), bool(flags & FLAG_PLAIN),
            version, empty_bits,
        )  # fmt: skip

    @staticmethod
    def is_valid(block: bytes) -> bool:
        """Whether :meth:`read` would accept the block."""
        if len(block) != HEADER_SIZE or block[:3] not in _VALID_STARTS or not is_sealed(block):
            return False
        return block[2] == VERSION or max(_bits_of(block[19])) <= _NIBBLE


def _bits_of(byte: int) -> tuple[int, int]:
    """The empty bits of luma and chroma in a byte of a header."""
    return byte >> 4, byte & 15


def _check_bits(empty_bits: tuple[int, int]) -> None:
    """Raise FramingError unless both numbers are those of bits of a nibble."""
    if not all(0 <= bits <= _NIBBLE for bits in empty_bits):
        raise FramingError(
            "a frame header's number of empty bits is out of range",
            found=str(empty_bits),
            bound=f"0 to {_NIBBLE}",
        )


def header_blocks(header: Header, checks: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The header of every cell of a frame, written.

    Args:
        header: the frame's; its cell and check are replaced.
        checks: (rows, columns), one a cell.

    Returns:
        (rows, columns, HEADER_SIZE) bytes.
    """
    rows, columns = checks.shape
    head = header.write()
    start, middle, end = head[:16], head[18:20], head[24:-4]
    blocks = []
    for row in range(rows):
        for column in range(columns):
            check = int(checks[row, column]).to_bytes(4, "big")
            blocks.append(seal(start + bytes((column, row)) + middle + check + end, HEADER_SIZE))
    return np.frombuffer(b"".join(blocks), np.uint8).reshape(rows, columns, HEADER_SIZE)


def common_part(block: bytes) -> bytes:
    """What a written header shares with those of the other cells of its frame."""
    return block[:16] + block[18:20] + block[24:-4]


def frame_of(block: bytes) -> int:
    """Frame number of a written header."""
    return int.from_bytes(block[4:8], "big")


def check_of(block: bytes) -> int:
    """Check of the cell of a written header."""
    return int.from_bytes(block[20:24], "big")


@dataclass(frozen=True, slots=True)
class Miniature:
    """The scene in 64 bytes: enough to read every attribute of a frame in its units.

    Attributes:
        speed_px_s, temperature_c, density_kg_m3: (low, high) of the drawn range.
        width, height: the whole frame in pixels.
        time_base: seconds per unit of ``pts``.
        lighting_lux, humidity_pct, ambient_temperature_c, wind_m_s, wind_deg, pressure_hpa: the
            environment, NaN where unknown; half precision but for the lux, up to 65504.
        digest: first eight bytes of the SHA-256 of the scene's JSON.
    """

    speed_px_s: tuple[float, float]
    temperature_c: tuple[float, float]
    density_kg_m3: tuple[float, float]
    width: int
    height: int
    time_base: Fraction
    lighting_lux: float = math.nan
    humidity_pct: float = math.nan
    ambient_temperature_c: float = math.nan
    wind_m_s: float = math.nan
    wind_deg: float = math.nan
    pressure_hpa: float = math.nan
    digest: bytes = bytes(8)

    def write(self) -> bytes:
        """MINIATURE_SIZE bytes. Raises FramingError when a field does not fit."""
        air = (
            self.humidity_pct, self.ambient_temperature_c, self.wind_m_s, self.wind_deg, self.pressure_hpa,
        )  # fmt: skip
        halves = [math.copysign(min(abs(value), _HALF_LIMIT), value) for value in air]
        try:
            record = _MINIATURE.pack(
                *self.speed_px_s, *self.temperature_c, *self.density_kg_m3,
                self.width, self.height, self.time_base.numerator, self.time_base.denominator,
                self.lighting_lux, *halves, self.digest,
            )  # fmt: skip
        except (struct.error, OverflowError) as error:
            raise FramingError("a scene miniature does not fit", found=str(self), bound=str(error)) from error
        _check_miniature(_MINIATURE.unpack(record))
        return seal(record, MINIATURE_SIZE)

    @staticmethod
    @lru_cache(maxsize=8)
    def read(block: bytes) -> Miniature:
        """Inverse of :meth:`write`, to the precision of the fields. Raises FramingError.

        Kept, because all marks of a clip have the same.
        """
        fields = _MINIATURE.unpack_from(unseal(block, MINIATURE_SIZE))
        _check_miniature(fields)
        speed, temperature, density, air = fields[0:2], fields[2:4], fields[4:6], fields[10:]
        width, height, time_base = fields[6], fields[7], Fraction(fields[8], fields[9])
        return Miniature(speed, temperature, density, width, height, time_base, *air)


def _check_miniature(fields: tuple[Any, ...]) -> None:
    """Raise FramingError unless unpacked fields can be a scene's."""
    for low, high in (fields[0:2], fields[2:4], fields[4:6]):
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise FramingError("a scene miniature's range is empty", found=f"{low} to {high}")
    if not all(SIDE_RANGE[0] <= side <= SIDE_RANGE[1] for side in fields[6:8]):
        raise FramingError("a scene miniature's frame size is out of range", found=f"{fields[6]}x{fields[7]}")
    if not all(fields[8:10]):
        raise FramingError("a scene miniature has no time base", found=f"{fields[8]}/{fields[9]}")


def write_support(bits: bytes) -> bytes:
    """The 32 bytes of a support map: 225 bits (packed, 29 bytes) of 3 x 3 cells, and a 24-bit CRC."""
    return bits[:29] + seal(bits[:29], 33)[-3:]


def read_support(block: bytes) -> bytes | None:
    """Return the 29 bytes given to :func:`write_support`, or None when the checksum is wrong."""
    bits = block[:29]
    return bits if write_support(bits) == block else None
