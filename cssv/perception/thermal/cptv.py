"""Reader of CPTV, the Cacophony Project's thermal video format: lossless counts in gzip (its SPECv2.md).

A file is a header and frames, each a list of fields (length, code, data). A frame holds the differences from
the frame before. These are coded again as differences along the rows, which run alternately to the right and
to the left: the first in four bytes, the others packed in ``bit width`` bits each.

The package ``cptv`` is not used, because it reads a truncated file without an error, as a shorter one.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ThermalError
from cssv.scene.thermal import CENTIKELVIN, Unit
from cssv.video import COUNTS_SIDE_MAX

#: Cameras with counts in hundredths of a kelvin (FLIR Lepton with radiometry: "TLinear" output).
RADIOMETRIC_MODELS = ("lepton2.5", "lepton3.5")
#: First bytes of the file, and of its content after decompression.
GZIP = b"\x1f\x8b"
_MAGIC = b"CPTV"
_VERSIONS = (1, 2)
_WIDEST = 24

Fields = dict[bytes, bytes]
U16 = NDArray[np.uint16]


class CptvVideo:
    """The counts of a CPTV file, version 1 or 2.

    Each iteration opens the file again and yields counts, (H, W) uint16, with their time since the first
    picture in seconds, exact; None in version 1, which has no times. Background pictures are left out.

    Attributes:
        size: width and height in pixels.
        unit: temperature scale of the counts; None if the header does not name a radiometric camera.

    Raises:
        ThermalError: the file is not CPTV, or is damaged; during iteration, it is truncated.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            self._header = self._read_header(file)
        self.size = (self._number(self._header, b"X"), self._number(self._header, b"Y"))
        if not all(0 < side <= COUNTS_SIDE_MAX for side in self.size):
            found = "{}x{}".format(*self.size)
            raise self._wrong("the picture's size is out of range", found, f"1 to {COUNTS_SIDE_MAX}")
        # Counts are temperatures only from cameras with radiometry; other models give no absolute scale.
        self.model = self._header.get(b"E", b"").decode("utf-8", "replace")
        self.unit: Unit | None = CENTIKELVIN if self.model.lower() in RADIOMETRIC_MODELS else None

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with gzip.open(self._path, "rb") as file:
                yield file  # type: ignore[misc]  # mode "rb" gives a reader
        except (EOFError, zlib.error) as error:
            raise self._wrong("the CPTV file breaks off", str(error), remedy="Use a whole copy.") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise self._wrong("the CPTV file cannot be read", reason) from error

    def _wrong(
        self, what: str, found: object, bound: str | None = None, remedy: str | None = None
    ) -> ThermalError:
        return ThermalError(what, found=f"{self._path}: {found}", bound=bound, remedy=remedy)

    def _read_header(self, file: BinaryIO) -> Fields:
        start = file.read(5)
        if start[:4] != _MAGIC:
            raise self._wrong("not a CPTV file", f"it begins with {start[:4]!r}", repr(_MAGIC))
        if start[4:] not in (bytes([version]) for version in _VERSIONS):
            raise self._wrong("unknown version of CPTV", start[4:].hex(), "1 or 2")
        header = self._section(file, b"H")
        if header is None or header.get(b"C") != b"\x01":
            raise self._wrong("unknown compression in a CPTV file", (header or {}).get(b"C"), "1")
        return header

    def _section(self, file: BinaryIO, kind: bytes) -> Fields | None:
        """Read the fields of the next section; None at the end of the file."""
        begin = file.read(1)
        if not begin:
            return None
        if begin != kind:
            raise self._wrong("the CPTV file is damaged", f"a section {begin!r}", repr(kind))
        fields: Fields = {}
        for _ in range(_exactly(file, 1)[0]):
            length, code = struct.unpack("Bc", _exactly(file, 2))
            fields[code] = _exactly(file, length)
        return fields

    def _number(self, fields: Fields, code: bytes, default: int | None = None) -> int:
        data = fields.get(code)
        # Only optional fields have a default; without the others the frame cannot be decoded.
        if data is None and default is not None:
            return default
        if data is None or not 1 <= len(data) <= 4:
            raise self._wrong("the CPTV file is damaged", f"field {code!r} is {data!r}", "1 to 4 bytes")
        return int.from_bytes(data, "little")

    def __iter__(self) -> Iterator[tuple[U16, Fraction | None]]:
        width, height = self.size
        order = np.arange(width * height).reshape(height, width)
        # Every second row is stored from right to left.
        order[1::2] = order[1::2, ::-1]
        last = np.zeros(width * height, np.int64)
        first_ms: int | None = None
        with self._opened() as file:
            self._read_header(file)
            while (fields := self._section(file, b"F")) is not None:
                last += self._changes(file, fields)
                # A background picture is no moment of the video, but the next frame is coded against it.
                if self._number(fields, b"g", 0):
                    continue
                time_s = None
                if b"t" in fields:
                    now_ms = self._number(fields, b"t")
                    first_ms = now_ms if first_ms is None else first_ms
                    time_s = Fraction(now_ms - first_ms, 1000)
                yield last[order].astype(np.uint16), time_s

    def _changes(self, file: BinaryIO, fields: Fields) -> NDArray[np.int64]:
        """Decode the differences of a frame's pixels from the frame before, in storage order."""
        bits, size = self._number(fields, b"w"), self._number(fields, b"f")
        deltas = self.size[0] * self.size[1] - 1
        needed = 4 + -(-deltas * bits // 8)
        # The size is checked before it is read: a damaged length must not allocate memory. Up to 4 spare
        # bytes may follow the packed numbers.
        if not 1 <= bits <= _WIDEST or not needed <= size <= needed + 4:
            found = f"{size} bytes in {bits} bits each"
            raise self._wrong("the CPTV file is damaged", found, f"{needed} bytes in 1 to {_WIDEST} bits")
        data = _exactly(file, size)
        changes = np.empty(deltas + 1, np.int64)
        changes[0] = struct.unpack_from("<i", data)[0]
        packed = np.frombuffer(data, np.uint8, needed - 4, 4)
        changes[1:] = _unpacked(packed, bits, deltas)
        return np.cumsum(changes)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError(f"{size - len(data)} bytes are missing")
    return data


def _unpacked(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.int64]:
    """Unpack signed integers of ``bits`` bits each, the highest bit first."""
    # Whole bytes are the usual widths, and a view of the array is much faster than single bits.
    if bits == 8:
        return packed[:count].view(np.int8).astype(np.int64)
    if bits == 16:
        return packed[: 2 * count].view(">i2").astype(np.int64)
    rows = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.int64)
    # Two's complement: the highest bit counts negative.
    weights[0] = -weights[0]
    return np.asarray(rows @ weights, np.int64)
