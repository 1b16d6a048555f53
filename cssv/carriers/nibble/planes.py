"""Planes of one frame: a template, marks and tags in; heat, marks and tags out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.bits import BLOCK_WIDTH, BitPlane
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.mark_record import VERSION, Header
from cssv.carriers.nibble.marks import (
    CELL,
    MARK,
    SUPPORT_BLOCK,
    Marks,
    cell_checks,
    cell_grid,
    damaged_cells,
    find_origin,
    marked_pixels,
    read_marks,
    support_blocks,
    support_pixels,
    write_marks,
)
from cssv.carriers.nibble.merge import DEFAULT_MERGE, Merge, merge, merge_sparse, split
from cssv.carriers.nibble.tags import TAG_HEIGHT, Place, read_tags, write_tags
from cssv.frames import U8, Layout, split_planes
from cssv.template.drawing import Outline

#: Fidelity of version 1 where none is stated.
VERSION_1_FIDELITY: Fidelity = "full"
#: A picture carries if at least this share of its marks is intact.
INTACT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class PlanesEmbedder:
    """Embeds templates in the planes of frames.

    Attributes:
        layout: layout of the planes.
        miniature: the scene miniature's bytes.
        merge: how nibbles are replaced.
        fidelity: ``"full"``, the whole frame carries; ``"sparse"``, bytes outside the support stay
            the cover's (under marks and tags they may change by one).
    """

    layout: Layout
    miniature: bytes
    merge: Merge = DEFAULT_MERGE
    fidelity: Fidelity = VERSION_1_FIDELITY

    def embed(self, cover: U8, template: U8, outlines: Sequence[Outline], *, number: int, pts: int) -> U8:
        """Stego planes of a frame, a new array.

        Args:
            cover: planes of the original frame.
            template: what to hide, same shape.
            outlines: the template's objects, for their tags.
            number: the frame's, for the header.
            pts: its presentation time in the miniature's time base.
        """
        cover = np.ascontiguousarray(cover)
        header = Header(
            number,
            pts,
            objects=len(outlines),
            sparse=self.fidelity == "sparse",
            rgb=self.layout == "rgb24",
            plain=self.merge == "plain",
        )
        if self.fidelity == "full":
            heat = template.copy()
            luma = split_planes(heat, self.layout)[0]
            write_tags(luma, outlines)
            # Checks cover the tags and lie in the marks, so marks are written last.
            grid = cell_grid(luma.shape[1], luma.shape[0])
            checks = cell_checks(heat, self.layout, grid, is_high=True)
            write_marks(luma, header, self.miniature, checks=checks)
            return merge(cover, heat, self.merge)
        # Outside the support nothing is merged: tags and marks set bits of the stego bytes themselves.
        blocks = support_blocks(template, self.layout)
        support = support_pixels(blocks, template, self.layout)
        stego = merge_sparse(cover, template, support, self.merge)
        luma = split_planes(stego, self.layout)[0]
        write_tags(luma, outlines, bit=1)
        checks = cell_checks(stego, self.layout, cell_grid(luma.shape[1], luma.shape[0]))
        write_marks(luma, header, self.miniature, blocks, bit=1, checks=checks)
        return stego


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedPlanes:
    """Content of the planes of one stego picture.

    Attributes:
        heat: the nibble planes as carried, shifted up by four, marks included; shape of the planes. In
            sparse fidelity zero where nothing is carried.
        marks: content of the marks.
        outlines: the tags found, in coordinates of this picture.
        marked: (H, W) bool, pixels of ``heat``'s first plane whose lowest bit is a mark's or a tag's.
        damaged: column and row of the cells whose nibbles are not as written.
    """

    heat: U8
    marks: Marks
    outlines: tuple[Outline, ...]
    marked: NDArray[np.bool_]
    damaged: tuple[tuple[int, int], ...] = ()

    def damaged_pixels(self) -> NDArray[np.bool_] | None:
        """(H, W) bool: pixels of the damaged cells; None without any."""
        if not self.damaged:
            return None
        mask = np.zeros(self.marked.shape, bool)
        x, y = self.marks.origin
        for column, row in self.damaged:
            left, top = column * CELL - x, row * CELL - y
            mask[max(top, 0) : top + CELL, max(left, 0) : left + CELL] = True
        return mask

    def clean(self, layout: Layout) -> U8:
        """The heat without marks and tags; under them it is exact to an eighth of a range."""
        heat = self.heat.copy()
        luma = split_planes(heat, layout)[0]
        np.copyto(luma, luma & 0xE0, where=self.marked)
        return heat


def extract_planes(
    planes: U8,
    layout: Layout,
    origin: tuple[int, int] | None = None,
    *,
    is_sound: bool = False,
    version: int = VERSION,
) -> ExtractedPlanes | None:
    """Read one stego picture, whole or cropped.

    Args:
        planes: stego planes.
        layout: their layout.
        origin: place of the top left pixel in the whole frame, if known; a wrong one is searched again.
        is_sound: a checksum has shown that the planes are as written, so the cells need no check.
        version: of the pixels; pictures of other versions belong to other carriers.

    Returns:
        None if less than INTACT_SHARE of the marks are intact, or of the cells' nibbles match their checks,
        or the marks name another layout or version: single marks can outlive a conversion that destroys the
        drawing.
        None also for a 4:2:0 picture cut at an odd pixel, whose chroma has moved.
    """
    luma = split_planes(planes, layout)[0]
    found = _read_at(luma, origin or (0, 0))
    if found is None:
        searched = find_origin(luma)
        found = None if searched is None else _read_at(luma, searched)
    if found is None:
        return None
    marks, bits = found
    if marks.header.version != version:
        return None
    if marks.intact < marks.whole * INTACT_SHARE or marks.header.rgb != (layout == "rgb24"):
        return None
    x, y = marks.origin
    if layout == "yuv420p" and (x % 2 or y % 2):
        return None
    damaged, whole = ([], 0) if is_sound else damaged_cells(planes, layout, marks)
    if len(damaged) > whole * (1 - INTACT_SHARE):
        return None
    outlines, places = read_tags(bits)
    outlines = [replace(o, box=(o.box[0] - x, o.box[1] - y, *o.box[2:])) for o in outlines]
    marked = _marked(marks, luma.shape, places)
    heat = split(planes)
    if marks.support is not None:
        _keep_support(heat, layout, marks, marked)
    return ExtractedPlanes(heat, marks, tuple(outlines), marked, tuple(damaged))


def _read_at(luma: U8, origin: tuple[int, int]) -> tuple[Marks, BitPlane] | None:
    bits = BitPlane.from_luma(luma, origin)
    marks = read_marks(luma, origin, bits)
    return None if marks is None else (marks, bits)


def _marked(marks: Marks, shape: tuple[int, ...], places: Sequence[Place]) -> NDArray[np.bool_]:
    """Pixels of the picture under marks and tags."""
    x, y = marks.origin
    height, width = shape
    small = marks.miniature
    whole = (small.width, small.height) if small else (x + width + MARK, y + height + MARK)
    marked = marked_pixels(width, height, marks.header.sparse, marks.origin, whole).copy()
    for left, top in places:
        rows, columns = (
            slice(max(top - y, 0), top - y + TAG_HEIGHT),
            slice(max(left - x, 0), left - x + BLOCK_WIDTH),
        )
        marked[rows, columns] = True
    return marked


def is_cover(cover: U8, stego: U8, layout: Layout, found: ExtractedPlanes) -> bool:
    """Whether a stego frame can have been embedded in this cover, whatever the template.

    Args:
        cover: planes of the whole frame.
        stego: likewise, of the same shape.
        layout: of both.
        found: what the stego frame carries.
    """
    marks = found.marks
    method: Merge = "plain" if marks.header.plain else "opap"
    wrong = merge(cover, split(stego), method) != stego
    if marks.support is None:
        return not wrong.any()
    # In sparse fidelity marks and tags are written last and change one bit; outside the support all other
    # bits are those of the cover.
    planes, wrong_planes = split_planes(stego, layout), split_planes(wrong.view(np.uint8), layout)
    covers = split_planes(cover, layout)
    flipped = merge(covers[0], split(planes[0] ^ np.uint8(1)), method) ^ np.uint8(1)
    wrong_planes[0][found.marked & (flipped == planes[0])] = False
    height, width = planes[0].shape
    beside = ~_support_window(marks.support, (0, 0), width, height)
    step = height // planes[1].shape[0]
    shows = [((covers[0] ^ planes[0]) & np.uint8(0xFE))[beside]]
    shows += [(c ^ p)[beside[::step, ::step]] for c, p in zip(covers[1:], planes[1:], strict=True)]
    return not (wrong.any() or any(change.any() for change in shows))


def _keep_support(heat: U8, layout: Layout, marks: Marks, marked: NDArray[np.bool_]) -> None:
    """Set the heat to 0 outside the support, in place; marks and tags keep their bit."""
    assert marks.support is not None
    luma, *chroma = split_planes(heat, layout)
    height, width = luma.shape
    support = _support_window(marks.support, marks.origin, width, height)
    step = height // chroma[0].shape[0]
    for plane in chroma:
        plane[~support[::step, ::step]] = 0
    luma[~support] &= 0x10
    luma[~(support | marked)] = 0


def _support_window(
    blocks: NDArray[np.bool_], origin: tuple[int, int], width: int, height: int
) -> NDArray[np.bool_]:
    """Support blocks as pixels of a picture at ``origin``; pixels that no mark describes are False."""
    rows = np.arange(origin[1], origin[1] + height) // SUPPORT_BLOCK
    columns = np.arange(origin[0], origin[0] + width) // SUPPORT_BLOCK
    # One empty row and column around the blocks stands for everything outside them.
    padded = np.pad(blocks, 1)
    rows, columns = (rows + 1).clip(0, blocks.shape[0] + 1), (columns + 1).clip(0, blocks.shape[1] + 1)
    return padded[rows[:, None], columns]
