"""Draws other objects into stego frames, with the cover at hand or without it.

Without it the cover under a changed nibble is estimated: of a stego byte nothing more is known than that
the cover's lay around it, so it stands for the cover. Bytes whose nibble stays the same stay the same.
What a frame becomes depends only on the stego frame that was drawn from the cover and on what is drawn now,
so that versions do not drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cssv.carriers.nibble.carrier import Extract, extract, is_cover
from cssv.errors import ContainerError, InputError
from cssv.frames import U8, Frame, split_planes
from cssv.pipeline.embed import FrameEmbedder
from cssv.template.drawing import Drawing, Outline
from cssv.template.edges import edge_brightness, edge_magnitude
from cssv.template.render import interior, render
from cssv.template.state import ObjectState, Place, draw


def reembed(
    painter: FrameEmbedder,
    stego: Frame,
    objects: Sequence[ObjectState],
    known: Sequence[Outline] = (),
    cover: Frame | None = None,
) -> tuple[Frame, list[Outline]]:
    """Draw ``objects`` instead of those that a stego frame shows.

    Args:
        painter: with the ranges and the carrier to draw with.
        stego: the frame as it was drawn from its cover.
        objects: what to show.
        known: outlines that the stego frame shows without a tag.
        cover: the frame as it came; None when it is not at hand.

    Returns:
        The new stego frame, and the outlines drawn.

    Raises:
        ContainerError: the stego frame carries no marks.
        InputError: the cover is another picture.
    """
    found = extract(stego.planes, stego.layout, is_sound=True)
    if found is None:
        raise ContainerError(
            f"frame {stego.number} carries no marks", remedy="Run verify to see what is damaged."
        )
    if cover is None:
        shown = {(o.track, o.box): o for o in (*known, *found.outlines)}
        cover, drawings, edges = _without_cover(painter, stego, objects, found, shown)
    else:
        _check_cover(stego, cover, found)
        drawings, edges = _drawings(painter, cover, objects, {}), None
    template = render(drawings, cover.luma(), stego.layout, edges=edges)
    outlines = [drawing.outline for drawing in drawings]
    header = found.marks.header
    planes = painter.carrier.embed(cover.planes, template, outlines, number=header.frame, pts=header.pts)
    return replace(stego, planes=planes), outlines


def _drawings(
    painter: FrameEmbedder, frame: Frame, objects: Sequence[ObjectState], known: dict[Place, Outline]
) -> list[Drawing]:
    luma, size = frame.luma(), (frame.width, frame.height)
    drawn = (draw(state, painter.ranges, luma, size, known) for state in objects)
    return [drawing for drawing in drawn if drawing is not None]


def _without_cover(
    painter: FrameEmbedder,
    stego: Frame,
    objects: Sequence[ObjectState],
    found: Extract,
    known: dict[Place, Outline],
) -> tuple[Frame, list[Drawing], U8]:
    """What stands for the cover, the drawings, and the edges as far as the stego frame shows them."""
    luma = stego.luma()
    edges = edge_brightness(edge_magnitude(luma))
    heat = split_planes(found.heat, stego.layout)[0]
    # Under marks and tags the lowest bit is theirs.
    seen = np.where(found.marked, heat & 0xE0, heat)
    np.copyto(edges, seen, where=interior(list(known.values()), stego.width, stego.height))
    drawings = _drawings(painter, stego, objects, known)
    if found.marks.header.sparse:
        # A tag that moves must not stay readable where it was.
        planes = stego.planes.copy()
        split_planes(planes, stego.layout)[0][found.marked] &= 0xFE
        stego = replace(stego, planes=planes)
    return stego, drawings, edges


def _check_cover(stego: Frame, cover: Frame, found: Extract) -> None:
    """Raise InputError unless ``cover`` is what the stego frame was drawn from."""
    remedy = "Give the very clip that was encoded."
    if cover.layout != stego.layout or cover.planes.shape != stego.planes.shape:
        raise InputError(
            "the cover has another size or layout",
            found=f"{cover.width}x{cover.height} {cover.layout}",
            bound=f"{stego.width}x{stego.height} {stego.layout}",
            remedy=remedy,
        )
    if not is_cover(cover.planes, stego.planes, stego.layout, found):
        raise InputError(f"frame {stego.number} of the cover is another picture", remedy=remedy)
