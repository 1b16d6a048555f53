"""Bounds of the file format (SPEC.md, section 11).

A reader checks each bound before it allocates; a writer never exceeds one. A sample has at least one byte,
and no byte belongs to two samples of a version, so a file has at most as many samples as bytes. What a reader
allocates is therefore proportional to the size of the file.
"""

from __future__ import annotations

from cssv.errors import LimitError

MIB = 1 << 20

#: Bytes of one ``moov`` box.
MOOV_LIMIT = 256 * MIB
#: Bytes of one index box.
INDEX_LIMIT = 256 * MIB
#: Bytes of one sample.
SAMPLE_LIMIT = 1024 * MIB
#: Samples of all tracks of one version together (93 hours at 25 frames/s with their scene samples).
SAMPLES_LIMIT = 1 << 24
#: Tracks in one ``moov``.
TRACKS_LIMIT = 32
#: Boxes at the top level of a file.
TOP_BOXES_LIMIT = 1 << 18
#: Boxes directly inside one box.
CHILD_BOXES_LIMIT = 4096
#: Boxes inside boxes, counted from 0 at the top level.
DEPTH_LIMIT = 8
#: Bytes of one sample entry, and sample entries of one track.
ENTRY_LIMIT = MIB
ENTRIES_LIMIT = 256
#: Bytes of an MP4 from which a sample entry is read.
HEAD_LIMIT = 64 * MIB
#: Versions in one index.
VERSIONS_LIMIT = 65535
#: Tags in one index, and UTF-8 bytes of a tag's name.
TAGS_LIMIT = 65535
TAG_LIMIT = 255
#: Seconds since 1970: up to the end of the year 9999.
CREATED_LIMIT_S = 253_402_300_799
#: UTF-8 bytes of a version's texts.
AUTHOR_LIMIT = 1024
MESSAGE_LIMIT = 65536
META_LIMIT = 65536
#: Depth of nested objects and lists in a version's facts; characters of an integer there.
META_DEPTH_LIMIT = 64
META_DIGITS_LIMIT = 300
#: Units per second. FFmpeg keeps timescales and sample durations as signed 32-bit integers.
TIMESCALE_LIMIT = (1 << 31) - 1
DURATION_LIMIT = (1 << 31) - 1
#: Presentation times in media units and in seconds. The bound in seconds keeps the times of edit lists
#: within 63 bits at any movie timescale.
TICKS_LIMIT = 1 << 53
TIME_LIMIT_S = 1 << 31
#: Frame sides, which a track header holds as 16.16.
SIDE_LIMIT = 65535


def ticks_limit(timescale: int) -> int:
    """The largest presentation time in units of 1 / ``timescale`` seconds."""
    return min(TICKS_LIMIT, TIME_LIMIT_S * timescale)


def check_limit(what: str, found: int, limit: int, low: int = 0) -> int:
    """Return ``found``, or raise LimitError unless ``low <= found <= limit``."""
    if not low <= found <= limit:
        raise LimitError(what, found=found, bound=f"{low} to {limit}")
    return found
