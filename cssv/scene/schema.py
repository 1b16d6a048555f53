"""The JSON Schema of ``scene.json``: the file ``schema.json`` and, in it, the attributes of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from cssv.files.system import loading
from cssv.scene.attributes import ATTRIBUTES
from cssv.scene.values import JsonObject

#: The attributes of an object stand before this key in the published schema.
_AFTER_ATTRIBUTES = "template"


@cache
def _schema_text() -> str:
    with loading("the schema of scenes"):
        return resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")


def schema() -> JsonObject:
    """The JSON Schema of ``scene.json`` (draft 2020-12), a fresh copy.

    The bounds of an object's attributes come from :mod:`cssv.scene.attributes`, all others from the file.
    """
    loaded: JsonObject = json.loads(_schema_text())
    definition = loaded["$defs"]["object"]
    properties: JsonObject = {}
    for key, node in definition["properties"].items():
        if key == _AFTER_ATTRIBUTES:
            properties |= {attribute.name: attribute.schema() for attribute in ATTRIBUTES}
        properties[key] = node
    definition["properties"] = properties
    return loaded


@cache
def validator() -> Any:  # noqa: ANN401 - a class that jsonschema makes
    """A validator of scenes that checks long trajectories quickly."""
    return extend(Draft202012Validator, {"items": _items})(schema())


def _items(
    checker: Any,  # noqa: ANN401 - of the same class
    items: JsonObject,
    instance: object,
    node: JsonObject,
) -> Iterator[ValidationError]:
    """Check ``items``, but ask the schema only for waypoints that are not plainly valid: 20 times as fast."""
    if items.get("$ref") != "#/$defs/waypoint" or not isinstance(instance, list):
        yield from Draft202012Validator.VALIDATORS["items"](checker, items, instance, node)
        return
    for index, item in enumerate(instance):
        if not is_plain_waypoint(item):
            yield from checker.descend(item, items, path=index)


def is_plain_waypoint(node: object) -> bool:
    """Whether this is a valid waypoint without ``x_`` keys; False if in doubt."""
    if not isinstance(node, dict) or len(node) != 2:
        return False
    time_s: Any = node.get("time_s")
    box_px: Any = node.get("box_px")
    if not (are_numbers([time_s], 1) and are_numbers(box_px, 4)):
        return False
    time_bound, px_bound = _waypoint_bounds()
    x, y, w, h = box_px
    is_placed: bool = abs(time_s) <= time_bound and abs(x) <= px_bound and abs(y) <= px_bound
    return is_placed and 0 < w <= px_bound and 0 < h <= px_bound


@cache
def _waypoint_bounds() -> tuple[float, float]:
    definitions = schema()["$defs"]
    return definitions["time_s"]["maximum"], definitions["px"]["maximum"]


def are_numbers(value: Any, size: int) -> bool:  # noqa: ANN401 - any JSON value
    """Whether ``value`` is a list of ``size`` numbers; true and false are none."""
    return (
        isinstance(value, list)
        and len(value) == size
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )
