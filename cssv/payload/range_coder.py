"""Binary range coder in 32-bit integer arithmetic.

:class:`RangeEncoder` and :class:`LengthMeter` take the same calls, so that the length of an encoding can be
measured before it is chosen. :class:`RangeDecoder` is the inverse of the encoder.
"""

from __future__ import annotations

import math
from typing import Protocol

from cssv.errors import FramingError
from cssv.payload.models import SCALE, Models

_TOP, _LEAST_RANGE = 1 << 32, 1 << 24
#: Decisions that any payload may hold, and those that each of its bytes adds; they bound the time of reading.
_DECISIONS, _DECISIONS_A_BYTE = 1 << 16, 32
#: Units of a length: 1 / UNIT bit.
UNIT = 4096
#: Length of a bit of probability p, by p in units of 1 / 1024.
_LENGTHS = tuple(round(-UNIT * math.log2((step + 0.5) / 1024)) for step in range(1024))


def most_decisions(length: int) -> int:
    """Decisions that a payload of this many bytes may hold."""
    return _DECISIONS + _DECISIONS_A_BYTE * length


class BitWriter(Protocol):
    """Takes decisions: an encoder or a meter."""

    @property
    def models(self) -> Models:
        """The states of the decisions so far."""

    def put_bit(self, model: str, node: int, bit: int) -> None:
        """Write one decision and adapt its model."""

    def put_raw(self, value: int, bits: int) -> None:
        """Write ``bits`` bits of equal probability, the highest first."""


class RangeEncoder:
    """Encoder of decisions.

    Args:
        models: the states at the beginning.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self._low, self._range = 0, _TOP - 1
        self._out, self._count = bytearray(), 0

    def put_bit(self, model: str, node: int, bit: int) -> None:
        """Write one decision and adapt its model."""
        one = self.models.observe(model, node, bit)
        self._narrow((self._range >> 16) * one, bit)

    def put_raw(self, value: int, bits: int) -> None:
        """Write ``bits`` bits of equal probability, the highest first."""
        for shift in reversed(range(bits)):
            self._narrow(self._range >> 1, value >> shift & 1)

    def _narrow(self, bound: int, bit: int) -> None:
        self._count += 1
        if bit:
            self._range = bound
        else:
            self._add(bound)
            self._range -= bound
        while self._range < _LEAST_RANGE:
            self._out.append(self._low >> 24)
            self._low = self._low << 8 & _TOP - 1
            self._range <<= 8

    def _add(self, value: int) -> None:
        self._low += value
        if self._low < _TOP:
            return
        self._low -= _TOP
        # The carry runs through all bytes of 255. The first byte is never 255 then: the value is below 1.
        at = len(self._out) - 1
        while self._out[at] == 255:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1

    def finish(self) -> bytes:
        """The shortest bytes that decode to what was written; zero bytes at the end are left out.

        Raises:
            FramingError: more decisions were written than a reader reads.
        """
        low, end = self._low, self._low + self._range
        for shift in (32, 24, 16, 8, 0):
            # The number with most zero bits at the end within the last interval.
            value = -(-low >> shift) << shift
            if value < end:
                break
        self._add(value - low)
        self._out += self._low.to_bytes(4, "big")
        data = bytes(self._out).rstrip(b"\0")
        if self._count > most_decisions(len(data)):
            raise FramingError(
                "a payload holds too many decisions for its length",
                found=f"{self._count} in {len(data)} bytes",
                bound=f"at most {most_decisions(len(data))}",
                remedy="Make the window shorter.",
            )
        return data


class LengthMeter:
    """Length of an encoding that is not made; the models that it begins with are not changed.

    Args:
        models: the states at the beginning.
    """

    def __init__(self, models: Models) -> None:
        self.models = models.branch()
        self.length = 0

    def put_bit(self, model: str, node: int, bit: int) -> None:
        """Add the length of one decision and adapt its model."""
        one = self.models.observe(model, node, bit)
        self.length += _LENGTHS[(one if bit else SCALE - one) >> 6]

    def put_raw(self, value: int, bits: int) -> None:  # noqa: ARG002 - the length is the same for all values
        """Add the length of ``bits`` bits."""
        self.length += UNIT * bits


class StaticMeter:
    """Length of an encoding whose models do not adapt: that of each number by itself.

    Args:
        models: the states.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self.length = 0

    def put_bit(self, model: str, node: int, bit: int) -> None:
        """Add the length of one decision."""
        one, _ = self.models.state(model, node)
        self.length += _LENGTHS[(one if bit else SCALE - one) >> 6]

    def put_raw(self, value: int, bits: int) -> None:  # noqa: ARG002 - the length is the same for all values
        """Add the length of ``bits`` bits."""
        self.length += UNIT * bits


class RangeDecoder:
    """Decoder of decisions. Zero bytes are read beyond the end of the data.

    Args:
        data: what :meth:`RangeEncoder.finish` returned.
        models: the same states as the encoder's at the beginning.
        decisions: bound on the number of decisions; by default that of :func:`most_decisions`.
    """

    def __init__(self, data: bytes, models: Models, decisions: int | None = None) -> None:
        self.models = models
        self._data, self._next = data, 4
        self._code, self._range = int.from_bytes(data[:4].ljust(4, b"\0"), "big"), _TOP - 1
        self._most = most_decisions(len(data)) if decisions is None else decisions
        self._left = self._most

    def get_bit(self, model: str, node: int) -> int:
        """Read one decision and adapt its model.

        Raises:
            FramingError: the payload holds too many decisions.
        """
        one, _ = self.models.state(model, node)
        bit = self._narrow((self._range >> 16) * one)
        self.models.observe(model, node, bit)
        return bit

    def get_raw(self, bits: int) -> int:
        """Read ``bits`` bits of equal probability, the highest first.

        Raises:
            FramingError: the payload holds too many decisions.
        """
        value = 0
        for _ in range(bits):
            value = value << 1 | self._narrow(self._range >> 1)
        return value

    def _narrow(self, bound: int) -> int:
        self._left -= 1
        if self._left < 0:
            raise FramingError(
                "a payload does not end",
                found=f"more than {self._most} decisions",
                bound=f"at most {self._most}",
                remedy="The payload is damaged; use another copy of the clip.",
            )
        bit = int(self._code < bound)
        if bit:
            self._range = bound
        else:
            self._code -= bound
            self._range -= bound
        while self._range < _LEAST_RANGE:
            byte = self._data[self._next] if self._next < len(self._data) else 0
            self._code = self._code << 8 & _TOP - 1 | byte
            self._range <<= 8
            self._next += 1
        return bit

    def finish(self) -> None:
        """Check that all bytes were read.

        Raises:
            FramingError: bytes are left over.
        """
        if self._next < len(self._data):
            raise FramingError(
                "a payload is longer than its content",
                found=f"{len(self._data)} bytes",
                bound=f"{self._next} bytes at most",
            )
