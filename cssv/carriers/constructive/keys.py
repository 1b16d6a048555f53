"""Key schedule: which bytes of a tile carry, in which order, and how the bits are masked.

Everything is derived by HMAC-SHA-256 in counter mode (the form of NIST SP 800-108), so that any language can
compute it. The key of a password is :attr:`cssv.payload.sealing.PayloadKey.positions`.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssv.errors import OptionError
from cssv.frames import U8

KEY_BYTES = 32
#: Key of a clip without a password. It hides nothing from a reader of SPEC.md.
PUBLIC_KEY = hashlib.sha256(b"CSSV constructive 1").digest()

_BLOCK = 32


def check_key(key: bytes) -> None:
    """Raise OptionError unless the key has KEY_BYTES bytes."""
    if len(key) != KEY_BYTES:
        raise OptionError("a key has the wrong length", found=f"{len(key)} bytes", bound=f"{KEY_BYTES} bytes")


def keystream(key: bytes, label: bytes, size: int) -> bytes:
    """Pseudo-random bytes: block i is HMAC-SHA-256(key, label + i), i as 8 bytes, big endian, from 0."""
    blocks = range(-(-size // _BLOCK))
    stream = b"".join(hmac.digest(key, label + i.to_bytes(8, "big"), "sha256") for i in blocks)
    return stream[:size]


@lru_cache(maxsize=16)
def place_order(key: bytes, places: int, used: int) -> NDArray[np.int64]:
    """The ``used`` places of a tile that carry, in the order of their column numbers.

    Each place has a word of 64 bits of the keystream; places are sorted by word, equal words by place.
    """
    words = np.frombuffer(keystream(key, b"places", 8 * places), ">u8")
    order = np.argsort(words, kind="stable")[:used].astype(np.int64)
    order.flags.writeable = False
    return order


@lru_cache(maxsize=64)
def packet_mask(key: bytes, k: int, bits: int) -> U8:
    """Bits that are added modulo 2 to those of every packet, the first one in bit 7 of the keystream."""
    stream = np.frombuffer(keystream(key, b"mask" + bytes([k]), -(-bits // 8)), np.uint8)
    mask = np.unpackbits(stream)[:bits]
    mask.flags.writeable = False
    return mask


def sign_bits(key: bytes, window: int, slot: int, count: int) -> U8:
    """Bits that choose between plus one and minus one. Readers do not need them."""
    label = b"signs" + window.to_bytes(8, "big") + slot.to_bytes(8, "big")
    return np.unpackbits(np.frombuffer(keystream(key, label, -(-count // 8)), np.uint8))[:count]
