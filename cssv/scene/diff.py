"""Differences between two scenes, as values and in words.

:func:`compare_scenes` works on the scenes' JSON and takes units from the field names, so that a new field of
a section or of an object needs no change here. It finds nothing for equal scenes, and only for those.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from cssv.scene.change import Json, ValueChange
from cssv.scene.model import Scene
from cssv.scene.text import (
    OBJECT_CHANGES,
    json_text,
    quoted_or_plain,
    spoken,
    title,
    unit_of,
    value_text,
    with_space,
)
from cssv.scene.values import OWN_PREFIX, JsonObject, own_keys

#: Index of an entry before, and of the same entry after.
IndexPair = tuple[int, int]

#: An entry without an equal partner is compared with those at most this many places away among the rest.
_WINDOW = 32
#: Parts of a scene that are not sections of fields; tracks are no part of equality.
_NO_SECTIONS = ("objects", "tracks", "extra")


@dataclass(frozen=True, slots=True)
class SceneChange(ValueChange):
    """One difference between two scenes.

    Attributes:
        where: a section (``environment``), ``scene`` for its own ``x_`` keys, or an object in words, as it
            was before. Entries with the same words are numbered by their place, counted from 1.
        attribute: the field's name. Of an object also ``entry``: all of it was added or removed;
            ``order``: it stands at another place among the others; ``trajectory``: with only those
            waypoints that differ.
        before, after: plain JSON values; None if not given.
        unit: of the values; empty if there is none.
    """

    where: str
    attribute: str
    before: Json
    after: Json
    unit: str

    @property
    def subject(self) -> str:
        """The section or the object in words."""
        return self.where

    @property
    def what(self) -> str:
        """The line without its subject."""
        # A texture may have the name of an object's field, but its values are plain.
        special = None if self.where == "textures" else OBJECT_CHANGES.get(self.attribute)
        return self._what() if special is None else special(self.before, self.after)

    @property
    def name(self) -> str:
        """The attribute in words; a texture has the name that the user gave it."""
        return quoted_or_plain(self.attribute) if self.where == "textures" else spoken(self.attribute)

    def _side(self, value: Json) -> str:
        # Values of the user's own keys are shown as JSON, because their meaning is not known.
        if value is not None and self.attribute.startswith(OWN_PREFIX):
            return json_text(value)
        if self.where == "ranges" and isinstance(value, list):
            return " to ".join(value_text(end) for end in value) + with_space(self.unit)
        return value_text(value, self.unit)


def compare_scenes(before: Scene, after: Scene) -> tuple[SceneChange, ...]:
    """All differences but those of ``tracks``: sections, the scene's own keys, then objects in their order.

    Objects are paired by equality, then by what they match (a given object by name and label), then by
    name, each in order, then by similarity. Swapping the scenes swaps the sides of every change.
    """
    old, new = before.to_json(), after.to_json()
    changes: list[SceneChange] = []
    for part in fields(Scene):
        if part.name not in _NO_SECTIONS:
            changes += _compare_fields(part.name, old.get(part.name, {}), new.get(part.name, {}))
    changes += _compare_fields("scene", own_keys(old), own_keys(new))
    changes += _compare_objects(_entries(old), _entries(new))
    return tuple(changes)


# ---- what makes two values the same


def _identity(name: str, value: Json) -> str:
    """A text that is equal for two values of a field if and only if they mean the same."""
    normal = _normal(value, sensed=not name.startswith(OWN_PREFIX))
    return json.dumps(normal, sort_keys=True)


def _normal(node: Json, *, sensed: bool) -> Json:
    """``{"value": 36.0, "source": "measured"}`` as ``36``: the shortest form."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return [_normal(item, sensed=sensed) for item in node]
    if isinstance(node, dict):
        named = {
            key: _normal(item, sensed=sensed and not key.startswith(OWN_PREFIX)) for key, item in node.items()
        }
        if sensed and "value" in named:
            if named.get("source") == "measured":
                del named["source"]
            return named if len(named) > 1 else named["value"]
        return named
    if isinstance(node, bool) or (isinstance(node, float) and node.is_integer()):
        return int(node)
    return node


def _compare_fields(where: str, before: JsonObject, after: JsonObject) -> Iterator[SceneChange]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if (name in before) == (name in after) and _identity(name, old) == _identity(name, new):
            continue
        if where == "textures":
            yield SceneChange(where, name, old, new, "")
        elif name == "trajectory" and isinstance(old, list) and isinstance(new, list):
            yield SceneChange(where, name, *_differing_points(old, new), "")
        else:
            yield SceneChange(where, name, old, new, unit_of(name))


def _differing_points(before: Json, after: Json) -> tuple[list[Json], list[Json]]:
    """The waypoints of each side that the other side lacks."""
    old, new = ([_identity("point", point) for point in points] for points in (before, after))
    removed, added = set(old).difference(new), set(new).difference(old)
    return (
        [point for point, identity in zip(before, old, strict=True) if identity in removed],
        [point for point, identity in zip(after, new, strict=True) if identity in added],
    )


# ---- objects


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of ``objects``: its JSON, and the keys by which it is paired with another."""

    node: JsonObject
    where: str
    whole: str
    parts: frozenset[tuple[str, str]]
    subject: str | None
    name: str | None

    @property
    def is_given(self) -> bool:
        return "trajectory" in self.node


def _entries(scene: JsonObject) -> list[_Entry]:
    nodes = scene.get("objects", [])
    titles = [title(node) for node in nodes]
    counts = Counter(titles)
    return [
        _entry(node, text if counts[text] == 1 else f"{text}, entry {place}")
        for place, (node, text) in enumerate(zip(nodes, titles, strict=True), 1)
    ]


def _entry(node: JsonObject, where: str) -> _Entry:
    parts = frozenset((name, _identity(name, value)) for name, value in node.items())
    named = {key: node[key] for key in ("name", "label") if key in node}
    match = {key: value for key, value in node.get("match", named).items() if not key.startswith(OWN_PREFIX)}
    subject = _identity("match", ["match" in node, match]) if match else None
    return _Entry(node, where, json.dumps(sorted(parts)), parts, subject, node.get("name"))


def _compare_objects(before: list[_Entry], after: list[_Entry]) -> Iterator[SceneChange]:
    pairs = _pairs(before, after)
    partners = dict(pairs)
    taken = set(partners.values())
    found: list[tuple[int, Iterable[SceneChange]]] = []
    moves = _moves(pairs, before, after)
    for i, entry in enumerate(before):
        if i in partners:
            differences = _compare_fields(entry.where, entry.node, after[partners[i]].node)
            found.append((i, [*differences, *moves.get(i, ())]))
        else:
            found.append((i, [SceneChange(entry.where, "entry", entry.node, None, "")]))
    added = ((j, entry) for j, entry in enumerate(after) if j not in taken)
    found += ((j, [SceneChange(entry.where, "entry", None, entry.node, "")]) for j, entry in added)
    for _, changes in sorted(found, key=lambda item: item[0]):
        yield from changes


def _pairs(before: list[_Entry], after: list[_Entry]) -> list[IndexPair]:
    """Indices of entries that are the same entry before and after, ascending."""
    # Equal entries at both ends need no search: a scene of thousands usually changes in one place.
    shared = min(len(before), len(after))
    start = next((k for k in range(shared) if before[k].whole != after[k].whole), shared)
    ends = range(1, shared - start + 1)
    end = next((k - 1 for k in ends if before[-k].whole != after[-k].whole), shared - start)
    pairs = [(k, k) for k in range(start)]
    pairs += [(len(before) - k, len(after) - k) for k in range(1, end + 1)]
    old, new = list(range(start, len(before) - end)), list(range(start, len(after) - end))
    keys: tuple[Callable[[_Entry], object], ...] = (
        lambda entry: entry.whole,
        lambda entry: entry.subject,
        lambda entry: None if entry.name is None else (entry.is_given, entry.name),
    )
    for key in keys:
        pairs += _take(_alike(old, new, before, after, key), old, new)
    pairs += _take(_similar(old, new, before, after), old, new)
    return sorted(pairs)


def _take(pairs: list[IndexPair], old: list[int], new: list[int]) -> list[IndexPair]:
    """Remove the paired indices from the remaining ones; return the pairs."""
    for left, taken in ((old, {i for i, _ in pairs}), (new, {j for _, j in pairs})):
        left[:] = [index for index in left if index not in taken]
    return pairs


def _alike(
    old: list[int],
    new: list[int],
    before: list[_Entry],
    after: list[_Entry],
    key: Callable[[_Entry], object],
) -> list[IndexPair]:
    """Pair the k-th entry of a key with the k-th of the same key; an entry with the key None stays alone."""
    waiting = defaultdict(list)
    for j in reversed(new):
        waiting[key(after[j])].append(j)
    keyed = [(i, key(before[i])) for i in old]
    return [(i, waiting[found].pop()) for i, found in keyed if found is not None and waiting[found]]


def _similar(old: list[int], new: list[int], before: list[_Entry], after: list[_Entry]) -> list[IndexPair]:
    """Pair entries that share at least as many fields as they differ in, or differ in one; closest first."""
    candidates = []
    for rank, i in enumerate(old):
        for other in range(max(rank - _WINDOW, 0), min(rank + _WINDOW + 1, len(new))):
            one, two = before[i], after[new[other]]
            # A given object never turns into facts about a track.
            if one.is_given != two.is_given:
                continue
            same = len(one.parts & two.parts)
            differing = len({name for name, _ in one.parts ^ two.parts})
            if differing <= max(same, 1):
                candidates.append((differing - same, abs(rank - other), i, new[other]))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, i, j in sorted(candidates):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return list(pairs.items())


def _moves(pairs: list[IndexPair], before: list[_Entry], after: list[_Entry]) -> dict[int, list[SceneChange]]:
    """The fewest entries that must change places, by their index before.

    Places matter, because later entries override earlier ones.
    """
    # Of two swapped entries either could be the moved one: choose the same one in both directions.
    if [entry.whole for entry in after] < [entry.whole for entry in before]:
        kept = sorted((i, j) for j, i in _rising(sorted((j, i) for i, j in pairs)))
    else:
        kept = _rising(pairs)
    changes = {}
    for i, j in sorted(set(pairs) - set(kept)):
        old = _order([k for k, _ in kept], i, before)
        new = _order([k for _, k in kept], j, after)
        changes[i] = [SceneChange(before[i].where, "order", old, new, "")]
    return changes


def _order(kept: list[int], index: int, entries: list[_Entry]) -> JsonObject:
    place = bisect_left(kept, index)
    return {"after": entries[kept[place - 1]].where if place else None}


def _rising(pairs: list[IndexPair]) -> list[IndexPair]:
    """The longest part of ``pairs``, ascending in the first, that ascends in the second too."""
    tops: list[int] = []
    chains: list[int] = []
    previous: list[int | None] = []
    for index, (_, value) in enumerate(pairs):
        place = bisect_left(tops, value)
        previous.append(chains[place - 1] if place else None)
        tops[place : place + 1] = [value]
        chains[place : place + 1] = [index]
    kept = []
    step = chains[-1] if chains else None
    while step is not None:
        kept.append(pairs[step])
        step = previous[step]
    return kept[::-1]
