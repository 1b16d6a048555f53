"""Sensed values: a number or a place, how far it may be off, and who vouches for it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from cssv.scene.check import JsonObject


class Source(StrEnum):
    """Where a value comes from. UNKNOWN: nobody vouches for it, and it is drawn grey."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sensed(Generic[T]):
    """A value that somebody measured or estimated: a :class:`Value` or a :class:`Point`."""

    value: T
    sigma: float | None = None
    source: Source = Source.MEASURED
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)
    # The keys as the user wrote them, so that the same JSON is written back; None: the shortest form.
    written: tuple[str, ...] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> object:
        """Return a plain number or list, or an object where there is more to say than that."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        keys = set(self.written or ())
        node: JsonObject = {"value": value}
        if self.sigma is not None:
            node["sigma"] = self.sigma
        if self.source is not Source.MEASURED or "source" in keys:
            node["source"] = Source(self.source).value
        node |= copy.deepcopy(self.extra)
        return node if len(node) > 1 or "value" in keys else value


@dataclass(frozen=True, slots=True)
class Value(Sensed[float]):
    """A sensed number.

    Attributes:
        value: in the unit of the field that holds it.
        sigma: one standard deviation in the same unit, >= 0; None where nobody stated one.
        source: measured, estimated or unknown.
        extra: the user's own ``x_`` keys.
        written: the keys as read, for writing back; not part of equality.
    """


@dataclass(frozen=True, slots=True)
class Point(Sensed[tuple[float, ...]]):
    """A sensed place: coordinates in ``value``, one ``sigma`` for all of them; else as Value."""
