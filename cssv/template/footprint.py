"""The pixels of an object's drawing: one geometry for the renderer and the reader."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8
from cssv.template.aura import COSINE
from cssv.template.drawing import Outline, Selector
from cssv.template.outline import inside_outline

#: Rows of a footprint whose distances are worked out at once.
_STRIP_ROWS = 512


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


@lru_cache(maxsize=256)
def _halves(outline: Outline) -> tuple[int, int]:
    """Half width and half height of the window around the centre that contains the whole drawing."""
    corner = np.frombuffer(outline.radii, np.uint8).astype(np.int64) << outline.shift
    angle = np.arange(0, 256, 256 // len(corner))
    across = int((corner * np.abs(COSINE[angle])).max()) >> 7
    down = int((corner * np.abs(COSINE[(angle - 64) & 255])).max()) >> 7
    margin = outline.reach - int(corner.max())
    return across + margin, down + margin


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
    half_x, half_y = _halves(outline)
    cx, cy = outline.centre
    left, top = max(cx - half_x, 0), max(cy - half_y, 0)
    right, bottom = min(cx + half_x + 1, width), min(cy + half_y + 1, height)
    return None if left >= right or top >= bottom else (slice(top, bottom), slice(left, right))


def area_of(outline: Outline) -> Hashable:
    """A key that two outlines share only if they cover the same pixels."""
    # Only a comet's rings are wider on one side.
    axis = outline.axis if outline.selector is Selector.COMET else None
    return outline.box, outline.radii, outline.shift, outline.selector, outline.rings, axis


def footprint(outline: Outline, width: int, height: int) -> Footprint | None:
    """The footprint of an outline in a ``width`` x ``height`` frame; None if it lies outside.

    The frame bounds memory and time, whatever size the outline states.
    """
    window = window_of(outline, width, height)
    if window is None:
        return None
    top, bottom, left, right = window[0].start, window[0].stop, window[1].start, window[1].stop
    half_x, half_y = _halves(outline)
    cx, cy = outline.centre
    # The nearest pixel inside the outline may lie outside the frame, so the window grows beyond the frame:
    # the city-block distance of a ring's pixel is at most 3/2 of its distance.
    grow = outline.stretch * outline.ring_width * 3 // 2 + 1
    rows = range(max(top - cy - grow, -half_y), min(bottom - cy + grow, half_y + 1))
    columns = range(max(left - cx - grow, -half_x), min(right - cx + grow, half_x + 1))
    inside = inside_outline(outline.radii, outline.shift, rows, columns)
    if not inside.any():
        return None
    index = np.empty((bottom - top, right - left), np.int16)
    across = slice(left - cx - columns.start, left - cx - columns.start + right - left)
    # Strip by strip, because distances take twenty bytes a pixel. Pixels beyond the strip and ``grow`` rows
    # are too far away to count, as those beyond the frame are.
    for first in range(top, bottom, _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, bottom)
        strip, start = index[first - top : last - top], first - cy - rows.start
        near = slice(max(start - grow, 0), start + last - first + grow)
        if not inside[near].any():
            strip[...] = -1
            continue
        here = slice(start - near.start, start - near.start + last - first)
        strip[...] = _ring_index(
            outline, octagonal_distance(inside[near])[here, across], left - cx, first - cy
        )
    return Footprint(left, top, index, outline.ring_count * outline.ring_width + 1)


def _ring_index(
    outline: Outline, distance: NDArray[np.int16], first_dx: int, first_dy: int
) -> NDArray[np.int16]:
    """Distance and half of the ring for every pixel, -1 beyond the drawing."""
    rings = outline.ring_count * outline.ring_width
    span = rings + 1
    if outline.selector is Selector.EDGES:
        return np.where(distance <= 1, distance, -1).astype(np.int16)
    height, width = distance.shape
    # A frame has at most 2^14 pixels a side, a cosine at most 2^7.
    dx = np.arange(first_dx, first_dx + width, dtype=np.int32)
    dy = np.arange(first_dy, first_dy + height, dtype=np.int32)[:, None]
    across, down = (np.int32(COSINE[angle & 255]) for angle in (outline.axis, outline.axis - 64))
    behind = dx * across < -down * dy
    if outline.selector is Selector.COMET:
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
