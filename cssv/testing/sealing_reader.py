"""A second reader of sealed bytes, written from payload/SPEC.md, section 11, and RFC 5297 alone.

It imports nothing of the library. AES-SIV is put together here from AES-CMAC and AES in counter mode.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.cmac import CMAC


def password_keys(password: str) -> tuple[bytes, bytes]:
    """The keys of positions and of sealing."""
    text = unicodedata.normalize("NFC", password).encode()
    master = hashlib.scrypt(text, salt=b"CSSV password 1", n=131072, r=8, p=1, maxmem=2**28, dklen=32)

    def block(before: bytes, label: str, number: int) -> bytes:
        return hmac.new(master, before + label.encode() + bytes([number]), hashlib.sha256).digest()

    first = block(b"", "CSSV sealing 1", 1)
    return block(b"", "CSSV positions 1", 1), first + block(first, "CSSV sealing 1", 2)


def open_sealed(sealing: bytes, sealed: bytes, context: bytes) -> bytes | None:
    """The plain bytes; None if the key or the context is another one, or the bytes are damaged."""
    if len(sealed) < 17:
        return None
    half = len(sealing) // 2
    tag, encrypted = sealed[:16], sealed[16:]
    # RFC 5297, 2.5: two bits of the counter are zero.
    counter = int.from_bytes(tag, "big") & ~(1 << 63 | 1 << 31)
    decryptor = Cipher(AES(sealing[half:]), CTR(counter.to_bytes(16, "big"))).decryptor()
    plain: bytes = decryptor.update(encrypted) + decryptor.finalize()
    return plain if hmac.compare_digest(_s2v(sealing[:half], context, plain), tag) else None


def _s2v(key: bytes, context: bytes, plain: bytes) -> bytes:
    """RFC 5297, 2.4, of two strings."""
    state = _xor(_doubled(_cmac(key, bytes(16))), _cmac(key, context))
    if len(plain) >= 16:
        return _cmac(key, plain[:-16] + _xor(plain[-16:], state))
    padded = plain + b"\x80" + bytes(15 - len(plain))
    return _cmac(key, _xor(_doubled(state), padded))


def _cmac(key: bytes, data: bytes) -> bytes:
    made = CMAC(AES(key))
    made.update(data)
    code: bytes = made.finalize()
    return code


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block, "big") << 1
    return (number & (2**128 - 1) ^ (0x87 if number >> 128 else 0)).to_bytes(16, "big")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
