"""Scene to template: draw every object's edges, outline and rings. Integer arithmetic only.

A template has the shape of the frame's planes and holds multiples of 16: its nibbles, shifted up by
four. The first plane is brightness; the other two are Cb and Cr as *signed* nibbles around 0 (two's
complement), so that the empty template is zero in every plane. (With neutral grey at nibble 8
the nibble carrier loses 0.7 dB on a real clip, because natural chroma sits at 128.)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.frames import U8, Layout, planes_shape, split_planes
from cssv.template.aura import ring_tables
from cssv.template.drawing import Drawing, Outline, Selector, drawing_order
from cssv.template.edges import STRIP_ROWS, edge_picture
from cssv.template.footprint import Footprint, area_of, footprint, window_of

#: 4x4 ordered dither of the inner ring's chroma, by absolute chroma position; tiled over a patch.
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.uint8)
_DITHER = np.tile(_BAYER, (64, 64))
#: The index of a pixel outside of the drawing, as a byte.
_OUTSIDE = 255
#: Brightness of an EDGES drawing's outline.
_LINE = 0x80
#: What a pixel shows: the inside of an outline, or a ring or line.
_INSIDE, _ON_RINGS = np.uint8(1), np.uint8(2)
#: Pixels of margin that make a window's Sobel equal the whole frame's.
_SOBEL_MARGIN = 2


def chroma_step(layout: Layout) -> int:
    """Luma pixels per chroma sample in each direction."""
    return 2 if layout == "yuv420p" else 1


def empty_template(layout: Layout, width: int, height: int) -> U8:
    """A template in which nothing is drawn."""
    return np.zeros(planes_shape(layout, width, height), np.uint8)


def render(
    drawings: Sequence[Drawing],
    luma: U8,
    layout: Layout,
    edges: U8 | None = None,
    *,
    interior: bool = True,
) -> U8:
    """Draw the template of a frame.

    Args:
        drawings: the objects, in any order; the nearer one (lower in the picture) covers the other.
        luma: (H, W) uint8, the cover's brightness, for the edges inside the outlines.
        layout: layout of the template.
        edges: (H, W) uint8, multiples of 16: the edges, if they are known already.
        interior: whether the inside of the outlines shows edges; otherwise it stays empty. In both cases it
            hides the objects behind it.

    Returns:
        uint8 array of the frame's planes, multiples of 16.
    """
    height, width = luma.shape
    template = empty_template(layout, width, height)
    planes = split_planes(template, layout)
    # The nearest first: what is hidden behind it costs nothing, however many objects that are.
    free = np.ones((height, width), np.bool_)
    covered: set[Hashable] = set()
    for drawing in sorted(drawings, key=lambda drawing: drawing.depth)[::-1]:
        window, area = window_of(drawing.outline, width, height), area_of(drawing.outline)
        if window is None or area in covered or not free[window].any():
            continue
        covered.add(area)
        place = footprint(drawing.outline, width, height)
        for strip in () if place is None else place.strips(STRIP_ROWS):
            seen = free[strip.window]
            drawn = strip.index >= 0
            if not (drawn & seen).any():
                continue
            bright = None
            if interior:
                bright = _edges_in(luma, strip) if edges is None else edges[strip.window]
            _draw(planes, drawing, strip, bright, seen, chroma_step(layout))
            np.copyto(seen, False, where=drawn)
    return template


def interior(outlines: Sequence[Outline], width: int, height: int) -> NDArray[np.bool_]:
    """Pixels of a frame that show edges: (H, W) bool, inside an outline and not under another's ring."""
    return np.asarray(_parts(tuple(outlines), width, height) == _INSIDE, np.bool_)


def with_edges(template: U8, layout: Layout, luma: U8, outlines: Sequence[Outline]) -> U8:
    """A template whose outlines have the edges of a picture inside, a new array.

    Inverse of ``interior=False`` in :func:`render`, for viewers. Any picture with similar edges will do.

    Args:
        template: a template in which nothing is drawn inside the outlines.
        layout: of the template.
        luma: (H, W) uint8, the brightness of the picture.
        outlines: all that the template shows.
    """
    shown = template.copy()
    height, width = luma.shape
    inside = interior(outlines, width, height)
    if inside.any():
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        # Edges depend on a few pixels around them.
        near = tuple(
            slice(max(int(part[0]) - _SOBEL_MARGIN, 0), int(part[-1]) + 1 + _SOBEL_MARGIN)
            for part in (rows, columns)
        )
        np.copyto(split_planes(shown, layout)[0][near], edge_picture(luma[near]), where=inside[near])
    return shown


def ring_pixels(outlines: Sequence[Outline], width: int, height: int) -> NDArray[np.bool_]:
    """Pixels of a frame that show rings or lines: (H, W) bool, those that no nearer object covers.

    A chroma sample shows one if the luma pixel at its top left does. With those of :func:`interior`, these
    are all pixels that are drawn.
    """
    return np.asarray(_parts(tuple(outlines), width, height) == _ON_RINGS, np.bool_)


def own_rings(
    outlines: Sequence[Outline], width: int, height: int
) -> Iterator[tuple[int, tuple[slice, slice], NDArray[np.bool_]]]:
    """The pixels of each drawing's rings or line that no nearer object covers, the nearest object first.

    Yields:
        The place of the outline in the sequence, the rows and columns of its window in the frame, and bool of
        the window. Objects without any such pixel are left out.
    """
    free = np.ones((height, width), np.bool_)
    covered: set[Hashable] = set()
    for number in sorted(range(len(outlines)), key=lambda k: drawing_order(outlines[k]))[::-1]:
        outline = outlines[number]
        window, area = window_of(outline, width, height), area_of(outline)
        # What is hidden costs nothing, however many objects that are.
        if window is None or area in covered or not free[window].any():
            continue
        covered.add(area)
        place = footprint(outline, width, height)
        if place is None:
            continue
        own = np.empty(place.index.shape, np.bool_)
        for strip in place.strips(STRIP_ROWS):
            drawn, seen = strip.index >= 0, free[strip.window]
            rows = slice(strip.top - place.top, strip.top - place.top + len(strip.index))
            own[rows] = drawn & seen & (strip.index != 0) & (strip.index != strip.span)
            np.copyto(seen, False, where=drawn)
        if own.any():
            yield number, place.window, own


@lru_cache(maxsize=1)
def _parts(outlines: tuple[Outline, ...], width: int, height: int) -> U8:
    """What each pixel of a frame shows: (H, W) uint8, 0 where nothing is drawn; read only.

    Kept, because the rings and the inside of the same outlines are asked for one after the other.
    """
    shown = np.zeros((height, width), np.uint8)
    # The nearest first: what is hidden behind it costs nothing, however many objects that are.
    covered: set[Hashable] = set()
    for outline in sorted(outlines, key=drawing_order)[::-1]:
        window, area = window_of(outline, width, height), area_of(outline)
        if window is None or area in covered or shown[window].all():
            continue
        covered.add(area)
        place = footprint(outline, width, height)
        for strip in () if place is None else place.strips(STRIP_ROWS):
            index, here = strip.index, shown[strip.window]
            part = np.where((index == 0) | (index == strip.span), _INSIDE, _ON_RINGS)
            np.copyto(here, part, where=(index >= 0) & (here == 0))
    shown.setflags(write=False)
    return shown


def _draw(
    planes: tuple[U8, U8, U8],
    drawing: Drawing,
    place: Footprint,
    bright: U8 | None,
    free: NDArray[np.bool_],
    step: int,
) -> None:
    """Draw one object into the planes, where its window is ``free`` of nearer ones.

    ``bright`` is the brightness of the inside; None leaves it empty.
    """
    # Edges alone have no rings: the outline is one grey line.
    if drawing.outline.selector is Selector.EDGES:
        luma_table = np.full(2 * place.span, _LINE, np.uint8)
        chroma_table = np.zeros((2, 2 * place.span), np.int16)
    else:
        luma_table, chroma_table = ring_tables(
            drawing.readings, drawing.outline.ring_width, drawing.outline.rings
        )
    # An index fits in a byte, where -1 is 255: bytes look up tables ten times as fast.
    index = place.index.astype(np.uint8)
    inside = (index == 0) | (index == place.span)
    values = cv2.LUT(index, _byte_table(luma_table))
    np.copyto(values, np.uint8(0) if bright is None else bright, where=inside)
    np.copyto(planes[0][place.window], values, where=(index != _OUTSIDE) & free)
    window, chroma_index = place.chroma(step)
    index = np.ascontiguousarray(chroma_index, np.int16).astype(np.uint8)
    # A chroma sample belongs to the object of the pixel at its top left.
    touched = (index != _OUTSIDE) & free[place.top % step :: step, place.left % step :: step]
    dither = _dither(window)
    for plane, table in zip(planes[1:], chroma_table, strict=True):
        # Sums modulo 256 are those of signed numbers in their last eight bits.
        stepped = (np.asarray(cv2.LUT(index, _byte_table(table)), np.uint8) + dither) & 0xF0
        np.copyto(plane[window], stepped, where=touched)


def _byte_table(values: NDArray[np.integer]) -> U8:
    """The table of all bytes; negative numbers as those modulo 256."""
    table = np.zeros(256, np.uint8)
    table[: len(values)] = values.astype(np.int16) & 255
    return table


def _dither(window: tuple[slice, slice]) -> U8:
    """The ordered dither over a window of a chroma plane."""
    rows, columns = window
    top, left = rows.start & 3, columns.start & 3
    height, width = rows.stop - rows.start, columns.stop - columns.start
    # A drawing larger than the ready-made tiling is rare.
    if top + height > _DITHER.shape[0] or left + width > _DITHER.shape[1]:
        tiles = (-(-(top + height) // 4), -(-(left + width) // 4))
        return np.tile(_BAYER, tiles)[top : top + height, left : left + width]
    return _DITHER[top : top + height, left : left + width]


def _edges_in(luma: U8, place: Footprint) -> U8:
    """Edge brightness in the footprint's window, equal to that of the whole frame."""
    rows, columns = place.window
    top, left = max(rows.start - _SOBEL_MARGIN, 0), max(columns.start - _SOBEL_MARGIN, 0)
    patch = luma[top : rows.stop + _SOBEL_MARGIN, left : columns.stop + _SOBEL_MARGIN]
    bright = edge_picture(patch)
    height, width = place.index.shape
    return bright[rows.start - top :, columns.start - left :][:height, :width]
