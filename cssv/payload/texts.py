"""Labels, names and texts about the scene: an index where the text is known, else its bytes."""

from __future__ import annotations

from cssv.errors import FramingError
from cssv.payload.integers import read_symbol, read_unsigned, write_symbol, write_unsigned
from cssv.payload.range_coder import BitWriter, RangeDecoder

#: Most bytes of a text in UTF-8.
MOST_BYTES = 255
#: Labels that every reader knows. The order of this and the following lists is part of the format.
LABELS = (
    "person", "car", "bicycle", "motorcycle", "bus", "truck", "train", "boat", "airplane", "drone",
    "dog", "cat", "bird", "horse", "sheep", "cow", "object", "vehicle", "animal", "pedestrian", "cart", "van",
)  # fmt: skip
#: Texts about the scene that every reader knows.
WEATHER = (
    "clear", "sunny", "partly cloudy", "cloudy", "overcast", "fog", "mist", "haze", "drizzle", "light rain",
    "rain", "heavy rain", "thunderstorm", "light snow", "snow", "sleet", "hail", "windy", "storm", "night",
    "indoor",
)  # fmt: skip
SURFACES = (
    "ground",
    "walls",
    "road",
    "floor",
    "ceiling",
    "pavement",
    "water",
    "sky",
    "buildings",
    "vegetation",
)
MATERIALS = (
    "asphalt", "concrete", "brick", "glass", "metal", "steel", "wood", "stone", "tiles", "gravel", "sand",
    "soil", "grass", "foliage", "water", "snow", "ice", "plaster", "plastic", "fabric", "paint",
)  # fmt: skip
_KNOWN = {"label": LABELS, "name": (), "weather": WEATHER, "surface": SURFACES, "material": MATERIALS}


def cut_text(text: str, most: int = MOST_BYTES) -> str:
    """The text without what exceeds ``most`` bytes, cut at a character boundary."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


class Texts:
    """The texts of a window so far, by kind: "label", "name", "weather", "surface" or "material"."""

    def __init__(self) -> None:
        self._known = {kind: list(texts) for kind, texts in _KNOWN.items()}

    def write(self, writer: BitWriter, kind: str, text: str | None) -> None:
        """Write a text, or None, of a kind.

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
