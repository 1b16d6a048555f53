"""Codewords of the base layer: a message of 8 or 32 bytes with its checksum, error-correcting code and mask.

The information bits of the polar code are the message and its CRC-32, big endian, bit 7 of each byte first.
Each bit of the codeword is then added modulo 2 to a mask that depends on the key and the length of the
message.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from cssv.carriers.robust.keys import keystream
from cssv.carriers.robust.polar import PolarCode, polar_code
from cssv.carriers.robust.transform import F32
from cssv.errors import FramingError
from cssv.frames import U8

#: Bits of the codewords of each length of the message in bytes.
CODEWORD_BITS: Mapping[int, int] = MappingProxyType({8: 512, 32: 2048})
#: From so many pixels of a picture on, the message has 32 bytes.
LARGE_PICTURE = 1920 * 1080
#: Paths of the decoder. A wrong message passes with a probability of this number / 2 ** 32.
PATHS = 256
_CRC_BYTES = 4


def message_bytes(width: int, height: int) -> int:
    """Length of the message in a picture of so many pixels, in bytes."""
    return 32 if width * height >= LARGE_PICTURE else 8


def write_base_codeword(message: bytes, key: bytes) -> U8:
    """Bits of the codeword of a message. Inverse of :func:`read_base_codeword`.

    Raises:
        FramingError: the message has another length.
    """
    code = _code(len(message))
    whole = message + zlib.crc32(message).to_bytes(_CRC_BYTES, "big")
    return code.encode(np.unpackbits(np.frombuffer(whole, np.uint8))) ^ _mask(len(message), key)


def read_base_codeword(soft: F32, size: int, key: bytes) -> bytes | None:
    """The message of a codeword; None unless its CRC is right.

    Args:
        soft: logarithm of the likelihood ratio of each bit: positive for 0, 0 if nothing is known of it.
        size: of the message in bytes.
        key: 32 bytes.

    Raises:
        FramingError: there is no such length, or a wrong number of values.
    """
    code = _code(size)
    if soft.shape != (code.length,):
        raise FramingError(
            "a codeword of the base layer has the wrong number of soft values",
            found=str(soft.shape),
            bound=str(code.length),
        )
    if not soft.any():
        return None
    unmasked = np.where(_mask(size, key), -soft, soft).astype(np.float32)
    for bits in code.decode(unmasked, PATHS):
        whole = np.packbits(bits).tobytes()
        message, crc = whole[:-_CRC_BYTES], int.from_bytes(whole[-_CRC_BYTES:], "big")
        if zlib.crc32(message) == crc:
            return message
    return None


def codeword_bits(size: int) -> int:
    """Bits of the codeword of a message of so many bytes.

    Raises:
        FramingError: there is no such length.
    """
    if size not in CODEWORD_BITS:
        raise FramingError(
            "a message of the base layer has the wrong length",
            found=f"{size} bytes",
            bound=" or ".join(map(str, CODEWORD_BITS)),
        )
    return CODEWORD_BITS[size]


def information_length(size: int) -> int:
    """Information bits of the code of a message of so many bytes."""
    return 8 * (size + _CRC_BYTES)


def _code(size: int) -> PolarCode:
    return polar_code(information_length(size), codeword_bits(size))


@lru_cache(maxsize=16)
def _mask(size: int, key: bytes) -> U8:
    stream = keystream(key, b"base mask" + size.to_bytes(4, "big"), CODEWORD_BITS[size] // 8)
    mask = np.unpackbits(np.frombuffer(stream, np.uint8))
    mask.flags.writeable = False
    return mask
