"""The head of a window: everything but its objects."""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import fields
from fractions import Fraction
from itertools import pairwise

from cssv.errors import FramingError
from cssv.frames import SIDE_RANGE
from cssv.payload.curves import LARGEST_BOUND, MOST_FRAMES
from cssv.payload.integers import LARGEST, read_signed, read_unsigned, write_signed, write_unsigned
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.payload.scene_part import read_part, write_part
from cssv.payload.window import MOST_SEGMENTS, Window
from cssv.scene import Ranges
from cssv.scene.values import Span

#: Ends of a range that are multiples of these are written as small integers: speed, temperature, density.
RANGE_STEPS = (5, 5, 50)
_FLOAT = struct.Struct(">f")
_LARGEST_FLOAT = (2 - 2**-23) * 2.0**127


def write_head(writer: BitWriter, window: Window) -> None:
    """Write everything but the segments.

    Raises:
        FramingError: a part does not fit.
    """
    write_unsigned(writer, "number", window.number)
    write_unsigned(writer, "time_base", window.time_base.numerator)
    write_unsigned(writer, "time_base", window.time_base.denominator)
    _write_times(writer, window.number, window.pts)
    low, high = SIDE_RANGE
    if not (all(low <= side <= high for side in window.size) and 1 <= window.bound <= LARGEST_BOUND):
        raise FramingError(
            "a window's head does not fit",
            found=f"{window.size[0]}x{window.size[1]}, bound {window.bound}/16 px",
            bound=f"sides {low} to {high}, bound 1 to {LARGEST_BOUND}",
        )
    for side in window.size:
        write_unsigned(writer, "side", side)
    write_unsigned(writer, "bound", window.bound)
    for each, step in zip(fields(Ranges), RANGE_STEPS, strict=True):
        _write_range(writer, each.name, getattr(window.ranges, each.name), step)
    if len(window.segments) > MOST_SEGMENTS:
        raise FramingError(
            "a window holds too many objects", found=len(window.segments), bound=f"at most {MOST_SEGMENTS}"
        )
    write_part(writer, window.part, window.size)
    write_unsigned(writer, "segments", len(window.segments))


def read_head(reader: RangeDecoder) -> tuple[Window, int]:
    """Inverse of :func:`write_head`: a window without segments, and their number.

    Raises:
        FramingError: a number exceeds its bound.
    """
    number = read_unsigned(reader, "number")
    numerator, denominator = read_unsigned(reader, "time_base"), read_unsigned(reader, "time_base")
    if not (numerator and denominator):
        raise FramingError("a time base is not positive", found=f"{numerator}/{denominator}")
    pts = _read_times(reader, number)
    width, height = (read_unsigned(reader, "side", SIDE_RANGE[1]) for _ in range(2))
    bound = read_unsigned(reader, "bound", LARGEST_BOUND)
    if min(width, height) < SIDE_RANGE[0] or not bound:
        raise FramingError("a payload's head is not valid", found=f"{width}x{height}, bound {bound}")
    names = (each.name for each in fields(Ranges))
    spans = {name: _read_range(reader, name, step) for name, step in zip(names, RANGE_STEPS, strict=True)}
    part = read_part(reader, (width, height))
    count = read_unsigned(reader, "segments", MOST_SEGMENTS)
    time_base, ranges = Fraction(numerator, denominator), Ranges(**spans)
    return Window(number, pts, time_base, (width, height), ranges, bound, part=part), count


def _write_times(writer: BitWriter, number: int, pts: tuple[int, ...]) -> None:
    steps = [later - earlier for earlier, later in pairwise(pts)]
    if not 1 <= len(pts) <= MOST_FRAMES or min(steps, default=1) < 1:
        raise FramingError(
            "the times of a window are not valid",
            found=f"{len(pts)} frames",
            bound=f"1 to {MOST_FRAMES}, growing",
        )
    write_unsigned(writer, "frames", len(pts) - 1)
    step = Counter(steps).most_common(1)[0][0] if steps else 1
    write_unsigned(writer, "step", step - 1)
    # The times of a clip with a constant rate are multiples of the step.
    late = pts[0] - number * step
    is_far = abs(late) > LARGEST
    writer.put_bit("start.far", 0, int(is_far))
    if is_far:
        writer.put_raw(pts[0] & 2**64 - 1, 64)
    else:
        write_signed(writer, "start", late)
    is_even = all(each == step for each in steps)
    writer.put_bit("even", 0, int(is_even))
    if not is_even:
        for each in steps:
            write_signed(writer, "jitter", each - step)


def _read_times(reader: RangeDecoder, number: int) -> tuple[int, ...]:
    count = 1 + read_unsigned(reader, "frames", MOST_FRAMES - 1)
    step = 1 + read_unsigned(reader, "step")
    if reader.get_bit("start.far", 0):
        start = (reader.get_raw(64) ^ 1 << 63) - (1 << 63)
    else:
        start = number * step + read_signed(reader, "start")
    is_even = bool(reader.get_bit("even", 0))
    pts = [start]
    while len(pts) < count:
        later = pts[-1] + step + (0 if is_even else read_signed(reader, "jitter"))
        if later <= pts[-1]:
            raise FramingError("the times of a window do not grow", found=f"{later} after {pts[-1]}")
        pts.append(later)
    return tuple(pts)


def _write_range(writer: BitWriter, name: str, span: Span, step: int) -> None:
    if span != single_precision(span) or not span[0] < span[1]:
        raise FramingError(f"a range does not fit a payload: {name}", found=str(span))
    is_plain = all(end % step == 0 and abs(end) <= LARGEST for end in span)
    writer.put_bit(f"{name}.plain", 0, int(is_plain))
    for end in span:
        if is_plain:
            write_signed(writer, f"{name}.end", int(end) // step)
        else:
            writer.put_raw(int.from_bytes(_FLOAT.pack(end), "big"), 32)


def _read_range(reader: RangeDecoder, name: str, step: int) -> Span:
    if reader.get_bit(f"{name}.plain", 0):
        low, high = (float(read_signed(reader, f"{name}.end") * step) for _ in range(2))
    else:
        low, high = (_FLOAT.unpack(reader.get_raw(32).to_bytes(4, "big"))[0] for _ in range(2))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise FramingError(f"a range of a payload is not valid: {name}", found=f"{low} to {high}")
    return low, high


def single_precision(span: Span) -> Span:
    """The nearest numbers of single precision."""
    low, high = (min(max(end, -_LARGEST_FLOAT), _LARGEST_FLOAT) for end in span)
    return _FLOAT.unpack(_FLOAT.pack(low))[0], _FLOAT.unpack(_FLOAT.pack(high))[0]
