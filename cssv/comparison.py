"""One frame of two versions held against each other: objects, heat, and a picture of both."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import cv2
import numpy as np

from cssv.errors import FrameError
from cssv.frames import U8, Layout, split_planes
from cssv.picture import heat_to_rgb, to_rgb
from cssv.scene import Value
from cssv.scene_check import JsonObject
from cssv.scene_words import arrow, quoted, spoken, unit_of, value_text
from cssv.template.state import ObjectState

Json = Any

#: Attributes of a state that change from frame to frame by themselves: told by how much they differ.
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
#: Attributes that stay what they are until somebody says otherwise: told as from and to.
LASTING = ("label", "name", "temperature_c", "density_kg_m3", "template")
#: The attribute that stands for the object itself, where it is in one version only.
PRESENCE = "object"
#: Attributes whose names say too little.
_SPOKEN = {
    "past_px_s": "velocity before",
    "future_px_s": "velocity after",
    "sigma_px_s": "velocity's deviation",
    "velocity_m_s": "velocity on the ground",
    "sigma_m_s": "deviation of the velocity on the ground",
}
#: Most ranges of frames that one change keeps; later frames are counted only.
RANGES_BOUND = 1000
#: Ranges of frames that a line of words names.
_RANGES_NAMED = 8

# ---- objects


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What differs in one attribute of one object in one frame.

    Attributes:
        track: the object's identity in both versions.
        title: its name, else its label, as it was before; of a new object, as it is after; may be empty.
        attribute: ``object`` where one version lacks the object; else one of LASTING or MOVING.
        before, after: plain JSON values; None where it is not given there. Of ``object``: its title.
        unit: of the values; empty where there is none.
    """

    track: int
    title: str
    attribute: str
    before: Json
    after: Json
    unit: str

    @property
    def words(self) -> str:
        """One line for people."""
        return f"{_titled(self.track, self.title)}: {self.what}"

    @property
    def what(self) -> str:
        """The line without the object."""
        if self.attribute == PRESENCE:
            return "appears" if self.before is None else "disappears"
        sides = (value_text(value, self.unit) for value in (self.before, self.after))
        return f"{_spoken(self.attribute)} {arrow(*sides)}"

    @property
    def distance(self) -> float:
        """How far a moving attribute is from what it was: the largest difference of its numbers, >= 0."""
        if self.before is None or self.after is None:
            return math.inf
        pairs = zip(np.atleast_1d(self.before), np.atleast_1d(self.after), strict=True)
        return max(abs(float(b) - float(a)) for a, b in pairs)

    def to_json(self) -> JsonObject:
        """Its values in plain JSON types, and its words."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"words": self.words}


def compare_objects(before: Iterable[ObjectState], after: Iterable[ObjectState]) -> tuple[ObjectChange, ...]:
    """Compare the objects of one frame, by track; ascending by track.

    Past and future velocities are told only where their mean, the velocity, is the same.
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
    """States by track; should a file hold one twice, also by its turn."""
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
        if name in ("past_px_s", "future_px_s") and not same_velocity:
            continue
        key = "selector" if name == "template" else name
        old, new = getattr(one, key), getattr(two, key)
        if old != new:
            changes.append(ObjectChange(one.track, title, name, _plain(old), _plain(new), unit_of(name)))
    return changes


def _plain(value: object) -> Json:
    """A state's value in JSON types; what is not known is not given."""
    if isinstance(value, Value):
        return value.to_json()
    if isinstance(value, tuple):
        return [float(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.name.lower() if hasattr(value, "name") else value


def _title(state: ObjectState) -> str:
    return state.name or state.label


def _titled(track: int, title: str) -> str:
    return f"track {track} {quoted(title)}" if title else f"track {track}"


def _spoken(attribute: str) -> str:
    return _SPOKEN.get(attribute) or spoken(attribute)


# ---- many frames


class _Key(NamedTuple):
    track: int
    attribute: str
    before: str
    after: str


@dataclass(slots=True)
class TalliedChange:
    """One change over all frames in which it holds.

    Attributes:
        change: as it is in the first of them.
        ranges: first and last frame of each run of frames, ascending; at most RANGES_BOUND.
        frames: how many frames, those beyond the ranges included.
        last: the last of them.
        distance: of a moving attribute the largest difference in any frame, in its unit.
        varies: whether a moving attribute's values are others in other frames.
    """

    change: ObjectChange
    ranges: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    last: int = -1
    distance: float = 0.0
    varies: bool = False

    def add(self, frame: int, change: ObjectChange) -> None:
        """Take in the change in a frame later than all before."""
        if self.change.attribute in MOVING:
            self.distance = max(self.distance, change.distance)
            self.varies |= (change.before, change.after) != (self.change.before, self.change.after)
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
        """What differs, without the object and the frames."""
        if not self.varies:
            return self.change.what
        if not math.isfinite(self.distance):
            return f"{_spoken(self.change.attribute)} differs, and is not known in some frames"
        distance = value_text(float(f"{self.distance:.3g}"), self.change.unit)
        return f"{_spoken(self.change.attribute)} differs by up to {distance}"

    @property
    def words(self) -> str:
        """One line for people: ``track 3 "courier": temperature 36.2 °C -> 37.9 °C in frames 12-91, 140``."""
        texts = [str(a) if a == b else f"{a}-{b}" for a, b in self.ranges[:_RANGES_NAMED]]
        named = sum(b - a + 1 for a, b in self.ranges[:_RANGES_NAMED])
        more = f" and {self.frames - named} more" if self.frames > named else ""
        noun = "frame" if self.frames == 1 else "frames"
        title = _titled(self.change.track, self.change.title)
        return f"{title}: {self.what} in {noun} {', '.join(texts)}{more}"

    def to_json(self) -> JsonObject:
        """Its values in plain JSON types, and its words; of a varying attribute no values but ``by``."""
        node = self.change.to_json()
        if self.varies:
            del node["before"], node["after"]
            node["by"] = self.distance if math.isfinite(self.distance) else None
        node |= {"frames": self.frames, "ranges": [list(span) for span in self.ranges]}
        return node | {"words": self.words}


class ChangeTally:
    """Sums up the changes of one frame after another.

    A change is its track and attribute, and its values but for a moving attribute. Memory is one
    :class:`TalliedChange` per distinct change.
    """

    def __init__(self) -> None:
        self._found: dict[_Key, TalliedChange] = {}

    def add(self, frame: int, changes: Iterable[ObjectChange]) -> None:
        """Take in a frame; frame numbers ascend."""
        for change in changes:
            key = _Key(change.track, change.attribute, "", "")
            if change.attribute not in MOVING:
                key = key._replace(before=repr(change.before), after=repr(change.after))
            self._found.setdefault(key, TalliedChange(change)).add(frame, change)

    def changes(self) -> tuple[TalliedChange, ...]:
        """What has been found so far, by track, then in the order of its first frame."""
        return tuple(sorted(self._found.values(), key=lambda found: found.change.track))


# ---- heat


@dataclass(frozen=True, slots=True)
class HeatChange:
    """How much one frame's heat differs.

    Attributes:
        frame: its number.
        pixels: pixels at which brightness or colour differs.
        share: the same as a share of all pixels, 0 to 1.
        mean_abs: mean absolute difference over all samples of all planes, in levels of a nibble.
        max_abs: the largest one, 0 to 15.
    """

    frame: int
    pixels: int
    share: float
    mean_abs: float
    max_abs: int

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.pixels:
            return f"frame {self.frame}: same heat"
        pixels = f"{self.pixels:,} pixel{'' if self.pixels == 1 else 's'} ({self.share:.2%})"
        by = f"by up to {self.max_abs} of 15 levels, {self.mean_abs:.3g} on average over the frame"
        return f"frame {self.frame}: heat differs in {pixels}, {by}"

    def to_json(self) -> JsonObject:
        """Its values and its words."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"words": self.words}


def compare_heat(frame: int, before: U8, after: U8, layout: Layout) -> HeatChange:
    """Compare two heat maps, cleaned or as carried.

    Their levels are in the high nibbles, those of colour in two's complement. As carried, marks and tags
    count too, and these differ wherever anything does.

    Raises:
        FrameError: they differ in shape.
    """
    _check_alike(before, after)
    planes = _level_differences(before, after, layout)
    mask = _largest(planes, layout) > 0
    total = sum(int(plane.sum(dtype=np.int64)) for plane in planes)
    pixels = int(np.count_nonzero(mask))
    largest = max(int(plane.max()) for plane in planes)
    return HeatChange(frame, pixels, pixels / mask.size, total / before.size, largest)


def _check_alike(*planes: U8) -> None:
    if len({each.shape for each in planes}) != 1:
        found = " and ".join(str(each.shape) for each in planes)
        raise FrameError("frames of different shape cannot be compared", found=found)


def _level_differences(before: U8, after: U8, layout: Layout) -> list[U8]:
    """Absolute difference of each plane in levels, 0 to 15."""
    found = []
    for k, pair in enumerate(zip(split_planes(before, layout), split_planes(after, layout), strict=True)):
        # Turning the sign bit makes -8..7 into 0..15, which keeps differences.
        one, two = ((plane ^ np.uint8(0x80 if k else 0)) >> 4 for plane in pair)
        found.append(np.asarray(cv2.absdiff(one, two), np.uint8))
    return found


def _largest(planes: Sequence[U8], layout: Layout) -> U8:
    """(H, W): the largest of the three planes; a chroma sample of yuv420p stands for its four pixels."""
    first, *others = planes
    if layout == "yuv420p":
        others = [np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1) for plane in others]
    return np.maximum(np.maximum(others[0], others[1]), first)


# ---- picture


@dataclass(frozen=True, slots=True)
class Captions:
    """What stands above the columns; accents are left out, and what is then not ASCII becomes ``?``.

    Attributes:
        before, after: which version, such as "version 1: first".
        moment: which frame, at what time.
    """

    before: str
    after: str
    moment: str


#: Cells with a longer side above the second are reduced, and those narrower than the first enlarged.
_CELL_SIDES = (240, 960)
_GAP = 4
_STRIP = 20
#: A cell this many times as wide as this has titles that many times as high.
_TITLE_WIDTH = 480
_GROUND = 24
_INK = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.4
#: Most characters of a caption that are looked at.
_TEXT_CHARS = 500
#: How bright the frame behind the differences is.
_DIMMED = 0.35
#: A difference of this many levels is drawn red; smaller ones go towards yellow.
_FULL_LEVELS = 8


def side_by_side(
    before: U8, after: U8, heat_before: U8, heat_after: U8, layout: Layout, captions: Captions
) -> U8:
    """Draw a frame of two versions for people: frames above, heat maps below, differences on the right.

    Args:
        before: stego planes of the one version.
        after: stego planes of the other.
        heat_before: heat map of the one, as :func:`compare_heat` takes it.
        heat_after: heat map of the other.
        layout: of all four, which have one shape.
        captions: the texts.

    Returns:
        (H, W, 3) uint8 RGB; small frames are enlarged, large ones reduced to at most 960 pixels a cell.

    Raises:
        FrameError: shapes differ.
    """
    _check_alike(before, after, heat_before, heat_after)
    pixels = [
        np.asarray(cv2.absdiff(one, two), np.uint8)
        for one, two in zip(split_planes(before, layout), split_planes(after, layout), strict=True)
    ]
    levels = _level_differences(heat_before, heat_after, layout)
    frames = [_sized(to_rgb(planes, layout)) for planes in (before, after)]
    heats = [_sized(heat_to_rgb(heat, layout)) for heat in (heat_before, heat_after)]
    marked = [_marked(frames[0], _sized_levels(_largest(planes, layout))) for planes in (pixels, levels)]
    titles = [captions.before, captions.after, f"{captions.moment}: pixels that differ"]
    legends = ["heat map", "heat map", "heat that differs: yellow little, red much"]
    top, bottom = _band([*frames, marked[0]], titles), _band([*heats, marked[1]], legends)
    gap = np.full((_GAP, top.shape[1], 3), _GROUND, np.uint8)
    return np.concatenate([top, gap, bottom, gap])


def _marked(picture: U8, levels: U8) -> U8:
    """The picture dim and grey, and on it in yellow to red where and how much something differs."""
    grey = (picture.mean(axis=2) * _DIMMED).astype(np.uint8)
    marked = np.repeat(grey[..., None], 3, axis=2)
    green = 230 - 230 * np.minimum(levels, _FULL_LEVELS).astype(np.uint16) // _FULL_LEVELS
    mask = levels > 0
    marked[mask] = np.stack([np.full_like(green, 255), green, np.zeros_like(green)], axis=2)[mask]
    return marked


def _steps(height: int, width: int) -> tuple[int, int]:
    """By how much a cell is reduced and enlarged, whole numbers; one of them is 1."""
    low, high = _CELL_SIDES
    reduced = -(-max(height, width) // high)
    return reduced, max(min(low // width, high // height), 1) if reduced == 1 else 1


def _sized(cell: U8) -> U8:
    """A picture reduced by means or enlarged by repetition."""
    height, width = cell.shape[:2]
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        size = (-(-width // reduced), -(-height // reduced))
        return np.asarray(cv2.resize(cell, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.repeat(np.repeat(cell, enlarged, axis=0), enlarged, axis=1)


def _sized_levels(levels: U8) -> U8:
    """(H, W) levels in the same size; of pixels that become one the largest, so that nothing is lost."""
    height, width = levels.shape
    reduced, enlarged = _steps(height, width)
    if reduced > 1:
        padded = np.pad(levels, ((0, -height % reduced), (0, -width % reduced)))
        blocks = padded.reshape(padded.shape[0] // reduced, reduced, -1, reduced)
        return np.asarray(blocks.max(axis=(1, 3)), np.uint8)
    return np.repeat(np.repeat(levels, enlarged, axis=0), enlarged, axis=1)


def _titled_cell(cell: U8, text: str) -> U8:
    width = cell.shape[1]
    times = max(width // _TITLE_WIDTH, 1)
    strip = np.full((_STRIP * times, width, 3), _GROUND, np.uint8)
    words = _fitting(text, width - 4, times)
    base = (2, (_STRIP - 6) * times)
    cv2.putText(strip, words, base, _FONT, _FONT_SCALE * times, _INK, 1, cv2.LINE_AA)
    return np.concatenate([strip, cell])


def _fitting(text: str, width: int, times: int) -> str:
    """What of a text can be drawn in so many pixels."""

    def fits(words: str) -> bool:
        drawn, _ = cv2.getTextSize(words, _FONT, _FONT_SCALE * times, 1)
        return int(drawn[0]) <= width

    letters = (c for c in unicodedata.normalize("NFKD", text[:_TEXT_CHARS]) if not unicodedata.combining(c))
    plain = "".join(c if " " <= c <= "~" else "?" for c in letters)
    if fits(plain):
        return plain
    while plain and not fits(plain + "..."):
        plain = plain[:-1]
    return plain + "..."


def _band(cells: Sequence[U8], titles: Sequence[str]) -> U8:
    """Cells beside one another, each under its title."""
    titled = [_titled_cell(cell, text) for cell, text in zip(cells, titles, strict=True)]
    gap = np.full((titled[0].shape[0], _GAP, 3), _GROUND, np.uint8)
    return np.concatenate([part for cell in titled for part in (gap, cell)] + [gap], axis=1)
