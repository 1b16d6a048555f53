"""Planes of a frame of the form ``sparse``: a drawing and its marks in; the drawing and the room out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.bits import UNIT, BitPlane
from cssv.carriers.nibble.marks import CELL
from cssv.carriers.nibble.merge import Merge, merge
from cssv.carriers.nibble.room import drawn_area
from cssv.carriers.nibble.sparse_grid import grid_of, marked_pixels
from cssv.carriers.nibble.sparse_header import SparseHeader
from cssv.carriers.nibble.sparse_marks import SparseMarks, find_origin, read_marks, write_marks
from cssv.carriers.nibble.sparse_tags import (
    drawing_check,
    read_sparse_tags,
    tagged_pixels,
    write_sparse_tag,
)
from cssv.carriers.nibble.tags import Place, place_tags
from cssv.frames import U8, Frame, Layout, split_planes
from cssv.template.drawing import Drawing, Outline
from cssv.template.footprint import window_of
from cssv.template.render import own_rings, render

#: A picture carries if at least this share of its blocks is intact.
INTACT_SHARE = 0.5


def embed_planes(
    cover: Frame, drawings: Sequence[Drawing], header: SparseHeader, miniature: bytes, pages: Sequence[bytes]
) -> tuple[U8, tuple[Outline, ...]]:
    """Draw objects into the planes of a frame, and write its marks.

    Args:
        cover: the frame, which is not changed.
        drawings: of all objects inside it. One whose tag finds no place is not drawn, because nobody could
            find its rings.
        header: of the frame.
        miniature: the bytes of the miniature.
        pages: of the room.

    Returns:
        The stego planes, and the outlines that are not drawn.
    """
    size, layout = (cover.width, cover.height), cover.layout
    grid, used = grid_of(*size), header.used_slots
    outlines = [drawing.outline for drawing in drawings]
    coarse = marked_pixels(grid, used, size, step=UNIT)
    places = place_tags(outlines, *size, coarse)
    drawn = [drawing for drawing, place in zip(drawings, places, strict=True) if place is not None]
    tagged = [(o, place) for o, place in zip(outlines, places, strict=True) if place is not None]
    stego = _with_rings(cover, drawn, merge_of(header))
    luma = split_planes(stego, layout)[0]
    taken = marked_pixels(grid, used, size) | tagged_pixels(luma.shape, [place for _, place in tagged])
    checks = dict.fromkeys(range(len(tagged)), 0)
    for number, window, own in own_rings([outline for outline, _ in tagged], *size):
        checks[number] = drawing_check(stego, layout, window, own, taken)
    for number, (outline, place) in enumerate(tagged):
        write_sparse_tag(luma, outline, place, checks[number])
    write_marks(luma, header, miniature, pages)
    unmarked = (outline for outline, place in zip(outlines, places, strict=True) if place is None)
    return stego, tuple(unmarked)


def merge_of(header: SparseHeader) -> Merge:
    """How the bytes of a frame are merged."""
    return "plain" if header.plain else "opap"


def _with_rings(cover: Frame, drawings: Sequence[Drawing], method: Merge) -> U8:
    """The planes of the cover with the rings and lines of drawings merged into them, a new array."""
    stego = cover.planes.copy()
    if not drawings:
        return stego
    template = render(drawings, cover.luma(), cover.layout, interior=False)
    planes = [split_planes(each, cover.layout) for each in (cover.planes, template, stego)]
    # The brightness of every ring and line is above 0, that of everything else is 0.
    support = planes[1][0] != 0
    for original, drawn, merged in zip(*planes, strict=True):
        step = cover.height // original.shape[0]
        here = support[::step, ::step]
        merged[here] = merge(original[here], drawn[here], method)
    return stego


@dataclass(frozen=True, slots=True, eq=False)
class SparsePlanes:
    """Content of the planes of one stego picture.

    Attributes:
        marks: of the picture.
        outlines: the tags found, in coordinates of the picture.
        places: their places, in coordinates of the picture.
        support: (H, W) bool, pixels of rings and lines.
        taken: (H, W) bool, pixels under marks and tags.
        damaged: the places in ``outlines`` of drawings that are not as written.
        damaged_cells: column and row of the 80x80 cells of the frame in which they lie.
    """

    marks: SparseMarks
    outlines: tuple[Outline, ...]
    places: tuple[Place, ...]
    support: NDArray[np.bool_]
    taken: NDArray[np.bool_]
    damaged: frozenset[int]
    damaged_cells: tuple[tuple[int, int], ...]

    def heat(self, planes: U8, layout: Layout) -> U8:
        """The template as carried, with the bits of marks and tags on the rings."""
        heat = np.zeros_like(planes)
        for shown, plane in zip(split_planes(heat, layout), split_planes(planes, layout), strict=True):
            step = self.support.shape[0] // plane.shape[0]
            np.left_shift(plane, 4, out=shown, where=self.support[::step, ::step])
        return heat

    def hidden(self) -> NDArray[np.bool_] | None:
        """(H, W) bool: pixels that objects without a tag in the picture may cover; None without any."""
        areas = list(_unseen_areas(self.marks, self.outlines, self.support.shape))
        if not areas:
            return None
        mask = np.zeros(self.support.shape, np.bool_)
        for left, top, right, bottom in areas:
            mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return mask


def extract_planes(
    planes: U8, layout: Layout, origin: tuple[int, int] | None = None, *, is_sound: bool = False
) -> SparsePlanes | None:
    """Read one stego picture, whole or cropped.

    Args:
        planes: stego planes.
        layout: their layout.
        origin: place of the top left pixel in the whole frame, if known; a wrong one is searched again.
        is_sound: a checksum has shown that the planes are as written, so that nothing needs a check.

    Returns:
        None if less than INTACT_SHARE of the blocks are intact, or the marks name another layout. None also
        for a 4:2:0 picture cut at an odd pixel, whose chroma has moved.
    """
    luma = split_planes(planes, layout)[0]
    found = _read_at(luma, origin or (0, 0), is_sound=is_sound)
    if found is None:
        searched = find_origin(luma)
        found = None if searched is None else _read_at(luma, searched, is_sound=is_sound)
    if found is None:
        return None
    marks, bits = found
    if marks.intact < marks.whole * INTACT_SHARE or marks.header.rgb != (layout == "rgb24"):
        return None
    x, y = marks.origin
    if layout == "yuv420p" and (x % 2 or y % 2):
        return None
    tags = read_sparse_tags(bits)
    outlines = [_moved(tag.outline, -x, -y) for tag in tags]
    places = [(tag.place[0] - x, tag.place[1] - y) for tag in tags]
    size = luma.shape[1], luma.shape[0]
    small = marks.miniature
    frame = (small.width, small.height) if small else (x + size[0], y + size[1])
    header = marks.header
    taken = marked_pixels(header.grid, header.used_slots, size, marks.origin, frame)
    taken = taken | tagged_pixels(luma.shape, places)
    result = SparsePlanes(
        marks, tuple(outlines), tuple(places), np.zeros(luma.shape, np.bool_), taken, frozenset(), ()
    )
    areas = list(_unseen_areas(marks, outlines, luma.shape))
    damaged: set[int] = set()
    cells: set[tuple[int, int]] = set()
    for number, window, own in own_rings(outlines, *size):
        result.support[window] |= own
        if is_sound or not _is_whole(outlines[number], marks, size, frame, window, areas):
            continue
        if drawing_check(planes, layout, window, own, taken) != tags[number].check:
            damaged.add(number)
            rows, columns = np.nonzero(own)
            cells |= set(
                zip(
                    ((columns + window[1].start + x) // CELL).tolist(),
                    ((rows + window[0].start + y) // CELL).tolist(),
                    strict=True,
                )
            )
    return replace(result, damaged=frozenset(damaged), damaged_cells=tuple(sorted(cells)))


def _read_at(luma: U8, origin: tuple[int, int], *, is_sound: bool) -> tuple[SparseMarks, BitPlane] | None:
    bits = BitPlane.from_luma(luma, origin)
    marks = read_marks(luma, origin, bits, is_sound=is_sound)
    return None if marks is None else (marks, bits)


def _moved(outline: Outline, x: int, y: int) -> Outline:
    """The outline in coordinates with another origin."""
    left, top, w, h = outline.box
    return replace(outline, box=(left + x, top + y, w, h))


def _unseen_areas(
    marks: SparseMarks, outlines: Sequence[Outline], shape: tuple[int, ...]
) -> Iterator[tuple[int, int, int, int]]:
    """Sides of the parts of a picture where objects of the frame may be drawn that have no tag in it.

    A whole frame has none: what has no tag there is not drawn.
    """
    small, (x, y) = marks.miniature, marks.origin
    if small is None or (x, y, shape[1], shape[0]) == (0, 0, small.width, small.height):
        return
    seen = {outline.track for outline in outlines}
    for each in marks.room.objects.values():
        if each.track in seen:
            continue
        left, top, right, bottom = drawn_area(
            each, (small.width, small.height), marks.header.rings.bit_count()
        )
        area = left - x, top - y, right - x, bottom - y
        if area[0] < shape[1] and area[1] < shape[0] and area[2] > 0 and area[3] > 0:
            yield area


def _is_whole(
    outline: Outline,
    marks: SparseMarks,
    size: tuple[int, int],
    frame: tuple[int, int],
    window: tuple[slice, slice],
    areas: Sequence[tuple[int, int, int, int]],
) -> bool:
    """Whether a picture shows all of a drawing that the frame does, and nothing unseen can cover it."""
    x, y = marks.origin
    in_frame = window_of(_moved(outline, x, y), *frame)
    if in_frame is None or (not marks.room.is_complete and size != frame):
        return False
    rows, columns = window
    here = (
        slice(in_frame[0].start - y, in_frame[0].stop - y),
        slice(in_frame[1].start - x, in_frame[1].stop - x),
    )
    if here != window:
        return False
    return not any(
        left < columns.stop and right > columns.start and top < rows.stop and bottom > rows.start
        for left, top, right, bottom in areas
    )


def is_cover(cover: U8, stego: U8, layout: Layout, found: SparsePlanes) -> bool:
    """Whether a stego frame can have been embedded in this cover, whatever its objects are.

    Args:
        cover: planes of the whole frame.
        stego: likewise, of the same shape.
        layout: of both.
        found: what the stego frame carries.
    """
    method = merge_of(found.marks.header)
    pairs = zip(split_planes(cover, layout), split_planes(stego, layout), strict=True)
    for number, (original, plane) in enumerate(pairs):
        step = found.support.shape[0] // plane.shape[0]
        support = found.support[::step, ::step]
        wrong = original != plane
        wrong[support] = merge(original[support], plane[support] << np.uint8(4), method) != plane[support]
        if not number:
            # Marks and tags are written last and set the lowest bit, on rings and beside them.
            other = plane ^ np.uint8(1)
            fits = original == other
            fits[support] = merge(original[support], other[support] << np.uint8(4), method) == other[support]
            wrong &= ~(found.taken & fits)
        if wrong.any():
            return False
    return True
