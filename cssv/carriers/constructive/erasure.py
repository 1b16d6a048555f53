"""Erasure code: any K of up to 255 symbols give the K data symbols back.

A Reed-Solomon code over GF(256) in systematic form. Symbol i is the value at i of the polynomial of degree
below K whose values at 0 to K-1 are the data. Each byte of a symbol is a code of its own. Packages for this
code work on one block of 255 bytes in Python, or have a licence that does not fit; one product of matrices is
all that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cssv.errors import FramingError
from cssv.frames import U8

#: x^8 + x^4 + x^3 + x^2 + 1; 2 generates the field.
FIELD_POLYNOMIAL = 0x11D
SYMBOLS = 255


def _tables() -> tuple[U8, list[int]]:
    power = [1]
    while len(power) < 255:
        doubled = power[-1] << 1
        power.append(doubled ^ FIELD_POLYNOMIAL if doubled & 256 else doubled)
    log = [0] * 256
    for exponent, value in enumerate(power):
        log[value] = exponent
    return np.array(power * 2, np.uint8), log


_POWER, _LOG = _tables()
_LOGS = np.array(_LOG)


def multiply(a: U8, b: U8) -> U8:
    """Products in GF(256), element by element."""
    product = _POWER[_LOGS[a] + _LOGS[b]]
    return np.where((a == 0) | (b == 0), 0, product).astype(np.uint8)


def evaluate(known: Mapping[int, bytes], wanted: Sequence[int]) -> list[bytes]:
    """Values at ``wanted`` of the polynomials through the known symbols, by Lagrange's formula.

    Args:
        known: index -> symbol, all of one length, which may be 0; K of them.
        wanted: indexes, each below SYMBOLS.

    Raises:
        FramingError: no symbol, an index that is too large, or symbols of different lengths.
    """
    points = list(known)
    if not points or any(not 0 <= i < SYMBOLS for i in (*points, *wanted)):
        raise FramingError(
            "symbols of the erasure code are out of range", bound=f"indexes 0 to {SYMBOLS - 1}"
        )
    if len({len(symbol) for symbol in known.values()}) != 1:
        raise FramingError("symbols of the erasure code have different lengths")
    symbols = np.stack([np.frombuffer(known[i], np.uint8) for i in points])
    return [_evaluate_at(points, symbols, index) for index in wanted]


def _evaluate_at(points: list[int], symbols: U8, index: int) -> bytes:
    if index in points:
        return bytes(symbols[points.index(index)])
    weights = np.array([_weight(points, i, index) for i in points], np.uint8)
    return bytes(np.bitwise_xor.reduce(multiply(weights[:, None], symbols), axis=0))


def _weight(points: list[int], i: int, at: int) -> int:
    """Value at ``at`` of the polynomial that is 1 at point ``i`` and 0 at all others."""
    # Subtraction is exclusive or. All factors are nonzero, so a product is a sum of logarithms.
    exponent = sum(_LOG[at ^ j] - _LOG[i ^ j] for j in points if j != i)
    return int(_POWER[exponent % 255])


def encode(data: Sequence[bytes], count: int) -> list[bytes]:
    """``count`` symbols, the first of which are the data. Inverse of :func:`decode`."""
    return evaluate(dict(enumerate(data)), range(count))


def decode(symbols: Mapping[int, bytes], needed: int) -> list[bytes]:
    """The ``needed`` data symbols from any ``needed`` symbols.

    Raises:
        FramingError: there are fewer symbols, or they do not fit together.
    """
    if len(symbols) < needed:
        raise FramingError("too few symbols", found=len(symbols), bound=f"at least {needed}")
    chosen = {i: symbols[i] for i in sorted(symbols)[:needed]}
    return evaluate(chosen, range(needed))
