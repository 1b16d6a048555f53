"""Tag of an object in cells: place, outline and drawing, but no readings (nibble/SPEC2.md, "Cell tags").

A tag has room for a coarse outline only. So the writer draws the outline that :func:`quantise_outline` gives,
which is the one that the reader gets back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_tag_record import (
    CLIP_KIND,
    FRAME_BITS,
    TagRecord,
    pack_bits,
    read_record,
    unpack_bits,
    write_record,
)
from cssv.errors import FramingError
from cssv.payload.outlines import COEFFICIENTS, UNITS, outline_radii, outline_to_shares
from cssv.template.drawing import DIRECTIONS, FULL, Outline, PixelBox, Rings, Selector
from cssv.template.outline import pack_radii

#: Left and top pixel of a tag in the picture.
Place = tuple[int, int]
#: Side of a tag in pixels.
TAG_SIDE = 32
#: Bits of the track: of a larger one the tag has the last bits.
TRACK_BITS = 24
#: The centre of an object lies at most this far from its tag's, in pixels and either axis.
LARGEST_OFFSET = 1 << 10
_SIDE_BITS, _LARGEST_SCALE = 10, 4
#: Steps of the score, and of the byte that holds it.
_SCORE_BITS = 4
_SCORE_STEP = FULL // ((1 << _SCORE_BITS) - 1)
LABEL_BITS = 4
#: Bits and lowest value of each coefficient of the outline's shares.
_COEFFICIENT_BITS = (5, *[4] * (COEFFICIENTS - 1))
_LOWEST = np.array((0, *[-8] * (COEFFICIENTS - 1)))
_HIGHEST = _LOWEST + (1 << np.array(_COEFFICIENT_BITS)) - 1
_RING_BITS, _CRC_BITS = 3, 16
_WIDTHS = (
    TRACK_BITS, 11, 11, _SIDE_BITS, _SIDE_BITS, 3, 8, _RING_BITS, _SCORE_BITS, LABEL_BITS,
    *_COEFFICIENT_BITS, _CRC_BITS,
)  # fmt: skip
#: Shares to their coefficients: the least-squares fit of orthogonal cosines.
_TO_COEFFICIENTS: NDArray[np.float64] = np.array(
    [
        [
            (2 if k else 1) / DIRECTIONS * math.cos(math.pi * k * (2 * at + 1) / (2 * DIRECTIONS))
            for at in range(DIRECTIONS)
        ]
        for k in range(COEFFICIENTS)
    ]
)
#: Most fits of an outline until it is one that a tag can hold.
_FITS = 8


@dataclass(frozen=True, slots=True)
class ObjectTag:
    """Content of an object's tag.

    Attributes:
        outline: in pixels of the picture; its label is empty, because the tag has only its index.
        frame: the last FRAME_BITS bits of the number of the frame.
        label_index: of the label in the clip's table, from 1; 0 = none.
        drawing_crc: CRC-16 of the levels of the object's rings.
    """

    outline: Outline
    frame: int
    label_index: int
    drawing_crc: int


def quantise_outline(outline: Outline) -> Outline:
    """The outline as a reader of its tag gets it back, with its own label.

    Boxes of up to 1024 pixels a side stay exact; larger ones become smaller by less than a step. The centre
    stays. An outline that a tag has held stays as it is, but for rare ones.
    """
    return _fit(outline)[0]


def write_object_tag(
    outline: Outline, place: Place, frame: int, label_index: int = 0, drawing_crc: int = 0
) -> bytes:
    """The bytes of an object's tag.

    Args:
        outline: of the object, quantised or not.
        place: left and top pixel of the tag.
        frame: number of the frame.
        label_index: of the label in the clip's table, from 1; 0 = none.
        drawing_crc: CRC-16 of the levels of the object's rings.

    Raises:
        FramingError: a field does not fit, for example because the tag is too far from the object.
    """
    fitted, coefficients, scale = _fit(outline)
    (x, y), (cx, cy), (_, _, w, h) = place, fitted.centre, fitted.box
    body = pack_bits(
        (
            fitted.track,
            cx - x - TAG_SIDE // 2 + LARGEST_OFFSET,
            cy - y - TAG_SIDE // 2 + LARGEST_OFFSET,
            (w >> scale) - 1,
            (h >> scale) - 1,
            scale,
            fitted.axis,
            int(fitted.rings),
            fitted.score // _SCORE_STEP,
            label_index,
            *(coefficients - _LOWEST).tolist(),
            drawing_crc,
        ),
        _WIDTHS,
    )
    return write_record(TagRecord(int(fitted.selector), frame & (1 << FRAME_BITS) - 1, body))


def read_object_tag(block: bytes, place: Place) -> ObjectTag:
    """Inverse of :func:`write_object_tag`.

    Args:
        block: the bytes of the tag.
        place: left and top pixel of the tag in the picture that the outline is wanted in.

    Raises:
        FramingError: this is not the tag of an object.
    """
    record = read_record(block)
    if record is None or record.kind == CLIP_KIND:
        raise FramingError("not an object's tag", found=block.hex())
    track, dx, dy, w, h, scale, axis, rings, score, label, *numbers, crc = unpack_bits(record.body, _WIDTHS)
    # An object without rings is a line.
    if scale > _LARGEST_SCALE or not (rings or record.kind == Selector.EDGES):
        raise FramingError("an object's tag is not valid", found=f"scale {scale}, rings {rings}")
    w, h = w + 1 << scale, h + 1 << scale
    cx, cy = place[0] + TAG_SIDE // 2 + dx - LARGEST_OFFSET, place[1] + TAG_SIDE // 2 + dy - LARGEST_OFFSET
    radii, shift = _radii(np.array(numbers) + _LOWEST, w, h)
    outline = Outline(
        track=track,
        label="",
        score=score * _SCORE_STEP,
        box=(cx - w // 2, cy - h // 2, w, h),
        radii=radii,
        shift=shift,
        selector=Selector(record.kind),
        axis=axis,
        rings=Rings(rings),
    )
    return ObjectTag(outline, record.frame, label, crc)


def _fit(outline: Outline) -> tuple[Outline, NDArray[np.int64], int]:
    """The quantised outline, the coefficients of its shares, and the scale of its box."""
    box, scale = _fit_box(outline)
    found = replace(
        outline,
        track=outline.track & (1 << TRACK_BITS) - 1,
        score=round(outline.score / _SCORE_STEP) * _SCORE_STEP,
        box=box,
    )
    coefficients = _fit_shares(found)
    radii, shift = _radii(coefficients, *box[2:])
    # Radii are whole pixels. So the coefficients of small outlines may change once more, and then stay.
    for _ in range(_FITS):
        if (radii, shift) == (found.radii, found.shift):
            break
        found = replace(found, radii=radii, shift=shift)
        coefficients = _fit_shares(found)
        radii, shift = _radii(coefficients, *box[2:])
    return replace(found, radii=radii, shift=shift), coefficients, scale


def _fit_box(outline: Outline) -> tuple[PixelBox, int]:
    """The box that fits in a tag, and its scale."""
    (cx, cy), (_, _, w, h) = outline.centre, outline.box
    scale = 0
    while scale < _LARGEST_SCALE and max(w, h) >> scale > 1 << _SIDE_BITS:
        scale += 1
    w, h = (min(max(side >> scale, 1), 1 << _SIDE_BITS) << scale for side in (w, h))
    return (cx - w // 2, cy - h // 2, w, h), scale


def _fit_shares(outline: Outline) -> NDArray[np.int64]:
    exact = _TO_COEFFICIENTS @ outline_to_shares(outline) * UNITS
    return np.clip(np.rint(exact).astype(np.int64), _LOWEST, _HIGHEST)


def _radii(coefficients: NDArray[np.int64], width: int, height: int) -> tuple[bytes, int]:
    return pack_radii(outline_radii(coefficients.tolist(), width, height))
