"""Interlaced pictures: the order of their fields, conversion field by field, and the flag in coded frames."""

from __future__ import annotations

from typing import Literal

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from cssv.video.filters import FilterChain

#: Which field is shown first: ``"tff"`` that of the top line, ``"bff"`` the other; empty for progressive.
FieldOrder = Literal["", "tff", "bff"]

#: FFmpeg's numbers of field orders (AVFieldOrder) by the field that is shown first.
_BY_NUMBER: dict[int, FieldOrder] = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}
_REVERSED: dict[FieldOrder, FieldOrder] = {"": "", "tff": "bff", "bff": "tff"}

# PyAV shows whether a picture is interlaced, but not which field is first. A filter that separates fields
# knows: of a picture with black and white lines in turn, it gives the first field, black or white.
_FIRST_FIELD = (
    ("crop", "16:16:0:0"),
    ("format", "yuv420p"),
    ("geq", "lum=255*mod(Y\\,2):cb=128:cr=128"),
    ("separatefields", ""),
)


def field_order_of(picture: VideoFrame, context: VideoCodecContext) -> FieldOrder:
    """The order of fields of a clip, by its first picture, or by its header if that picture has no flag."""
    if picture.interlaced_frame:
        first = FilterChain(*_FIRST_FIELD).apply(picture)
        return "bff" if memoryview(first.planes[0])[0] else "tff"
    return _BY_NUMBER.get(int(getattr(context, "field_order", 0) or 0), "")


def turned_order(order: FieldOrder, *, transpose: bool, flip_y: bool, height: int) -> FieldOrder:
    """The order of fields after a turn; empty where fields have become columns."""
    if transpose:
        return ""
    # Upside down, an even number of lines exchanges the two fields.
    return _REVERSED[order] if flip_y and height % 2 == 0 else order


class FieldConverter:
    """Converter of interlaced pictures to another pixel format, field by field.

    Chroma with half as many lines belongs to one field each; converting whole pictures would mix moments.

    Args:
        name: pixel format of the result.
        stored, wanted: colour range of the picture and of the result, 1 limited, 2 full.
    """

    def __init__(self, name: str, stored: int, wanted: int) -> None:
        ranges = {1: "limited", 2: "full"}
        self._chain = FilterChain(
            ("scale", f"interl=1:flags=bilinear:in_range={ranges[stored]}:out_range={ranges[wanted]}"),
            ("format", name),
        )

    def convert(self, picture: VideoFrame) -> VideoFrame:
        """Convert one picture."""
        return self._chain.apply(picture)


class FieldMarker:
    """Marks pictures as interlaced before they are encoded.

    Args:
        order: of the fields; empty leaves pictures as they are.
    """

    def __init__(self, order: FieldOrder) -> None:
        self._chain = FilterChain(("setfield", order)) if order else None

    def mark(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture with the flag."""
        return picture if self._chain is None else self._chain.apply(picture)
