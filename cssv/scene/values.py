"""Sensed values: a number or a place with its standard deviation and its source, as JSON and back."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, Generic, Self, TypeVar

JsonObject = dict[str, Any]
#: Lowest and highest value of a range.
Span = tuple[float, float]
#: Two coordinates, x and y.
Pair = tuple[float, float]
#: Three coordinates.
Triple = tuple[float, float, float]
#: A box in the picture: x, y of the top left corner, width, height.
ImageBox = tuple[float, float, float, float]

#: Keys that start so belong to the user.
OWN_PREFIX = "x_"


def own_keys(node: JsonObject) -> JsonObject:
    """The part of a JSON object that belongs to the user: its ``x_`` keys."""
    return {key: value for key, value in node.items() if key.startswith(OWN_PREFIX)}


def to_tuples(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Lists, nested ones too, as tuples; any other value unchanged."""
    return tuple(to_tuples(item) for item in node) if isinstance(node, list) else node


def time_earlier(time_s: float, back_s: Fraction) -> float:
    """A time ``back_s`` seconds earlier."""
    # Of the decimal number that the user wrote, not of the nearest float: 0.3 - 0.1 is 0.2 exactly.
    return float(Fraction(str(time_s)) - back_s)


class Source(StrEnum):
    """Origin of a value. UNKNOWN: it has no known source, and the heat map shows it grey."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sensed(Generic[T]):
    """A measured or estimated value: a :class:`Value` or a :class:`Point`."""

    value: T
    sigma: float | None = None
    source: Source = Source.MEASURED
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False)
    # The keys as the user wrote them, so that the same JSON is written back; None: the shortest form.
    written: tuple[str, ...] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> object:
        """A plain number or list, or a JSON object where sigma, source or ``x_`` keys are known too."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        keys = set(self.written or ())
        node: JsonObject = {"value": value}
        if self.sigma is not None:
            node["sigma"] = self.sigma
        # Measured is the default, so it is written only if the user wrote it.
        if self.source is not Source.MEASURED or "source" in keys:
            node["source"] = Source(self.source).value
        node |= copy.deepcopy(self.extra)
        return node if len(node) > 1 or "value" in keys else value

    @classmethod
    def from_json(cls, node: Any) -> Self:  # noqa: ANN401 - any JSON value
        """Inverse of :meth:`to_json`, for JSON that has been checked."""
        if not isinstance(node, dict):
            return cls(to_tuples(node))
        source = Source(node.get("source", Source.MEASURED))
        return cls(to_tuples(node["value"]), node.get("sigma"), source, own_keys(node), tuple(node))


@dataclass(frozen=True, slots=True)
class Value(Sensed[float]):
    """A sensed number.

    Attributes:
        value: in the unit of the field that holds it.
        sigma: one standard deviation in the same unit, >= 0; None if not stated.
        source: measured, estimated or unknown.
        extra: the user's own ``x_`` keys.
        written: the keys as read, for writing back; not part of equality.
    """


@dataclass(frozen=True, slots=True)
class Point(Sensed[tuple[float, ...]]):
    """A sensed place: coordinates in ``value``, one ``sigma`` for all of them; the rest as in Value."""
