"""Integers and symbols as decisions. Each pair of functions is inverse."""

from __future__ import annotations

from cssv.errors import FramingError
from cssv.payload.range_coder import BitWriter, RangeDecoder

#: Most bits behind the leading one of an integer: values are below 2^32 - 1.
MOST_BITS = 31
LARGEST = (1 << MOST_BITS + 1) - 2
#: Nodes of an integer's model: length, first two bits behind the leading one by length, sign.
_BITS_NODE, _SIGN_NODE = 32, 160


def write_unsigned(writer: BitWriter, model: str, value: int) -> None:
    """Write an integer from 0 to LARGEST: its length in unary, then its bits."""
    if not 0 <= value <= LARGEST:
        raise FramingError("an integer does not fit a payload", found=value, bound=f"0 to {LARGEST}")
    bits = (value + 1).bit_length() - 1
    for at in range(bits):
        writer.put_bit(model, at, 1)
    if bits < MOST_BITS:
        writer.put_bit(model, bits, 0)
    rest, node = value + 1 - (1 << bits), _BITS_NODE + 4 * bits
    # Two bits say where in its octave a value lies; those below are nearly uniform.
    first = min(bits, 2)
    for shift in range(bits - 1, bits - 1 - first, -1):
        bit = rest >> shift & 1
        writer.put_bit(model, node, bit)
        node += 1 + bit
    writer.put_raw(rest & (1 << bits - first) - 1, bits - first)


def read_unsigned(reader: RangeDecoder, model: str, largest: int = LARGEST) -> int:
    """Inverse of :func:`write_unsigned`.

    Raises:
        FramingError: the value exceeds ``largest``.
    """
    bits = 0
    while bits < MOST_BITS and reader.get_bit(model, bits):
        bits += 1
    value, node = 1, _BITS_NODE + 4 * bits
    first = min(bits, 2)
    for _ in range(first):
        bit = reader.get_bit(model, node)
        value, node = value << 1 | bit, node + 1 + bit
    value = (value << bits - first | reader.get_raw(bits - first)) - 1
    if value > largest:
        raise FramingError(
            "a number of a payload is too large",
            found=f"{value} ({model})",
            bound=f"at most {largest}",
            remedy="The payload is damaged; use another copy of the clip.",
        )
    return value


def write_signed(writer: BitWriter, model: str, value: int) -> None:
    """Write an integer from -LARGEST to LARGEST: its magnitude, then its sign."""
    write_unsigned(writer, model, abs(value))
    if value:
        writer.put_bit(model, _SIGN_NODE, int(value < 0))


def read_signed(reader: RangeDecoder, model: str, largest: int = LARGEST) -> int:
    """Inverse of :func:`write_signed`.

    Raises:
        FramingError: the magnitude exceeds ``largest``.
    """
    value = read_unsigned(reader, model, largest)
    return -value if value and reader.get_bit(model, _SIGN_NODE) else value


def write_symbol(writer: BitWriter, model: str, value: int, count: int) -> None:
    """Write one of the symbols 0 to ``count - 1`` by a binary tree; every bit has a node of its own."""
    if not 0 <= value < count:
        raise FramingError("a symbol does not fit a payload", found=value, bound=f"0 to {count - 1}")
    node = 1
    for shift in reversed(range((count - 1).bit_length())):
        bit = value >> shift & 1
        writer.put_bit(model, node, bit)
        node = node << 1 | bit


def read_symbol(reader: RangeDecoder, model: str, count: int) -> int:
    """Inverse of :func:`write_symbol`.

    Raises:
        FramingError: there is no such symbol.
    """
    node, bits = 1, (count - 1).bit_length()
    for _ in range(bits):
        node = node << 1 | reader.get_bit(model, node)
    value = node - (1 << bits)
    if value >= count:
        raise FramingError(
            "a payload holds an unknown symbol",
            found=f"{value} ({model})",
            bound=f"0 to {count - 1}",
            remedy="The payload is damaged; use another copy of the clip.",
        )
    return value
