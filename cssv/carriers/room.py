"""The room: objects of a frame that a carrier tells beside those that its drawing shows."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cssv.carriers.base import Extracted
from cssv.scene import Ranges
from cssv.template.state import ObjectState


@runtime_checkable
class RoomExtracted(Protocol):
    """What the content of a frame offers beside, if its pixels tell of all objects of the frame."""

    def room(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects that :meth:`.base.Extracted.states` does not have, such as those outside of a crop."""


@runtime_checkable
class CountedExtracted(Protocol):
    """What the content of a frame offers beside, if its pixels tell how many objects the frame has."""

    @property
    def object_count(self) -> int:
        """Number of objects of the frame, also of those that nothing else tells of."""


def room_of(extracted: Extracted, ranges: Ranges) -> tuple[ObjectState, ...]:
    """The objects that only the room tells; none if the carrier has no room."""
    return extracted.room(ranges) if isinstance(extracted, RoomExtracted) else ()


def object_count_of(extracted: Extracted) -> int | None:
    """The number of objects of a frame; None if its pixels do not tell it."""
    return extracted.object_count if isinstance(extracted, CountedExtracted) else None
