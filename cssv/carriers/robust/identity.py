"""Identity of a clip and of its scene: a digest by which a copy finds its original."""

from __future__ import annotations

import hashlib
import json
import re

from cssv.errors import OptionError
from cssv.frames import Frame
from cssv.scene import Scene

#: Bytes of an identity: half of them tell the clip, half the scene.
IDENTITY_BYTES = 32
#: Identity of a clip that was not prepared.
NO_IDENTITY = bytes(IDENTITY_BYTES)


def find_identity(first: Frame, scene: Scene) -> bytes:
    """The identity of a clip, from its first frame, and of its scene.

    Each half is the beginning of a SHA-256 digest: of the layout, the size and the planes of the frame, and
    of the fields of the scene as JSON with sorted keys.
    """
    form = f"{first.layout} {first.width} {first.height} ".encode("ascii")
    clip = hashlib.sha256(form + first.planes.tobytes()).digest()
    text = json.dumps(scene.to_json(), sort_keys=True, separators=(",", ":"))
    half = IDENTITY_BYTES // 2
    return clip[:half] + hashlib.sha256(text.encode("utf-8")).digest()[:half]


def shorten(identity: bytes, size: int) -> bytes:
    """An identity of ``size`` bytes: the beginnings of both halves of a longer one."""
    half = len(identity) // 2
    return identity[: size // 2] + identity[half : half + size // 2]


def check_identity(identity: bytes) -> None:
    """Raise OptionError unless it has the bytes of an identity."""
    if len(identity) != IDENTITY_BYTES:
        raise OptionError("not an identity", found=f"{len(identity)} bytes", bound=f"{IDENTITY_BYTES} bytes")


def read_identity(text: str) -> bytes:
    """An identity from hexadecimal digits. Inverse of ``bytes.hex``.

    Raises:
        OptionError: other digits, or another number of them.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{2 * IDENTITY_BYTES}}}", text):
        raise OptionError("not an identity", found=text, bound=f"{2 * IDENTITY_BYTES} hexadecimal digits")
    return bytes.fromhex(text)
