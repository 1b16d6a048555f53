"""Reader of CPTV, the Cacophony Project's thermal video format: lossless counts in gzip.

A file is a header and frames, each a list of fields (length, code, data). A frame holds the differences from
the frame before. These are coded again as differences along the rows, which run alternately to the right and
to the left: the first in four bytes, the others packed in ``bit width`` bits each.

The time of a frame is a number of 32 bits: in version 1 the microseconds since the time in the header
(SPECv1.md), in version 2 the milliseconds since the camera was switched on (SPECv2.md).

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
from cssv.files.access import guarded
from cssv.scene.thermal import CENTIKELVIN, Unit

#: Cameras with counts in hundredths of a kelvin (FLIR Lepton with radiometry: "TLinear" output).
RADIOMETRIC_MODELS = ("lepton2.5", "lepton3.5")
#: First bytes of the file, and of its content after decompression.
GZIP = b"\x1f\x8b"
_MAGIC = b"CPTV"
#: Units of time a second, by version.
_TIME_UNITS = {1: 1_000_000, 2: 1000}
#: The time starts again at 0 after this many units: 72 minutes in version 1, 50 days in version 2.
_TIME_WRAP = 2**32
_WIDEST = 24

#: Longest side in pixels: the largest infrared detectors have 2560 columns, the project's cameras 160.
SIDE_MAX = 2560
#: Gzip cannot shrink data to a smaller part than this.
_GZIP_MOST = 1032
#: Numbers that are unpacked at once.
_RUN = 1 << 16

Fields = dict[bytes, bytes]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]


class CptvVideo:
    """The counts of a CPTV file, version 1 or 2.

    Each iteration opens the file again and yields counts, (H, W) uint16, with their time since the first
    picture in seconds, exact; None for a picture without a time. Background pictures are left out.

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
        self._check_size()
        # Counts are temperatures only from cameras with radiometry; other models give no absolute scale.
        self.model = self._header.get(b"E", b"").decode("utf-8", "replace")
        self.unit: Unit | None = CENTIKELVIN if self.model.lower() in RADIOMETRIC_MODELS else None

    def _check_size(self) -> None:
        """Raise ThermalError unless the file can hold a picture of the size that its header states."""
        # A header of a few bytes must not allocate memory for pictures that no camera takes, or that no file
        # of this length can hold: each pixel takes at least one bit.
        width, height = self.size
        if not all(0 < side <= SIDE_MAX for side in self.size):
            raise self._wrong("the picture's size is out of range", f"{width}x{height}", f"1 to {SIDE_MAX}")
        most = 8 * _GZIP_MOST * self._path.stat().st_size
        if width * height > most:
            raise self._wrong(
                "the picture's size is out of range", f"{width}x{height}",
                f"at most {most} pixels in a file of this length", "The file is damaged: use a whole copy.",
            )  # fmt: skip

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
        if start[4:] not in (bytes([version]) for version in _TIME_UNITS):
            raise self._wrong("unknown version of CPTV", start[4:].hex(), "1 or 2")
        self.version = start[4]
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

    @guarded
    def __iter__(self) -> Iterator[tuple[U16, Fraction | None]]:
        width, height = self.size
        # Counts have 16 bits, so that sums that wrap around in 32 bits give the same counts.
        last = np.zeros(width * height, np.uint32)
        times = _Times(_TIME_UNITS[self.version])
        with self._opened() as file:
            self._read_header(file)
            while (fields := self._section(file, b"F")) is not None:
                last += self._changes(file, fields)
                # A background picture is no moment of the video, but the next frame is coded against it.
                if self._number(fields, b"g", 0):
                    continue
                counts = last.astype(np.uint16).reshape(height, width)
                # Every second row is stored from right to left.
                counts[1::2] = counts[1::2, ::-1].copy()
                yield counts, times.next(self._number(fields, b"t")) if b"t" in fields else None

    def _changes(self, file: BinaryIO, fields: Fields) -> U32:
        """Decode the differences of a frame's pixels from the frame before, in storage order, modulo 2^32."""
        bits, size = self._number(fields, b"w"), self._number(fields, b"f")
        deltas = self.size[0] * self.size[1] - 1
        needed = 4 + -(-deltas * bits // 8)
        # The size is checked before it is read: a damaged length must not allocate memory. Up to 4 spare
        # bytes may follow the packed numbers.
        if not 1 <= bits <= _WIDEST or not needed <= size <= needed + 4:
            found = f"{size} bytes in {bits} bits each"
            raise self._wrong("the CPTV file is damaged", found, f"{needed} bytes in 1 to {_WIDEST} bits")
        data = _exactly(file, size)
        changes = np.empty(deltas + 1, np.uint32)
        changes[0] = struct.unpack_from("<I", data)[0]
        packed = np.frombuffer(data, np.uint8, needed - 4, 4)
        for first in range(0, deltas, _RUN):
            count = min(_RUN, deltas - first)
            changes[first + 1 : first + 1 + count] = _unpacked(packed[first * bits // 8 :], bits, count)
        return np.cumsum(changes, dtype=np.uint32)


class _Times:
    """The times of successive pictures since the first one, in seconds, from numbers of 32 bits.

    Args:
        units: units of the numbers a second.
    """

    def __init__(self, units: int) -> None:
        self._units = units
        self._elapsed = 0
        self._last: int | None = None

    def next(self, number: int) -> Fraction:
        """The time of the next picture; it is less than that of the picture before if the number fell."""
        if self._last is not None:
            step = (number - self._last) % _TIME_WRAP
            # A step of more than half the period is a step back, not one of 36 minutes or 25 days.
            self._elapsed += step if step < _TIME_WRAP // 2 else step - _TIME_WRAP
        self._last = number
        return Fraction(self._elapsed, self._units)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError(f"{size - len(data)} bytes are missing")
    return data


def _unpacked(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.int32]:
    """Unpack signed integers of ``bits`` bits each, the highest bit first."""
    # Whole bytes are the usual widths, and a view of the array is much faster than single bits.
    if bits == 8:
        return packed[:count].view(np.int8).astype(np.int32)
    if bits == 16:
        return packed[: 2 * count].view(">i2").astype(np.int32)
    rows = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    found = np.zeros(count, np.int32)
    for row in rows.T:
        found <<= 1
        found |= row
    # Two's complement: the highest bit counts negative.
    return found - (rows[:, 0].astype(np.int32) << bits)
