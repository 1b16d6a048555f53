"""Codewords: the payload of a window with its checksum, error-correcting code and mask.

A payload class of S bytes holds up to S - 5 bytes: the payload, a byte 80, zero bytes, and the CRC-32 of all
bytes before, big endian. These bytes are the information bits of the code of 8 S bits, bit 7 of each byte
first. Each bit of the codeword is then added modulo 2 to a mask that depends on the key and the class, so
that neither a plain picture nor a codeword of another class or key looks like one.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np

from cssv.carriers.robust.keys import keystream
from cssv.carriers.robust.ldpc import MOST_ITERATIONS, code_of
from cssv.carriers.robust.transform import F32
from cssv.errors import CarrierError, FramingError
from cssv.frames import U8

#: Bytes of the payload classes, with their overhead.
PAYLOAD_CLASSES = (64, 96, 128, 192, 256, 384, 640)
_CRC_BYTES = 4
# Least information of soft values that is tried to decode, as a share of the bits of the payload. Below 1 no
# decoder succeeds, but the calibration of the values has errors.
_LEAST_INFORMATION = 0.7
_CERTAIN = 30.0
#: Bytes of a class that are not payload.
OVERHEAD = 1 + _CRC_BYTES
_END = b"\x80"


def codeword_length(class_bytes: int) -> int:
    """Bits of the codewords of a class."""
    return 24 * class_bytes


def class_for(payload_bytes: int) -> int:
    """The smallest class for a payload of so many bytes.

    Raises:
        CarrierError: it fits in none.
    """
    for class_bytes in PAYLOAD_CLASSES:
        if payload_bytes + OVERHEAD <= class_bytes:
            return class_bytes
    raise CarrierError(
        "the payload of a window does not fit",
        found=f"{payload_bytes} bytes",
        bound=f"at most {PAYLOAD_CLASSES[-1] - OVERHEAD}",
    )


def write_codeword(payload: bytes, class_bytes: int, key: bytes) -> U8:
    """Bits of the codeword of a payload. Inverse of :func:`read_codeword`.

    Raises:
        CarrierError: the payload does not fit in the class.
        FramingError: there is no such class.
    """
    _check_class(class_bytes)
    if len(payload) + OVERHEAD > class_bytes:
        raise CarrierError(
            "the payload of a window does not fit in its class",
            found=f"{len(payload)} bytes",
            bound=f"at most {class_bytes - OVERHEAD} in {class_bytes}",
        )
    body = (payload + _END).ljust(class_bytes - _CRC_BYTES, b"\0")
    whole = body + zlib.crc32(body).to_bytes(_CRC_BYTES, "big")
    bits = np.unpackbits(np.frombuffer(whole, np.uint8))
    return code_of(8 * class_bytes).encode(bits) ^ _mask(class_bytes, key)


def read_codeword(
    soft: F32, class_bytes: int, key: bytes, most_iterations: int = MOST_ITERATIONS
) -> bytes | None:
    """The payload of a codeword; None unless all checks of the code and the CRC hold.

    Args:
        soft: logarithm of the likelihood ratio of each bit: positive for 0, 0 if nothing is known of it.
        class_bytes: the payload class.
        key: 32 bytes.
        most_iterations: of the decoder.

    Raises:
        FramingError: there is no such class, or a wrong number of values.
    """
    _check_class(class_bytes)
    if information_bits(soft) < _LEAST_INFORMATION * 8 * class_bytes:
        # No decoder can succeed, and a failure takes all iterations.
        return None
    decoded = code_of(8 * class_bytes).decode(
        np.where(_mask(class_bytes, key), -soft, soft).astype(np.float32), most_iterations
    )
    whole = np.packbits(decoded.bits).tobytes()
    body, crc = whole[:-_CRC_BYTES], int.from_bytes(whole[-_CRC_BYTES:], "big")
    if not decoded.is_codeword or zlib.crc32(body) != crc:
        return None
    payload, end, rest = body.rpartition(_END)
    return payload if end and not rest.strip(b"\0") else None


def information_bits(soft: F32) -> float:
    """Bits of information that soft values have about equally likely bits, if they are calibrated."""
    size = np.minimum(np.abs(np.nan_to_num(soft)), _CERTAIN).astype(np.float64)
    # Entropy of a bit with these odds.
    error = 1 / (1 + np.exp(size))
    entropy = (np.log1p(np.exp(-size)) + size * error) / np.log(2)
    return float((1 - entropy).sum())


def _check_class(class_bytes: int) -> None:
    if class_bytes not in PAYLOAD_CLASSES:
        raise FramingError(
            "no such payload class", found=class_bytes, bound=", ".join(map(str, PAYLOAD_CLASSES))
        )


@lru_cache(maxsize=32)
def _mask(class_bytes: int, key: bytes) -> U8:
    stream = keystream(key, b"mask" + class_bytes.to_bytes(4, "big"), codeword_length(class_bytes) // 8)
    mask = np.unpackbits(np.frombuffer(stream, np.uint8))
    mask.flags.writeable = False
    return mask
