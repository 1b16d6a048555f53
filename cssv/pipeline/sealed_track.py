"""Scene samples and facts of a file with a password: sealed as JSON, and opened again (SPEC.md)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cssv.carriers import carrier_of_file
from cssv.carriers.base import AnyCarrier
from cssv.carriers.keyed import give_key
from cssv.container import Reader
from cssv.errors import ContainerError, OptionError, PasswordError
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.scene_track import SceneSample, read_sample

#: Key and version of a sealed sample.
_MARK, _VERSION = "cssv_sealed", 1
#: Facts that would reveal something of the scene. The others describe the file and how to open the clip.
SECRET_FACTS = ("ranges", "notes")
#: Fact that names how a file is sealed, its value, and the fact that holds the secret ones.
SEALED, _BY_PASSWORD, _HIDDEN = "sealed", "password", "hidden"
#: Plain texts get this length, or a multiple: lengths would show how many objects there are.
_BLOCK = 1024


def seal_sample(sample: bytes, number: int, key: PayloadKey) -> bytes:
    """The scene sample of frame ``number``, sealed as JSON. Equal arguments give equal bytes."""
    size = _BLOCK
    # Powers of two, because a step of a kilobyte is about four objects.
    while size < len(sample):
        size *= 2
    node = {_MARK: _VERSION, "data": _seal(sample.ljust(size), _context(number), key)}
    return json.dumps(node, separators=(",", ":")).encode()


def is_sealed_sample(data: bytes) -> bool:
    """Whether the bytes begin as those of a sealed sample do."""
    return data.startswith(f'{{"{_MARK}":'.encode())


def open_sample(data: bytes, number: int, key: PayloadKey | None) -> bytes:
    """The scene sample of frame ``number``; bytes that are not sealed stay. Inverse of :func:`seal_sample`.

    Raises:
        PasswordError: the sample is sealed, and the key is None or another one.
        ContainerError: the data begin like a sealed sample, but are none.
    """
    if not is_sealed_sample(data):
        return data
    sealed = _sealed_bytes(data, number)
    if key is None:
        raise password_needed(f"the scene sample of frame {number}")
    # White space at the end is no part of JSON.
    return key.open(sealed, _context(number)).rstrip(b" ")


def check_sealed_sample(data: bytes, number: int) -> None:
    """Raise ContainerError unless the data have the form of a sealed sample. Needs no key."""
    _sealed_bytes(data, number)


def seal_facts(facts: Mapping[str, Any], key: PayloadKey | None) -> dict[str, Any]:
    """The facts of a version with the secret ones sealed; without a key they stay as they are."""
    if key is None:
        return dict(facts)
    secret = {name: facts[name] for name in SECRET_FACTS if name in facts}
    plain = json.dumps(secret, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    hidden = _seal(plain.ljust(-(-len(plain) // _BLOCK) * _BLOCK), b"CSSV facts", key)
    public = {name: value for name, value in facts.items() if name not in SECRET_FACTS}
    return public | {SEALED: _BY_PASSWORD, _HIDDEN: hidden}


def are_sealed(facts: Mapping[str, Any]) -> bool:
    """Whether facts state that their file is sealed."""
    return SEALED in facts


def open_facts(facts: Mapping[str, Any], key: PayloadKey | None) -> dict[str, Any]:
    """Inverse of :func:`seal_facts`, except that the mark stays. Facts that are not sealed stay as they are.

    Raises:
        PasswordError: the facts are sealed, and the key is None or another one.
        ContainerError: the facts are sealed in an unknown way, or damaged.
    """
    if not are_sealed(facts):
        return dict(facts)
    if facts[SEALED] != _BY_PASSWORD:
        raise ContainerError(
            "a version is sealed in an unknown way",
            found=repr(facts[SEALED]),
            bound=_BY_PASSWORD,
            remedy="Use a newer version of this package.",
        )
    if key is None:
        raise password_needed("the file")
    try:
        hidden = base64.b64decode(facts[_HIDDEN], validate=True)
        secret = json.loads(key.open(hidden, b"CSSV facts"))
        opened = {str(name): value for name, value in secret.items()}
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ContainerError(
            "the sealed facts of a version cannot be read", found=type(error).__name__
        ) from error
    return {name: value for name, value in facts.items() if name != _HIDDEN} | opened


def stored_sample(reader: Reader, number: int, key: PayloadKey | None) -> bytes:
    """The scene sample of a frame of a version, opened if it is sealed.

    Raises:
        ChecksumError: the bytes are damaged.
        ContainerError: the version is sealed, but the sample is not.
        PasswordError, ContainerError: as for :func:`open_sample`.
    """
    data = reader.scene_sample(number)
    # Somebody without the password could otherwise put other objects into a sealed version.
    if are_sealed(reader.version.about.meta) and not is_sealed_sample(data):
        raise ContainerError(
            f"the scene sample of frame {number} is not sealed", bound="sealed as all others"
        )
    return open_sample(data, number, key)


def read_stored_sample(reader: Reader, number: int, key: PayloadKey | None) -> SceneSample:
    """The content of :func:`stored_sample`, with the errors of both functions."""
    return read_sample(stored_sample(reader, number, key))


def carrier_of_version(facts: Mapping[str, Any], key: PayloadKey | None) -> AnyCarrier:
    """The carrier that reads a version; with the key if the version is sealed.

    Raises:
        ContainerError: the facts do not fit the carrier.
        CarrierError: this installation has no such carrier.
    """
    carrier = carrier_of_file(facts)
    try:
        return give_key(carrier, key) if are_sealed(facts) else carrier
    except OptionError as error:
        raise ContainerError("a version is sealed, but its carrier has no key", found=carrier.name) from error


def password_needed(what: str) -> PasswordError:
    """The error for something that is sealed if no password is given."""
    return PasswordError(f"{what} is sealed with a password", remedy="Give `password=`.")


def _context(number: int) -> bytes:
    return b"CSSV sample" + number.to_bytes(8, "big")


def _seal(plain: bytes, context: bytes, key: PayloadKey) -> str:
    return base64.b64encode(key.seal(plain, context)).decode()


def _sealed_bytes(data: bytes, number: int) -> bytes:
    """The sealed bytes in a sample."""
    try:
        node = json.loads(data)
        version, sealed = node[_MARK], base64.b64decode(node["data"], validate=True)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ContainerError(
            f"the sealed scene sample of frame {number} cannot be read",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if version != _VERSION:
        raise ContainerError(
            f"the scene sample of frame {number} is sealed in an unknown way",
            found=f"version {version!r}",
            bound=f"{_VERSION}",
            remedy="Use a newer version of this package.",
        )
    return sealed
