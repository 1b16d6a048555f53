"""Differences between the objects of two versions: of one frame, and summed up over many."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cssv.scene.attributes import CARRIED
from cssv.scene.change import Json, ValueChange
from cssv.scene.text import quoted, spoken, unit_of, value_text
from cssv.scene.values import JsonObject, Sensed
from cssv.template.state import ObjectState

#: Fields of a state that change from frame to frame anyway: reported by how much they differ.
MOVING = (
    "box_px",
    "velocity_px_s",
    "past_px_s",
    "future_px_s",
    "sigma_px_s",
    "velocity_m_s",
    "sigma_m_s",
    "score",
)
#: Fields that stay until a scene changes them: reported by the values before and after.
LASTING = ("label", "name", *(attribute.name for attribute in CARRIED), "template")
#: The attribute that stands for the object itself, if only one version has it.
PRESENCE = "object"
#: Fields whose names are not clear enough in a report.
_SPOKEN = {
    "past_px_s": "velocity before",
    "future_px_s": "velocity after",
    "sigma_px_s": "velocity's deviation",
    "velocity_m_s": "velocity on the ground",
    "sigma_m_s": "deviation of the velocity on the ground",
}
#: Most ranges of frames that one change keeps; later frames are only counted.
RANGES_BOUND = 1000
#: Ranges of frames that a line of words lists.
_RANGES_NAMED = 8


@dataclass(frozen=True, slots=True)
class ObjectChange(ValueChange):
    """One difference of one object in one frame.

    Attributes:
        track: the object's identity in both versions.
        title: its name or else its label, as it was before; for a new object, as it is after; may be empty.
        attribute: ``object`` if one version lacks the object; else one of LASTING or MOVING.
        before, after: plain JSON values; None if not given. For ``object``: its title.
        unit: of the values; empty if there is none.
    """

    track: int
    title: str
    attribute: str
    before: Json
    after: Json
    unit: str

    @property
    def subject(self) -> str:
        """The object: its track, and its title if it has one."""
        return f"track {self.track} {quoted(self.title)}" if self.title else f"track {self.track}"

    @property
    def what(self) -> str:
        """The line without the object."""
        if self.attribute == PRESENCE:
            return "appears" if self.before is None else "disappears"
        return self._what()

    @property
    def name(self) -> str:
        """The attribute in words."""
        return _SPOKEN.get(self.attribute) or spoken(self.attribute)

    @property
    def distance(self) -> float:
        """The largest difference of a moving attribute's numbers, >= 0; infinite if one side is unknown."""
        if self.before is None or self.after is None:
            return math.inf
        pairs = zip(np.atleast_1d(self.before), np.atleast_1d(self.after), strict=True)
        return max(abs(float(b) - float(a)) for a, b in pairs)


def compare_objects(before: Iterable[ObjectState], after: Iterable[ObjectState]) -> tuple[ObjectChange, ...]:
    """Compare the objects of one frame, by track; ascending by track.

    Past and future velocities are reported only if their mean, the velocity, is the same.
    """
    old, new = _by_track(before), _by_track(after)
    changes: list[ObjectChange] = []
    for key in sorted({*old, *new}):
        one, two = old.get(key), new.get(key)
        if one is None or two is None:
            titles = [None if state is None else _title(state) for state in (one, two)]
            title = next(text for text in titles if text is not None)
            changes.append(ObjectChange(key[0], title, PRESENCE, titles[0], titles[1], ""))
        else:
            changes += _differences(one, two)
    return tuple(changes)


def _by_track(states: Iterable[ObjectState]) -> dict[tuple[int, int], ObjectState]:
    """States by track, and by their turn if a file holds a track twice."""
    turns: Counter[int] = Counter()
    found = {}
    for state in states:
        found[state.track, turns[state.track]] = state
        turns[state.track] += 1
    return found


def _differences(one: ObjectState, two: ObjectState) -> list[ObjectChange]:
    title = _title(one)
    same_velocity = one.velocity_px_s == two.velocity_px_s
    changes = []
    for name in (*LASTING, *MOVING):
        # A changed velocity changes both halves too: one line is enough.
        if name in ("past_px_s", "future_px_s") and not same_velocity:
            continue
        key = "selector" if name == "template" else name
        old, new = getattr(one, key), getattr(two, key)
        if old != new:
            changes.append(ObjectChange(one.track, title, name, _plain(old), _plain(new), unit_of(name)))
    for name in dict.fromkeys((*one.extra, *two.extra)):
        old, new = one.extra.get(name), two.extra.get(name)
        if old != new:
            changes.append(ObjectChange(one.track, title, name, old, new, ""))
    return changes


def _plain(value: object) -> Json:
    """A state's value in JSON types; None if unknown."""
    if isinstance(value, Sensed):
        return value.to_json()
    if isinstance(value, tuple):
        return [float(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.name.lower() if hasattr(value, "name") else value


def _title(state: ObjectState) -> str:
    return state.name or state.label


# ---- many frames


class _Key(NamedTuple):
    track: int
    attribute: str
    before: str
    after: str


@dataclass(slots=True)
class TalliedChange:
    """One change over all frames that have it.

    Attributes:
        change: as in the first of these frames.
        ranges: first and last frame of each run of frames, ascending; at most RANGES_BOUND.
        frames: how many frames, with those beyond the ranges.
        last: the last of them.
        distance: largest difference of a moving attribute in any frame, in its unit.
        varies: whether a moving attribute has other values in other frames.
    """

    change: ObjectChange
    ranges: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    last: int = -1
    distance: float = 0.0
    varies: bool = False

    def add(self, frame: int, change: ObjectChange) -> None:
        """Add the change of a frame later than all before."""
        if self.change.attribute in MOVING:
            self.distance = max(self.distance, change.distance)
            self.varies |= (change.before, change.after) != (self.change.before, self.change.after)
        # A file may hold a track twice in a frame: the frame counts once.
        if frame == self.last:
            return
        if self.ranges and self.ranges[-1][1] == frame - 1:
            self.ranges[-1] = (self.ranges[-1][0], frame)
        elif len(self.ranges) < RANGES_BOUND:
            self.ranges.append((frame, frame))
        self.frames += 1
        self.last = frame

    @property
    def what(self) -> str:
        """The line without the object and the frames."""
        if not self.varies:
            return self.change.what
        if not math.isfinite(self.distance):
            return f"{self.change.name} differs, and is not known in some frames"
        distance = value_text(float(f"{self.distance:.3g}"), self.change.unit)
        return f"{self.change.name} differs by up to {distance}"

    @property
    def words(self) -> str:
        """One line for people: ``track 3 "courier": temperature 36.2 °C -> 37.9 °C in frames 12-91, 140``."""
        texts = [str(a) if a == b else f"{a}-{b}" for a, b in self.ranges[:_RANGES_NAMED]]
        named = sum(b - a + 1 for a, b in self.ranges[:_RANGES_NAMED])
        more = f" and {self.frames - named} more" if self.frames > named else ""
        noun = "frame" if self.frames == 1 else "frames"
        return f"{self.change.subject}: {self.what} in {noun} {', '.join(texts)}{more}"

    def to_json(self) -> JsonObject:
        """The change's JSON with its frames; a varying attribute has ``by`` instead of its values."""
        node = self.change.to_json()
        if self.varies:
            del node["before"], node["after"]
            node["by"] = self.distance if math.isfinite(self.distance) else None
        node |= {"frames": self.frames, "ranges": [list(span) for span in self.ranges]}
        return node | {"words": self.words}


class ChangeTally:
    """Sums up the changes of one frame after another.

    Changes are the same if their track, attribute and values are; a moving attribute's values do not count.
    Memory is one :class:`TalliedChange` per distinct change.
    """

    def __init__(self) -> None:
        self._found: dict[_Key, TalliedChange] = {}

    def add(self, frame: int, changes: Iterable[ObjectChange]) -> None:
        """Add a frame; frame numbers ascend."""
        for change in changes:
            key = _Key(change.track, change.attribute, "", "")
            if change.attribute not in MOVING:
                key = key._replace(before=repr(change.before), after=repr(change.after))
            self._found.setdefault(key, TalliedChange(change)).add(frame, change)

    def changes(self) -> tuple[TalliedChange, ...]:
        """The changes so far, by track, then in the order of their first frames."""
        return tuple(sorted(self._found.values(), key=lambda found: found.change.track))
