"""LSB matching with matrix embedding: k bits in 2^k bytes by at most one change of plus or minus one.

The code is the Hamming code of length 2^k - 1 with one more byte in column 0, which never changes. The
syndrome of a block is the exclusive or of the column numbers of its odd bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.constructive.keys import place_order, sign_bits
from cssv.errors import FramingError
from cssv.frames import U8

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Bits a block. 4 bits need 16 bytes; 16 bits need 64 KiB.
BLOCK_BITS = (1, 16)


def step_within_nibble(values: U8, up: Bools) -> U8:
    """Move each byte by one, up where ``up`` says so, without leaving its high nibble."""
    low = values & 15
    rises = (low == 0) | (up & (low != 15))
    return np.where(rises, values + 1, values - 1).astype(np.uint8)


def columns_to_bits(columns: Ints, k: int) -> U8:
    """Numbers to bits, (...,) to (..., k), the highest bit first. Inverse of :func:`bits_to_columns`."""
    shifts = np.arange(k - 1, -1, -1)
    return ((columns[..., None] >> shifts) & 1).astype(np.uint8)


def bits_to_columns(bits: U8) -> Ints:
    """Bits to numbers, (..., k) to (...,), the highest bit first."""
    shifts = np.arange(bits.shape[-1] - 1, -1, -1)
    return np.asarray((bits.astype(np.int64) << shifts).sum(axis=-1), np.int64)


def syndromes(blocks: U8) -> Ints:
    """Syndrome of each block of bytes, (..., 2^k) to (...,)."""
    columns = np.arange(blocks.shape[-1])
    return np.asarray(np.bitwise_xor.reduce(np.where(blocks & 1, columns, 0), axis=-1), np.int64)


def choose_k(samples: int, bits: int) -> int:
    """The largest k for which ``samples`` bytes hold ``bits`` bits: the fewest changes.

    Raises:
        FramingError: the bits do not fit.
    """
    low, high = BLOCK_BITS
    for k in range(high, low - 1, -1):
        if (samples >> k) * k >= bits:
            return k
    raise FramingError(
        "the bits do not fit in the plane",
        found=f"{bits} bits in {samples} bytes",
        bound=f"at most {samples >> low} bits",
    )


def embed_bits(plane: U8, bits: U8, key: bytes, k: int) -> U8:
    """Hide bits in a plane, in blocks of 2^k bytes that the key chooses. Inverse of :func:`extract_bits`.

    Args:
        plane: uint8 of any shape.
        bits: zeros and ones.
        key: 32 bytes.
        k: bits a block; :func:`choose_k` finds the best.

    Returns:
        A new array; the high nibble of every byte is that of ``plane``.
    """
    stego = plane.copy()
    flat = stego.reshape(-1)
    places = _places(flat.size, len(bits), key, k)
    wanted = np.zeros(places.shape[0] * k, np.uint8)
    wanted[: len(bits)] = bits
    change = syndromes(flat[places]) ^ bits_to_columns(wanted.reshape(-1, k))
    # A block without a difference is left alone. One past the end of the bits carries zeros.
    block = np.flatnonzero(change)
    at = places[block, change[block]]
    flat[at] = step_within_nibble(flat[at], sign_bits(key, 0, 0, len(places))[block] == 1)
    return stego


def extract_bits(plane: U8, count: int, key: bytes, k: int) -> U8:
    """The bits that :func:`embed_bits` hid."""
    flat = plane.reshape(-1)
    found = syndromes(flat[_places(flat.size, count, key, k)])
    return columns_to_bits(found, k).reshape(-1)[:count]


def _places(samples: int, bits: int, key: bytes, k: int) -> Ints:
    """Flat places of the blocks for ``bits`` bits, (blocks, 2^k)."""
    blocks = -(-bits // k)
    if blocks << k > samples:
        raise FramingError(
            "the bits do not fit in the plane",
            found=f"{bits} bits at k = {k} in {samples} bytes",
            bound=f"at most {(samples >> k) * k} bits",
            remedy="Use a smaller k.",
        )
    return place_order(key, samples, blocks << k).reshape(blocks, 1 << k)
