"""Decoder of decisions and numbers for the second reader of payloads: sections 1 to 4 of its page."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

_SOURCES = ("measured", "estimated", "unknown")
Priors = Mapping[str, Mapping[str, list[int]]]


class PayloadError(ValueError):
    """Bytes that are no payload of version 1."""


def check(condition: bool, what: str) -> None:
    """Raise PayloadError unless a condition holds."""
    if not condition:
        raise PayloadError(what)


def open_envelope(data: bytes) -> bytes:
    """Section 1: the content."""
    check(len(data) >= 9, "truncated")
    magic, version, length = struct.unpack(">HBH", data[:5])
    check(magic == 0xC5FA and version == 1, "another format")
    check(length <= 32768 and length + 9 <= len(data), "length")
    (checksum,) = struct.unpack(">I", data[5 + length : 9 + length])
    check(checksum == zlib.crc32(data[: 5 + length]), "checksum")
    return data[5 : 5 + length]


class Decoder:
    """Sections 2 to 4."""

    def __init__(self, content: bytes, priors: Priors) -> None:
        self._content, self._priors = content, priors
        self._states: dict[tuple[str, int], tuple[int, int]] = {}
        self._at, self._range, self._code, self._count = 0, 2**32 - 1, 0, 0
        for _ in range(4):
            self._code = self._code * 256 + self._byte()

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1] if self._at <= len(self._content) else 0

    def finish(self) -> None:
        """Check that all bytes were read."""
        check(self._at >= len(self._content), "bytes are left over")

    def _decide(self, bound: int) -> int:
        bit: int
        self._count += 1
        check(self._count <= 65536 + 32 * len(self._content), "too many decisions")
        if self._code < bound:
            bit, self._range = 1, bound
        else:
            bit, self._code, self._range = 0, self._code - bound, self._range - bound
        while self._range < 2**24:
            self._range *= 256
            self._code = (self._code * 256 + self._byte()) % 2**32
        return bit

    def decision(self, model: str, node: int) -> int:
        """One decision of a model, which is adapted."""
        key = model, node
        one, seen = self._states.get(key) or self._priors.get(model, {}).get(str(node)) or (32768, 0)
        bit = self._decide((self._range >> 16) * one)
        if seen != 255:
            rate = 131072 // (2 * min(seen, 40) + 3)
            one += ((65536 if bit else 0) - one) * rate >> 16
            self._states[key] = min(max(one, 32), 65504), min(seen + 1, 40)
        return bit

    def raw(self, bits: int) -> int:
        """A raw number."""
        value = 0
        for _ in range(bits):
            value = 2 * value + self._decide(self._range >> 1)
        return value

    def unsigned(self, model: str, most: int = 2**32 - 2) -> int:
        """An unsigned integer."""
        bits = 0
        while bits < 31 and self.decision(model, bits):
            bits += 1
        node, value = 32 + 4 * bits, 1
        for _ in range(min(bits, 2)):
            bit = self.decision(model, node)
            value, node = 2 * value + bit, node + 1 + bit
        rest = max(bits - 2, 0)
        value = (value << rest) + self.raw(rest) - 1
        check(value <= most, f"{model} is too large")
        return value

    def signed(self, model: str, most: int = 2**32 - 2) -> int:
        """A signed integer."""
        value = self.unsigned(model, most)
        return -value if value and self.decision(model, 160) else value

    def symbol(self, model: str, count: int) -> int:
        """A symbol."""
        bits, node = (count - 1).bit_length(), 1
        for _ in range(bits):
            node = 2 * node + self.decision(model, node)
        node -= 1 << bits
        check(node < count, f"{model} has no such symbol")
        return node

    def text(self) -> str:
        """A text."""
        length = self.unsigned("text.length", 255)
        data = bytes(self.symbol("text.byte", 256) for _ in range(length))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise PayloadError("text") from error

    def real(self, low: float, high: float, bits: int) -> float:
        """A number."""
        value = 0.0
        if not self.decision("real.zero", 0):
            sign = -1 if self.decision("real.negative", 0) else 1
            exponent = self.signed("real.exponent", 64)
            value = sign * (1 + self.raw(bits) / 2**bits) * 2.0**exponent
        return min(max(value, low), high)

    def sensed(self, count: int, low: float, high: float, bits: int) -> Any:
        """A sensed value, as a scene file has it."""
        numbers = [self.real(low, high, bits) for _ in range(count)]
        plain = numbers if count > 1 else numbers[0]
        if self.decision("sensed.plain", 0):
            return plain
        source = _SOURCES[self.symbol("sensed.source", 3)]
        found = {"value": plain}
        if self.decision("sensed.sigma", 0):
            found["sigma"] = self.real(0, 1e9, 5)
        return found | ({} if source == "measured" else {"source": source})

    def indexed(self, kind: str, known: list[Any], read: Callable[[], Any]) -> Any:
        """None, one of a list, or what ``read`` reads, which is added to the list."""
        index = self.unsigned(kind, len(known) + 1)
        if index == len(known) + 1:
            known.append(read())
        return known[index - 1] if index else None
