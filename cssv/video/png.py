"""PNG files: their header, their pixels, and the files of a folder in order."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from cssv.errors import FrameError, VideoError
from cssv.frames import U8
from cssv.video.ffmpeg import check_readable, reason

#: First bytes of every PNG (W3C PNG, 5.2).
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Colour types of a PNG (W3C PNG, 11.2.1).
GREY, GREY_ALPHA, RGB_ALPHA = 0, 4, 6

#: Samples of a pixel by colour type; 1 for the others.
_CHANNELS = {2: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}
#: Deflate cannot shrink data to a smaller part than this.
_DEFLATE_MOST = 1032

#: Offsets in the file: of the name of the first chunk, and of the bits of a sample, which the colour type
#: follows (W3C PNG, 11.2.1). Pillow reads both, but keeps only a mode of its own.
_IHDR_AT, _DEPTH_AT = 12, 24
#: What Pillow raises for files that are damaged or cut short.
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError, struct.error)


@dataclass(frozen=True, slots=True)
class Png:
    """A PNG in memory whose chunks all have the right checksum.

    Attributes:
        path: of the file, for error messages.
        width: pixels.
        height: pixels.
        depth: bits of a sample.
        kind: colour type (W3C PNG, 11.2.1).
        data: all bytes of the file.
    """

    path: Path
    width: int
    height: int
    depth: int
    kind: int
    data: bytes = field(repr=False)

    @classmethod
    def from_file(cls, path: Path) -> Png:
        """Read a file and check its chunks; no pixels are decoded yet.

        Raises:
            VideoError: the file cannot be read, is not a PNG, ends early or is damaged.
        """
        data = read_bytes(path)
        if not data.startswith(PNG_SIGNATURE):
            raise VideoError("not a PNG", found=str(path))
        # Decoders show half of a damaged picture without an error: every chunk is checked first.
        try:
            width, height = _open(data).size
            _open(data).verify()
        except _PILLOW_ERRORS as error:
            if b"IEND" not in data:
                raise VideoError("the PNG breaks off", found=str(path), remedy="Use a whole copy.") from error
            raise _damaged(path, reason(error)) from error
        if data[_IHDR_AT : _IHDR_AT + 4] != b"IHDR":
            raise _damaged(path, "its first chunk is not the header")
        return cls(path, width, height, depth=data[_DEPTH_AT], kind=data[_DEPTH_AT + 1], data=data)

    def pixels(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Decode: (H, W) uint8 or uint16 of a grey PNG, (H, W, 3) uint8 RGB of all others, without alpha.

        The array is read only.

        Raises:
            VideoError: the coded pixels are damaged.
        """
        size = self.height * (self.width * self.depth * _CHANNELS.get(self.kind, 1) // 8)
        # A header of a few bytes must not allocate memory for pixels that the file cannot hold.
        if size > _DEFLATE_MOST * len(self.data):
            found = f"{self.width}x{self.height} pixels cannot lie in {len(self.data)} bytes"
            raise _damaged(self.path, found)
        try:
            image = _open(self.data)
            # Converting takes a copy, so it is left to the pictures with a palette or alpha.
            is_plain = self.kind == GREY or image.mode == "RGB"
            return np.asarray(image if is_plain else image.convert("RGB"))
        except _PILLOW_ERRORS as error:
            raise _damaged(self.path, f"its pixels cannot be read: {reason(error)}") from error


def _open(data: bytes) -> PngImageFile:
    # Image.open would refuse large pictures by a limit of its own, and try other formats.
    return PngImageFile(io.BytesIO(data))


def _damaged(path: Path, what: str) -> VideoError:
    return VideoError("the PNG is damaged", found=f"{path}: {what}", remedy="Use a whole copy.")


def encode_png(pixels: U8) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB pixels as a PNG. Raises FrameError for a picture too large."""
    ordered = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    # OpenCV writes in less than half the time of Pillow at the same size, and a clip has thousands of frames.
    done, data = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not done:
        raise FrameError("the frame cannot be written as a PNG", found=f"{pixels.shape[1]}x{pixels.shape[0]}")
    return data.tobytes()


def is_png(path: Path) -> bool:
    """Whether a file begins with the signature of PNG."""
    with path.open("rb") as file:
        return file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE


def png_files(path: Path) -> list[Path]:
    """The PNGs of a folder in natural order (2 before 10), or the file ``path`` itself. Raises VideoError."""
    if not path.is_dir():
        check_readable(path)
        return [path]
    try:
        found = [entry for entry in path.iterdir() if entry.suffix.lower() == ".png"]
    except OSError as error:
        raise VideoError("the folder cannot be read", found=f"{path}: {reason(error)}") from error
    # Hidden files are left behind by other programs and hold no pictures.
    found = [entry for entry in found if not entry.name.startswith(".")]
    if not found:
        raise VideoError(
            "the folder holds no PNG files", found=str(path), remedy="Check the name of the folder."
        )
    return sorted(found, key=natural_order)


def natural_order(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that compares digits as numbers."""
    parts = re.split(r"([0-9]+)", path.stem)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts if p], path.name


def read_bytes(path: Path) -> bytes:
    """All bytes of a file. Raises VideoError where it cannot be read."""
    check_readable(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError("the file cannot be read", found=f"{path}: {reason(error)}") from error
