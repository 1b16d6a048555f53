"""Tags of the clip in cells: units, ranges, rings and labels, in parts (nibble/SPEC2.md, "Cell tags").

Every part is one tag and can be read alone. A part is repeated often, so that a piece of a clip soon has all.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from cssv.carriers.nibble.cell_tag_record import (
    CLIP_KIND,
    FRAME_BITS,
    TagRecord,
    pack_bits,
    read_record,
    unpack_bits,
    write_record,
)
from cssv.carriers.nibble.object_tag import LABEL_BITS
from cssv.errors import FramingError
from cssv.frames import SIDE_RANGE
from cssv.scene import Ranges
from cssv.scene.values import Span
from cssv.template.drawing import Rings

#: Numbers of the parts: of the frame, of time and speed, of temperature and density, and of the first labels.
FRAME_PART, SPEED_PART, HEAT_PART, LABEL_PART = range(4)
#: Bytes of a label, in UTF-8, and labels of a part.
LABEL_SIZE, _LABELS_OF_PART = 8, 2
#: Most labels of a clip.
LABELS = (1 << LABEL_BITS) - 1
_PARTS = LABEL_PART + -(-LABELS // _LABELS_OF_PART)
_PART_BITS, _FILL = 5, 132
#: Bits of the number of a frame.
_WHOLE_FRAME_BITS = 32
#: The frame's part: high bits of its number, pts, width - 1, height - 1, objects, rings, labels.
_FRAME_WIDTHS = (_WHOLE_FRAME_BITS - FRAME_BITS, 64, 14, 14, 8, 3, LABEL_BITS)
_SPEED, _HEAT = struct.Struct(">IIff"), struct.Struct(">ffff")


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What the tags of a clip say, or those of its parts that were read.

    Attributes:
        frame: number of the frame, 32 bits.
        pts: presentation time of the frame in units of ``time_base``, 64 bits, signed.
        size: width and height of the whole frame in pixels.
        objects: how many objects the frame shows; 255 for that many or more.
        rings: which rings the scene has.
        label_count: how many labels the clip has.
        time_base: seconds per unit of ``pts``.
        speed_px_s, temperature_c, density_kg_m3: values at the bottom and top of the rings.
        labels: by their index, from 1.
    """

    frame: int | None = None
    pts: int | None = None
    size: tuple[int, int] | None = None
    objects: int | None = None
    rings: Rings | None = None
    label_count: int | None = None
    time_base: Fraction | None = None
    speed_px_s: Span | None = None
    temperature_c: Span | None = None
    density_kg_m3: Span | None = None
    labels: Mapping[int, str] = field(default_factory=dict)

    @property
    def ranges(self) -> Ranges | None:
        """The ranges of all rings; None if a part is missing."""
        if self.speed_px_s is None or self.temperature_c is None or self.density_kg_m3 is None:
            return None
        return Ranges(self.speed_px_s, self.temperature_c, self.density_kg_m3)


def write_clip_tags(facts: ClipFacts) -> list[bytes]:
    """The tags of all parts whose facts are given, the most important first.

    Labels are cut to LABEL_SIZE bytes at the border of a character.

    Raises:
        FramingError: the number of the frame is missing, or a field does not fit.
    """
    if facts.frame is None:
        raise FramingError("the tags of a clip need the number of the frame", found="None")
    parts = [_write_frame(facts), _write_speed(facts), _write_heat(facts)]
    parts += [_write_labels(facts, part) for part in range(LABEL_PART, _PARTS)]
    frame = facts.frame & (1 << FRAME_BITS) - 1
    return [
        write_record(TagRecord(CLIP_KIND, frame, pack_bits((part, body), (_PART_BITS, _FILL))))
        for part, body in enumerate(parts)
        if body is not None
    ]


def read_clip_tags(blocks: Iterable[bytes]) -> ClipFacts:
    """Inverse of :func:`write_clip_tags`: the facts of all parts that are there and valid.

    Other bytes, such as the tags of objects, are ignored. Of two tags with one part the later one counts.
    """
    facts = ClipFacts()
    for block in blocks:
        record = read_record(block)
        if record is None or record.kind != CLIP_KIND:
            continue
        part, body = unpack_bits(record.body, (_PART_BITS, _FILL))
        if part == FRAME_PART:
            facts = _read_frame(facts, record.frame, body)
        elif part == SPEED_PART:
            facts = _read_speed(facts, body)
        elif part == HEAT_PART:
            facts = _read_heat(facts, body)
        elif part < _PARTS:
            facts = _read_labels(facts, part, body)
    return facts


def _write_frame(facts: ClipFacts) -> int | None:
    if facts.frame is None or facts.pts is None or facts.size is None:
        return None
    low, high = SIDE_RANGE
    width, height = facts.size
    if not (low <= width <= high and low <= height <= high):
        raise FramingError("the size of a frame does not fit", found=facts.size, bound=f"{low} to {high}")
    if not -1 << 63 <= facts.pts < 1 << 63:
        raise FramingError("a presentation time does not fit", found=facts.pts, bound="64 bits")
    count = len(facts.labels) if facts.label_count is None else facts.label_count
    values = (
        facts.frame >> FRAME_BITS,
        facts.pts & (1 << 64) - 1,
        width - 1,
        height - 1,
        min(facts.objects or 0, 255),
        int(Rings.ALL if facts.rings is None else facts.rings),
        count,
    )
    return pack_bits(values, _FRAME_WIDTHS) << _FILL - sum(_FRAME_WIDTHS)


def _read_frame(facts: ClipFacts, frame: int, body: int) -> ClipFacts:
    numbers = unpack_bits(body >> _FILL - sum(_FRAME_WIDTHS), _FRAME_WIDTHS)
    high, pts, width, height, objects, rings, labels = numbers
    size = (width + 1, height + 1)
    if min(size) < SIDE_RANGE[0]:
        return facts
    return replace(
        facts,
        frame=high << FRAME_BITS | frame,
        pts=pts - (pts >> 63 << 64),
        size=size,
        objects=objects,
        rings=Rings(rings),
        label_count=labels,
    )


def _write_speed(facts: ClipFacts) -> int | None:
    if facts.time_base is None or facts.speed_px_s is None:
        return None
    try:
        packed = _SPEED.pack(facts.time_base.numerator, facts.time_base.denominator, *facts.speed_px_s)
    except (struct.error, OverflowError) as error:
        raise FramingError("a time base or range does not fit", found=facts, bound=str(error)) from error
    return _to_body(packed)


def _read_speed(facts: ClipFacts, body: int) -> ClipFacts:
    numerator, denominator, low, high = _SPEED.unpack(_to_bytes(body))
    if not (numerator and denominator and _is_span(low, high)):
        return facts
    return replace(facts, time_base=Fraction(numerator, denominator), speed_px_s=(low, high))


def _write_heat(facts: ClipFacts) -> int | None:
    if facts.temperature_c is None or facts.density_kg_m3 is None:
        return None
    try:
        packed = _HEAT.pack(*facts.temperature_c, *facts.density_kg_m3)
    except OverflowError as error:
        raise FramingError("a range does not fit", found=facts, bound=str(error)) from error
    return _to_body(packed)


def _read_heat(facts: ClipFacts, body: int) -> ClipFacts:
    low, high, least, most = _HEAT.unpack(_to_bytes(body))
    if not (_is_span(low, high) and _is_span(least, most)):
        return facts
    return replace(facts, temperature_c=(low, high), density_kg_m3=(least, most))


def _indices(part: int) -> range:
    """Indices of the labels of a part."""
    first = (part - LABEL_PART) * _LABELS_OF_PART + 1
    return range(first, min(first + _LABELS_OF_PART, LABELS + 1))


def _write_labels(facts: ClipFacts, part: int) -> int | None:
    if not any(index in facts.labels for index in _indices(part)):
        return None
    parts = (cut_label(facts.labels.get(index, "")) for index in _indices(part))
    packed = b"".join(label.encode().ljust(LABEL_SIZE, b"\0") for label in parts)
    return _to_body(packed.ljust(_LABELS_OF_PART * LABEL_SIZE, b"\0"))


def _read_labels(facts: ClipFacts, part: int, body: int) -> ClipFacts:
    packed = _to_bytes(body)
    fields = (packed[k : k + LABEL_SIZE].rstrip(b"\0") for k in range(0, len(packed), LABEL_SIZE))
    found = {
        index: text.decode(errors="replace")
        for index, text in zip(_indices(part), fields, strict=False)
        if text
    }
    return replace(facts, labels={**facts.labels, **found})


def cut_label(label: str) -> str:
    """A label as a reader of the tags gets it back: cut to LABEL_SIZE bytes at the border of a character."""
    return label.encode(errors="replace")[:LABEL_SIZE].decode(errors="ignore").rstrip("\0")


def _to_body(packed: bytes) -> int:
    return int.from_bytes(packed, "big") << _FILL - 8 * len(packed)


def _to_bytes(body: int) -> bytes:
    """Bytes of a body that holds 16 of them, whatever its last bits are."""
    return (body >> _FILL - 128).to_bytes(16, "big")


def _is_span(low: float, high: float) -> bool:
    return math.isfinite(low) and math.isfinite(high) and low < high
