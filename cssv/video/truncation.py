"""Detection of files that end early, which demuxers read to their end without an error.

The number of frames in a header is no evidence: H.264 in AVI counts fields, and edit lists leave samples
out. The structure of the file is: its index lists more packets, or the file is shorter than its header says.
"""

from __future__ import annotations

import struct
from pathlib import Path

from av.container.input import InputContainer
from av.video.stream import VideoStream

from cssv.files.patched import InputFile

#: Bytes read to find the Segment of a Matroska file.
_HEAD_BYTES = 4096
_SEGMENT_ID = 0x18538067
#: Lengths that programs leave in a RIFF file that they did not finish.
_UNFINISHED_RIFF = (0, 0xFFFFFFFF)


def shortfall(container: InputContainer, stream: VideoStream, path: InputFile, packets: int) -> str | None:
    """Describe what is missing after ``packets`` packets were read from the whole file; None for nothing."""
    name = container.format.name
    if "mov" in name:
        # Older versions of PyAV have no index entries. There only a packet cut in two is found.
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
    """Shortest length of the file by its first RIFF chunk; 0 when the chunk was never finished."""
    size = int(struct.unpack_from("<I", _head(path).ljust(8, b"\0"), 4)[0])
    return 0 if size in _UNFINISHED_RIFF else size + 8


def _matroska_bytes(path: InputFile) -> int:
    """Shortest length of the file by its Segment (RFC 8794, 9559); 0 for a length of unknown."""
    head, at = _head(path), 0
    while at + 12 <= len(head):
        identity = struct.unpack_from(">I", head, at)[0]
        width = 9 - head[at + 4].bit_length()
        unknown = (1 << 7 * width) - 1
        value = int.from_bytes(head[at + 4 : at + 4 + width], "big") & unknown
        # All ones mean an unknown length, as in a live recording.
        if value == unknown:
            return 0
        at += 4 + width + value
        if identity == _SEGMENT_ID:
            return at
    return 0
