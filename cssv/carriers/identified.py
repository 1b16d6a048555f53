"""Carriers that tell which clip a copy comes from, also where nothing else of their content is left."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cssv.frames import Frame


class Identifier(Protocol):
    """Reader of the identity of one source."""

    def add(self, frame: Frame) -> bytes | None:
        """Add the next frame; returns the identity once it can be read."""

    def finish(self) -> bytes | None:
        """The identity from all frames added; None if it cannot be read."""


@runtime_checkable
class IdentifiedCarrier(Protocol):
    """What a carrier of :mod:`.base` offers beside, if its pixels tell an identity.

    Attributes:
        identity: of the clip and of its scene, half of the bytes each. Sources may hold only the beginnings
            of both halves.
    """

    identity: bytes

    def identifier(self) -> Identifier:
        """A reader for one source."""
