"""Carriers whose drawings have only those rings that the scene knows."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from cssv.carriers.base import AnyCarrier
from cssv.template.drawing import Rings


@runtime_checkable
class RingOmittingCarrier(Protocol):
    """What a carrier of :mod:`.base` offers beside, if it draws the rings of its content alone.

    All other carriers draw every ring.

    Attributes:
        omits_rings: whether it does.
    """

    omits_rings: ClassVar[bool]


def rings_for(carrier: AnyCarrier, known: Rings) -> Rings:
    """The rings that a carrier draws, if these are known."""
    omits = isinstance(carrier, RingOmittingCarrier) and carrier.omits_rings
    return known if omits else Rings.ALL
