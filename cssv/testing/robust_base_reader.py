"""Second reader of the robust carrier's base layer, written from cssv/carriers/robust/SPEC.md alone.

It uses numpy and the standard library, and nothing of the package. It gives all frames the same weight, does
not calibrate the cosines, and keeps few paths. So it reads what a mild codec leaves. "Section" means a
section of that page.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
#: A path of the decoder: its penalty, the path that it continues, and its bits.
Path = tuple[float, int, list[int]]
STEP = 104
SIZES = {8: 512, 32: 2048}
PATHS = 8


def stream(key: bytes, label: bytes, size: int) -> bytes:
    """The first bytes of a stream (section 2)."""
    return hashlib.shake_256(key + label).digest(size)


def coefficients(luma: U8) -> F64:
    """Coefficients of the whole cells, (rows, columns, 3) (section 15)."""
    rows, columns = luma.shape[0] // 64, luma.shape[1] // 64
    pixels = luma[: 64 * rows, : 64 * columns].astype(float)
    blocks = 16 * pixels.reshape(rows, 4, 16, columns, 4, 16).mean(axis=(2, 5))
    constant = [0.5] * 4
    wave = [math.sqrt(0.5) * math.cos(math.pi * (2 * n + 1) / 8) for n in range(4)]
    pairs = ((constant, wave), (wave, constant), (wave, wave))
    return np.stack([np.einsum("a,racb,b->rc", down, blocks, across) for down, across in pairs], axis=-1)


def votes(frames: Sequence[U8], key: bytes, n: int) -> list[float]:
    """Sum of the cosines of each bit of the codeword (section 15)."""
    sums = [0.0] * n
    planes = [coefficients(luma) for luma in frames]
    for r in range(planes[0].shape[0]):
        columns = planes[0].shape[1]
        dithers = stream(key, b"ditherbase" + bytes([STEP]) + r.to_bytes(4, "big"), 3 * columns)
        for b in range(columns):
            for c in range(3):
                if (5 * r + 3 * b + 7 * c) % 16:
                    t = (r * 3242174889 + (3 * b + c) * 2447445413) % 2**32
                    for plane in planes:
                        phase = plane[r, b, c] / STEP - dithers[3 * b + c] / 256
                        sums[t * n >> 32] += math.cos(2 * math.pi * phase)
    return sums


def positions(k: int, n: int) -> list[int]:
    """Positions of u with information bits (section 16)."""
    weights = [sum(2 ** (j / 4) for j in range(n.bit_length()) if i >> j & 1) for i in range(n)]
    return sorted(sorted(range(n), key=weights.__getitem__)[-k:])


def to_codeword(u: Sequence[int]) -> list[int]:
    """U times F (section 16)."""
    n = len(u)
    return [sum(u[i] for i in range(n) if i & k == k) % 2 for k in range(n)]


def correct(soft: Sequence[float], k: int) -> list[list[int]]:
    """Information bits of the codewords that a short list of paths ends with."""
    n = len(soft)
    used = positions(k, n)
    paths = _decide([(0.0, 0, [])], [list(soft)], set(used), 0)
    words = [np.array(bits) for _, _, bits in sorted(paths)]
    for half in (2**j for j in range(n.bit_length() - 1)):
        # F is its own inverse, one bit of the position after the other.
        low = [i for i in range(n) if not i & half]
        for word in words:
            word[low] ^= word[[i + half for i in low]]
    return [word[used].tolist() for word in words]


def _decide(paths: list[Path], soft: list[list[float]], used: set[int], first: int) -> list[Path]:
    """Continue paths by as many positions of u as each has soft values."""
    size = len(soft[0])
    if size == 1:
        ends = [
            (path[0] + max(0.0, (2 * bit - 1) * values[0]), at, [bit])
            for at, (path, values) in enumerate(zip(paths, soft, strict=True))
            for bit in ((0, 1) if first in used else (0,))
        ]
        return sorted(ends)[:PATHS]
    half = size // 2
    least = [
        [math.copysign(1, a) * math.copysign(1, b) * min(abs(a), abs(b)) for a, b in _halves(values)]
        for values in soft
    ]
    left = _decide(paths, least, used, first)
    sums = [
        [b + (1 - 2 * bit) * a for (a, b), bit in zip(_halves(soft[at]), bits, strict=True)]
        for _, at, bits in left
    ]
    right = _decide(left, sums, used, first + half)
    found: list[Path] = []
    for penalty, at, bits in right:
        _, origin, before = left[at]
        found.append((penalty, origin, [a ^ b for a, b in zip(before, bits, strict=True)] + bits))
    return found


def _halves(values: list[float]) -> list[tuple[float, float]]:
    half = len(values) // 2
    return list(zip(values[:half], values[half:], strict=True))


def message_of(soft: Sequence[float], size: int, key: bytes) -> bytes | None:
    """The message of a codeword (section 16)."""
    mask = stream(key, b"base mask" + size.to_bytes(4, "big"), SIZES[size] // 8)
    unmasked = [value * (1 - 2 * (mask[i // 8] >> (7 - i % 8) & 1)) for i, value in enumerate(soft)]
    for bits in correct(unmasked, 8 * size + 32):
        whole = bytes(int("".join(map(str, bits[i : i + 8])), 2) for i in range(0, len(bits), 8))
        if zlib.crc32(whole[:size]) == int.from_bytes(whole[size:], "big"):
            return whole[:size]
    return None


def read(frames: Sequence[U8], key: bytes, sizes: Sequence[int] = (8, 32)) -> bytes | None:
    """The message.

    Args:
        frames: luma of each; the top left pixel is that of the whole frame.
        key: 32 bytes.
        sizes: of the message, to try.
    """
    for size in sizes:
        message = message_of(votes(frames, key, SIZES[size]), size, key)
        if message is not None:
            return message
    return None
