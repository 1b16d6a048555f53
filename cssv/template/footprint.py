"""The pixels of an object's drawing: one geometry for the renderer and the reader."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.template.aura import COSINE
from cssv.template.drawing import DIRECTIONS, Outline, Selector
from cssv.template.outline import inside_outline

#: Rows of a footprint whose distances are worked out at once.
_STRIP_ROWS = 512
#: Pixels of the largest window that is kept for the next call: many larger ones would take too much memory.
_KEPT_PIXELS = 1 << 16
#: Cosine and sine of each direction of an outline, in units of 1 / 2^7, absolute: (2, DIRECTIONS).
_SHARES = np.abs(
    COSINE[[np.arange(0, 256, 256 // DIRECTIONS), np.arange(0, 256, 256 // DIRECTIONS) - 64 & 255]]
)


@dataclass(frozen=True, slots=True)
class Footprint:
    """A window of the frame, and where each of its pixels lies in the drawing of one object.

    Attributes:
        left, top: the window's origin in the frame, whole pixels.
        index: int16 (h, w). Distance from the outline, 0 inside, 1 to ``span - 1`` on the rings, plus
            ``span`` for pixels behind the motion; -1 where nothing is drawn.
        span: ``ring_count * ring_width + 1``.
    """

    left: int
    top: int
    index: NDArray[np.int16]
    span: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window in a full-size plane."""
        height, width = self.index.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def strips(self, rows: int) -> Iterator[Footprint]:
        """The footprint in parts of at most this many rows."""
        for first in range(0, self.index.shape[0], rows):
            yield Footprint(self.left, self.top + first, self.index[first : first + rows], self.span)

    def chroma(self, step: int) -> tuple[tuple[slice, slice], NDArray[np.int16]]:
        """Window in a chroma plane halved by ``step`` (1 or 2) and the index at its samples.

        A chroma sample takes the index of the luma pixel at its top left.
        """
        if step == 1:
            return self.window, self.index
        index = self.index[self.top & 1 :: 2, self.left & 1 :: 2]
        top, left = (self.top + 1) // 2, (self.left + 1) // 2
        return (slice(top, top + index.shape[0]), slice(left, left + index.shape[1])), index


class _Shape(NamedTuple):
    """What a drawing's footprint depends on beside its place."""

    radii: bytes
    shift: int
    ring_width: int
    ring_count: int
    selector: int
    axis: int


def _shape_of(outline: Outline) -> _Shape:
    # Numbers have a faster hash than members of enumerations.
    return _Shape(
        outline.radii,
        outline.shift,
        outline.ring_width,
        outline.ring_count,
        int(outline.selector),
        outline.axis,
    )


@lru_cache(maxsize=256)
def _halves(radii: bytes, shift: int, margin: int) -> tuple[int, int]:
    """Half width and half height of the window around the centre that contains the whole drawing.

    Args:
        radii: of the outline.
        shift: of the radii.
        margin: largest distance of the drawing from the outline.
    """
    corner = np.frombuffer(radii, np.uint8).astype(np.int64)
    across, down = (corner * _SHARES).max(axis=1).tolist()
    return (across << shift >> 7) + margin, (down << shift >> 7) + margin


def _halves_of(outline: Outline) -> tuple[int, int]:
    return _halves(outline.radii, outline.shift, outline.margin)


def octagonal_distance(inside: U8) -> NDArray[np.int16]:
    """Distance of every pixel from the set ``inside == 1`` (the others 0), in integers.

    The larger of the chessboard distance and two thirds (rounded up) of the city-block distance:
    an octagon, up to 11 % short of the circle between its corners.
    """
    outside = inside ^ 1
    chessboard = np.asarray(cv2.distanceTransform(outside, cv2.DIST_C, 3)).astype(np.int16)
    city_block = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L1, 3)).astype(np.int16)
    return np.asarray(np.maximum(chessboard, (city_block * 2 + 2) // 3), np.int16)


def window_of(outline: Outline, width: int, height: int) -> tuple[slice, slice] | None:
    """Rows and columns of a frame that contain the whole drawing of an outline; None if it lies outside."""
    return _window(outline.centre, _halves_of(outline), width, height)


def _window(
    centre: tuple[int, int], halves: tuple[int, int], width: int, height: int
) -> tuple[slice, slice] | None:
    (cx, cy), (half_x, half_y) = centre, halves
    left, top = max(cx - half_x, 0), max(cy - half_y, 0)
    right, bottom = min(cx + half_x + 1, width), min(cy + half_y + 1, height)
    return None if left >= right or top >= bottom else (slice(top, bottom), slice(left, right))


def area_of(outline: Outline) -> Hashable:
    """A key that two outlines share only if they cover the same pixels."""
    # Only a comet's rings are wider on one side.
    axis = outline.axis if outline.selector is Selector.COMET else None
    return outline.box, outline.radii, outline.shift, outline.selector, outline.rings, axis


def footprint(outline: Outline, width: int, height: int, start: tuple[int, int] = (0, 0)) -> Footprint | None:
    """The footprint of an outline in a ``width`` x ``height`` frame; None if it lies outside.

    The frame bounds memory and time, whatever size the outline states.

    Args:
        outline: of the object.
        width: of the frame.
        height: of the frame.
        start: x, y in the frame of the point from which the outline's place is counted.
    """
    half_x, half_y = _halves_of(outline)
    cx, cy = (place + first for place, first in zip(outline.centre, start, strict=True))
    window = _window((cx, cy), (half_x, half_y), width, height)
    if window is None:
        return None
    shape = _shape_of(outline)
    rows, columns = (
        range(part.start - centre, part.stop - centre) for part, centre in zip(window, (cy, cx), strict=True)
    )
    if (2 * half_y + 1) * (2 * half_x + 1) > _KEPT_PIXELS:
        index = _ring_indices(shape, rows, columns, (half_x, half_y))
    else:
        index = _whole(shape, half_x, half_y)
        if index.shape != (len(rows), len(columns)):
            index = _cut(index, rows, columns, shape)
    if index is None:
        return None
    span = shape.ring_count * shape.ring_width + 1
    return Footprint(window[1].start, window[0].start, index, span)


@lru_cache(maxsize=128)
def _whole(shape: _Shape, half_x: int, half_y: int) -> NDArray[np.int16]:
    """The index of a whole drawing; read only.

    Kept, because objects are drawn and read more than once a frame, and some do not change from frame to
    frame.
    """
    rows, columns = range(-half_y, half_y + 1), range(-half_x, half_x + 1)
    index = _ring_indices(shape, rows, columns, (half_x, half_y))
    # The centre is inside of any outline.
    assert index is not None
    index.setflags(write=False)
    return index


def _cut(whole: NDArray[np.int16], rows: range, columns: range, shape: _Shape) -> NDArray[np.int16] | None:
    """The index in a window from that of the whole drawing; None if the outline is not near the window."""
    half_y, half_x = (side // 2 for side in whole.shape)
    grow = _grow(shape)
    near = whole[
        max(rows.start + half_y - grow, 0) : rows.stop + half_y + grow,
        max(columns.start + half_x - grow, 0) : columns.stop + half_x + grow,
    ]
    span = shape.ring_count * shape.ring_width + 1
    if not ((near == 0) | (near == span)).any():
        return None
    return whole[rows.start + half_y : rows.stop + half_y, columns.start + half_x : columns.stop + half_x]


def _grow(shape: _Shape) -> int:
    """How far beyond a window the nearest pixel inside the outline can lie.

    The city-block distance of a ring's pixel is at most 3/2 of its distance.
    """
    stretch = shape.ring_count * (2 if shape.selector == Selector.COMET else 1)
    return stretch * shape.ring_width * 3 // 2 + 1


def _ring_indices(
    shape: _Shape, rows: range, columns: range, halves: tuple[int, int]
) -> NDArray[np.int16] | None:
    """The index in a window around the centre; None if the outline is not near the window.

    Args:
        shape: of the drawing.
        rows: offsets of the window's rows from the centre.
        columns: offsets of its columns.
        halves: half width and half height of the whole drawing.
    """
    half_x, half_y = halves
    grow = _grow(shape)
    near_rows = range(max(rows.start - grow, -half_y), min(rows.stop + grow, half_y + 1))
    near_columns = range(max(columns.start - grow, -half_x), min(columns.stop + grow, half_x + 1))
    inside = inside_outline(shape.radii, shape.shift, near_rows, near_columns)
    if not inside.any():
        return None
    index = np.empty((len(rows), len(columns)), np.int16)
    across = slice(columns.start - near_columns.start, columns.stop - near_columns.start)
    # Strip by strip, because distances take twenty bytes a pixel. Pixels beyond the strip and ``grow`` rows
    # are too far away to count, as those beyond the window are.
    for first in range(rows.start, rows.stop, _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, rows.stop)
        strip, start = index[first - rows.start : last - rows.start], first - near_rows.start
        near = slice(max(start - grow, 0), start + last - first + grow)
        if not inside[near].any():
            strip[...] = -1
            continue
        here = slice(start - near.start, start - near.start + last - first)
        distance = octagonal_distance(inside[near])[here, across]
        strip[...] = _ring_index(shape, distance, columns.start, first)
    return index


def _ring_index(
    shape: _Shape, distance: NDArray[np.int16], first_dx: int, first_dy: int
) -> NDArray[np.int16]:
    """Distance and half of the ring for every pixel, -1 beyond the drawing."""
    rings = shape.ring_count * shape.ring_width
    span = rings + 1
    if shape.selector == Selector.EDGES:
        return np.where(distance <= 1, distance, -1).astype(np.int16)
    height, width = distance.shape
    # A frame has at most 2^14 pixels a side, a cosine at most 2^7.
    dx = np.arange(first_dx, first_dx + width, dtype=np.int32)
    dy = np.arange(first_dy, first_dy + height, dtype=np.int32)[:, None]
    across, down = (np.int32(COSINE[angle & 255]) for angle in (shape.axis, shape.axis - 64))
    behind = dx * across < -down * dy
    if shape.selector == Selector.COMET:
        back = -(dx.astype(np.int64) * across) - dy.astype(np.int64) * down
        # 2^14 times the squared cosine of the angle to the motion's reverse: 0 at the sides.
        tail = np.where(
            behind,
            np.minimum(
                back * back // np.maximum(dx.astype(np.int64) ** 2 + dy.astype(np.int64) ** 2, 1), 1 << 14
            ),
            0,
        )
        distance = ((distance * ((1 << 15) - tail) + (1 << 15) - 1) >> 15).astype(np.int16)
    index = distance + behind * np.int16(span)
    np.copyto(index, np.int16(-1), where=distance > rings)
    return np.asarray(index, np.int16)
