"""PNG files as frames, and frames as PNG files.

A PNG is RGB or grey, so a 4:2:0 frame is written as one grey picture of its stacked planes, Y over
Cb over Cr as in I420, half as high again as the frame. Both kinds keep every byte.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from av.video.frame import VideoFrame

from cssv.errors import ChecksumError, FrameError, OutputError, VideoError
from cssv.files.atomic import whole_file, whole_folder
from cssv.frames import U8, Frame, Layout, check_size
from cssv.video.ffmpeg import check_readable, reason
from cssv.video.frame_reader import FrameReader, Planes, check_number
from cssv.video.info import Colour, VideoInfo, check_time
from cssv.video.planes import PlaneConverter
from cssv.video.span import WHOLE_CLIP, Span

#: Frames per second of pictures when nobody says.
PICTURE_RATE = Fraction(25)

#: First bytes of every PNG (W3C PNG, 5.2).
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Colour types of a PNG (W3C PNG, 11.2.1).
GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_RGB_COLOUR = Colour(range=2, space=0)


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What the first chunk says (W3C PNG, 11.2.1): sides in pixels, bits a sample, colour type."""

    width: int
    height: int
    depth: int
    kind: int

    @property
    def layout(self) -> Layout:
        """Layout of the planes in it, if it can be a frame."""
        return "yuv420p" if self.kind == GREY else "rgb24"


class PictureReader(FrameReader):
    """Reads a PNG, or a folder of PNGs in natural order (2 before 10), as frames.

    RGB pictures are ``rgb24``; 8-bit grey ones are the stacked planes of ``yuv420p``. Loops, seeks
    and closes as :class:`cssv.video.VideoReader` does.

    Args:
        path: a PNG or a folder.
        planes: ``"rgb"`` converts stacked planes to RGB.
        rate: frames per second; frame n gets pts n in time base 1 / rate.
        span: frames outside are left out.

    Raises:
        VideoError: no PNG there, damaged, of different sizes or kinds, or 16 bit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
    ) -> None:
        self._files = png_files(Path(path))
        self._rate = rate if rate is not None else PICTURE_RATE
        check_time(1 / self._rate if self._rate else Fraction(0), self._rate)
        count, time_base = len(self._files), 1 / self._rate
        stop = span.stop_pts(time_base)
        self._first = span.first_pts(time_base) or 0
        self._stop = count if stop is None else min(count, stop)
        self._next = 0
        self._header = _read_header(self._files[0], read_bytes(self._files[0]))
        self._converter: PlaneConverter | None = None
        self.info = self._describe(planes)

    def _describe(self, planes: Planes) -> VideoInfo:
        header = self._header
        height = header.height
        if header.layout == "yuv420p":
            height = _stacked_height(self._files[0], header)
        check_size(header.layout, header.width, height)
        notes: tuple[str, ...] = ()
        if header.kind == _RGB_ALPHA:
            notes = ("converted from rgba to rgb24, alpha dropped",)
        layout = header.layout
        if planes == "rgb" and layout == "yuv420p":
            self._converter = PlaneConverter(VideoFrame(header.width, height, "yuv420p"), "rgb")
            layout, notes = self._converter.layout, self._converter.notes
        count = len(self._files)
        return VideoInfo(
            width=header.width,
            height=height,
            layout=layout,
            time_base=1 / self._rate,
            rate=self._rate,
            frame_count=count,
            duration_s=count / self._rate,
            codec="png",
            pix_fmt=header.layout,
            colour=_RGB_COLOUR if layout == "rgb24" else Colour(),
            source_width=header.width,
            source_height=header.height,
            notes=notes,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in order."""
        number, self._next = self._next, 0
        if self._first >= self._stop:
            raise VideoError("no frame lies between start and stop", found=f"{len(self._files)} pictures")
        for pts in range(self._first + number, self._stop):
            planes = self._planes(self._files[pts])
            yield Frame(planes, self.info.layout, pts, self.info.time_base, pts - self._first)

    def _planes(self, path: Path) -> U8:
        data = read_bytes(path)
        header = _read_header(path, data)
        if replace(header, kind=self._header.kind) != self._header or header.layout != self._header.layout:
            raise VideoError(
                "the pictures of a folder must be alike",
                found=f"{path}: {header.width}x{header.height} {header.layout}",
                bound=f"{self._header.width}x{self._header.height} {self._header.layout}",
            )
        planes = _decode(path, data, header)
        if self._converter is None:
            return planes
        return self._converter.planes(VideoFrame.from_ndarray(planes, format="yuv420p"))

    def timestamps(self) -> list[int]:
        """Return the pts of every frame that will be delivered."""
        return list(range(self._first, self._stop))

    def seek(self, number: int, pts: int | None = None) -> None:
        """Let the next loop start at frame ``number``; its ``pts`` may be given and must fit."""
        count = self._stop - self._first
        if pts is not None and pts != self._first + number:
            raise VideoError("the clip has no frame at this time", found=f"pts {pts}")
        check_number(number, count)
        self._next = number

    def close(self) -> None:
        """Do nothing: no file stays open."""


def write_picture(path: str | os.PathLike[str], frame: Frame) -> None:
    """Write one frame as a PNG: RGB, or the stacked planes of a yuv420p frame in grey.

    Raises:
        OutputError: the file cannot be written.
    """
    data = encode_picture(frame)
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_pictures(path: str | os.PathLike[str], frames: Iterable[Frame]) -> int:
    """Write frames into a new folder as 000000.png and on, named by their numbers; return how many.

    Raises:
        OutputError: the folder holds something already or cannot be written, or there are no frames.
        ChecksumError: a picture does not read back. Nothing is left of the folder in either case.
    """
    count = 0
    with whole_folder(path) as temporary:
        for count, frame in enumerate(frames, 1):  # noqa: B007
            file = temporary / f"{frame.number:06d}.png"
            file.write_bytes(encode_picture(frame))
            _check_written(file, frame)
        if not count:
            raise OutputError("no frames were written", found=str(path))
    return count


def is_png(path: Path) -> bool:
    """Whether the file begins as a PNG does."""
    with path.open("rb") as file:
        return file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE


def encode_picture(frame: Frame) -> bytes:
    """One frame as the bytes of a PNG: RGB, or the stacked planes of a yuv420p frame in grey.

    Raises:
        FrameError: the frame is too large for a PNG.
    """
    pixels = frame.planes[..., ::-1] if frame.layout == "rgb24" else frame.planes
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise FrameError("the frame cannot be written as a PNG", found=f"{frame.width}x{frame.height}")
    return data.tobytes()


def _check_written(path: Path, frame: Frame) -> None:
    """Read a picture back and compare."""
    try:
        data = read_bytes(path)
        found = _decode(path, data, _read_header(path, data))
    except VideoError as error:
        raise ChecksumError("a picture does not read back", found=str(error)) from error
    if not np.array_equal(found, frame.planes):
        raise ChecksumError("a picture does not read back", found=f"{path.name} has other pixels")


def png_files(path: Path) -> list[Path]:
    """The PNGs of a folder in natural order, or the one file that ``path`` is. Raises VideoError."""
    if not path.is_dir():
        check_readable(path)
        return [path]
    try:
        found = [entry for entry in path.iterdir() if entry.suffix.lower() == ".png"]
    except OSError as error:
        raise VideoError("the folder cannot be read", found=f"{path}: {reason(error)}") from error
    # Hidden files are what other programs leave behind, not pictures of the clip.
    found = [entry for entry in found if not entry.name.startswith(".")]
    if not found:
        raise VideoError("the folder holds no PNG files", found=str(path))
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"([0-9]+)", path.stem)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts if p], path.name


def read_bytes(path: Path) -> bytes:
    """All of a file. Raises VideoError where it cannot be read."""
    check_readable(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError("the file cannot be read", found=f"{path}: {reason(error)}") from error


def _read_header(path: Path, data: bytes) -> PngHeader:
    return _checked(path, png_header(path, data))


def png_header(path: Path, data: bytes) -> PngHeader:
    """Header of a PNG whose chunks and CRCs are sound (W3C PNG, 5.3); ``path`` stands in the errors.

    libpng shows half a picture without a word. Raises VideoError.
    """
    if not data.startswith(PNG_SIGNATURE):
        raise VideoError("not a PNG", found=str(path))
    at, name, header = len(PNG_SIGNATURE), b"", b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data[at : at + 8].ljust(8, b"\0"))
        end = at + 8 + length
        if end + 4 > len(data):
            raise VideoError("the PNG breaks off", found=str(path), remedy="Use a whole copy.")
        if zlib.crc32(data[at + 4 : end]).to_bytes(4, "big") != data[end : end + 4]:
            raise _damaged(path, f"checksum of chunk {name.decode('latin-1')}")
        header = header or data[at + 8 : end]
        at = end + 4
    if len(header) != 13:
        raise _damaged(path, "no header")
    return PngHeader(*struct.unpack(">IIBB", header[:10]))


def _damaged(path: Path, what: str) -> VideoError:
    return VideoError("the PNG is damaged", found=f"{path}: {what}", remedy="Use a whole copy.")


def _checked(path: Path, header: PngHeader) -> PngHeader:
    if header.depth > 8 or header.kind == _GREY_ALPHA or (header.kind == GREY and header.depth < 8):
        raise VideoError(
            "this kind of PNG cannot be used",
            found=f"{path}: {header.depth} bits, colour type {header.kind}",
            bound="8-bit RGB, palette, or grey of stacked planes",
        )
    return header


def _stacked_height(path: Path, header: PngHeader) -> int:
    if header.height % 3 or header.width % 2:
        raise VideoError(
            "a grey PNG must hold the stacked planes of a frame",
            found=f"{path}: {header.width}x{header.height}",
            bound="even width, height a multiple of 3",
            remedy="Save the picture as RGB to use it as it is.",
        )
    return header.height * 2 // 3


def _decode(path: Path, data: bytes, header: PngHeader) -> U8:
    flag = cv2.IMREAD_UNCHANGED if header.kind == GREY else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise VideoError("the PNG cannot be decoded", found=f"{path}: {error.err}") from error
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise _damaged(path, "its pixels cannot be read")
    if header.layout == "rgb24":
        return np.ascontiguousarray(cast(U8, pixels)[..., ::-1])
    return cast(U8, pixels)
