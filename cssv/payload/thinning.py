"""Windows that fit a number of bytes: the least that must be given up, in a fixed order.

1. Outlines of fewer cosines, then none. A reader then draws plain ones, which differ little.
2. Boxes within 2 px.
3. One number in place of the curves of attributes; velocities follow from the boxes.
4. Boxes within 4 px.
5. Velocities from the past and to the future frames become their mean.
6. No part of the scene.
7. Nothing but the places of objects, the least certain ones first.
8. Boxes within 8 px.
9. Objects are left out, the least certain ones first.

A step that does not make the window shorter is not taken. The steps do not depend on the number of bytes, so
a window that may have more bytes never loses more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from cssv.errors import CarrierError
from cssv.payload.loss import Loss
from cssv.payload.texts import LABELS
from cssv.payload.window import Window
from cssv.payload.window_bytes import write_window
from cssv.payload.window_cuts import (
    keep_cosines,
    keep_means,
    place_alone,
    places_alone,
    without_halves,
    without_part,
    without_tracks,
)
from cssv.template.certainty import planar_byte
from cssv.template.drawing import FULL
from cssv.template.state import ObjectState

#: Largest error of boxes of a whole window, in px.
BOUND_PX = 1.0
#: Largest errors of boxes that thinned windows have, in px, the last one with nothing but places.
COARSE_PX, COARSER_PX, PLACES_PX = 2.0, 4.0, 8.0
#: Cosines of a coarse outline.
COARSE_COSINES = 4

#: Fits a window within an error of boxes in pixels, with the objects of each frame:
#: :func:`.fit_window` with all else given.
Fit: TypeAlias = Callable[[float, Sequence[Sequence[ObjectState]]], Window]


@dataclass(frozen=True, slots=True)
class ThinnedWindow:
    """A window, its bytes, and what it does not tell.

    Attributes:
        window: as a reader gets it.
        data: its bytes, as :func:`.write_window` writes them.
        loss: what was given up; nothing where the window fits as it is.
    """

    window: Window
    data: bytes
    loss: Loss


#: The steps that concern all objects.
_CHANGES: tuple[Callable[[ThinnedWindow, int], Loss], ...] = (
    lambda before, _: replace(before.loss, cosines=COARSE_COSINES),
    lambda before, _: replace(before.loss, cosines=0),
    lambda before, _: replace(before.loss, box_px=max(before.loss.box_px, COARSE_PX)),
    lambda before, _: replace(before.loss, means=True),
    lambda before, _: replace(before.loss, box_px=max(before.loss.box_px, COARSER_PX)),
    lambda before, _: replace(before.loss, halves=True),
    lambda before, _: replace(before.loss, part=True),
)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: the losses from the least to the largest one; most steps have one alone."""

    count: int
    loss: Callable[[int], Loss]


def fit_window_within(
    most_bytes: int | None,
    fit: Fit,
    objects: Sequence[Sequence[ObjectState]],
    bound_px: float = BOUND_PX,
) -> ThinnedWindow:
    """The window that gives up least of those that have at most ``most_bytes``.

    Args:
        most_bytes: most bytes of the window; None for no bound.
        fit: fits the window.
        objects: those of each frame.
        bound_px: largest error of boxes that is asked for.

    Raises:
        CarrierError: even a window without objects is longer.
        FramingError: the content does not fit any payload.
    """
    thinning = _Thinning(fit, objects, bound_px)
    if most_bytes is None or len(thinning.whole.data) <= most_bytes:
        return thinning.whole
    last = thinning.whole
    for step, thinnest in thinning.steps():
        last = thinnest
        if len(thinnest.data) <= most_bytes:
            return _least(step, thinnest, thinning, most_bytes)
    raise CarrierError(
        f"the payload of frames {last.loss.frames[0]} to {last.loss.frames[1]} does not fit",
        found=f"{len(last.data)} bytes without any object",
        bound=f"at most {most_bytes}",
    )


def thinning_ladder(
    fit: Fit, objects: Sequence[Sequence[ObjectState]], bound_px: float = BOUND_PX
) -> Iterator[ThinnedWindow]:
    """The whole window, then the window after each step; each is shorter than the one before.

    The arguments are those of :func:`fit_window_within`.
    """
    thinning = _Thinning(fit, objects, bound_px)
    yield thinning.whole
    yield from (thinnest for _, thinnest in thinning.steps())


def check_window_fits(
    most_bytes: int | None,
    fit: Fit,
    objects: Sequence[Sequence[ObjectState]],
    bound_px: float = BOUND_PX,
) -> ThinnedWindow:
    """The window with all that was asked for, which must fit; outlines alone are given up unasked.

    The arguments are those of :func:`fit_window_within`.

    Raises:
        CarrierError: the window is longer; the error says by how much, and what would fit.
        FramingError: the content does not fit any payload.
    """
    ladder = thinning_ladder(fit, objects, bound_px)
    kept = last = next(ladder)
    steps = []
    while most_bytes is not None and len(last.data) > most_bytes:
        after = next(ladder, None)
        if after is None:
            break
        if after.loss.is_of_outlines:
            kept = after
        else:
            steps.append(f"{after.loss.beyond(last.loss)} {len(after.data)} B")
        last = after
    if most_bytes is None or len(kept.data) <= most_bytes:
        return kept
    first, final = kept.loss.frames
    raise CarrierError(
        f"the payload of frames {first} to {final} does not fit",
        found=f"{len(kept.data)} bytes, {len(kept.data) - most_bytes} too many",
        bound=f"at most {most_bytes}",
        remedy=f"Give `fit=True` to leave out what does not fit, step by step: {', '.join(steps)}."
        if len(last.data) <= most_bytes
        else f"Even without any object it has {len(last.data)} bytes.",
    )


def _least(step: _Step, thinnest: ThinnedWindow, thinning: _Thinning, most_bytes: int) -> ThinnedWindow:
    """The window of the least loss of a step whose largest one fits."""
    found, low, high = thinnest, 1, step.count
    while low < high:
        middle = (low + high) // 2
        tried = thinning.window(step.loss(middle))
        if len(tried.data) <= most_bytes:
            found, high = tried, middle
        else:
            low = middle + 1
    return found


class _Thinning:
    """The steps of thinning a window.

    Args:
        fit: fits the window.
        objects: those of each frame.
        bound_px: largest error of boxes that is asked for.
    """

    def __init__(self, fit: Fit, objects: Sequence[Sequence[ObjectState]], bound_px: float) -> None:
        self._fit, self._objects = fit, objects
        self._fitted = {bound_px: fit(bound_px, objects)}
        window = self._fitted[bound_px]
        self._bound = window.bound
        self._tracks = _least_certain_first(window, objects)
        frames = window.number, window.number + len(window.pts) - 1
        self.whole = self.window(Loss(frames, len(self._tracks), bound_px, bound_px))

    def window(self, loss: Loss) -> ThinnedWindow:
        """The window with a loss."""
        if loss.box_px not in self._fitted:
            is_coarsest = loss.box_px == PLACES_PX
            objects = _places_of(self._objects) if is_coarsest else self._objects
            self._fitted[loss.box_px] = self._fit(loss.box_px, objects)
        window = self._fitted[loss.box_px]
        if loss.cosines is not None:
            window = keep_cosines(window, loss.cosines)
        if loss.means:
            window = keep_means(window)
        if loss.halves:
            window = without_halves(window)
        if loss.part:
            window = without_part(window)
        if loss.places_alone:
            window = places_alone(window, set(loss.places_alone))
        if loss.left_out:
            window = without_tracks(window, set(loss.left_out))
        if not window.segments:
            # Without boxes the usual bound takes the fewest bytes.
            window = replace(window, bound=self._bound)
        return ThinnedWindow(window, write_window(window), loss)

    def steps(self) -> Iterator[tuple[_Step, ThinnedWindow]]:
        """The steps that make the window shorter, each with its window of the largest loss."""
        last = self.whole
        for count, change in self._changes():
            step = _Step(count, partial(change, last))
            thinnest = self.window(step.loss(count)) if count else last
            if len(thinnest.data) < len(last.data):
                yield step, thinnest
                last = thinnest

    def _changes(self) -> Iterator[tuple[int, Callable[[ThinnedWindow, int], Loss]]]:
        """Of each step the number of losses, and the loss of such a number after the window before."""
        for change in _CHANGES:
            yield 1, change
        count = len(self._tracks)
        yield count, self._place_loss
        yield 1, self._coarse_place_loss
        yield count, self._leaving_loss

    def _place_loss(self, before: ThinnedWindow, count: int) -> Loss:
        tracks = {each.track for each in before.window.segments if place_alone(each) != each}
        alone = tracks.intersection(self._tracks[:count]).union(before.loss.places_alone)
        return replace(before.loss, places_alone=tuple(sorted(alone)))

    def _coarse_place_loss(self, before: ThinnedWindow, _: int) -> Loss:
        loss = self._place_loss(before, len(self._tracks))
        return replace(loss, box_px=max(loss.box_px, PLACES_PX))

    def _leaving_loss(self, before: ThinnedWindow, count: int) -> Loss:
        left = set(self._tracks[:count])
        rest = tuple(track for track in before.loss.places_alone if track not in left)
        return replace(before.loss, places_alone=rest, left_out=tuple(sorted(left)))


def _places_of(objects: Sequence[Sequence[ObjectState]]) -> list[list[ObjectState]]:
    """The objects without what :func:`.place_alone` leaves out."""
    return [
        [
            ObjectState(
                track=state.track,
                label=state.label if state.label in LABELS else "",
                score=state.score,
                box_px=state.box_px,
                velocity_px_s=(0.0, 0.0),
                past_px_s=(0.0, 0.0),
                future_px_s=(0.0, 0.0),
                sigma_px_s=math.inf,
                is_given=state.is_given,
            )
            for state in states
        ]
        for states in objects
    ]


def _least_certain_first(window: Window, objects: Sequence[Sequence[ObjectState]]) -> tuple[int, ...]:
    """The tracks of a window by their certainty, from the least one on; of equal ones the latest first.

    The certainty is the sum over all frames of the score times the mean of 1 and the certainty of the motion.
    So an object that is seen in a few frames is not certain. One that the scene gives is certain.
    """
    sums = Counter[int]()
    for state in (state for frame in objects for state in frame):
        score = round(min(max(state.score, 0.0), 1.0) * FULL)
        certainty = FULL + planar_byte(state.sigma_px_s, window.ranges.speed_px_s)
        # Integers, so that the order is the same on every machine.
        sums[state.track] += 2 * FULL * FULL if state.is_given else score * certainty
    return tuple(sorted(sums, key=lambda track: (sums[track], -track)))
