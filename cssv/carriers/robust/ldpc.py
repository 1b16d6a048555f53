"""Irregular repeat-accumulate (IRA) code of rate 1/3, with one code for each payload class.

The form is that of DVB-S2: information bits come in :data:`GROUPS` groups of M bits, and the code has one row
of numbers for each group. Bit j of a group takes part in the checks ``(x + j * Q) % m`` for each number x of
its row; Q is 2 * GROUPS and m the number of checks. Check i is the sum of its information bits and of the
parity bits i and i - 1 (check 0: parity bit 0 alone), so the parity bits are cumulative sums and encoding
takes one pass. Every check has three information bits.

The numbers are not stored but drawn, see :func:`group_checks`: the code of a class is pinned by its length.

The decoder is sum-product. Normalised min-sum needs 1.2 dB more at this rate and these degrees, and more
time. A soft value of 0 is an erasure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.robust.transform import F32
from cssv.errors import FramingError
from cssv.frames import U8

GROUPS = 64
#: Checks of an information bit: the first groups have many, so that they are decided first. More checks for
#: fewer bits gain nothing in strong noise, and leave errors in the weak bits of short codes.
STRONG_GROUPS, STRONG_DEGREE, WEAK_DEGREE = 32, 9, 3
#: Residues of the numbers of checks modulo this are those of the rows; each has three information bits.
Q = 2 * GROUPS
INFORMATION_BITS_OF_CHECK = 3

#: Most iterations of the decoder.
MOST_ITERATIONS = 80
#: Soft values are limited to this.
MOST_SOFT = 16.0

# The largest float32 below 1: its inverse hyperbolic tangent is finite.
_MOST_TANH = np.nextafter(np.float32(1), np.float32(0))

_TRIES = 1 << 14
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Decoded:
    """Result of the decoder.

    Attributes:
        bits: the information bits.
        is_codeword: whether all checks hold.
        iterations: how many were needed.
    """

    bits: U8
    is_codeword: bool
    iterations: int


def group_checks(bits: int) -> tuple[tuple[int, ...], ...]:
    """The numbers of each group of the code with so many information bits.

    Numbers are drawn one after the other, row after row: the next 4 bytes of SHAKE-256("CSSV robust code" +
    bits + attempt), both as 4 bytes, big endian, modulo m. A number is skipped if

    * three numbers have its residue modulo Q already, or its row has one within :data:`_NEAR` of it, in the
      order of the checks and cyclically, or with the same residue (short cycles through parity bits), or
    * two bits would share two checks: the differences ``(residues of both numbers, x // Q - y // Q mod M)``
      with the numbers of its row occur already, in this row or another.

    If the stream ends, the next attempt begins with the first row.

    Raises:
        FramingError: no code has so many bits.
    """
    if bits % GROUPS or not 8 * GROUPS <= bits <= 1 << 16:
        raise FramingError(
            "no code has so many information bits",
            found=bits,
            bound=f"multiples of {GROUPS} from {8 * GROUPS}",
        )
    for attempt in range(256):
        label = b"CSSV robust code" + bits.to_bytes(4, "big") + attempt.to_bytes(4, "big")
        words = np.frombuffer(hashlib.shake_256(label).digest(4 * _TRIES), ">u4") % (2 * bits)
        rows = _draw_rows(bits, words.tolist())
        if rows is not None:
            return rows
    raise FramingError("no code was found", found=f"{bits} bits")


def _draw_rows(bits: int, words: list[int]) -> tuple[tuple[int, ...], ...] | None:
    """Rows from a stream of numbers; None if it ends too early."""
    checks, size = 2 * bits, bits // GROUPS
    used = [0] * Q
    differences: set[tuple[int, int, int]] = set()
    stream = iter(words)
    rows: list[tuple[int, ...]] = []
    for group in range(GROUPS):
        row: list[int] = []
        while len(row) < (STRONG_DEGREE if group < STRONG_GROUPS else WEAK_DEGREE):
            x = next(stream, None)
            if x is None:
                return None
            if used[x % Q] == INFORMATION_BITS_OF_CHECK:
                continue
            new = {_difference(x, y, size) for y in row}
            # Two numbers of the row can have the same difference to x only if their residues are the same.
            if new & differences or any(_is_near(x, y, checks) for y in row):
                continue
            differences |= new
            used[x % Q] += 1
            row.append(x)
        rows.append(tuple(row))
    return tuple(rows)


def _difference(x: int, y: int, size: int) -> tuple[int, int, int]:
    first, second = (x, y) if x % Q < y % Q else (y, x)
    return first % Q, second % Q, (first // Q - second // Q) % size


def _is_near(x: int, y: int, checks: int) -> bool:
    return x % Q == y % Q or min((x - y) % checks, (y - x) % checks) <= _NEAR


class LdpcCode:
    """A code with ``bits`` information bits and twice as many parity bits; see :func:`code_of`."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.checks = 2 * bits
        self.length = 3 * bits
        rows, size = group_checks(bits), bits // GROUPS
        steps = np.arange(size) * Q
        places = [(np.array(row)[:, None] + steps) % self.checks for row in rows]
        strong, weak = (
            np.stack(part).transpose(0, 2, 1).reshape(-1, part[0].shape[0])
            for part in (places[:STRONG_GROUPS], places[STRONG_GROUPS:])
        )
        #: (checks, 3) information bits of each check.
        self.members = self._members(strong, weak)
        # Where the messages of each information bit are in the flattened (checks, 3) array.
        order = np.argsort(self.members.reshape(-1), kind="stable")
        cut = strong.size
        self._strong = order[:cut].reshape(strong.shape)
        self._weak = order[cut:].reshape(weak.shape)

    def _members(self, strong: NDArray[np.int64], weak: NDArray[np.int64]) -> NDArray[np.int64]:
        checks = np.concatenate([strong.reshape(-1), weak.reshape(-1)])
        owners = np.concatenate(
            [
                np.repeat(np.arange(len(strong)), strong.shape[1]),
                np.repeat(np.arange(len(strong), self.bits), weak.shape[1]),
            ]
        )
        # Stable, so that the bits of a check are in growing order.
        return owners[np.argsort(checks, kind="stable")].reshape(self.checks, INFORMATION_BITS_OF_CHECK)

    def encode(self, bits: U8) -> U8:
        """Information bits, then parity bits. Inverse of :meth:`decode`."""
        if bits.shape != (self.bits,):
            raise FramingError("wrong number of bits", found=bits.shape, bound=f"{self.bits}")
        sums = np.bitwise_xor.reduce(bits[self.members], axis=1)
        return np.concatenate([bits, np.bitwise_xor.accumulate(sums)]).astype(np.uint8)

    def decode(self, soft: F32, most_iterations: int = MOST_ITERATIONS) -> Decoded:
        """The information bits of the likeliest codeword, approximately.

        Args:
            soft: logarithm of the likelihood ratio of each bit of the codeword: positive for 0, 0 if nothing
                is known of it.
            most_iterations: bound.

        Raises:
            FramingError: a wrong number of values.
        """
        if soft.shape != (self.length,):
            raise FramingError("wrong number of soft values", found=soft.shape, bound=f"{self.length}")
        own = np.clip(np.nan_to_num(soft), -MOST_SOFT, MOST_SOFT).astype(np.float32)
        information, parity = own[: self.bits], own[self.bits :]
        # Messages of each check: to three information bits, its parity bit and that of the check before.
        messages = np.zeros((5, self.checks), np.float32)
        edges = np.zeros((5, self.checks), np.float32)
        iterations = 0
        while True:
            totals, parities = self._totals(information, parity, messages)
            hard = (totals < 0).astype(np.uint8)
            if self._holds(hard, (parities < 0).astype(np.uint8)):
                return Decoded(hard, True, iterations)
            if iterations == most_iterations:
                return Decoded(hard, False, iterations)
            edges[:3] = totals[self.members.T]
            edges[3] = parities
            edges[4, 1:] = parities[:-1]
            edges -= messages
            # The first check has no parity bit before its own: a bit that is certainly 0.
            edges[4, 0] = MOST_SOFT
            _update_checks(edges, messages)
            messages[4, 0] = 0
            iterations += 1

    def _totals(self, information: F32, parity: F32, messages: F32) -> tuple[F32, F32]:
        """Sums of the soft value and all messages of each information bit and each parity bit."""
        flat = np.ascontiguousarray(messages[:3].T).reshape(-1)
        totals = information.copy()
        count = len(self._strong)
        totals[:count] += flat[self._strong].sum(axis=1)
        totals[count:] += flat[self._weak].sum(axis=1)
        parities = parity + messages[3]
        parities[:-1] += messages[4, 1:]
        return totals, parities

    def _holds(self, bits: U8, parities: U8) -> bool:
        sums = np.bitwise_xor.reduce(bits[self.members], axis=1)
        sums ^= parities
        sums[1:] ^= parities[:-1]
        return not sums.any()


def _update_checks(edges: F32, messages: F32) -> None:
    """Sum-product: ``tanh(message / 2)`` to a bit is the product of those of all others of its check."""
    tanhs = np.tanh(edges * np.float32(0.5))
    # Products of those before and behind, because a division fails at an erasure.
    messages[0] = 1
    for i in range(1, len(edges)):
        np.multiply(messages[i - 1], tanhs[i - 1], out=messages[i])
    behind = tanhs[-1].copy()
    for i in range(len(edges) - 2, -1, -1):
        messages[i] *= behind
        behind *= tanhs[i]
    np.clip(messages, -_MOST_TANH, _MOST_TANH, out=messages)
    np.arctanh(messages, out=messages)
    messages *= 2


@lru_cache(maxsize=8)
def code_of(bits: int) -> LdpcCode:
    """The code with so many information bits."""
    return LdpcCode(bits)
