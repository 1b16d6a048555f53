"""Drawings for a stego frame whose objects change, with the cover or without it.

Without the cover, the stego frame serves as cover; each byte is at most 15 levels off. The result depends
only on the stego frame that was drawn from the cover and on the new content, so that versions do not drift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.marked_frame import check_cover, without_bits
from cssv.carriers.nibble.planes import ExtractedPlanes, is_cover
from cssv.frames import U8, Frame, split_planes
from cssv.template.drawing import Drawing, Outline
from cssv.template.edges import edge_picture
from cssv.template.render import interior


def draw_on_cover(
    stego: Frame, content: FrameContent, found: ExtractedPlanes, cover: Frame
) -> tuple[Drawing, ...]:
    """Drawings in the original frame.

    Raises:
        InputError: the cover is not the picture that the stego frame was drawn from.
    """
    check_cover(stego, cover, lambda: is_cover(cover.planes, stego.planes, stego.layout, found))
    return content.draw(cover, {})


def draw_on_stego(
    stego: Frame, content: FrameContent, found: ExtractedPlanes, unmarked: Sequence[Outline]
) -> tuple[Frame, tuple[Drawing, ...], U8]:
    """Drawings in the stego frame itself.

    Args:
        stego: the frame as it was drawn from its cover.
        content: what to draw now.
        found: what the frame carries.
        unmarked: outlines in it that have no tag.

    Returns:
        The frame that serves as cover, the drawings, and the brightness of the edges. Edges that
        the old drawing shows are read from it: merging has changed the high nibbles that they are computed
        from.
    """
    known = {(outline.track, outline.box): outline for outline in (*unmarked, *found.outlines)}
    luma = stego.luma()
    edges = edge_picture(luma)
    heat = split_planes(found.heat, stego.layout)[0]
    # Under marks and tags the lowest bit is theirs.
    shown = np.where(found.marked, heat & 0xE0, heat)
    np.copyto(edges, shown, where=interior(list(known.values()), stego.width, stego.height))
    drawings = content.draw(stego, known)
    if found.marks.header.sparse:
        stego = without_bits(stego, found.marked)
    return stego, drawings, edges
