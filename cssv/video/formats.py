"""Formats that FFmpeg does not read, or of which it reads only a part: refused by name, with a way out."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL.TiffImagePlugin import TiffImageFile

from cssv.errors import VideoError

#: First bytes of a TIFF: little or big endian, with offsets of 4 or 8 bytes.
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FLIR_SIGNATURES = (b"FFF\0", b"AFF\0")
# A WebP of the extended form has a byte of flags behind the first chunk's head (RFC 9649, 2.7).
_WEBP_FLAGS_AT, _WEBP_ANIMATION = 20, 0x02
_HEAD_BYTES = 32

#: What Pillow raises for files that are damaged or cut short.
PILLOW_ERRORS = (
    Warning,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
)


def check_format(path: Path) -> None:
    """Raise VideoError for a format that would be refused without its name, or read in part.

    Raises:
        VideoError: a FLIR SEQ or CSQ recording, an animated WebP, a TIFF of several pages.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_FLIR_SIGNATURES):
        raise VideoError(
            "FLIR recordings (SEQ, CSQ) are not read",
            found=str(path),
            remedy="Export it from FLIR's software as 16-bit pictures, and give the folder of the PNGs.",
        )
    if _is_animated_webp(head):
        raise VideoError(
            "animated WebP is not read",
            found=str(path),
            remedy="Convert it to an animated PNG or GIF, or to single pictures in a folder.",
        )
    if head.startswith(TIFF_SIGNATURES) and (count := page_count(path)) > 1:
        raise VideoError(
            "a TIFF of several pages is no clip",
            found=f"{path}: {count} pages",
            remedy="Save its pages as single pictures in a folder, and give the folder.",
        )


def _is_animated_webp(head: bytes) -> bool:
    if not head.startswith(b"RIFF") or head[8:16] != b"WEBPVP8X" or len(head) <= _WEBP_FLAGS_AT:
        return False
    return bool(head[_WEBP_FLAGS_AT] & _WEBP_ANIMATION)


def page_count(path: Path) -> int:
    """Number of pages of a TIFF; 0 where they cannot be counted."""
    try:
        with strict_pillow(), open_tiff(path) as image:
            return int(image.n_frames)
    except PILLOW_ERRORS:
        return 0


def open_tiff(path: Path) -> TiffImageFile:
    """Open a TIFF by Pillow. Raises PILLOW_ERRORS."""
    # Image.open would refuse large pictures by a limit of its own, and try other formats.
    return TiffImageFile(path)


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Raise what Pillow only warns of: tags that are cut short."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
