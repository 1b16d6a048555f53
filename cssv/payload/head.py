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
_ENDS = ("low", "high")
#: Time bases and sizes that every reader knows; their order is part of the format.
TIME_BASES = tuple(
    map(
        Fraction,
        (
            "1/25", "1/30", "1001/30000", "1/24", "1001/24000", "1/50", "1/60", "1001/60000", "1/5", "1/7",
            "1/8", "1/10", "1/12", "1/15", "1/20", "1/100", "1/120", "1/1000", "1/90000", "1/12800",
            "1/15360", "1/12288", "1/30000", "1/24000", "1/60000", "1/16000", "1/10240", "1/14", "1/600",
            "1/48000",
        ),
    )
)  # fmt: skip
SIZES = (
    (1920, 1080), (1280, 720), (640, 480), (3840, 2160), (640, 360), (768, 576), (320, 240), (720, 576),
    (720, 480), (352, 288), (176, 144), (1024, 768), (800, 600), (854, 480), (960, 540), (1280, 960),
    (1280, 1024), (1600, 1200), (1440, 1080), (2560, 1440), (4096, 2160), (1080, 1920), (720, 1280),
    (480, 640), (1080, 1080), (704, 576), (704, 480), (2048, 1536), (2592, 1944), (160, 120),
)  # fmt: skip
_INDEX_BITS = 5
#: The usual length of a window in seconds.
USUAL_S = 2
_FLOAT = struct.Struct(">f")
_LARGEST_FLOAT = (2 - 2**-23) * 2.0**127


def write_head(writer: BitWriter, window: Window) -> None:
    """Write everything but the segments.

    Raises:
        FramingError: a part does not fit.
    """
    _write_time_base(writer, window.time_base)
    _write_times(writer, window.number, window.time_base, window.pts)
    low, high = SIDE_RANGE
    if not (all(low <= side <= high for side in window.size) and 1 <= window.bound <= LARGEST_BOUND):
        raise FramingError(
            "a window's head does not fit",
            found=f"{window.size[0]}x{window.size[1]}, bound {window.bound}/16 px",
            bound=f"sides {low} to {high}, bound 1 to {LARGEST_BOUND}",
        )
    _write_size(writer, window.size)
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
    time_base = _read_time_base(reader)
    number, pts = _read_times(reader, time_base)
    size = _read_size(reader)
    bound = read_unsigned(reader, "bound", LARGEST_BOUND)
    if not bound:
        raise FramingError("a payload's head is not valid", found=f"bound {bound}")
    names = (each.name for each in fields(Ranges))
    spans = {name: _read_range(reader, name, step) for name, step in zip(names, RANGE_STEPS, strict=True)}
    part = read_part(reader, size)
    count = read_unsigned(reader, "segments", MOST_SEGMENTS)
    return Window(number, pts, time_base, size, Ranges(**spans), bound, part=part), count


def _write_time_base(writer: BitWriter, time_base: Fraction) -> None:
    is_listed = time_base in TIME_BASES
    writer.put_raw(1 + TIME_BASES.index(time_base) if is_listed else 0, _INDEX_BITS)
    if not is_listed:
        write_unsigned(writer, "time_base", time_base.numerator)
        write_unsigned(writer, "time_base", time_base.denominator)


def _read_time_base(reader: RangeDecoder) -> Fraction:
    index = reader.get_raw(_INDEX_BITS)
    if 0 < index <= len(TIME_BASES):
        return TIME_BASES[index - 1]
    numerator, denominator = read_unsigned(reader, "time_base"), read_unsigned(reader, "time_base")
    if index or not (numerator and denominator):
        raise FramingError("a time base is not valid", found=f"{numerator}/{denominator}, index {index}")
    return Fraction(numerator, denominator)


def _write_size(writer: BitWriter, size: tuple[int, int]) -> None:
    is_listed = size in SIZES
    writer.put_raw(1 + SIZES.index(size) if is_listed else 0, _INDEX_BITS)
    if not is_listed:
        for side in size:
            write_unsigned(writer, "side", side)


def _read_size(reader: RangeDecoder) -> tuple[int, int]:
    index = reader.get_raw(_INDEX_BITS)
    if 0 < index <= len(SIZES):
        return SIZES[index - 1]
    width, height = (read_unsigned(reader, "side", SIDE_RANGE[1]) for _ in range(2))
    if index or min(width, height) < SIDE_RANGE[0]:
        raise FramingError("a size of frames is not valid", found=f"{width}x{height}, index {index}")
    return width, height


def _usual_frames(step: int, time_base: Fraction) -> int:
    """Frames of a window of the usual length, as many as a window may have."""
    frames = 2 * USUAL_S * time_base.denominator // (step * time_base.numerator) + 1 >> 1
    return min(max(frames, 1), MOST_FRAMES)


def _write_times(writer: BitWriter, number: int, time_base: Fraction, pts: tuple[int, ...]) -> None:
    steps = [later - earlier for earlier, later in pairwise(pts)]
    if not 1 <= len(pts) <= MOST_FRAMES or min(steps, default=1) < 1:
        raise FramingError(
            "the times of a window are not valid",
            found=f"{len(pts)} frames",
            bound=f"1 to {MOST_FRAMES}, growing",
        )
    step = Counter(steps).most_common(1)[0][0] if steps else 1
    write_unsigned(writer, "step", step - 1)
    usual = _usual_frames(step, time_base)
    write_signed(writer, "frames", len(pts) - usual)
    # Windows of equal length begin at multiples of it.
    write_unsigned(writer, "number", number // usual)
    write_unsigned(writer, "number.rest", number % usual)
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


def _read_times(reader: RangeDecoder, time_base: Fraction) -> tuple[int, tuple[int, ...]]:
    """The number of the first frame, and the times."""
    step = 1 + read_unsigned(reader, "step")
    usual = _usual_frames(step, time_base)
    count = usual + read_signed(reader, "frames", MOST_FRAMES)
    if not 1 <= count <= MOST_FRAMES:
        raise FramingError("a number of frames is not valid", found=count, bound=f"1 to {MOST_FRAMES}")
    number = read_unsigned(reader, "number") * usual + read_unsigned(reader, "number.rest", usual - 1)
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
    return number, tuple(pts)


def _write_range(writer: BitWriter, name: str, span: Span, step: int) -> None:
    if span != single_precision(span) or not span[0] < span[1]:
        raise FramingError(f"a range does not fit a payload: {name}", found=str(span))
    is_plain = all(end % step == 0 and abs(end) <= LARGEST for end in span)
    writer.put_bit(f"{name}.plain", 0, int(is_plain))
    for kind, end in zip(_ENDS, span, strict=True):
        if is_plain:
            write_signed(writer, f"{name}.{kind}", int(end) // step)
        else:
            writer.put_raw(int.from_bytes(_FLOAT.pack(end), "big"), 32)


def _read_range(reader: RangeDecoder, name: str, step: int) -> Span:
    if reader.get_bit(f"{name}.plain", 0):
        low, high = (float(read_signed(reader, f"{name}.{kind}") * step) for kind in _ENDS)
    else:
        low, high = (_FLOAT.unpack(reader.get_raw(32).to_bytes(4, "big"))[0] for _ in range(2))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise FramingError(f"a range of a payload is not valid: {name}", found=f"{low} to {high}")
    return low, high


def single_precision(span: Span) -> Span:
    """The nearest numbers of single precision."""
    low, high = (min(max(end, -_LARGEST_FLOAT), _LARGEST_FLOAT) for end in span)
    return _FLOAT.unpack(_FLOAT.pack(low))[0], _FLOAT.unpack(_FLOAT.pack(high))[0]
