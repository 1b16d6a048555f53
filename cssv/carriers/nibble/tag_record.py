"""The tag of an object: its place, outline and drawing, never its readings (nibble/SPEC.md, section 5).

A tag tells a reader *where* an object's rings lie and who it is; speed, heading, temperature,
density and certainty are in the rings alone. Tags of version 2 also tell which rings the drawing has;
drawings of version 1 have all of them (SPEC2.md).
"""

from __future__ import annotations

import struct

from cssv.carriers.framing import is_sealed, seal, unseal
from cssv.errors import FramingError
from cssv.template.drawing import DIRECTIONS, SHIFT_LIMIT, Outline, Rings, Selector

MAGIC = 0x7A60
MAGIC_BYTES = struct.pack(">H", MAGIC)
#: Bytes of a tag.
TAG_SIZE = 64
#: Bytes of the label that fit, in UTF-8.
LABEL_SIZE = 8
_TAG = struct.Struct(f">HBIhhHHBB{DIRECTIONS}s{LABEL_SIZE}sB")
_SELECTORS = frozenset(map(int, Selector))


def write_tag(outline: Outline) -> bytes:
    """TAG_SIZE bytes. The label is cut to LABEL_SIZE bytes at a character boundary."""
    label = outline.label.encode(errors="replace")[:LABEL_SIZE].decode(errors="ignore").encode()
    x, y, w, h = outline.box
    try:
        record = _TAG.pack(
            MAGIC, outline.selector << 4 | outline.shift, outline.track, x, y, w, h,
            outline.score, outline.axis, outline.radii, label, Rings.ALL & ~outline.rings,
        )  # fmt: skip
    except struct.error as error:
        raise FramingError("an object's tag does not fit", found=str(outline), bound=str(error)) from error
    return seal(record, TAG_SIZE)


def read_tag(block: bytes) -> Outline:
    """Inverse of :func:`write_tag` up to the cut label. Raises FramingError on anything else."""
    fields = _TAG.unpack_from(unseal(block, TAG_SIZE))
    magic, drawing, track, x, y, w, h, score, axis, radii, label, missing = fields
    # An object without rings is a line.
    most = Rings.ALL if drawing >> 4 == Selector.EDGES else Rings.ALL - 1
    if (
        magic != MAGIC
        or drawing >> 4 not in _SELECTORS
        or drawing & 15 > SHIFT_LIMIT
        or w < 1
        or h < 1
        or missing > most
    ):
        raise FramingError(
            "not an object's tag",
            found=f"magic {magic:04x}, drawing {drawing:02x}, size {w}x{h}, {missing} as missing rings",
        )
    return Outline(
        track=track,
        label=label.rstrip(b"\0").decode(errors="replace"),
        score=score,
        box=(x, y, w, h),
        radii=radii,
        shift=drawing & 15,
        selector=Selector(drawing >> 4),
        axis=axis,
        rings=Rings.ALL & ~Rings(missing),
    )


def is_tag(block: bytes) -> bool:
    """Whether the block has a tag's magic and a right CRC."""
    return len(block) == TAG_SIZE and block[:2] == MAGIC_BYTES and is_sealed(block)
