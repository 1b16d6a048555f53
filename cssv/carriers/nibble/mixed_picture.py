"""Rings and tags of one picture of the mixed carrier: drawn into luma, and read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.cell_regions import DIGITS, REGIONS, Visible, ring_costs, visible_regions
from cssv.carriers.nibble.cell_tag_record import FRAME_BITS, MAGIC_BITS
from cssv.carriers.nibble.cell_tags import SIDE, TagSpace, draw_tags, find_tags, place_tags, tag_cells
from cssv.carriers.nibble.cells import CELL, LEVELS, Levels, embed_levels, read_levels
from cssv.carriers.nibble.clip_tag import LABELS, ClipFacts, cut_label, read_clip_tags, write_clip_tags
from cssv.carriers.nibble.mosaic import CellReading, draw_mosaic, read_mosaic
from cssv.carriers.nibble.object_tag import (
    ObjectTag,
    Place,
    quantise_outline,
    read_object_tag,
    write_object_tag,
)
from cssv.errors import FramingError
from cssv.frames import LOST, MACROBLOCK_PX, U8, WEAK, Blocks, Faults, Finer, blocks_shape
from cssv.template.drawing import Drawing, Outline, Readings

_BLOCK_CELLS = MACROBLOCK_PX // CELL
#: How much finer macroblocks with cells of tags are coded at first: each of their bits counts.
TAG_FINER = 38
#: The same for cells of rings, by how many wrong ones of each digit the others outvote.
RING_FINER = (38, 28, 24, 22)
#: Rings are weak if a larger share of their cells is wrong.
WEAK_SHARE = 0.1
_MANY = 1 << 20
#: Cells at the beginning of a tag that hold its magic.
_MAGIC_CELLS = -(-MAGIC_BITS // LEVELS)

#: Bools of cells, or of macroblocks: (rows, columns).
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCells:
    """Rings and tags that must come back; implements :class:`cssv.frames.ExactContent`.

    Of a tag every level counts. Cells of a ring repeat the bytes that it shows, so that these count and not
    each level.

    Attributes:
        tags: bool (rows, columns), cells of tags.
        rings: bool (rows, columns), cells of rings.
        levels: uint8 (rows, columns, LEVELS).
        outlines: of the objects whose rings are drawn, as their tags state them.
        visible: cells of these objects.
        checksums: of what a reader finds in the rings of each object.
        height: of the picture in pixels.
        width: of the picture in pixels.
    """

    tags: Mask
    rings: Mask
    levels: Levels
    outlines: tuple[Outline, ...]
    visible: tuple[Visible, ...]
    checksums: tuple[int, ...]
    height: int
    width: int

    @property
    def blocks(self) -> Blocks:
        """Macroblocks with such cells."""
        return self._to_blocks(self.rings | self.tags)

    @property
    def finer(self) -> Finer:
        """How much finer each of them is coded at first."""
        finer = np.where(self._to_blocks(self.tags), TAG_FINER, 0)
        for _, regions, own in self.visible:
            mine = own & (regions.region >= 0)
            counts = np.bincount(regions.region[mine], minlength=REGIONS)
            repeats = int(counts[counts > 0].min(initial=_MANY)) // DIGITS
            cells = np.zeros_like(self.rings)
            cells[regions.window] = mine
            outvoted = max(repeats - 1, 0) // 2
            level = RING_FINER[min(outvoted, len(RING_FINER) - 1)]
            finer = np.maximum(finer, self._to_blocks(cells) * level)
        return np.asarray(finer, np.int16)

    def faults(self, planes: U8) -> Faults:
        """Macroblocks in which tags or readings are lost, and those of rings with many wrong levels."""
        levels = read_levels(planes[: self.height])
        wrong = (levels != self.levels).any(axis=2)
        lost, weak = wrong & self.tags, np.zeros_like(wrong)
        readings = read_mosaic(levels, self.outlines, self.tags, visible=self.visible)
        for i, regions, own in self.visible:
            mine = own & (regions.region >= 0)
            missed = int(np.count_nonzero(wrong[regions.window] & mine))
            # Other cells of the object are as likely to be missed in another coding.
            if readings[i].crc != self.checksums[i]:
                lost[regions.window] |= mine
            elif missed > WEAK_SHARE * np.count_nonzero(mine):
                weak[regions.window] |= mine
        # A codec that keeps what it showed before can leave a tag of an earlier frame.
        for x, y in stray_tags(levels, self.tags):
            window = _tag_window(x, y)
            lost[window] |= ~self.tags[window]
        faults = np.where(self._to_blocks(lost), LOST, np.where(self._to_blocks(weak), WEAK, 0))
        return np.asarray(faults, np.uint8)

    def _to_blocks(self, cells: Mask) -> Blocks:
        rows, columns = blocks_shape(self.width, self.height)
        padded = np.zeros((rows * _BLOCK_CELLS, columns * _BLOCK_CELLS), bool)
        padded[: cells.shape[0], : cells.shape[1]] = cells
        grid = padded.reshape(rows, _BLOCK_CELLS, columns, _BLOCK_CELLS)
        return np.asarray(grid.any(axis=(1, 3)))


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPicture:
    """A picture with rings and tags.

    Attributes:
        luma: (H, W) uint8.
        outlines: of all objects, as a reader gets them.
        unmarked: those outlines for whose tags there was no room.
        cells: what must come back exactly.
    """

    luma: U8
    outlines: tuple[Outline, ...]
    unmarked: tuple[Outline, ...]
    cells: DrawnCells


def label_table(contents: Sequence[FrameContent]) -> dict[int, str]:
    """The labels of a window by their index, from 1. Labels beyond the last index have none."""
    labels = sorted({cut_label(state.label) for content in contents for state in content.objects} - {""})
    return dict(enumerate(labels[:LABELS], start=1))


def draw_picture(
    luma: U8,
    drawings: Sequence[Drawing],
    content: FrameContent,
    labels: Mapping[int, str],
    *,
    has_clip_tags: bool,
) -> DrawnPicture:
    """Draw rings and tags into a picture.

    Args:
        luma: (H, W) uint8; not changed.
        drawings: the objects.
        content: of the frame.
        labels: of its window, by index.
        has_clip_tags: whether the picture gets the tags of the clip.
    """
    height, width = luma.shape
    size = (width, height)
    fitted = [replace(each, outline=quantise_outline(each.outline)) for each in drawings]
    outlines = tuple(each.outline for each in fitted)
    space = TagSpace(size, ring_costs(outlines, size))
    places = place_tags(outlines, space)
    unmarked = tuple(o for o, place in zip(outlines, places, strict=True) if place is None)
    # A reader finds no object without a tag, so it must not hide others either.
    shown = [each for each, place in zip(fitted, places, strict=True) if place is not None]
    tags = []
    if has_clip_tags:
        blocks = write_clip_tags(_facts(content, labels, size, len(shown)))
        tags = [(place, block) for block in blocks if (place := space.take(None)) is not None]
    taken = tag_cells(space.places, size)
    own = tuple(each.outline for each in shown)
    visible = tuple(visible_regions(own, taken))
    mosaic = draw_mosaic(shown, size, taken, visible)
    indices = {label: index for index, label in labels.items()}
    owned = (place for place in places if place is not None)
    for outline, place, checksum in zip(own, owned, mosaic.crcs, strict=True):
        index = indices.get(cut_label(outline.label), 0)
        tags.append((place, write_object_tag(outline, place, content.number, index, checksum)))
    levels, where = mosaic.levels.copy(), mosaic.where.copy()
    draw_tags(levels, where, tags)
    cells = DrawnCells(taken, mosaic.where, levels, own, visible, mosaic.crcs, height, width)
    return DrawnPicture(_without_strays(embed_levels(luma, levels, where), cells), outlines, unmarked, cells)


def _facts(
    content: FrameContent, labels: Mapping[int, str], size: tuple[int, int], objects: int
) -> ClipFacts:
    ranges = content.ranges
    return ClipFacts(
        frame=content.number,
        pts=content.pts,
        size=size,
        objects=objects,
        rings=content.rings,
        time_base=content.time_base,
        speed_px_s=ranges.speed_px_s,
        temperature_c=ranges.temperature_c,
        density_kg_m3=ranges.density_kg_m3,
        labels=labels,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ReadPicture:
    """What the cells of a picture tell.

    Attributes:
        places: left and top pixel of each tag in the picture.
        frame: the last FRAME_BITS bits of the number of the frame; None without a tag.
        facts: what clip tags tell.
        objects: tags of objects; places in pixels of the picture.
        readings: what the rings of each object show.
        unlike: tracks of the objects whose rings do not show what their tags vouch for.
        levels: uint8 (rows, columns, LEVELS) of all cells.
    """

    places: tuple[Place, ...]
    frame: int | None
    facts: ClipFacts
    objects: tuple[ObjectTag, ...]
    readings: tuple[CellReading, ...]
    unlike: frozenset[int]
    levels: Levels


def read_picture(luma: U8, phase: tuple[int, int] = (0, 0)) -> ReadPicture:
    """Read rings and tags.

    Args:
        luma: (H, W) uint8, of a whole frame or of a piece of it.
        phase: x, y of the first cell in the picture (:func:`find_phase`).
    """
    levels = read_levels(luma, phase)
    found = find_tags(levels, phase)
    facts = read_clip_tags(block for _, block in found)
    objects = tuple(tag for place, block in found if (tag := _object_tag(block, place)) is not None)
    frames = Counter(tag.frame for tag in objects)
    if facts.frame is not None:
        frames[facts.frame & (1 << FRAME_BITS) - 1] += 1
    frame = max(frames, key=lambda number: frames[number], default=None)
    # What the codec has left of another frame's tag has that frame's number.
    objects = tuple(tag for tag in objects if tag.frame == frame)
    places = [(x - phase[0], y - phase[1]) for (x, y), _ in found]
    taken = tag_cells(places, (levels.shape[1] * CELL, levels.shape[0] * CELL))
    readings = read_mosaic(levels, [tag.outline for tag in objects], taken, phase)
    unlike = frozenset(
        tag.outline.track
        for tag, reading in zip(objects, readings, strict=True)
        if reading.crc != tag.drawing_crc
    )
    return ReadPicture(
        tuple(place for place, _ in found), frame, facts, objects, tuple(readings), unlike, levels
    )


def _object_tag(block: bytes, place: tuple[int, int]) -> ObjectTag | None:
    try:
        return read_object_tag(block, place)
    except FramingError:
        # A tag of the clip, or one whose checksum was right by chance.
        return None


def find_phase(luma: U8, *, is_whole: bool = False) -> tuple[int, int] | None:
    """x, y of the first cell in a picture; None if no tag is found at any.

    Args:
        luma: (H, W) uint8.
        is_whole: whether the picture is no piece of a frame, so that its cells begin at (0, 0).
    """
    # That of a whole frame comes first.
    for y, x in product(range(1 if is_whole else CELL), repeat=2):
        if find_tags(read_levels(luma, (x, y)), (x, y)):
            return x, y
    return None


def stray_tags(levels: Levels, tags: Mask) -> list[Place]:
    """Left and top pixel of each tag that is found and was not drawn.

    Args:
        levels: uint8 (rows, columns, LEVELS) of a whole frame.
        tags: bool (rows, columns), cells of the tags that were drawn.
    """
    found = (place for place, _ in find_tags(levels))
    return [(x, y) for x, y in found if not tags[_tag_window(x, y)].all()]


def _tag_window(x: int, y: int) -> tuple[slice, slice]:
    """Rows and columns of the cells of a tag at a pixel."""
    row, column = y // CELL, x // CELL
    return slice(row, row + SIDE), slice(column, column + SIDE)


def _without_strays(luma: U8, drawn: DrawnCells) -> U8:
    """Luma without tags that it had before: the levels of their magic are inverted.

    A clip that was encoded before has such tags, and a frame whose tag was drawn at another place. A reader
    would find objects in them.

    Args:
        luma: (H, W) uint8 of a whole frame; not changed.
        drawn: cells that must stay.
    """
    levels = read_levels(luma)
    where = np.zeros_like(drawn.tags)
    for x, y in stray_tags(levels, drawn.tags):
        where[y // CELL, x // CELL : x // CELL + _MAGIC_CELLS] = True
    where &= ~(drawn.tags | drawn.rings)
    return embed_levels(luma, levels ^ np.uint8(1), where) if where.any() else luma


def drawn_cells(found: ReadPicture, width: int, height: int) -> DrawnCells:
    """What of a picture must come back if it is coded again as it is.

    Args:
        found: what was read from the whole frame.
        width: of the frame in pixels.
        height: of the frame in pixels.
    """
    size = (width, height)
    taken = tag_cells(found.places, size)
    outlines = tuple(each.outline for each in found.readings)
    visible = tuple(visible_regions(outlines, taken))
    own = [Drawing(each.outline, each.readings or Readings()) for each in found.readings]
    rings = draw_mosaic(own, size, taken, visible).where
    checksums = tuple(each.crc for each in found.readings)
    return DrawnCells(taken, rings, found.levels, outlines, visible, checksums, height, width)
