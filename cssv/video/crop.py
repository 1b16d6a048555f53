"""Cropping that a container asks for: PixelCrop of Matroska, the clean aperture of MP4 and QuickTime.

FFmpeg hands it on beside the codec's parameters, where PyAV does not show it. So both places are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from av.container.input import InputContainer
from av.video.stream import VideoStream

from cssv.files.patched import InputFile

#: Bytes of a file in which the description of its tracks is looked for, and elements that are visited.
_HEAD_BYTES, _MOST_ELEMENTS = 1 << 24, 10_000

# Elements of Matroska (RFC 9559, 5.1).
_SEGMENT, _TRACKS, _TRACK, _TYPE, _VIDEO, _CLUSTER = (
    0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0, 0x1F43B675,
)  # fmt: skip
#: Types of tracks that FFmpeg makes a stream of: video, audio, subtitles, metadata.
_STREAM_TYPES = (1, 2, 17, 33)
_CROPS = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}

# Boxes of MP4 (ISO/IEC 14496-12, 12.1.4), and the bytes of a visual sample entry before its own boxes.
_PARENTS = {b"moov", b"mdia", b"minf", b"stbl"}
_ENTRY_BYTES, _STSD_BYTES, _CLAP = 78, 8, struct.Struct(">4I4i")


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels to remove at each side of a decoded picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is removed."""
        return not (self.left or self.top or self.right or self.bottom)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """What is left of a picture of this size."""
        return width - self.left - self.right, height - self.top - self.bottom

    def fits(self, width: int, height: int) -> bool:
        """Whether anything is left of a picture of this size."""
        sides = (self.left, self.top, self.right, self.bottom)
        return min(sides) >= 0 and min(self.size(width, height)) > 0

    def aligned(self, step_x: int, step_y: int) -> Crop:
        """The crop that begins at the multiple of a step before, so that it keeps a little more."""
        return Crop(self.left // step_x * step_x, self.top // step_y * step_y, self.right, self.bottom)


#: No side removed.
NO_CROP = Crop()


def crop_of(container: InputContainer, path: InputFile, stream: VideoStream) -> Crop:
    """Read the crop of a video stream; an empty one for other formats and for damaged descriptions."""
    name = container.format.name
    width, height = stream.codec_context.width, stream.codec_context.height
    try:
        with path.open("rb") as file:
            if "matroska" in name:
                found = _matroska_crop(file, stream.index)
            elif "mov" in name:
                found = _mp4_crop(file, stream.id, width, height)
            else:
                return NO_CROP
    except (OSError, struct.error, ArithmeticError):
        return NO_CROP
    return found if found.fits(width, height) else NO_CROP


def _matroska_crop(file: BinaryIO, index: int) -> Crop:
    # FFmpeg counts the tracks in the order of the file.
    tracks = (dict(_inner(data)) for data in _track_entries(file, 0, _HEAD_BYTES))
    streams = [track for track in tracks if int.from_bytes(track.get(_TYPE, b"")) in _STREAM_TYPES]
    video = dict(_inner(streams[index].get(_VIDEO, b""))) if index < len(streams) else {}
    return Crop(**{side: int.from_bytes(video.get(key, b"")) for key, side in _CROPS.items()})


def _track_entries(file: BinaryIO, at: int, end: int) -> Iterator[bytes]:
    """The entries of the list of tracks, in the file before its first cluster."""
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return
        file.seek(at)
        head = file.read(12)
        kind, size, width = _element_head(head)
        if kind == _CLUSTER or width == 0:
            return
        at += width
        if kind in (_SEGMENT, _TRACKS):
            continue
        if kind == _TRACK and size is not None and size <= _HEAD_BYTES:
            file.seek(at)
            yield file.read(size)
        if size is None:
            return
        at += size


def _inner(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, size, width = _element_head(data[at : at + 12])
        if width == 0 or size is None:
            return
        yield kind, data[at + width : at + width + size]
        at += width + size


def _element_head(head: bytes) -> tuple[int, int | None, int]:
    """Kind, size and length of the head of an element (RFC 8794): None for an unknown size, 0 for damage."""
    if not head or not head[0]:
        return 0, None, 0
    first = 9 - head[0].bit_length()
    if first > 4 or len(head) <= first or not head[first]:
        return 0, None, 0
    second = 9 - head[first].bit_length()
    unknown = (1 << 7 * second) - 1
    size = int.from_bytes(head[first : first + second]) & unknown
    return int.from_bytes(head[:first]), None if size == unknown else size, first + second


def _mp4_crop(file: BinaryIO, number: int, width: int, height: int) -> Crop:
    end = file.seek(0, 2)
    for kind, start, stop in _boxes(file, 0, end):
        if kind != b"moov":
            continue
        for inner, first, last in _boxes(file, start, stop):
            if inner == b"trak" and _track_number(file, first, last) == number:
                return _clean_aperture(file, first, last, width, height)
    return NO_CROP


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte of the content and end of each box in a range."""
    for _ in range(_MOST_ELEMENTS):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", file.read(8)), 16
        elif size == 0:
            size = end - at
        if size < head:
            return
        yield kind, at + head, min(at + size, end)
        at += size


def _track_number(file: BinaryIO, start: int, end: int) -> int | None:
    for kind, first, _ in _boxes(file, start, end):
        if kind == b"tkhd":
            file.seek(first)
            data = file.read(24)
            return int(struct.unpack_from(">I", data, 20 if data[:1] == b"\x01" else 12)[0])
    return None


def _clean_aperture(file: BinaryIO, start: int, end: int, width: int, height: int) -> Crop:
    for kind, first, last in _boxes(file, start, end):
        if kind in _PARENTS:
            found = _clean_aperture(file, first, last, width, height)
        elif kind == b"stsd":
            found = _entry_aperture(file, first + _STSD_BYTES, last, width, height)
        else:
            continue
        if not found.is_empty:
            return found
    return NO_CROP


def _entry_aperture(file: BinaryIO, start: int, end: int, width: int, height: int) -> Crop:
    for _, first, last in _boxes(file, start, end):
        for kind, at, _ in _boxes(file, first + _ENTRY_BYTES, last):
            if kind == b"clap":
                file.seek(at)
                return _from_aperture(_CLAP.unpack(file.read(_CLAP.size)), width, height)
    return NO_CROP


def _from_aperture(numbers: tuple[int, ...], width: int, height: int) -> Crop:
    """The crop of a clean aperture: its size, and the offset of its centre from that of the picture."""
    clean_w, clean_h = Fraction(numbers[0], numbers[1]), Fraction(numbers[2], numbers[3])
    shift_x, shift_y = Fraction(numbers[4], numbers[5]), Fraction(numbers[6], numbers[7])
    left, top = round((width - clean_w) / 2 + shift_x), round((height - clean_h) / 2 + shift_y)
    return Crop(left, top, width - left - round(clean_w), height - top - round(clean_h))
