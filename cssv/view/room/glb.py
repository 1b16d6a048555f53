"""Write glTF 2.0 as one binary file (GLB; Khronos, "glTF 2.0 Specification", section 4)."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Version of the container, and types of its two chunks.
_VERSION, _JSON, _BIN = 2, 0x4E4F534A, 0x004E4942
_ALIGNMENT = 4
#: NumPy's name of a type -> glTF's number of it.
_COMPONENTS = {"f": 5126, "B": 5121, "H": 5123}
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
#: Targets of buffer views: attributes of vertices, and indices.
_VERTICES, _INDICES = 34962, 34963
#: Use of an accessor -> target of its buffer view, and bytes between its elements; None where it has none.
_USES: dict[str, tuple[int | None, int | None]] = {
    "position": (_VERTICES, 12),
    "normal": (_VERTICES, 12),
    "texture place": (_VERTICES, 8),
    "colour": (_VERTICES, 4),
    "index": (_INDICES, None),
    "animation": (None, None),
}
#: Bounds are asked of these.
_BOUNDED = ("position", "animation")


class GlbWriter:
    """A glTF document that grows: lists of its parts, and the bytes that they refer to."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Any]] = {}
        self._views: dict[str, bytearray] = {}
        self._known: dict[tuple[str, bytes], int] = {}

    def add(self, part: str, value: dict[str, Any]) -> int:
        """Add to a list such as ``"nodes"``; the index there."""
        values = self._lists.setdefault(part, [])
        values.append(value)
        return len(values) - 1

    def add_once(self, part: str, value: dict[str, Any]) -> int:
        """Add to a list unless an equal value is there; the index."""
        key = (part, json.dumps(value).encode())
        if key not in self._known:
            self._known[key] = self.add(part, value)
        return self._known[key]

    def has(self, part: str) -> bool:
        """Whether a list has any values."""
        return part in self._lists

    def add_array(self, use: str, values: NDArray[Any]) -> int:
        """Add an accessor of (n,) or (n, k) values for a use, a key of ``_USES``; equal ones once."""
        rows = np.ascontiguousarray(values)
        data = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
        key = (f"{use} {rows.dtype.char} {rows.shape}", data)
        if key not in self._known:
            self._known[key] = self._add_accessor(use, rows, data)
        return self._known[key]

    def _add_accessor(self, use: str, rows: NDArray[Any], data: bytes) -> int:
        view, offset = self._add_bytes(use, data)
        accessor: dict[str, Any] = {
            "bufferView": view,
            "byteOffset": offset,
            "componentType": _COMPONENTS[rows.dtype.char],
            "count": len(rows),
            "type": _KINDS[1 if rows.ndim == 1 else rows.shape[1]],
        }
        if use == "colour":
            accessor["normalized"] = True
        if use in _BOUNDED:
            columns = rows.reshape(len(rows), -1)
            accessor |= {"min": columns.min(axis=0).tolist(), "max": columns.max(axis=0).tolist()}
        return self.add("accessors", accessor)

    def add_image(self, data: bytes, mime: str) -> int:
        """Add an encoded picture; its index among the images."""
        view, _ = self._add_bytes(f"image {len(self._lists.get('images', ()))}", data)
        return self.add("images", {"bufferView": view, "mimeType": mime})

    def _add_bytes(self, view: str, data: bytes) -> tuple[int, int]:
        """Append to a buffer view; its index and where the bytes begin in it."""
        held = self._views.setdefault(view, bytearray())
        held.extend(bytes(-len(held) % _ALIGNMENT))
        offset = len(held)
        held.extend(data)
        return list(self._views).index(view), offset

    def to_bytes(self, **rest: Any) -> bytes:
        """The file. ``rest``: members of the document that are no lists of parts, such as ``asset``."""
        body, views = bytearray(), []
        for use, data in self._views.items():
            body.extend(bytes(-len(body) % _ALIGNMENT))
            target, stride = _USES.get(use, (None, None))
            view: dict[str, int] = {"buffer": 0, "byteOffset": len(body), "byteLength": len(data)}
            if stride is not None:
                view["byteStride"] = stride
            if target is not None:
                view["target"] = target
            views.append(view)
            body.extend(data)
        body.extend(bytes(-len(body) % _ALIGNMENT))
        document = {**rest, **self._lists}
        if views:
            document |= {"bufferViews": views, "buffers": [{"byteLength": len(body)}]}
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        head = text.encode("utf-8", errors="replace")
        head += b" " * (-len(head) % _ALIGNMENT)
        chunks = struct.pack("<II", len(head), _JSON) + head
        if views:
            chunks += struct.pack("<II", len(body), _BIN) + bytes(body)
        return struct.pack("<4sII", b"glTF", _VERSION, 12 + len(chunks)) + chunks
