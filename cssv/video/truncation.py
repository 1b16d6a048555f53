"""Whether a clip that ended is a whole one: demuxers reach the end of half a file without a word.

The number of frames in a header does not tell: H.264 in AVI counts fields, edit lists leave samples
out. What tells is the structure: an index that goes on, or a file shorter than it says it is.
"""

from __future__ import annotations

import struct
from pathlib import Path

from av.container.input import InputContainer
from av.video.stream import VideoStream

from cssv.files.patched import InputFile

_HEAD_BYTES = 4096
_SEGMENT_ID = 0x18538067
_UNFINISHED_RIFF = (0, 0xFFFFFFFF)


def shortfall(container: InputContainer, stream: VideoStream, path: InputFile, packets: int) -> str | None:
    """Say what is missing after ``packets`` packets came from the whole file; None when nothing is."""
    name = container.format.name
    if "mov" in name:
        # Older PyAV does not show the index; a packet cut in two is found without it.
        listed = len(getattr(stream, "index_entries", None) or ())
        return f"the index lists {listed} frames" if packets < listed else None
    missing = 0
    if "matroska" in name:
        missing = _matroska_bytes(path) - _bytes(path)
    elif name == "avi":
        missing = _riff_bytes(path) - _bytes(path)
    return f"{missing} bytes are missing at its end" if missing > 0 else None


def _bytes(path: InputFile) -> int:
    return Path(path).stat().st_size


def _head(path: InputFile) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _riff_bytes(path: InputFile) -> int:
    """Length that the first RIFF chunk says the file has at least; 0 when it says nothing."""
    size = int(struct.unpack_from("<I", _head(path).ljust(8, b"\0"), 4)[0])
    return 0 if size in _UNFINISHED_RIFF else size + 8


def _matroska_bytes(path: InputFile) -> int:
    """Length that the Segment says the file has at least (RFC 8794, 9559); 0 when it says nothing."""
    head, at = _head(path), 0
    while at + 12 <= len(head):
        identity = struct.unpack_from(">I", head, at)[0]
        width = 9 - head[at + 4].bit_length()
        unknown = (1 << 7 * width) - 1
        value = int.from_bytes(head[at + 4 : at + 4 + width], "big") & unknown
        if value == unknown:
            return 0
        at += 4 + width + value
        if identity == _SEGMENT_ID:
            return at
    return 0
