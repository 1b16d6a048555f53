"""Real numbers and sensed values as decisions. Each pair of functions is inverse for rounded values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from cssv.errors import FramingError
from cssv.payload.integers import read_signed, read_symbol, write_signed, write_symbol
from cssv.payload.range_coder import BitWriter, RangeDecoder
from cssv.scene.values import Point, Source, Value

#: Exponents of numbers that are not 0 lie within this of 0; smaller numbers become 0.
MOST_EXPONENT = 64
#: Bits behind the leading one of a deviation, and its bound.
_SIGMA_BITS, _MOST_SIGMA = 5, 1e9
_SOURCES = tuple(Source)

SensedT = TypeVar("SensedT", Value, Point)


@dataclass(frozen=True, slots=True)
class Real:
    """Format of a number.

    Attributes:
        low, high: bounds; a number outside becomes the nearest one.
        bits: bits behind the leading one.
    """

    low: float
    high: float
    bits: int


_SIGMA = Real(0.0, _MOST_SIGMA, _SIGMA_BITS)


def round_real(value: float, real: Real) -> float:
    """The number that a reader gets for ``value``.

    Raises:
        FramingError: it is not finite.
    """
    _, exponent, mantissa = _split(value, real)
    return _join(value < 0, exponent, mantissa, real)


def write_real(writer: BitWriter, value: float, real: Real) -> None:
    """Write a finite number: whether it is 0, its sign, its exponent and the bits behind its leading one."""
    is_zero, exponent, mantissa = _split(value, real)
    writer.put_bit("real.zero", 0, int(is_zero))
    if is_zero:
        return
    writer.put_bit("real.negative", 0, int(value < 0))
    write_signed(writer, "real.exponent", exponent)
    writer.put_raw(mantissa - (1 << real.bits), real.bits)


def read_real(reader: RangeDecoder, real: Real) -> float:
    """Inverse of :func:`write_real`.

    Raises:
        FramingError: the exponent exceeds its bound.
    """
    if reader.get_bit("real.zero", 0):
        return _join(False, 0, 0, real)
    negative = bool(reader.get_bit("real.negative", 0))
    exponent = read_signed(reader, "real.exponent", MOST_EXPONENT)
    return _join(negative, exponent, (1 << real.bits) + reader.get_raw(real.bits), real)


def _split(value: float, real: Real) -> tuple[bool, int, int]:
    """Whether a number is 0, its exponent, and its mantissa with the leading one."""
    if not math.isfinite(value):
        raise FramingError("a number does not fit a payload", found=value, bound="finite numbers")
    fraction, exponent = math.frexp(abs(value))
    mantissa = round(math.ldexp(fraction, real.bits + 1))
    if mantissa >> real.bits + 1:
        # Rounded up to the next power of two.
        mantissa, exponent = mantissa >> 1, exponent + 1
    if not mantissa or exponent - 1 < -MOST_EXPONENT:
        return True, 0, 0
    return False, exponent - 1, mantissa


def _join(negative: bool, exponent: int, mantissa: int, real: Real) -> float:
    value = math.ldexp(-mantissa if negative else mantissa, exponent - real.bits)
    return min(max(value, real.low), real.high)


def round_sensed(sensed: SensedT, reals: tuple[Real, ...]) -> SensedT:
    """The value or place that a reader gets; the user's own keys are left out."""
    numbers = tuple(round_real(n, real) for n, real in zip(_numbers(sensed), reals, strict=True))
    sigma = None if sensed.sigma is None else round_real(sensed.sigma, _SIGMA)
    return _sensed(type(sensed), numbers, sigma, sensed.source)


def write_sensed(writer: BitWriter, sensed: Value | Point, reals: tuple[Real, ...]) -> None:
    """Write a value or place with its deviation and its source."""
    for number, real in zip(_numbers(sensed), reals, strict=True):
        write_real(writer, number, real)
    is_plain = sensed.sigma is None and sensed.source is Source.MEASURED
    writer.put_bit("sensed.plain", 0, int(is_plain))
    if is_plain:
        return
    write_symbol(writer, "sensed.source", _SOURCES.index(sensed.source), len(_SOURCES))
    writer.put_bit("sensed.sigma", 0, int(sensed.sigma is not None))
    if sensed.sigma is not None:
        write_real(writer, sensed.sigma, _SIGMA)


def read_sensed(reader: RangeDecoder, kind: type[SensedT], reals: tuple[Real, ...]) -> SensedT:
    """Inverse of :func:`write_sensed`.

    Raises:
        FramingError: a number exceeds its bound.
    """
    numbers = tuple(read_real(reader, real) for real in reals)
    if reader.get_bit("sensed.plain", 0):
        return _sensed(kind, numbers, None, Source.MEASURED)
    source = _SOURCES[read_symbol(reader, "sensed.source", len(_SOURCES))]
    sigma = read_real(reader, _SIGMA) if reader.get_bit("sensed.sigma", 0) else None
    return _sensed(kind, numbers, sigma, source)


def _numbers(sensed: Value | Point) -> tuple[float, ...]:
    return sensed.value if isinstance(sensed.value, tuple) else (sensed.value,)


def _sensed(kind: type[SensedT], numbers: tuple[float, ...], sigma: float | None, source: Source) -> SensedT:
    if issubclass(kind, Value):
        return kind(numbers[0], sigma, source)
    return kind(numbers, sigma, source)
