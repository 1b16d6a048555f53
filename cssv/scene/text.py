"""Text for people: values, objects, matches and changes of a scene, each on one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from cssv.scene.values import OWN_PREFIX, JsonObject, own_keys

Json = Any

#: Unit of a field by the end of its name; the first that fits counts, so longer ends stand first.
UNITS = {
    "_kg_m3": "kg/m³",
    "_px_s": "px/s",
    "_m_s": "m/s",
    "_px": "px",
    "_deg": "°",
    "_lux": "lux",
    "_pct": "%",
    "_hpa": "hPa",
    "_c": "°C",
    "_m": "m",
    "_s": "s",
}
#: Longest text of one side of a change, and how much of the shared beginning stays before the difference.
_SIDE_CHARS = 100
_SHARED_CHARS = 20
#: Most times of waypoints that a line lists one by one.
_TIMES_NAMED = 3


def unit_of(name: str) -> str:
    """Unit of a field by its name; empty if the name has none, and for the user's own keys."""
    return UNITS.get(split_unit(name)[1], "")


def split_unit(name: str) -> tuple[str, str]:
    """A field's name without its unit, and the end that names the unit: ``wind`` and ``_m_s``."""
    fitting = (suffix for suffix in UNITS if name.endswith(suffix))
    suffix = "" if name.startswith(OWN_PREFIX) else next(fitting, "")
    return name.removesuffix(suffix), suffix


def spoken(name: str) -> str:
    """A field's name in words: ``ambient_temperature_c`` as ``ambient temperature``."""
    if name.startswith(OWN_PREFIX):
        return quoted_or_plain(name)
    return split_unit(name)[0].replace("_", " ")


def value_text(value: Json, unit: str = "") -> str:
    """A value in words: ``36.2 ± 0.5 °C (measured)``, ``(400, 300) px``, ``not given``."""
    if value is None:
        return "not given"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict) and "value" in value:
        return _sensed_text(value, unit)
    return _number_text(value) + with_space(unit)


def _sensed_text(node: JsonObject, unit: str) -> str:
    text = _number_text(node["value"])
    if "sigma" in node:
        text += f" ± {_number_text(node['sigma'])}"
    text += with_space(unit)
    if "source" in node:
        text += f" ({node['source']})"
    return ", ".join((text, *_own_texts(node)))


def _number_text(value: Json) -> str:
    if isinstance(value, list):
        return f"({', '.join(_number_text(item) for item in value)})"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json_text(value)


def with_space(unit: str) -> str:
    """A unit with the space that separates it from a number."""
    return unit if unit in ("", "°") else f" {unit}"


def quoted(text: str) -> str:
    """A text in quotation marks, line breaks and other unprintable characters escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def quoted_or_plain(text: str) -> str:
    """A name as it is, or in quotation marks if it could be misread."""
    return text if text.isprintable() and text == text.strip() else quoted(text)


def arrow(before: str, after: str) -> str:
    """``before -> after``; long texts are cut to the part that differs."""
    start = 0
    if max(len(before), len(after)) > _SIDE_CHARS:
        same = (one == other for one, other in zip(before, after, strict=False))
        shared = next((k for k, alike in enumerate(same) if not alike), min(len(before), len(after)))
        start = max(shared - _SHARED_CHARS, 0)
    return f"{_cut(before, start)} -> {_cut(after, start)}"


def _cut(text: str, start: int = 0) -> str:
    end = start + _SIDE_CHARS
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"


def json_text(value: Json) -> str:
    """A value as JSON on one line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _own_texts(node: JsonObject) -> list[str]:
    return [f"{spoken(key)} {json_text(value)}" for key, value in own_keys(node).items()]


#: Widest line of written JSON before an object is spread over several.
LINE_CHARS = 100


def lines_of_json(node: object, indent: int = 0) -> str:
    """JSON text in which everything that fits into LINE_CHARS stays on one line."""
    line = json.dumps(node, ensure_ascii=False, allow_nan=False)
    if not isinstance(node, dict | list) or not node or len(line) + indent <= LINE_CHARS:
        return line
    pad = " " * (indent + 2)
    if isinstance(node, dict):
        pairs = ((json.dumps(key, ensure_ascii=False), value) for key, value in node.items())
        rows = [f"{pad}{key}: {lines_of_json(value, indent + 2)}" for key, value in pairs]
    else:
        rows = [pad + lines_of_json(item, indent + 2) for item in node]
    first, last = "{}" if isinstance(node, dict) else "[]"
    return f"{first}\n" + ",\n".join(rows) + f"\n{' ' * indent}{last}"


# ---- objects in words


def title(node: JsonObject) -> str:
    """Name the object or objects of an entry."""
    name, match = node.get("name"), node.get("match")
    if match is None:
        if name is not None:
            return f"object {quoted(name)} (given)"
        label = f" with label {quoted(node['label'])}" if "label" in node else ""
        return f"object{label} (given)"
    if name is not None:
        return f"object {quoted(name)} ({match_text(match)})"
    if {key for key in match if not key.startswith(OWN_PREFIX)} == {"label"} and match["label"] == "*":
        return "all objects"
    return f"{'object' if 'track' in match or 'near_px' in match else 'objects'} {match_text(match)}"


def match_text(match: JsonObject, *, own: bool = False) -> str:
    """What a match asks for: ``with label "dog", from 2 s``; ``own``: with the ``x_`` keys."""
    words = []
    rest = {key: value for key, value in match.items() if not key.startswith(OWN_PREFIX)}
    if "label" in rest:
        label = rest.pop("label")
        words.append("with any label" if label == "*" else f"with label {quoted(label)}")
    if "near_px" in rest:
        point, time = rest.pop("near_px"), rest.pop("at_s", None)
        words.append(f"near {value_text(point, 'px')} at {value_text(time, 's')}")
    span = [
        f"{end.split('_')[0]} {value_text(rest.pop(end), 's')}" for end in ("from_s", "to_s") if end in rest
    ]
    # "with id" and not "with track", because warnings begin with "no track".
    names = {key: "id" if key == "track" else spoken(key) for key in rest}
    others = [f"with {names[key]} {value_text(value, unit_of(key))}" for key, value in rest.items()]
    return ", ".join(
        (*words, *others, *([" ".join(span)] if span else []), *(_own_texts(match) if own else []))
    )


def _match_change(before: JsonObject, after: JsonObject) -> str:
    return f"match {arrow(match_text(before, own=True), match_text(after, own=True))}"


def _entry_change(before: JsonObject | None, after: JsonObject | None) -> str:
    node = before or after or {}
    in_title = ("match", "name") if "name" in node or "match" in node else ("label",)
    details = [_detail(name, value) for name, value in node.items() if name not in in_title]
    return ", ".join(("added" if before is None else "removed", *details))


def _detail(name: str, value: Json) -> str:
    if name == "trajectory" and isinstance(value, dict):
        return f"trajectory {_equations_text(value)}"
    if name == "trajectory":
        return f"trajectory {_points_text(value)}"
    text = json_text(value) if name.startswith(OWN_PREFIX) else value_text(value, unit_of(name))
    return f"{spoken(name)} {_cut(text)}"


def _order_change(before: JsonObject, after: JsonObject) -> str:
    sides = ["first" if side["after"] is None else f"after {side['after']}" for side in (before, after)]
    return f"order {arrow(*sides)}"


def _points_text(points: Sequence[JsonObject]) -> str:
    ends = [value_text(points[k]["time_s"], "s") for k in (0, -1)]
    return f"of {len(points)} points from {ends[0]} to {ends[1]}"


def _equations_text(node: JsonObject) -> str:
    start, stop = (value_text(node[end], "s") for end in ("from_s", "to_s"))
    return f"by equations from {start} to {stop}"


def _equation_text(node: Json) -> str:
    """A formula with its bound: ``320 + 4*t, within 0.9 px``."""
    if not isinstance(node, dict):
        return _cut(node if isinstance(node, str) else _number_text(node))
    return f"{_equation_text(node['expression'])}, within {_number_text(node['bound_px'])} px"


def _equations_change(before: Json, after: Json) -> str:
    """Which equations changed, if both sides have equations."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        sides = (
            _equations_text(side) if isinstance(side, dict) else _points_text(side)
            for side in (before, after)
        )
        return f"trajectory {arrow(*sides)}"
    words = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old != new:
            texts = (
                json_text(side)
                if key.startswith(OWN_PREFIX) or side is None
                else value_text(side, "s")
                if key in ("from_s", "to_s")
                else _equation_text(side)
                for side in (old, new)
            )
            words.append(f"{spoken(key)} {arrow(*texts)}")
    return f"trajectory: {'; '.join(words)}"


def _trajectory_change(before: Json, after: Json) -> str:
    """Waypoints that moved (other box), changed (anything else), were added or removed; or equations."""
    if isinstance(before, dict) or isinstance(after, dict):
        return _equations_change(before, after)
    old, new = ({point["time_s"]: point for point in points} for points in (before, after))
    both = {time: old[time]["box_px"] != new[time]["box_px"] for time in old if time in new}
    moved = [time for time, is_moved in both.items() if is_moved]
    times = {
        "moved": moved,
        "changed": [time for time, is_moved in both.items() if not is_moved],
        "added": [time for time in new if time not in old],
        "removed": [time for time in old if time not in new],
    }
    words = [f"{what} {_times_text(found)}" for what, found in times.items() if found]
    if len(before) == len(after) == len(moved) == 1:
        words.append(arrow(*(value_text(side[0]["box_px"], "px") for side in (before, after))))
    return f"trajectory {', '.join(words)}"


def _times_text(times: list[float]) -> str:
    texts = [value_text(time, "s") for time in times]
    if len(texts) > _TIMES_NAMED:
        return f"at {len(texts)} points from {texts[0]} to {texts[-1]}"
    return "at " + " and ".join(texts)


#: Words of a change by its attribute, if its values are not plain ones.
OBJECT_CHANGES: dict[str, Callable[[Json, Json], str]] = {
    "entry": _entry_change,
    "match": _match_change,
    "order": _order_change,
    "trajectory": _trajectory_change,
}
