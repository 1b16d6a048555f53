"""Tags of the form ``sparse``: that of version 2, with a check of the object's drawing (SPEC2.md)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.framing import seal
from cssv.carriers.nibble.bits import BLOCK_WIDTH, BitPlane, block_pixels, set_bits
from cssv.carriers.nibble.tag_record import MAGIC_BYTES, TAG_SIZE, is_tag, read_tag, write_tag
from cssv.carriers.nibble.tags import TAG_HEIGHT, Place
from cssv.errors import FramingError
from cssv.frames import U8, Layout, split_planes
from cssv.template.drawing import Outline

#: Where the check stands in a tag.
_CHECK = slice(58, 60)


@dataclass(frozen=True, slots=True)
class SparseTag:
    """A tag that was read.

    Attributes:
        outline: of the object, in coordinates of the frame.
        place: left and top pixel of the tag in the frame.
        check: of the drawing.
    """

    outline: Outline
    place: Place
    check: int


def tagged_pixels(shape: tuple[int, ...], places: Sequence[Place]) -> NDArray[np.bool_]:
    """Pixels of a picture (H, W) whose lowest bit belongs to tags at these places, which may lie outside."""
    mask = np.zeros(shape, np.bool_)
    for left, top in places:
        mask[max(top, 0) : max(top + TAG_HEIGHT, 0), max(left, 0) : max(left + BLOCK_WIDTH, 0)] = True
    return mask


def drawing_check(
    planes: U8, layout: Layout, window: tuple[slice, slice], own: NDArray[np.bool_], taken: NDArray[np.bool_]
) -> int:
    """The check of a drawing: the last 16 bits of the CRC-32 of its nibbles.

    Args:
        planes: of the stego picture.
        layout: of the planes.
        window: rows and columns of the drawing.
        own: the pixels of its rings in the window that no nearer object covers.
        taken: (H, W) the pixels under marks and tags, whose lowest bit does not count.
    """
    luma, *chroma = split_planes(planes, layout)
    nibbles = (luma[window] & np.where(taken[window], np.uint8(0x0E), np.uint8(0x0F)))[own]
    crc = zlib.crc32(nibbles.tobytes())
    step = luma.shape[0] // chroma[0].shape[0]
    # Chroma samples belong to the pixel at their top left.
    top, left = window[0].start, window[1].start
    part = own[-top % step :: step, -left % step :: step]
    across, down = (left + step - 1) // step, (top + step - 1) // step
    for plane in chroma:
        samples = plane[down : down + part.shape[0], across : across + part.shape[1]]
        crc = zlib.crc32((samples[part] & np.uint8(0x0F)).tobytes(), crc)
    return crc & 0xFFFF


def write_sparse_tag(luma: U8, outline: Outline, place: Place, check: int) -> None:
    """Write a tag into the lowest bits of a luma plane, in place."""
    block = bytearray(write_tag(outline)[:-4])
    block[_CHECK] = check.to_bytes(2, "big")
    pairs = np.frombuffer(seal(bytes(block), TAG_SIZE), np.uint8).reshape(TAG_HEIGHT, 2)
    x, y = place
    set_bits(luma[y : y + TAG_HEIGHT, x : x + BLOCK_WIDTH], block_pixels(pairs), 1)


def read_sparse_tags(bits: BitPlane) -> list[SparseTag]:
    """All intact tags of a stego picture."""
    found = []
    for x, y, block in bits.find(MAGIC_BYTES, TAG_HEIGHT):
        if is_tag(block):
            try:
                outline = read_tag(block)
            except FramingError:
                # The checksum was right by chance.
                continue
            found.append(SparseTag(outline, (x, y), int.from_bytes(block[_CHECK], "big")))
    return found
