"""Parts of a scene as plain JSON types."""

from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from cssv.scene.attributes import ATTRIBUTES, ObjectAttributes
from cssv.scene.equations import Equation
from cssv.scene.values import JsonObject, Sensed


def part_to_json(part: Any) -> Any:  # noqa: ANN401 - any part of a scene to JSON
    """A part of a scene as plain JSON types, a copy; parts that are None are left out."""
    if isinstance(part, Sensed | Equation):
        return part.to_json()
    if isinstance(part, tuple | list):
        return [part_to_json(item) for item in part]
    if is_dataclass(part) and not isinstance(part, type):
        named = ((name, getattr(part, name)) for name in _written_order(type(part)))
        own: JsonObject = copy.deepcopy(getattr(part, "extra", {}))
        return {key: part_to_json(value) for key, value in named if value is not None} | own
    return copy.deepcopy(part)


@cache
def _written_order(part: type) -> tuple[str, ...]:
    """The fields of a part as JSON lists them: an object's attributes stand before its template."""
    names = [f.name for f in fields(part) if f.name != "extra"]
    if issubclass(part, ObjectAttributes):
        attributes = [attribute.name for attribute in ATTRIBUTES]
        names = [name for name in names if name not in attributes]
        place = names.index("template")
        names[place:place] = attributes
    return tuple(names)
