"""Polar code with list decoding, for messages so short that LDPC codes are weak.

A codeword of n = 2**m bits is ``u F``, with the m-th Kronecker power F of [[1, 0], [1, 1]], modulo 2. u has
the information bits at the positions of the largest weights, in ascending order, and zeros elsewhere. The
weight of position i is the sum of ``2 ** (j / 4)`` over the set bits j of i (He et al. 2017). No two
positions have equal weights, so nothing is stored.

The decoder is successive cancellation with a list: it decides one bit after another, and keeps the likeliest
decisions so far (Tal and Vardy 2015). The caller takes the first of the list whose checksum is right. The
checksum is thus part of the code: the true message is often in the list, but not at its top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np

from cssv.carriers.robust.lattice import I64, Bools
from cssv.carriers.robust.transform import F32
from cssv.errors import FramingError
from cssv.frames import U8

#: Soft values are limited to this.
MOST_SOFT = 30.0

#: Codeword bits of each path, their penalties, and the number of the path that each comes from.
_Paths: TypeAlias = tuple[U8, F32, I64]


@dataclass(frozen=True)
class PolarCode:
    """The code with so many information and code bits.

    Attributes:
        bits: information bits.
        length: bits of a codeword, a power of 2.
    """

    bits: int
    length: int

    def __post_init__(self) -> None:
        if self.length < 2 or self.length & (self.length - 1) or not 0 < self.bits < self.length:
            raise FramingError(
                "no such polar code",
                found=f"{self.bits} of {self.length} bits",
                bound="a power of 2, and fewer information bits",
            )

    @cached_property
    def information(self) -> Bools:
        """Which positions of u have information bits."""
        position = np.arange(self.length)
        weights = np.zeros(self.length)
        for bit in range(self.length.bit_length() - 1):
            weights += (position >> bit & 1) * 2 ** (bit / 4)
        chosen = np.zeros(self.length, bool)
        chosen[np.argsort(weights)[-self.bits :]] = True
        return chosen

    def encode(self, bits: U8) -> U8:
        """The codeword of information bits. Inverse of :meth:`decode`."""
        word = np.zeros(self.length, np.uint8)
        word[self.information] = bits
        return _transform(word)

    def decode(self, soft: F32, paths: int) -> U8:
        """Information bits of the likeliest codewords that were found, likeliest first.

        Args:
            soft: logarithm of the likelihood ratio of each bit: positive for 0, 0 if nothing is known of it.
            paths: to keep, and to return at most. They bound the time.

        Returns:
            (paths, bits).

        Raises:
            FramingError: a wrong number of values.
        """
        if soft.shape != (self.length,):
            raise FramingError(
                "a codeword has the wrong number of soft values",
                found=str(soft.shape),
                bound=str(self.length),
            )
        limited = np.clip(np.nan_to_num(soft), -MOST_SOFT, MOST_SOFT).astype(np.float32)
        words, penalties, _ = self._decide(limited[None], np.zeros(1, np.float32), 0, paths)
        best = words[np.argsort(penalties, kind="stable")]
        return np.ascontiguousarray(_transform(best)[:, self.information])

    def _decide(self, soft: F32, penalties: F32, first: int, paths: int) -> _Paths:
        """Decide the positions of u from ``first`` on, as many as there are soft values.

        Args:
            soft: of the bits of this part of the code, (paths so far, bits).
            penalties: minus the logarithm of the likelihood of each path so far.
            first: position of u.
            paths: to keep.
        """
        size = soft.shape[1]
        count = int(np.count_nonzero(self.information[first : first + size]))
        if count == 0:
            # All bits are zeros.
            return np.zeros(soft.shape, np.uint8), penalties + _penalty(soft), np.arange(len(soft))
        if count == 1 and self.information[first + size - 1]:
            # All bits are equal to that of the last position.
            return _fork(soft, penalties, paths)
        half = size // 2
        before, after = soft[:, :half], soft[:, half:]
        left, penalties, origin = self._decide(_combine(before, after), penalties, first, paths)
        signs = 1 - 2 * left.astype(np.float32)
        right, penalties, again = self._decide(
            after[origin] + signs * before[origin], penalties, first + half, paths
        )
        return np.concatenate([left[again] ^ right, right], axis=1), penalties, origin[again]


@lru_cache(maxsize=4)
def polar_code(bits: int, length: int) -> PolarCode:
    """The code with so many information bits and code bits."""
    return PolarCode(bits, length)


def _transform(words: U8) -> U8:
    """``u F`` of the last axis, modulo 2; its own inverse."""
    length = words.shape[-1]
    found = words.copy()
    half = 1
    while half < length:
        pairs = found.reshape(-1, length // (2 * half), 2, half)
        pairs[:, :, 0] ^= pairs[:, :, 1]
        half *= 2
    return found


def _combine(before: F32, after: F32) -> F32:
    """Soft values of the sums modulo 2 of two bits."""
    # log((1 + e^(a + b)) / (e^a + e^b)), in a form that does not overflow.
    least = np.minimum(np.abs(before), np.abs(after)) * np.sign(before) * np.sign(after)
    least += np.log1p(np.exp(-np.abs(before + after)))
    least -= np.log1p(np.exp(-np.abs(before - after)))
    return np.asarray(least, np.float32)


def _penalty(soft: F32) -> F32:
    """Minus the logarithm of the likelihood that all bits are 0, for each path."""
    return np.asarray(np.logaddexp(np.float32(0), -soft).sum(axis=1), np.float32)


def _fork(soft: F32, penalties: F32, paths: int) -> _Paths:
    """Continue each path with zeros and with ones, and keep the likeliest."""
    both = np.concatenate([penalties + _penalty(soft), penalties + _penalty(-soft)])
    kept = np.arange(len(both))
    if len(both) > paths:
        kept = np.sort(np.argpartition(both, paths - 1)[:paths])
    ones = (kept >= len(soft)).astype(np.uint8)
    words = np.repeat(ones[:, None], soft.shape[1], axis=1)
    return words, both[kept], kept % len(soft)
