"""Payload of a window: its objects and a part of its scene as bytes, for carriers that hide bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cssv.carriers.base import FrameContent
from cssv.frames import Frame
from cssv.payload.channels import F64
from cssv.payload.outlines import outline_to_shares
from cssv.payload.thinning import ThinnedWindow, check_window_fits, fit_window_within
from cssv.payload.window import Window
from cssv.payload.window_fit import fit_window
from cssv.payload.window_outlines import drawn_outlines
from cssv.payload.window_scene import part_of
from cssv.scene import Scene
from cssv.template.state import ObjectState

#: Velocities from the past and to the future frames are sent where they lie farther than this share of the
#: range of speeds from their mean. Sending all of them takes a quarter more bytes.
HALVES_ABOVE = 1 / 4


def window_payload(
    contents: Sequence[FrameContent],
    number: int,
    size: tuple[int, int],
    *,
    outlines: Sequence[Mapping[int, F64]] | None = None,
    most_bytes: int | None = None,
    fit: bool = False,
) -> bytes:
    """The payload of a window: the bytes of :func:`payload_window`."""
    return payload_window(contents, number, size, outlines=outlines, most_bytes=most_bytes, fit=fit).data


def payload_window(
    contents: Sequence[FrameContent],
    number: int,
    size: tuple[int, int],
    *,
    outlines: Sequence[Mapping[int, F64]] | None = None,
    most_bytes: int | None = None,
    fit: bool = False,
) -> ThinnedWindow:
    """The window of a payload, the shortest within the bounds of :mod:`cssv.payload`, with its bytes.

    An object's velocities from the past and to the future frames become their mean unless they lie farther
    than :data:`HALVES_ABOVE` from it.

    Args:
        contents: of each frame of the window.
        number: of the window in the clip, from 0.
        size: width and height of the frames.
        outlines: of each frame, as :func:`window_shares` finds them; None holds no outlines. They are coarser
            or left out where the payload would be too long with them.
        most_bytes: most bytes of the payload; None for no bound.
        fit: whether a payload that is too long is thinned (:mod:`cssv.payload.thinning`); its loss says what
            it does not tell.

    Raises:
        CarrierError: the payload has more than ``most_bytes``; with ``fit``, even without any object.
        FramingError: a number of the content has no place in a payload, or there are too many objects.
    """
    first = contents[0]
    objects = [content.objects for content in contents]

    def fitted(bound_px: float, objects: Sequence[Sequence[ObjectState]]) -> Window:
        return fit_window(
            first.number,
            [content.pts for content in contents],
            first.time_base,
            size,
            first.ranges,
            objects,
            bound_px,
            halves_above=HALVES_ABOVE,
            scene=first.scene,
            turn=number,
            outlines=outlines,
        )

    if fit:
        return fit_window_within(most_bytes, fitted, objects)
    return check_window_fits(most_bytes, fitted, objects)


def payloads_differ(
    old: Sequence[FrameContent], new: Sequence[FrameContent], number: int, size: tuple[int, int]
) -> bool:
    """Whether the payloads of two contents of a window differ, without outlines.

    Args:
        old: content of each frame.
        new: the same, after a change.
        number: of the window in the clip, from 0.
        size: width and height of the frames.
    """
    # Most windows do not change at all, and fitting takes long.
    if all(one.objects == other.objects for one, other in zip(old, new, strict=True)):
        before, after = old[0], new[0]
        same_part = part_of(before.scene, number) == part_of(after.scene, number)
        if same_part and before.ranges == after.ranges:
            return False
    return window_payload(old, number, size) != window_payload(new, number, size)


def window_shares(covers: Sequence[Frame], contents: Sequence[FrameContent]) -> list[dict[int, F64]]:
    """Of each frame the outlines that are found in its cover, by track, as shares of the superellipse.

    Args:
        covers: the frames of a window.
        contents: the content of each.
    """
    return [
        {drawing.outline.track: outline_to_shares(drawing.outline) for drawing in content.draw(cover)}
        for cover, content in zip(covers, contents, strict=True)
    ]


def window_content(window: Window, at: int, objects: tuple[ObjectState, ...], scene: Scene) -> FrameContent:
    """The content of a frame of a window, as the window tells it: what both sides draw.

    Its outlines are those of the window. Pixels change nothing but the edges inside of them.

    Args:
        window: the window, as its reader gets it.
        at: the frame, counted from the first one of the window.
        objects: of the frame, from :func:`cssv.payload.window_states.window_states`.
        scene: what is known of the scene.
    """
    return FrameContent(
        number=window.number + at,
        pts=window.pts[at],
        time_base=window.time_base,
        objects=objects,
        ranges=window.ranges,
        scene=scene,
        outlines=drawn_outlines(window, at, objects),
    )
