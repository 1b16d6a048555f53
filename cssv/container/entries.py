"""Sample entries: the decoder settings of a track's samples (ISO/IEC 14496-12, 8.5.2)."""

from __future__ import annotations

from typing import Literal

from cssv.container.limits import ENTRIES_LIMIT, ENTRY_LIMIT, HEAD_LIMIT, check_limit
from cssv.container.mp4_boxes import FieldReader, only_box, read_boxes, write_box
from cssv.errors import ContainerError

Kind = Literal["video", "audio", "scene"]

#: ``hdlr`` type of each kind of track.
HANDLERS: dict[Kind, bytes] = {"video": b"vide", "audio": b"soun", "scene": b"meta"}

SCENE_MIME = b"application/json"

#: Bytes of a sample entry before its first inner box (14496-12, 12.1.3 and 12.2.3).
_FIXED_BYTES: dict[Kind, int] = {"video": 78, "audio": 28}

#: Types of a first box that distinguish a whole MP4 from a bare sample entry.
_FILE_STARTS = (b"ftyp", b"moov", b"styp", b"free", b"skip", b"wide", b"mdat")


def scene_entry() -> bytes:
    """Return the ``mett`` entry: no content encoding, MIME type ``application/json`` (14496-12, 12.3.3)."""
    return write_box(b"mett", b"\0" * 6, b"\0\1", b"\0", SCENE_MIME, b"\0")


def is_scene_entry(entry: bytes) -> bool:
    """Whether this is a ``mett`` entry with the MIME type of scenes."""
    return entry[4:8] == b"mett" and entry[16:].startswith(b"\0" + SCENE_MIME + b"\0")


def extract_entry(head: bytes, kind: Kind) -> bytes:
    """Return the sample entry of the first track of this kind in the MP4 ``head``.

    ``head`` may also be the entry itself. All boxes inside the entry are kept (``avcC``, ``esds``,
    ``colr``, ``pasp`` ...) except ``btrt``: the bit rate of the head is not that of the file. Raises
    ContainerError if there is no such track.
    """
    check_limit("MP4 head is too long", len(head), HEAD_LIMIT)
    view = memoryview(head)
    top = read_boxes(view, "MP4 head")
    if top and top[0][0] not in _FILE_STARTS:
        return _tidy_entry(bytes(head), kind)
    for name, trak in read_boxes(only_box(top, b"moov", "MP4 head"), "moov"):
        if name != b"trak":
            continue
        media = read_boxes(only_box(read_boxes(trak, "trak"), b"mdia", "trak"), "mdia")
        handler = only_box(media, b"hdlr", "mdia")
        if bytes(handler[8:12]) != HANDLERS[kind]:
            continue
        tables = read_boxes(
            only_box(read_boxes(only_box(media, b"minf", "mdia"), "minf"), b"stbl", "minf"), "stbl"
        )
        entries = read_entries(only_box(tables, b"stsd", "stbl"))
        return _tidy_entry(entries[0], kind)
    raise ContainerError(f"MP4 head has no {kind} track")


def parameter_sets(entry: bytes) -> bytes:
    """The parameter sets of an ``avc1`` entry as NAL units of a sample; no bytes for other codecs.

    Each unit follows its length in four bytes (ISO/IEC 14496-15, 5.3.3.1).
    """
    if entry[4:8] != b"avc1":
        return b""
    boxes = read_boxes(memoryview(entry)[8 + _FIXED_BYTES["video"] :], "sample entry")
    fields = FieldReader(only_box(boxes, b"avcC", "sample entry"), "avcC")
    fields.take(5)
    units = []
    # The count of sequence parameter sets shares its byte with three reserved bits.
    for mask in (0x1F, 0xFF):
        for _ in range(fields.take(1)[0] & mask):
            unit = bytes(fields.take(fields.u16()))
            units += [len(unit).to_bytes(4, "big"), unit]
    return b"".join(units)


def read_entries(stsd: memoryview) -> tuple[bytes, ...]:
    """Return the sample entries, whole boxes each, of an ``stsd`` payload."""
    fields = FieldReader(stsd, "stsd")
    fields.version(1)
    count = check_limit("stsd has an impossible number of entries", fields.u32(), ENTRIES_LIMIT, 1)
    entries: list[bytes] = []
    for _ in range(count):
        size = check_limit("sample entry has an impossible size", fields.u32(), ENTRY_LIMIT, 16)
        entries.append(size.to_bytes(4, "big") + bytes(fields.take(size - 4)))
    return tuple(entries)


def _tidy_entry(entry: bytes, kind: Kind) -> bytes:
    """Return the entry without ``btrt`` and with data reference 1, which is the file itself."""
    check_limit("sample entry is too long", len(entry), ENTRY_LIMIT)
    if kind not in _FIXED_BYTES or len(entry) < 8 + _FIXED_BYTES[kind]:
        raise ContainerError(f"{kind} sample entry is too short", found=len(entry))
    ((name, payload),) = read_boxes(memoryview(entry), "sample entry")[:1]
    fixed = _FIXED_BYTES[kind]
    # QuickTime's sound descriptions 1 and 2 have more fields before their boxes, so they are kept unchanged.
    if kind == "audio" and bytes(payload[8:10]) != b"\0\0":
        return entry
    inner = [
        write_box(child, bytes(inside))
        for child, inside in read_boxes(payload[fixed:], "sample entry")
        if child != b"btrt"
    ]
    return write_box(name, b"\0" * 6, b"\0\1", bytes(payload[8:fixed]), *inner)
