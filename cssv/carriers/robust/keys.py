"""Key schedule of the robust carrier.

Everything is derived by SHAKE-256, whose output has any length and whose shorter outputs are beginnings of
the longer ones. Thus a row of blocks has the same values whatever the width of the picture is.
"""

from __future__ import annotations

import hashlib

from cssv.errors import OptionError

KEY_BYTES = 32
#: Key of a clip without a password. It hides nothing from a reader of the format.
PUBLIC_KEY = hashlib.sha256(b"CSSV robust 1").digest()


def check_key(key: bytes) -> None:
    """Raise OptionError unless the key has KEY_BYTES bytes."""
    if len(key) != KEY_BYTES:
        raise OptionError("a key has the wrong length", found=f"{len(key)} bytes", bound=f"{KEY_BYTES} bytes")


def keystream(key: bytes, label: bytes, size: int) -> bytes:
    """Pseudo-random bytes: the first ``size`` bytes of SHAKE-256(key, label)."""
    # All keys have one length, so no two pairs of key and label give the same input.
    check_key(key)
    return hashlib.shake_256(key + label).digest(size)
