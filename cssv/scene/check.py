"""Validation of a scene: one line per fault, all faults at once.

:func:`parse` reads strict JSON text. :func:`check` copies a tree within bounds and finds the values that
break the schema, or a rule that a schema cannot express. A line has the JSON path, the value found and the
values allowed.
"""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from jsonschema.exceptions import ValidationError

from cssv.errors import SceneError
from cssv.scene.equation_check import EquationCheck
from cssv.scene.schema import are_numbers, validator
from cssv.scene.values import OWN_PREFIX, JsonObject

#: Keys and indices from the root of the tree.
JsonPath = tuple[str | int, ...]
#: What is wrong, and where.
SceneFault = tuple[JsonPath, str]

#: Largest scene, in bytes of UTF-8 text.
TEXT_BOUND = 16 * 1024 * 1024
#: Deepest nesting of lists and objects; the schema itself needs 6.
DEPTH_BOUND = 32
#: Most values in one scene, counted before anything is validated.
NODES_BOUND = 2_000_000
#: Most fault lines in one error, and most faults that are searched for.
FAULTS_SHOWN = 200
FAULTS_BOUND = 5000
#: A homography is singular if its determinant is at most this share of the product of its rows' lengths.
SINGULAR_RATIO = 1e-12
#: Fewest degrees of one count of a thermal camera that the scene track may hold.
LEAST_SCALE = 1e-15
#: Largest speed of a side of a given box. Faster ones exceed what a sample of the scene track may hold.
FASTEST_PX_S = 1e12

#: Waypoints farther apart in time cannot be too fast, whatever boxes they have.
_SHORT_S = 1e-5
_SHOWN_CHARS = 60
_INTEGER_BITS = 1023


# ---- text -> JSON


class _Object(JsonObject):
    """A parsed JSON object that remembers keys given twice."""

    __slots__ = ("twice",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.twice = tuple(key for key, count in counts.items() if count > 1)


def parse(data: bytes | str, name: str = "scene") -> object:
    """The tree of strict JSON text; errors contain ``name``.

    Keys given twice and numbers that are not finite stay in the tree: :func:`check` reports them.

    Raises:
        SceneError: the text is too long, not UTF-8, not JSON or nested too deeply.
    """
    if len(data) > TEXT_BOUND:
        raise too_large(name)
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        fault = f"$: found {found}; allowed: UTF-8 text"
        raise SceneError(f"{name} is not UTF-8", faults=(fault,), remedy="Save it as UTF-8.") from error
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise SceneError(f"{name} is not JSON", faults=(place,)) from error
    except RecursionError:
        raise SceneError(f"{name} is nested too deeply", faults=(_too_deep(()),)) from None
    except ValueError as error:  # an integer with more digits than Python converts
        raise SceneError(f"{name} holds a number that is too long", faults=(str(error),)) from error


def too_large(name: str) -> SceneError:
    """The error for a scene of more than :data:`TEXT_BOUND` bytes."""
    return SceneError(f"{name} is too large", faults=(f"$: allowed: at most {TEXT_BOUND} bytes",))


def _too_deep(path: JsonPath) -> str:
    return f"{json_path(path)}: found more levels of nesting; allowed: {DEPTH_BOUND}"


# ---- tree -> bounded copy


class _Unusable:
    """Replaces a leaf that has a fault already, so that the schema does not report it again."""

    def __init__(self, node: object) -> None:
        self.node = node

    def __repr__(self) -> str:
        return _show(self.node)


class _Plain:
    """A copy of a tree in plain JSON types, and the faults that a schema cannot see."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[SceneFault] = []
        self.count = 0

    def copy(self, node: object, path: JsonPath = ()) -> Any:  # noqa: ANN401 - JSON
        self.count += 1
        if len(path) > DEPTH_BOUND:
            raise SceneError(f"{self.name} is nested too deeply", faults=(_too_deep(path[:3]),))
        if self.count > NODES_BOUND:
            bound = f"$: allowed: at most {NODES_BOUND} values"
            raise SceneError(f"{self.name} is too large", faults=(bound,))
        if isinstance(node, dict):
            self.faults += (((*path, key), "key given twice") for key in getattr(node, "twice", ()))
            return {key: self.copy(node[key], (*path, key)) for key in node if self.fits_key(key, path)}
        if isinstance(node, list | tuple):
            return [self.copy(item, (*path, index)) for index, item in enumerate(node)]
        return self.leaf(node.item() if isinstance(node, np.generic) else node, path)

    def fits_key(self, key: object, path: JsonPath) -> bool:
        if isinstance(key, str) and _is_unicode(key):
            return True
        self.faults.append((path, f"found the key {_show(key)}; allowed: Unicode text"))
        return False

    def leaf(self, node: object, path: JsonPath) -> Any:  # noqa: ANN401 - JSON
        if isinstance(node, str):
            if _is_unicode(node):
                return str(node)
            self.faults.append((path, f"found half a surrogate pair in {_show(node)}; allowed: Unicode text"))
        elif node is None or isinstance(node, bool):
            return node
        elif isinstance(node, int | float):
            if _is_finite(node):
                return node
            self.faults.append((path, f"found {_show(node)}; allowed: finite numbers"))
        else:
            self.faults.append((path, f"found {_show(node)}; allowed: JSON values"))
        return _Unusable(node)


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode the text: JSON can contain half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _is_finite(number: float) -> bool:
    too_long = isinstance(number, int) and number.bit_length() > _INTEGER_BITS
    return not too_long and math.isfinite(number)


# ---- copy -> faults


def check(tree: object, name: str = "scene") -> JsonObject:
    """The plain copy of ``tree``, if it is a valid scene.

    Raises:
        SceneError: with one line per fault, in the order of the JSON paths.
    """
    copying = _Plain(name)
    copy, faults = copying.copy(tree), copying.faults
    unusable = {path for path, _ in faults}
    errors = list(islice(validator().iter_errors(copy), FAULTS_BOUND))
    for error in errors:
        path = tuple(error.absolute_path)
        if path not in unusable:
            faults.extend((path + tail, words) for tail, words in _words(error))
    faults.extend(_sense(copy))
    if faults:
        lines = _lines(faults, more=len(errors) == FAULTS_BOUND)
        raise SceneError(f"{name} does not fit the scene schema", faults=lines)
    checked: JsonObject = copy
    return checked


def _lines(faults: Iterable[SceneFault], *, more: bool) -> tuple[str, ...]:
    def order(fault: SceneFault) -> list[tuple[bool, int, str]]:
        return [(isinstance(s, str), 0, s) if isinstance(s, str) else (False, s, "") for s in fault[0]]

    lines = tuple(dict.fromkeys(f"{json_path(path)}: {text}" for path, text in sorted(faults, key=order)))
    if len(lines) > FAULTS_SHOWN:
        over = "over " if more else ""
        return (*lines[:FAULTS_SHOWN], f"and {over}{len(lines) - FAULTS_SHOWN} more faults")
    return lines


def json_path(path: Iterable[str | int]) -> str:
    """``("objects", 2, "a b")`` as ``$.objects[2]["a b"]``."""
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        else:
            steps.append(f".{step}" if step.isidentifier() else f"[{json.dumps(step)}]")
    return "$" + "".join(steps)


def _show(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


def _words(error: ValidationError) -> Iterator[SceneFault]:
    """One schema error for people; paths are relative to the error's own."""
    special = _SPECIAL.get(str(error.validator))
    if special is not None:
        yield from special(error)
        return
    yield (), f"found {_show(error.instance)}; allowed: {_allowed(error.schema)}"


def _unknown_keys(error: ValidationError) -> Iterator[SceneFault]:
    known = sorted(error.schema.get("properties", {}))
    for key in error.instance:
        if key in known or key.startswith(OWN_PREFIX):
            continue
        near = difflib.get_close_matches(key, known, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        allowed = ", ".join((*known, f"or a key that starts with {OWN_PREFIX}"))
        yield (key,), f"unknown key{hint}; allowed: {allowed}"


def _missing_keys(error: ValidationError) -> Iterator[SceneFault]:
    for key in error.validator_value:
        if key not in error.instance:
            node = _resolved(error.schema["properties"][key])
            yield (key,), f"missing; allowed: {_allowed(node)}"


def _missing_partner(error: ValidationError) -> Iterator[SceneFault]:
    for key, partners in error.validator_value.items():
        if key in error.instance:
            yield from (
                ((partner,), f"missing; {key} stands only beside {partner}")
                for partner in partners
                if partner not in error.instance
            )


def _no_choice(error: ValidationError) -> Iterator[SceneFault]:
    if not isinstance(error.instance, dict):
        return  # the wrong type is another fault
    keys = [choice["required"][0] for choice in error.validator_value]
    given = [key for key in keys if key in error.instance]
    found = " and ".join(given) if given else "none of them"
    many = "exactly one" if error.validator == "oneOf" else "at least one"
    yield (), f"found {found}; allowed: {many} of {', '.join(keys)}"


_SPECIAL: dict[str, Callable[[ValidationError], Iterator[SceneFault]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "dependentRequired": _missing_partner,
    "oneOf": _no_choice,
    "anyOf": _no_choice,
}


def _resolved(node: JsonObject) -> JsonObject:
    """``node``, or the definition to which it refers."""
    reference = node.get("$ref")
    if reference is None:
        return node
    found: JsonObject = validator().schema["$defs"][reference.rpartition("/")[2]]
    return found


def _allowed(node: JsonObject) -> str:
    """The values that a schema node allows, in words."""
    node = _resolved(node)
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return ", ".join(node["enum"])
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    words = [_KIND_WORDS[kind](node) for kind in kinds if kind != "object" or len(kinds) == 1]
    if "object" in kinds and len(kinds) > 1:
        # A sensed value is the usual object beside plain ones.
        words.append(node.get("title", "{value, sigma, source}"))
    return ", or ".join(words)


def _number_words(node: JsonObject) -> str:
    noun = "a whole number" if node["type"] == "integer" else "a number"
    if "exclusiveMinimum" in node:
        return f"{noun} above {node['exclusiveMinimum']} and at most {node['maximum']}"
    return f"{noun} from {node['minimum']} to {node['maximum']}"


def _list_words(node: JsonObject) -> str:
    low, high = node.get("minItems", 0), node["maxItems"]
    size = f"{low}" if low == high else f"{low} to {high}"
    if "prefixItems" in node:
        return f"a list of {size} numbers: {node['description']}"
    item = _resolved(node["items"])
    return f"a list of {size}" + (f", each {_allowed(item)}" if item.get("type") != "object" else " objects")


_KIND_WORDS: dict[str, Callable[[JsonObject], str]] = {
    "number": _number_words,
    "integer": _number_words,
    "array": _list_words,
    "string": lambda node: f"text of {node['minLength']} to {node['maxLength']} characters",
    "object": lambda _: "an object {...}",
}


# ---- rules that a schema cannot express


def _sense(tree: object) -> Iterator[SceneFault]:
    """Faults between values; wrong shapes are skipped, because the schema reports them."""
    if not isinstance(tree, dict):
        return
    for part in ("camera", "thermal"):
        matrix = _get(tree, part, "homography")
        if _is_matrix(matrix) and is_singular(matrix):
            words = f"found a singular matrix, {_show(matrix)}; allowed: one with an inverse"
            yield (part, "homography"), words
    yield from _calibration_sense(tree.get("camera"))
    scale = _get(tree, "thermal", "scale")
    if are_numbers([scale], 1) and 0 < scale < LEAST_SCALE:
        yield ("thermal", "scale"), f"found {_show(scale)}; allowed: at least {LEAST_SCALE:g} °C a count"
    ranges = tree.get("ranges")
    for key, pair in ranges.items() if isinstance(ranges, dict) else ():
        if not key.startswith(OWN_PREFIX) and are_numbers(pair, 2) and not is_span(pair):
            # The pixels carry the ends in single precision.
            exact = "" if pair[0] >= pair[1] else " in single precision, which holds seven digits"
            yield ("ranges", key), f"found {_show(pair)}; allowed: [low, high] with low under high{exact}"
    yield from _entry_sense(tree)


def _entry_sense(tree: JsonObject) -> Iterator[SceneFault]:
    """Faults within the entries of objects and of tracks."""
    equations = EquationCheck(FASTEST_PX_S)
    for part in ("objects", "tracks"):
        entries = tree.get(part)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, dict):
                continue
            yield from _span_sense(entry.get("match"), (part, index, "match"))
            path: JsonPath = (part, index, "trajectory")
            trajectory = entry.get("trajectory")
            yield from _order_sense(trajectory, path)
            if isinstance(trajectory, dict):
                yield from (((*path, *steps), words) for steps, words in equations.faults(trajectory))


def _calibration_sense(camera: object) -> Iterator[SceneFault]:
    name = _get(camera, "calibration")
    if isinstance(name, str):
        words = "it belongs in a scene.json, beside the file that it names, and without tsai"
        yield ("camera", "calibration"), f"found {_show(name)}; {words}; allowed here: tsai, with the numbers"
    turns, place = _get(camera, "tsai", "rotation_rad"), _get(camera, "tsai", "translation_mm")
    if are_numbers(turns, 3) and are_numbers(place, 3):
        (sa, ca), (sb, cb), (sc, cc) = ((math.sin(turn), math.cos(turn)) for turn in turns)
        # The camera's height: its position is the translation, turned back and negated.
        axis = (ca * sb * cc + sa * sc, ca * sb * sc - sa * cc, ca * cb)
        height = sum(part * side for part, side in zip(axis, place, strict=True))
        if abs(height) <= SINGULAR_RATIO * math.hypot(*place):
            words = f"found {_show(place)}, a camera on the ground; allowed: one above it"
            yield ("camera", "tsai", "translation_mm"), words


def _span_sense(match: object, path: JsonPath) -> Iterator[SceneFault]:
    start, stop = _get(match, "from_s"), _get(match, "to_s")
    if are_numbers([start, stop], 2) and start > stop:
        yield (*path, "to_s"), f"found {_show(stop)}; allowed: at least from_s, {_show(start)}"


def _order_sense(trajectory: object, path: JsonPath) -> Iterator[SceneFault]:
    last: float | None = None
    for index, waypoint in enumerate(trajectory if isinstance(trajectory, list) else ()):
        time = _get(waypoint, "time_s")
        if not are_numbers([time], 1):
            continue
        if last is not None and time <= last:
            allowed = f"a time after the waypoint before it, {_show(last)}"
            yield (*path, index, "time_s"), f"found {_show(time)}; allowed: {allowed}"
        elif last is not None and time - last < _SHORT_S and _is_too_fast(trajectory, index, time - last):
            allowed = f"a box that changes by at most {FASTEST_PX_S:g} px/s after {_show(last)}"
            yield (*path, index, "time_s"), f"found {_show(time)}; allowed: {allowed}"
        last = time


def _is_too_fast(trajectory: Any, index: int, step_s: float) -> bool:  # noqa: ANN401 - JSON
    """Whether a side of the box moves faster than FASTEST_PX_S on the way to waypoint ``index``."""
    before, after = (_get(trajectory[k], "box_px") for k in (index - 1, index))
    if not (are_numbers(before, 4) and are_numbers(after, 4)):
        return False
    return any(abs(b - a) > FASTEST_PX_S * step_s for a, b in zip(before, after, strict=True))


def is_span(ends: Sequence[float]) -> bool:
    """Whether the low end of a range lies under the high end in single precision too."""
    with np.errstate(over="ignore"):
        low, high = np.array(ends, np.float32)
    return bool(low < high)


def _get(node: object, *keys: str) -> Any:  # noqa: ANN401 - JSON
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _is_matrix(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(are_numbers(row, 3) for row in value)


def is_singular(rows: list[list[float]]) -> bool:
    """Whether a 3 x 3 matrix has no inverse, or none that survives rounding."""
    (a, b, c), (d, e, f), (g, h, i) = rows
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    lengths = math.prod(math.hypot(*row) for row in rows)
    return abs(determinant) <= SINGULAR_RATIO * lengths
