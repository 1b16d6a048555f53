"""Loss: what a payload does not tell because it would not fit otherwise, in words for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

#: Most numbers of objects in a sentence.
_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """What a window does not tell of its objects and its scene.

    Attributes:
        frames: numbers of its first and its last frame in the clip.
        objects: number of objects in the window, also those left out.
        given_box_px: largest error of boxes that was asked for.
        box_px: largest error of boxes that the window has.
        cosines: number of cosines that its outlines keep, 0 leaves the outlines out; None keeps all.
        means: whether temperature, density and all certainties are their means, and velocities follow from
            the boxes.
        halves: whether velocities from the past and to the future frames are their mean.
        part: whether the part of the scene is left out.
        places_alone: tracks of which nothing but the places are left.
        left_out: tracks that are left out.
    """

    frames: tuple[int, int]
    objects: int
    given_box_px: float
    box_px: float
    cosines: int | None = None
    means: bool = False
    halves: bool = False
    part: bool = False
    places_alone: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is lost."""
        return bool(tuple(self._kinds()) or self.places_alone or self.left_out)

    @property
    def is_of_outlines(self) -> bool:
        """Whether outlines are coarser or left out, and nothing else is lost."""
        return self.cosines is not None and not replace(self, cosines=None)

    def sentences(self) -> tuple[str, ...]:
        """What is lost, one phrase each, without a final stop."""
        where = f" in frames {self.frames[0]} to {self.frames[1]}"
        found = [kind + where for kind in self._kinds()]
        if self.places_alone:
            count = f"{len(self.places_alone)} of {self.objects} objects"
            found.append(f"only the places of {count}{where}: {_listed(self.places_alone)}")
        if self.left_out:
            count = f"{len(self.left_out)} of {self.objects} objects"
            found.append(f"{count} left out{where}: {_listed(self.left_out)}")
        return tuple(found)

    def beyond(self, before: Loss) -> str:
        """What is lost beyond another loss of the same window, in a few words."""
        found = [kind for kind in self._kinds() if kind not in set(before._kinds())]
        if len(self.left_out) > len(before.left_out):
            found.append(f"without {len(self.left_out)} of {self.objects} objects")
        elif len(self.places_alone) > len(before.places_alone):
            found.append(f"only the places of {len(self.places_alone)} of {self.objects} objects")
        return ", ".join(found)

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        lists = {name: list(getattr(self, name)) for name in ("frames", "places_alone", "left_out")}
        return {**asdict(self), **lists, "sentences": list(self.sentences())}

    def _kinds(self) -> Iterator[str]:
        """What is lost of all objects, in the order in which windows are thinned."""
        if self.cosines is not None:
            yield f"outlines of {self.cosines} numbers" if self.cosines else "no outlines"
        if self.box_px > self.given_box_px:
            yield f"boxes within {self.box_px:g} px instead of {self.given_box_px:g}"
        if self.means:
            yield "attributes as means, velocities from the boxes alone"
        if self.halves:
            yield "mean velocities in place of those from the past and to the future frames"
        if self.part:
            yield "no part of the scene"


@dataclass(frozen=True, slots=True)
class ClipLoss:
    """What the windows of a clip do not tell.

    Attributes:
        windows: number of all windows.
        thinned: number of windows that tell less than asked for.
        kinds: number of windows by what is lost of all their objects.
        places_alone: windows, and objects of all of these, of which nothing but the places are left.
        left_out: windows, and objects of all of these, that are left out.
        first_left_out: the first window from which objects are left out.
    """

    windows: int
    thinned: int
    kinds: Mapping[str, int]
    places_alone: tuple[int, int]
    left_out: tuple[int, int]
    first_left_out: Loss | None = None

    def __bool__(self) -> bool:
        """Whether anything is lost."""
        return bool(self.thinned)

    def sentences(self) -> tuple[str, ...]:
        """What is lost, one phrase each, without a final stop."""
        found = [f"{kind} in {self._of_windows(count)}" for kind, count in self.kinds.items()]
        windows, objects = self.places_alone
        if windows:
            found.append(f"only the places of {_mean_count(objects, windows)} in {self._of_windows(windows)}")
        windows, objects = self.left_out
        if windows:
            assert self.first_left_out is not None
            *_, first = self.first_left_out.sentences()
            text = f"{_mean_count(objects, windows)} left out in {self._of_windows(windows)}"
            found.append(f"{text}; first: {first}")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        return {
            "windows": self.windows,
            "thinned": self.thinned,
            "kinds": dict(self.kinds),
            "places_alone": dict(zip(("windows", "objects"), self.places_alone, strict=True)),
            "left_out": dict(zip(("windows", "objects"), self.left_out, strict=True)),
            "sentences": list(self.sentences()),
        }

    def _of_windows(self, count: int) -> str:
        return f"{count} of {self.windows} windows"


def merge_losses(losses: Iterable[Loss]) -> ClipLoss:
    """The loss of a clip from those of all its windows, in order; also of those that lose nothing."""
    windows = thinned = 0
    kinds = Counter[str]()
    places, left = [0, 0], [0, 0]
    first = None
    for loss in losses:
        windows += 1
        thinned += bool(loss)
        kinds.update(loss._kinds())
        for total, tracks in ((places, loss.places_alone), (left, loss.left_out)):
            total[0] += bool(tracks)
            total[1] += len(tracks)
        if loss.left_out and first is None:
            first = loss
    return ClipLoss(windows, thinned, dict(kinds), (places[0], places[1]), (left[0], left[1]), first)


def _listed(tracks: tuple[int, ...]) -> str:
    """Tracks in words, not more than fit a sentence."""
    more = len(tracks) - _MOST_LISTED
    listed = ", ".join(map(str, tracks[:_MOST_LISTED]))
    return f"{listed} and {more} more" if more > 0 else listed


def _mean_count(objects: int, windows: int) -> str:
    """A number of objects a window."""
    return f"{objects / windows:.1f} objects a window"
