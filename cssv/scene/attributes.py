"""The attributes of an object. One field of :class:`ObjectAttributes` is all that a new attribute needs.

Every part of the package takes its attributes from here:

- an object of ``scene.json`` accepts them (:func:`cssv.scene.schema`), and a match passes them on;
- the state of an object in a frame has them, and the scene track holds them;
- the objects table has their columns: the value's, and its standard deviation's;
- ``diff`` reports how they change.

For example, one line adds a humidity to all of these::

    humidity_pct: Value | None = field(default=None, metadata=_number(0, 100))

The name ends in the unit (:data:`cssv.scene.text.UNITS`). Only attributes with a ring are in the pixels too.
A new ring needs more than this file: a place in the drawing (:mod:`cssv.template.aura`) and a range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

from cssv.scene.text import split_unit, spoken, unit_of
from cssv.scene.values import JsonObject, Point, Span, Value, own_keys

ABSOLUTE_ZERO_C = -273.15


@dataclass(frozen=True, slots=True)
class Ring:
    """How a ring of the heat map shows an attribute if the scene gives no range for it.

    Attributes:
        step: the range leaves this much free on both sides, and is rounded outwards to multiples of it.
        fallback: the range if no value is known.
    """

    step: float
    fallback: Span


@dataclass(frozen=True, slots=True)
class Attribute:
    """Definition of one attribute.

    Attributes:
        kind: Value for a number, Point for a place of two coordinates.
        minimum, maximum: bounds of the number, or of each coordinate.
        is_carried: whether the objects of a frame have it: state, scene track, table and diff. Otherwise it
            stays in the scene.
        ring: how the heat map shows it; None if it does not.
        name: the field's name; ends in the unit.
    """

    kind: type[Value | Point]
    minimum: float
    maximum: float
    is_carried: bool = True
    ring: Ring | None = None
    name: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in the objects table: the value or its two coordinates, then the standard deviation.

        The unit stays at the end: ``temperature_c`` and ``temperature_sigma_c``.
        """
        stem, unit = split_unit(self.name)
        values = (self.name,) if self.kind is Value else (f"{stem}_x{unit}", f"{stem}_y{unit}")
        return (*values, f"{stem}_sigma{unit}")

    def schema(self) -> JsonObject:
        """Its JSON Schema: the plain value, or an object of ``value``, ``sigma`` and ``source``."""
        plain: JsonObject = {"type": "number", "minimum": self.minimum, "maximum": self.maximum}
        if self.kind is Point:
            plain = {"type": "array", "minItems": 2, "maxItems": 2, "items": plain}
        bounds = {key: value for key, value in plain.items() if key != "type"}
        return {
            "description": f"{spoken(self.name).capitalize()}, {unit_of(self.name)}.",
            "type": [plain["type"], "object"],
            **bounds,
            "required": ["value"],
            "properties": {
                "value": plain,
                "sigma": {"$ref": "#/$defs/sigma"},
                "source": {"$ref": "#/$defs/source"},
            },
            "patternProperties": {"^x_": {}},
            "additionalProperties": False,
        }


def _number(
    minimum: float, maximum: float, *, ring: Ring | None = None, is_carried: bool = True
) -> dict[str, Attribute]:
    """Metadata of a field for a sensed number."""
    return {"attribute": Attribute(Value, minimum, maximum, is_carried, ring)}


def _place(minimum: float, maximum: float, *, is_carried: bool = True) -> dict[str, Attribute]:
    """Metadata of a field for a sensed place of two coordinates."""
    return {"attribute": Attribute(Point, minimum, maximum, is_carried)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAttributes:
    """What is known of an object besides its place and motion; None is unknown.

    The base of an entry of the scene, of the facts about a track, and of an object's state in a frame.

    Attributes:
        temperature_c: degrees Celsius.
        density_kg_m3: kilograms per cubic metre.
        goal_m, goal_px: where it is heading: x and y on the ground in metres, or in the picture in pixels.
        extra: the user's own ``x_`` keys.
    """

    temperature_c: Value | None = field(
        default=None, metadata=_number(ABSOLUTE_ZERO_C, 1_000_000, ring=Ring(5.0, (-20.0, 60.0)))
    )
    density_kg_m3: Value | None = field(
        default=None, metadata=_number(0, 1_000_000, ring=Ring(50.0, (0.0, 2000.0)))
    )
    goal_m: Point | None = field(default=None, metadata=_place(-1_000_000_000, 1_000_000_000))
    goal_px: Point | None = field(default=None, metadata=_place(-1_000_000, 1_000_000))
    # Not carried: x_ keys can be of any size, and every frame would repeat them. They stay in the scene.
    extra: JsonObject = field(default_factory=dict, hash=False, repr=False, metadata={"is_carried": False})


#: All attributes in the order of their fields, and those that the objects of a frame have.
ATTRIBUTES: tuple[Attribute, ...] = tuple(
    replace(each.metadata["attribute"], name=each.name)
    for each in fields(ObjectAttributes)
    if "attribute" in each.metadata
)
CARRIED = tuple(attribute for attribute in ATTRIBUTES if attribute.is_carried)
#: Columns of the objects table for attributes, in order.
ATTRIBUTE_COLUMNS = tuple(column for attribute in CARRIED for column in attribute.columns)
#: Attributes with a ring of the heat map.
RINGS: dict[str, Ring] = {each.name: each.ring for each in ATTRIBUTES if each.ring is not None}
#: Whether the objects of a frame have the user's own ``x_`` keys.
EXTRA_IS_CARRIED = any(each.metadata.get("is_carried", False) for each in fields(ObjectAttributes))

# These are needed once per object and frame, so they are worked out here and not there.
_CARRIED_FIELDS = (*(attribute.name for attribute in CARRIED), *(("extra",) if EXTRA_IS_CARRIED else ()))
_COLUMNS_OF = tuple((attribute.name, attribute.columns) for attribute in CARRIED)


def carried_by(known: ObjectAttributes) -> dict[str, Any]:
    """The fields of ``known`` that the objects of a frame have, as keywords for ``dataclasses.replace``."""
    return {name: getattr(known, name) for name in _CARRIED_FIELDS}


#: The keywords that remove every attribute again.
NOTHING_CARRIED = carried_by(ObjectAttributes())


def to_cells(known: ObjectAttributes) -> dict[str, float | None]:
    """The attributes as cells of the objects table, by column; None is unknown."""
    cells: dict[str, float | None] = {}
    for name, columns in _COLUMNS_OF:
        value: Value | Point | None = getattr(known, name)
        if value is None:
            cells |= dict.fromkeys(columns)
            continue
        numbers = value.value if isinstance(value.value, tuple) else (value.value,)
        # An infinite deviation says nothing, and a table holds finite numbers only.
        is_known = value.sigma is not None and math.isfinite(value.sigma)
        cells |= zip(columns, (*numbers, value.sigma if is_known else None), strict=True)
    return cells


def attributes_from_json(node: JsonObject) -> dict[str, Any]:
    """The fields of :class:`ObjectAttributes` from an object of a scene that has been checked."""
    known: dict[str, Any] = {
        attribute.name: attribute.kind.from_json(node[attribute.name])
        for attribute in ATTRIBUTES
        if attribute.name in node
    }
    return known | {"extra": own_keys(node)}
