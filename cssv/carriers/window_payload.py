"""Payload of a window: its objects and a part of its scene as bytes, for carriers that hide bytes."""

from __future__ import annotations

from collections.abc import Sequence

from cssv.carriers.base import FrameContent
from cssv.payload.window_bytes import write_window
from cssv.payload.window_fit import fit_window

#: Velocities from the past and to the future frames are sent where they lie farther than this share of the
#: range of speeds from their mean. Sending all of them takes a quarter more bytes.
HALVES_ABOVE = 1 / 4


def window_payload(contents: Sequence[FrameContent], number: int, size: tuple[int, int]) -> bytes:
    """The payload of a window, the shortest within the bounds of :mod:`cssv.payload`.

    An object's velocities from the past and to the future frames become their mean unless they lie farther
    than :data:`HALVES_ABOVE` from it.

    Args:
        contents: of each frame of the window.
        number: of the window in the clip, from 0.
        size: width and height of the frames.

    Raises:
        FramingError: a number of the content has no place in a payload, or there are too many objects.
    """
    first = contents[0]
    window = fit_window(
        first.number,
        [content.pts for content in contents],
        first.time_base,
        size,
        first.ranges,
        [content.objects for content in contents],
        halves_above=HALVES_ABOVE,
        scene=first.scene,
        turn=number,
    )
    return write_window(window)
