"""Outlines in which the objects of a window are drawn: those that its segments hold.

A carrier that lets the pixels change draws the heat map from the payload alone: the sender from the window
that it hides, the reader from the window that it found. So both draw the same rings, whatever happened to the
pixels between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cssv.payload.outlines import COEFFICIENTS, EXPECTED, outline_radii
from cssv.payload.window import Window
from cssv.template.draw import draw
from cssv.template.drawing import Outline, OutlineKey
from cssv.template.outline import pack_radii
from cssv.template.state import ObjectState

#: The outline of a segment that holds none: about that of an object without edges.
PLAIN_OUTLINE = (EXPECTED,) + (0,) * (COEFFICIENTS - 1)


def drawn_outlines(window: Window, at: int, objects: Iterable[ObjectState]) -> dict[OutlineKey, Outline]:
    """The outlines of the objects inside a frame of a window, as :func:`.draw` takes them for known.

    Every object inside the frame has one, so that no outline is searched in the pixels.

    Args:
        window: the window, as its reader gets it.
        at: the frame, counted from the first one of the window.
        objects: of the frame, from :func:`cssv.payload.window_states.window_states`.
    """
    held = {
        segment.track: segment.outline
        for segment in window.segments
        if segment.start <= at < segment.start + segment.count
    }
    found: dict[OutlineKey, Outline] = {}
    for state in objects:
        drawing = draw(state, window.ranges, None, window.size)
        if drawing is not None:
            outline = drawing.outline
            coefficients = held.get(state.track) or PLAIN_OUTLINE
            radii, shift = pack_radii(outline_radii(coefficients, *outline.box[2:]))
            found[state.track, outline.box] = replace(outline, radii=radii, shift=shift)
    return found
