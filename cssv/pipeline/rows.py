"""The objects of a frame as rows of the objects table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cssv.interop.rows import ObjectRow, Origin
from cssv.pipeline.object_columns import FrameStates, columns_of, rows_in
from cssv.scene.ground import Plane
from cssv.template.state import ObjectState


def rows_of(
    states: Sequence[ObjectState],
    number: int,
    time: Fraction,
    source: Origin | Sequence[Origin],
    plane: Plane | None = None,
) -> tuple[ObjectRow, ...]:
    """The objects of a frame as rows of the objects table; None is unknown.

    With the ground ``plane`` of the frame, objects without a velocity on the ground get it from the one in
    the picture, and all objects on the ground get the density of the crowd. ``source`` is that of all of
    them, or of each.
    """
    sources = [source] * len(states) if isinstance(source, str) else source
    return rows_in(columns_of([FrameStates(number, time, states, sources)], plane))
