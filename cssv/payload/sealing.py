"""Keys from a password, and encryption with them (SPEC.md, section 11).

Encryption is deterministic (AES-SIV, RFC 5297): equal content in an equal context gives equal bytes. Frames
that versions share therefore stay equal, and a clip can be encoded by several processes.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

from cssv.errors import MissingExtraError, OptionError, OptionTypeError, PasswordError

#: Context in which carriers seal the payload of a window.
WINDOW_CONTEXT = b"CSSV window"
#: Bytes that sealing adds.
OVERHEAD = 16
#: The salt is public and the same for all files, because a reader of bare pixels has no place to find another
#: one before it knows the positions. So one table of guesses serves against all files. Each guess must
#: therefore cost much: these parameters take 128 MiB and about half a second.
_SALT = b"CSSV password 1"
_COST, _BLOCK_SIZE, _PARALLEL = 1 << 17, 8, 1
#: Memory of scrypt is 128 * r * N bytes, and a little more.
_MOST_MEMORY = 128 * _BLOCK_SIZE * _COST + (1 << 20)
_MASTER_BYTES, _POSITIONS_BYTES, _SEALING_BYTES = 32, 32, 64
#: Passwords whose keys are kept in a process. Deriving a key is slow on purpose.
_KEPT = 8


class _Cipher(Protocol):
    """What this module uses of ``AESSIV``; both raise for bytes that do not fit."""

    def encrypt(self, data: bytes, associated_data: list[bytes]) -> bytes: ...

    def decrypt(self, data: bytes, associated_data: list[bytes]) -> bytes: ...


@dataclass(frozen=True, slots=True, repr=False)
class PayloadKey:
    """The keys of a password. They can be pickled, so a pickle of them is a secret.

    Attributes:
        positions: 32 bytes that choose where the pixels carry bits.
        sealing: 64 bytes for :meth:`seal` and :meth:`open`.
    """

    positions: bytes
    sealing: bytes

    @classmethod
    def from_password(cls, password: str) -> Self:
        """Derive the keys of a password. The first call in a process takes about half a second.

        Raises:
            OptionError: the password is empty, or is no text.
        """
        master = _master_key(_password_bytes(password))
        return cls(
            expand_key(master, b"CSSV positions 1", _POSITIONS_BYTES),
            expand_key(master, b"CSSV sealing 1", _SEALING_BYTES),
        )

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt bytes; the result is longer by :data:`OVERHEAD`, and depends on the arguments alone.

        Args:
            plain: at least one byte.
            context: what the bytes are, and of which frame. It is not encrypted and not stored, and
                :meth:`open` needs the same one.

        Raises:
            OptionError: there is nothing to encrypt.
            MissingExtraError: the package for encryption is not installed.
        """
        if not plain:
            # Older releases of the package refuse it.
            raise OptionError("there is nothing to seal", found="0 bytes", bound="at least 1 byte")
        return self._cipher().encrypt(plain, [context])

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt bytes and check that none was changed. Inverse of :meth:`seal`.

        Raises:
            PasswordError: the key belongs to another password, the context is another one, or the bytes are
                damaged. These cannot be told apart.
            MissingExtraError: the package for encryption is not installed.
        """
        cipher = self._cipher()
        from cryptography.exceptions import InvalidTag

        # The sealed form of nothing; releases of the package treat it differently.
        if len(sealed) <= OVERHEAD:
            raise _refused()
        try:
            return cipher.decrypt(sealed, [context])
        except InvalidTag as error:
            raise _refused() from error

    def _cipher(self) -> _Cipher:
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        except ImportError as error:
            raise MissingExtraError(
                "passwords need cryptography", remedy="Install it with: pip install '.[password]'"
            ) from error
        try:
            cipher: _Cipher = AESSIV(self.sealing)
        except UnsupportedAlgorithm as error:
            raise MissingExtraError(
                "the installed cryptography has no AES-SIV",
                found=str(error),
                bound="cryptography with OpenSSL 3",
                remedy="Install it from its wheel: pip install --force-reinstall cryptography",
            ) from error
        return cipher

    def __repr__(self) -> str:
        # Keys must not reach logs and tracebacks.
        return "PayloadKey(...)"


def expand_key(master: bytes, label: bytes, size: int) -> bytes:
    """A key for one use: HKDF-Expand of RFC 5869 with SHA-256."""
    output = block = b""
    for number in range(1, -(-size // 32) + 1):
        block = hmac.digest(master, block + label + bytes([number]), "sha256")
        output += block
    return output[:size]


def _password_bytes(password: str) -> bytes:
    """The password as bytes. No message shows any part of it."""
    if not isinstance(password, str):
        raise OptionTypeError("the password is not a text", found=type(password).__name__)
    if not password:
        raise OptionError("the password is empty", remedy="Give at least one character, or no password.")
    try:
        # The same text typed on two systems can differ in how accents are composed.
        return unicodedata.normalize("NFC", password).encode("utf-8")
    except UnicodeEncodeError:
        # Not chained: that error holds the password.
        raise OptionError("the password is not a text", bound="characters of Unicode") from None


@lru_cache(maxsize=_KEPT)
def _master_key(password: bytes) -> bytes:
    return hashlib.scrypt(
        password,
        salt=_SALT,
        n=_COST,
        r=_BLOCK_SIZE,
        p=_PARALLEL,
        maxmem=_MOST_MEMORY,
        dklen=_MASTER_BYTES,
    )


def _refused() -> PasswordError:
    return PasswordError(
        "the sealed content cannot be opened: the password is wrong, or the content is damaged",
        remedy="Give the right `password=`.",
    )
