"""Labels and names: an index where the text is known, else its bytes."""

from __future__ import annotations

from cssv.errors import FramingError
from cssv.payload.integers import read_symbol, read_unsigned, write_symbol, write_unsigned
from cssv.payload.range_coder import BitWriter, RangeDecoder

#: Most bytes of a text in UTF-8.
MOST_BYTES = 255
#: Labels that every reader knows. The order is part of the format.
LABELS = (
    "person", "car", "bicycle", "motorcycle", "bus", "truck", "train", "boat", "airplane", "drone",
    "dog", "cat", "bird", "horse", "sheep", "cow", "object", "vehicle", "animal", "pedestrian", "cart", "van",
)  # fmt: skip


def cut_text(text: str) -> str:
    """The text without what exceeds MOST_BYTES, cut at a character boundary."""
    return text.encode(errors="replace")[:MOST_BYTES].decode(errors="ignore")


class Texts:
    """The texts of a window so far: labels and names."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {"label": list(LABELS), "name": []}

    def write(self, writer: BitWriter, kind: str, text: str | None) -> None:
        """Write a text, or None, of a kind: "label" or "name".

        Raises:
            FramingError: the text is too long.
        """
        known = self._known[kind]
        if text is None:
            write_unsigned(writer, kind, 0)
        elif text in known:
            write_unsigned(writer, kind, 1 + known.index(text))
        else:
            write_unsigned(writer, kind, 1 + len(known))
            known.append(text)
            _write_bytes(writer, text)

    def read(self, reader: RangeDecoder, kind: str) -> str | None:
        """Inverse of :meth:`write`.

        Raises:
            FramingError: the text is not valid, or there is none of this index.
        """
        known = self._known[kind]
        index = read_unsigned(reader, kind, 1 + len(known))
        if index == 0:
            return None
        if index == 1 + len(known):
            known.append(_read_bytes(reader))
        return known[index - 1]


def _write_bytes(writer: BitWriter, text: str) -> None:
    data = text.encode(errors="replace")
    if len(data) > MOST_BYTES:
        raise FramingError(
            "a text does not fit a payload", found=f"{len(data)} bytes", bound=f"at most {MOST_BYTES}"
        )
    write_unsigned(writer, "text.length", len(data))
    for byte in data:
        write_symbol(writer, "text.byte", byte, 256)


def _read_bytes(reader: RangeDecoder) -> str:
    length = read_unsigned(reader, "text.length", MOST_BYTES)
    data = bytes(read_symbol(reader, "text.byte", 256) for _ in range(length))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FramingError("a text of a payload is not UTF-8", found=data.hex()) from error
