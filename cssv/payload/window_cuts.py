"""Windows that tell less: each function leaves something out of a window that was fitted already.

No curve is fitted again, so a cut costs little time. What is left keeps the bounds of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from cssv.payload.channels import BOX, TURN, bound_of
from cssv.payload.curves import Curve, Method, evaluate, grid
from cssv.payload.outlines import COEFFICIENTS
from cssv.payload.texts import LABELS
from cssv.payload.window import Segment, Window


def keep_cosines(window: Window, count: int) -> Window:
    """The window with the first ``count`` coefficients of its outlines; 0 leaves the outlines out.

    Cosines are orthogonal, so the others need not change.
    """

    def cut(segment: Segment) -> Segment:
        if segment.outline is None:
            return segment
        rest = (0,) * (COEFFICIENTS - count)
        return replace(segment, outline=(*segment.outline[:count], *rest) if count else None)

    return _of_each(window, cut)


def keep_means(window: Window) -> Window:
    """The window with one number in place of each curve that is no curve of a box: its mean.

    Velocities are the slopes of the boxes and one correction for the whole segment.
    """

    def cut(segment: Segment) -> Segment:
        axis, curves = window.axis_of(segment), []
        for channel, curve in zip(segment.channels, segment.curves, strict=True):
            bound = bound_of(channel, window.bound)
            if channel in BOX or curve.method is Method.CONSTANT:
                curves.append(curve)
            else:
                mean = float(np.mean(evaluate(curve, axis, bound)))
                # The coarse grid takes fewer bits, and its nearest point is within the bound of the mean.
                curves.append(Curve(Method.CONSTANT, (round(mean / grid(True, bound)),), True))
        return replace(segment, curves=tuple(curves))

    return _of_each(window, cut)


def without_halves(window: Window) -> Window:
    """The window with the mean of the velocities from the past and to the future frames."""

    def cut(segment: Segment) -> Segment:
        known = zip(segment.channels, segment.curves, strict=True)
        curves = tuple(curve for channel, curve in known if channel not in TURN)
        return replace(segment, has_turn=False, curves=curves)

    return _of_each(window, cut)


def without_part(window: Window) -> Window:
    """The window without its part of the scene."""
    return replace(window, part=None)


def places_alone(window: Window, tracks: Collection[int]) -> Window:
    """The window with nothing but boxes, scores and listed labels of some tracks."""
    return _of_each(window, lambda segment: place_alone(segment) if segment.track in tracks else segment)


def place_alone(segment: Segment) -> Segment:
    """A segment with nothing but its boxes, its score and its label if that is a listed one."""
    return Segment(
        track=segment.track,
        start=segment.start,
        count=segment.count,
        label=segment.label if segment.label in LABELS else "",
        is_given=segment.is_given,
        score=segment.score,
        outline=segment.outline,
        curves=segment.curves[: len(BOX)],
    )


def without_tracks(window: Window, tracks: Collection[int]) -> Window:
    """The window without some tracks."""
    return replace(
        window, segments=tuple(segment for segment in window.segments if segment.track not in tracks)
    )


def _of_each(window: Window, cut: Callable[[Segment], Segment]) -> Window:
    return replace(window, segments=tuple(map(cut, window.segments)))
