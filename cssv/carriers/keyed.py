"""Carriers that can seal what they hide with the key of a password."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

from cssv.carriers.base import AnyCarrier
from cssv.carriers.nibble.forms import family_name
from cssv.errors import OptionError
from cssv.payload.sealing import PayloadKey


@runtime_checkable
class KeyedCarrier(Protocol):
    """What a carrier of :mod:`.base` offers beside, if it can hide sealed content.

    With a key it chooses its places in the pixels by ``positions`` and seals its payload. Its options, which
    everybody can read in the facts of a file, never contain the key.

    Attributes:
        payload_key: None without a password.
    """

    payload_key: PayloadKey | None

    def with_key(self, key: PayloadKey) -> Self:
        """The same carrier with a key."""


def give_key(carrier: AnyCarrier, key: PayloadKey | None) -> AnyCarrier:
    """The carrier with a key; without one it stays.

    Raises:
        OptionError: the carrier cannot seal what it hides.
    """
    if key is None:
        return carrier
    if not isinstance(carrier, KeyedCarrier):
        raise OptionError(
            f"the {family_name(carrier.name)} carrier cannot hide with a password: everybody can see what it "
            "draws",
            remedy='Use `carrier="constructive"`.',
        )
    return carrier.with_key(key)


def key_of(carrier: AnyCarrier) -> PayloadKey | None:
    """The key of a carrier; None without a password."""
    return carrier.payload_key if isinstance(carrier, KeyedCarrier) else None
