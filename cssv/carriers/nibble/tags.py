"""Tags in the bit plane: one block per object, near its centre, on the grid of the whole frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.bits import BLOCK_WIDTH, TEMPLATE_BIT, UNIT, BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.marks import marked_pixels
from cssv.carriers.nibble.tag_record import MAGIC_BYTES, TAG_SIZE, is_tag, read_tag, write_tag
from cssv.errors import FramingError
from cssv.frames import U8
from cssv.template.drawing import Outline

#: A tag is BLOCK_WIDTH x TAG_HEIGHT pixels.
TAG_HEIGHT = TAG_SIZE * 8 // BLOCK_WIDTH
_WIDE, _HIGH = BLOCK_WIDTH // UNIT, TAG_HEIGHT // UNIT

#: Left and top pixel of a tag in the whole frame.
Place = tuple[int, int]


def place_tags(
    outlines: Sequence[Outline], width: int, height: int, marked: NDArray[np.bool_] | None = None
) -> list[Place | None]:
    """Choose a free grid position for each tag: the nearest to the centre of its object.

    Positions of marks and of earlier tags are not free. None for a tag that finds no place.

    Args:
        outlines: of the objects, in the order in which they choose.
        width: of the frame in pixels.
        height: of the frame.
        marked: every UNIT-th pixel of every UNIT-th row: whether a mark covers it; None for version 1.
    """
    if marked is None:
        marked = marked_pixels(width, height, True, step=UNIT)
    taken = marked.astype(np.uint8)
    rows, columns = height // UNIT - _HIGH + 1, width // UNIT - _WIDE + 1
    places: list[Place | None] = []
    if rows < 1 or columns < 1:
        return [None] * len(outlines)
    # blocked[r, c]: a tag whose first unit is (r, c) would cover a taken unit.
    kernel = np.ones((_HIGH, _WIDE), np.uint8)
    blocked = cv2.dilate(taken, kernel, anchor=(0, 0), borderValue=0)[:rows, :columns] != 0
    across, down = np.arange(columns), np.arange(rows)[:, None]
    for outline in outlines:
        cx, cy = outline.centre
        want_x, want_y = cx / UNIT - _WIDE / 2, cy / UNIT - _HIGH / 2
        far = np.where(blocked, np.inf, (across - want_x) ** 2 + (down - want_y) ** 2)
        best = int(far.argmin())
        row, column = divmod(best, columns)
        if not np.isfinite(far[row, column]):
            # The frame is full; the scene track keeps the outline instead.
            places.append(None)
            continue
        places.append((column * UNIT, row * UNIT))
        blocked[max(row - _HIGH + 1, 0) : row + _HIGH, max(column - _WIDE + 1, 0) : column + _WIDE] = True
    return places


def write_tags(luma: U8, outlines: Sequence[Outline], bit: int = TEMPLATE_BIT) -> list[Place]:
    """Write the tags of objects into a luma plane, in place; returns their places.

    Args:
        luma: (H, W) uint8; a template's brightness (``bit`` 0x10), or stego bytes (``bit`` 1).
        outlines: of the objects; an outline without a free place gets no tag.
        bit: which bit of each byte to set.
    """
    height, width = luma.shape
    written = []
    for outline, place in zip(outlines, place_tags(outlines, width, height), strict=True):
        if place is None:
            continue
        x, y = place
        block = np.frombuffer(write_tag(outline), np.uint8).reshape(TAG_HEIGHT, 2)
        set_bits(luma[y : y + TAG_HEIGHT, x : x + BLOCK_WIDTH], block_pixels(block), bit)
        written.append(place)
    return written


def read_tags(bits: BitPlane) -> tuple[list[Outline], list[Place]]:
    """Outlines of all intact tags of a stego picture, in coordinates of the whole frame, and their places."""
    outlines, places = [], []
    for x, y, block in bits.find(MAGIC_BYTES, TAG_HEIGHT):
        if is_tag(block):
            try:
                outlines.append(read_tag(block))
            except FramingError:
                # The checksum was right by chance.
                continue
            places.append((x, y))
    return outlines, places
