"""Matching of the scene's entries to tracks.

Entries apply in order; a later one overrides an earlier one field by field, so ``"*"`` stands first and the
exceptions after it. Later entries see the label that an earlier entry gives.

:func:`resolve` takes whole tracks, :class:`LiveMatcher` one moment after another in constant memory; both end
with the same facts.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.errors import InputError
from cssv.scene.attributes import ATTRIBUTES, ObjectAttributes
from cssv.scene.model import Match, Scene, SceneObject, TemplateName
from cssv.scene.text import match_text
from cssv.scene.trajectory import samples
from cssv.scene.values import JsonObject

#: A track is near a point if its box is at most this many box heights away from it.
NEAR_BOUND_HEIGHTS = 1.0
#: A track that begins or ends at most this long from ``at_s`` counts too, with its first or last box:
#: trackers need a few frames before they report an object.
NEAR_SLACK_S = 0.5
#: The label that matches every track.
ANY_LABEL = "*"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One track, as far as matching needs it.

    Attributes:
        track: the track's id.
        label: from the detector or the scene; None if neither gives one.
        times_s: (n,) float64, presentation times in seconds, increasing, n >= 1.
        boxes_px: (n, 4) float64, x, y of the top left corner, width, height.
        given: index of the scene object whose trajectory this is; None for a perceived track.
    """

    track: int
    label: str | None
    times_s: F64
    boxes_px: F64
    given: int | None = None

    def __post_init__(self) -> None:
        count = len(self.times_s)
        if count < 1 or self.times_s.shape != (count,) or self.boxes_px.shape != (count, 4):
            raise InputError(
                "a sighting's times and boxes do not fit together",
                found=f"shapes {self.times_s.shape} and {self.boxes_px.shape}",
                bound="(n,) and (n, 4) with n >= 1",
            )
        if np.any(np.diff(self.times_s) <= 0):
            raise InputError(f"the times of track {self.track} do not increase")


@dataclass(frozen=True, slots=True)
class Facts(ObjectAttributes):
    """What the scene says of one track; None is unknown, and the heat map shows it grey.

    Attributes:
        name, label: text; the label is the scene's, else the track's own.
        template: the drawing that the scene selects.
        entries: indices of the scene objects that were applied, in order.
        (others): as in :class:`cssv.scene.attributes.ObjectAttributes`.
    """

    name: str | None = None
    label: str | None = None
    template: TemplateName = "auto"
    entries: tuple[int, ...] = ()


#: Fields in which a later entry overrides an earlier one; their ``x_`` keys are merged.
_OVERRIDING = ("name", "label", *(attribute.name for attribute in ATTRIBUTES), "template")


#: An entry as it is applied: its match, the fields that it states, and its ``x_`` keys.
_Entry = tuple[Match | None, dict[str, Any], JsonObject]


def _prepared(scene: Scene) -> tuple[_Entry, ...]:
    """The entries of a scene, ready to be applied many times."""
    return tuple(
        (
            entry.match,
            {name: value for name in _OVERRIDING if (value := getattr(entry, name)) is not None},
            entry.extra,
        )
        for entry in scene.objects
    )


@dataclass(slots=True)
class _Seen:
    """A track up to now; of its past, a live matcher needs only the last box."""

    label: str | None
    given: int | None
    first_s: float
    last_s: float
    last_box: F64


def resolve(scene: Scene, sightings: Iterable[Sighting]) -> dict[int, Facts]:
    """The facts on each track, by track id.

    Raises:
        InputError: two sightings with one track id.
    """
    seen: dict[int, _Seen] = {}
    near = _Nearest(scene)
    for s in sightings:
        if s.track in seen:
            raise InputError("two sightings have one track id", found=s.track)
        near.see(s.track, s.times_s, s.boxes_px, starts=True)
        seen[s.track] = _Seen(s.label, s.given, float(s.times_s[0]), float(s.times_s[-1]), s.boxes_px[-1])
    return _apply(_prepared(scene), near, seen)


def unmatched(scene: Scene, facts: Mapping[int, Facts]) -> tuple[str, ...]:
    """Warnings about entries that match no track, with their JSON paths.

    Args:
        scene: the scene.
        facts: from :func:`resolve` for the whole clip.
    """
    return _report(scene, {index for fact in facts.values() for index in fact.entries})


def _report(scene: Scene, used: set[int]) -> tuple[str, ...]:
    return tuple(
        f"$.objects[{index}].match: no track {match_text(entry.match.to_json())}"
        for index, entry in enumerate(scene.objects)
        if entry.match is not None and index not in used
    )


def given_sightings(scene: Scene, first_track: int) -> tuple[Sighting, ...]:
    """The objects with trajectories as tracks of their own, numbered from ``first_track``."""
    return tuple(
        _given_sighting(first_track + count, index, entry)
        for count, (index, entry) in enumerate(scene.given_tracks())
    )


def _given_sighting(track: int, index: int, entry: SceneObject) -> Sighting:
    assert entry.trajectory is not None
    return Sighting(track, entry.label, *samples(entry.trajectory), index)


class LiveMatcher:
    """The streaming form of :func:`resolve`: facts on the tracks up to now.

    Memory is one row per track that is not yet forgotten. From NEAR_SLACK_S before its time, an entry with
    ``near_px`` applies to the nearest track so far. NEAR_SLACK_S after its time, only a track that comes back
    from a gap across that time can still replace it.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._entries = _prepared(scene)
        self._near = _Nearest(scene)
        self._seen: dict[int, _Seen] = {}
        matches = [entry.match for entry in scene.objects if entry.match is not None]
        self._starts_s = sorted(match.from_s for match in matches if match.from_s is not None)
        self._used: set[int] = set()
        self._facts: dict[int, Facts] = {}
        self._stale = False

    def begin_given(self, sightings: Iterable[Sighting]) -> None:
        """Add whole tracks that are known beforehand, from :func:`given_sightings`."""
        for s in sightings:
            self._near.see(s.track, s.times_s, s.boxes_px, starts=True)
            ends = float(s.times_s[0]), float(s.times_s[-1])
            self._seen[s.track] = _Seen(s.label, s.given, *ends, s.boxes_px[-1])
        self._stale = True

    def update(self, time_s: float, tracks: Iterable[tuple[int, str | None, F64]]) -> dict[int, Facts]:
        """Add one moment's (track, label, box_px (4,) x y w h); return the facts on its tracks.

        Raises:
            InputError: a track's time does not increase.
        """
        now = [(track, label, np.asarray(box, dtype=np.float64)) for track, label, box in tracks]
        for track, label, box in now:
            self._see(track, label, float(time_s), box)
        return {track: self.facts(track) for track, _, _ in now}

    def _see(self, track: int, label: str | None, time_s: float, box: F64) -> None:
        seen = self._seen.get(track)
        if seen is None:
            self._near.see(track, np.array([time_s]), box[None], starts=True)
            self._seen[track] = _Seen(label, None, time_s, time_s, box)
            self._stale = True
            return
        if time_s <= seen.last_s:
            found = f"{time_s} after {seen.last_s}"
            raise InputError(f"the times of track {track} do not increase", found=found)
        times, boxes = np.array([seen.last_s, time_s]), np.stack([seen.last_box, box])
        moved = self._near.see(track, times, boxes, starts=False)
        # Facts change only if a nearest track, an entry's start or the label does: resolving is slow.
        reached = bisect_right(self._starts_s, time_s) > bisect_right(self._starts_s, seen.last_s)
        self._stale |= moved or reached or label != seen.label
        seen.label, seen.last_s, seen.last_box = label, time_s, box

    def facts(self, track: int) -> Facts:
        """The facts on a track that has been seen. Raises KeyError for any other."""
        if self._stale:
            self._facts = _apply(self._entries, self._near, self._seen)
            self._stale = False
        return self._facts[track]

    def all_facts(self) -> dict[int, Facts]:
        """The facts on every track that is not forgotten."""
        return {track: self.facts(track) for track in self._seen}

    def forget(self, track: int) -> None:
        """Drop a track that has ended, unless it may be the nearest to some entry's point."""
        # Without its distance, a later track farther away would take the entry over.
        if track in self._seen and not self._near.holds(track):
            self._used |= set(self.facts(track).entries)
            del self._seen[track], self._facts[track]
            self._near.forget(track)

    def unmatched(self) -> tuple[str, ...]:
        """Warnings about entries that match no track so far, forgotten tracks included."""
        used = {index for facts in self.all_facts().values() for index in facts.entries}
        return _report(self._scene, self._used | used)


class _Nearest:
    """Distance of each track from the points of the entries that have one, in the order of their times."""

    def __init__(self, scene: Scene) -> None:
        placed = sorted(
            (float(entry.match.at_s), index, entry.match.near_px)
            for index, entry in enumerate(scene.objects)
            if entry.match is not None and entry.match.near_px is not None and entry.match.at_s is not None
        )
        self._at_s = np.array([at_s for at_s, _, _ in placed])
        self._points = np.array([point for _, _, point in placed], dtype=np.float64).reshape(-1, 2)
        self._indices = [index for _, index, _ in placed]
        self._distances: dict[int, dict[int, tuple[float, float]]] = {index: {} for index in self._indices}
        #: The places in that order of the points that each track is near to.
        self._held: dict[int, set[int]] = {}

    def see(self, track: int, times_s: F64, boxes_px: F64, *, starts: bool) -> bool:
        """Measure a part of a track: its start, or the continuation of the part before.

        Return whether the part reaches some entry's time.
        """
        # Only the start of a track reaches back: a later part begins where the part before it ended.
        slack = NEAR_SLACK_S if starts else 0.0
        first = int(np.searchsorted(self._at_s, times_s[0] - slack, "left"))
        end = int(np.searchsorted(self._at_s, times_s[-1] + NEAR_SLACK_S, "right"))
        if first >= end:
            return False
        held = self._held.setdefault(track, set())
        # A later part is nearer in time, so its distance replaces the one before.
        for place in [place for place in held if first <= place < end]:
            held.remove(place)
            del self._distances[self._indices[place]][track]
        at_s = self._at_s[first:end]
        boxes = np.stack([np.interp(at_s, times_s, column) for column in boxes_px.T], axis=-1)
        outside, centre = _distances(self._points[first:end], boxes)
        for row in np.flatnonzero(outside <= NEAR_BOUND_HEIGHTS * boxes[:, 3]).tolist():
            held.add(first + row)
            self._distances[self._indices[first + row]][track] = (float(outside[row]), float(centre[row]))
        return True

    def reached(self, index: int) -> Iterable[int]:
        """The tracks near the point of an entry."""
        return self._distances[index].keys()

    def pick(self, index: int, tracks: Iterable[int]) -> list[int]:
        """The nearest of ``tracks`` in a list; an empty list if all are out of reach."""
        distances = self._distances[index]
        reachable = [(*distances[track], track) for track in tracks if track in distances]
        return [min(reachable)[2]] if reachable else []

    def holds(self, track: int) -> bool:
        return bool(self._held.get(track))

    def forget(self, track: int) -> None:
        """Drop a track that is near no point."""
        self._held.pop(track, None)


def _distances(points: F64, boxes: F64) -> tuple[F64, F64]:
    """Distances (n,) of points (n, 2) from boxes (n, 4), 0 inside, and from the boxes' centres, px."""
    low, size = boxes[:, :2], boxes[:, 2:]
    outside = np.maximum(np.maximum(low - points, points - low - size), 0.0)
    return np.hypot(*outside.T), np.hypot(*(low + size / 2 - points).T)


class _Present:
    """The tracks up to now, found by what entries ask for, so that an entry does not look at all of them."""

    def __init__(self, seen: dict[int, _Seen]) -> None:
        self._seen = seen
        self._given: dict[int, list[int]] = {}
        self._labels: dict[str | None, set[int]] = {}
        for track, row in seen.items():
            self._labels.setdefault(row.label, set()).add(track)
            if row.given is not None:
                self._given.setdefault(row.given, []).append(track)
        self._by_first = sorted((row.first_s, track) for track, row in seen.items())
        self._by_last = sorted((row.last_s, track) for track, row in seen.items())

    def relabel(self, track: int, before: str | None, after: str | None) -> None:
        """Move a track to the label that an entry gives it."""
        self._labels[before].remove(track)
        self._labels.setdefault(after, set()).add(track)

    def given(self, index: int) -> Iterable[int]:
        """The track of a given object, if it has begun."""
        return self._given.get(index, ())

    def candidates(self, match: Match, near: Iterable[int] | None) -> Collection[int]:
        """The tracks that can fit: all that do, and few others."""
        if match.track is not None:
            return (match.track,) if match.track in self._seen else ()
        if near is not None:
            return [track for track in near if track in self._seen]
        if match.label not in (None, ANY_LABEL):
            return tuple(self._labels.get(match.label, ()))
        if match.from_s is None and match.to_s is None:
            return self._seen
        return self._alive(match.from_s, match.to_s)

    def _alive(self, from_s: float | None, to_s: float | None) -> list[int]:
        """The tracks that end late enough, or those that begin early enough: the fewer of both."""
        low = 0 if from_s is None else bisect_left(self._by_last, (from_s, -1))
        high = len(self._seen) if to_s is None else bisect_right(self._by_first, (to_s, math.inf))
        rows = self._by_last[low:] if len(self._seen) - low <= high else self._by_first[:high]
        return [track for _, track in rows]


def _apply(entries: Sequence[_Entry], near: _Nearest, seen: dict[int, _Seen]) -> dict[int, Facts]:
    """Apply the entries in order to all tracks; later ones override field by field."""
    found: dict[int, dict[str, Any]] = {
        track: {"label": row.label, "extra": {}, "entries": []} for track, row in seen.items()
    }
    present = _Present(seen)
    for index, (match, stated, extra) in enumerate(entries):
        # An entry without a match is a given object: its facts are for its own track only.
        if match is None:
            tracks: Iterable[int] = present.given(index)
        else:
            is_near = match.near_px is not None
            candidates = present.candidates(match, near.reached(index) if is_near else None)
            tracks = [t for t in candidates if _holds(match, t, found[t]["label"], seen[t])]
            if is_near:
                tracks = near.pick(index, tracks)
        for track in tracks:
            facts = found[track]
            if "label" in stated:
                present.relabel(track, facts["label"], stated["label"])
            facts |= stated
            if extra:
                facts["extra"] = facts["extra"] | extra
            facts["entries"].append(index)
    return {track: Facts(**facts | {"entries": tuple(facts["entries"])}) for track, facts in found.items()}


def _holds(match: Match, track: int, label: str | None, row: _Seen) -> bool:
    """Whether every condition of a match holds, nearness excepted."""
    return (
        (match.label in (None, ANY_LABEL, label))
        and (match.track in (None, track))
        and (match.from_s is None or row.last_s >= match.from_s)
        and (match.to_s is None or row.first_s <= match.to_s)
    )
