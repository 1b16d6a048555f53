"""Times of a clip's frames: which one is on show at a time."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction

from cssv.errors import OptionError
from cssv.pipeline.decoder import Decoder


def frame_at(decoder: Decoder, time_s: Fraction) -> int:
    """The frame on show at a time of the file, counted from 0: the last one that does not begin later.

    Raises:
        OptionError: the time is before the first frame, or at or after the end of the last one.
    """
    total = len(decoder)
    first, end = decoder.time_of(0), end_of(decoder)
    if not first <= time_s < end:
        raise OptionError(
            "no frame is on show at that time",
            found=f"{float(time_s):.9g} s",
            bound=f"{float(first):.9g} s up to, but not, {float(end):.9g} s",
        )
    return bisect_right(range(total), time_s, key=decoder.time_of) - 1


def end_of(decoder: Decoder) -> Fraction:
    """Time of the end of the last frame, seconds."""
    reader, total = decoder.reader, len(decoder)
    last = decoder.time_of(total - 1)
    if reader is not None:
        table = reader.video.table
        return last + (table.time(total) - table.time(total - 1)) * reader.video.time_base
    # Of copies, the length of the last frame is not always known.
    mean = (last - decoder.time_of(0)) / (total - 1) if total > 1 else 1 / decoder.info.rate
    return last + mean
