"""Whether a clip that ended is a whole one: demuxers reach the end of half a file without a word."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

from av.container.input import InputContainer
from av.video.stream import VideoStream

#: A clip that ends with less than this share of the packets its header lists is broken off. Headers
#: that list a few too many are common: repeated and empty frames are counted by some writers.
WHOLE_SHARE = Fraction(95, 100)
_FEW_PACKETS = 2

_SEGMENT_ID = 0x18538067


def shortfall(container: InputContainer, stream: VideoStream, path: Path, packets: int) -> str | None:
    """Say what is missing after ``packets`` packets came from the whole file; None when nothing is."""
    name = container.format.name
    if "matroska" in name:
        missing = _matroska_missing(path)
        return f"{missing} bytes are missing at its end" if missing else None
    listed = stream.frames
    if "mov" in name:
        # An edit list rightly leaves out samples that the header counts; the index knows.
        entries = getattr(stream, "index_entries", None)
        listed = len(entries) if entries is not None else 0
    if listed - packets > _FEW_PACKETS and packets < listed * WHOLE_SHARE:
        return f"the header lists {listed} frames"
    return None


def _matroska_missing(path: Path) -> int:
    """Bytes by which the file is shorter than its Segment says (RFC 8794, 9593); 0 when unknown."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    at = 0
    while at + 12 <= len(head):
        identity = struct.unpack_from(">I", head, at)[0]
        width = 9 - head[at + 4].bit_length()
        value = int.from_bytes(head[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
        end = at + 4 + width + value
        if identity == _SEGMENT_ID:
            # All ones mean "until the end of the file": a live recording.
            is_open = value == (1 << 7 * width) - 1
            return 0 if is_open else max(0, end - size)
        at = end
    return 0
