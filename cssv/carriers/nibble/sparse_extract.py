"""Content of one stego frame of the form ``sparse``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cssv.carriers.base import CarriedClip
from cssv.carriers.nibble.marked_frame import MarkedExtract
from cssv.carriers.nibble.miniature import carried_clip
from cssv.carriers.nibble.room import room_state
from cssv.carriers.nibble.sparse_planes import SparsePlanes
from cssv.frames import U8, Frame, split_planes
from cssv.scene import Ranges
from cssv.template.draw import to_state
from cssv.template.read import VISIBLE_SHARE, Reading, read
from cssv.template.render import with_edges
from cssv.template.state import ObjectState, moved


@dataclass(frozen=True, eq=False)
class SparseExtract(MarkedExtract):
    """The content of one stego frame; implements :class:`cssv.carriers.base.Extracted`.

    It also offers the room (:mod:`cssv.carriers.room`).

    Attributes:
        stego: the frame.
        found: what its planes carry.
    """

    stego: Frame
    found: SparsePlanes

    @property
    def clip(self) -> CarriedClip | None:
        """Ranges, environment, time base and ground from the marks; None if no miniature is intact."""
        miniature = self.found.marks.miniature
        if miniature is None:
            return None
        return replace(
            carried_clip(miniature),
            size=(miniature.width, miniature.height),
            plane=self.found.marks.room.plane,
        )

    @property
    def is_intact(self) -> bool:
        """Whether all blocks of the marks are intact and all drawings that can be checked are as written."""
        marks = self.found.marks
        return marks.intact == marks.whole and not self.found.damaged

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the 80x80 cells with drawings that are not as written."""
        return self.found.damaged_cells

    @cached_property
    def heat(self) -> U8:
        """The template as carried: rings and lines, with the bits of marks and tags on them."""
        return self.found.heat(self.stego.planes, self.stego.layout)

    @property
    def clean_heat(self) -> U8:
        """The template without marks and tags, with edges of the picture inside the outlines."""
        heat, layout = self.heat.copy(), self.stego.layout
        luma = split_planes(heat, layout)[0]
        np.copyto(luma, luma & 0xE0, where=self.found.taken)
        return with_edges(heat, layout, self.stego.luma(), self.found.outlines)

    @property
    def object_count(self) -> int:
        """Number of objects of the frame, also of those that neither the drawing nor the room tells."""
        return self.found.marks.room.count

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects as their rings show them, in coordinates of the whole frame.

        Objects whose rings cannot be read are left to the room, if it tells of them.
        """
        room = self.found.marks.room
        labels = {each.track: room.label_of(each) for each in room.objects.values()}
        found = []
        for reading in self._readings:
            outline = reading.outline
            if reading.readings is None and outline.track in labels:
                continue
            state = moved(to_state(reading, ranges), self.origin)
            # A tag has only the first bytes of a label.
            found.append(replace(state, label=labels.get(outline.track) or outline.label))
        return tuple(found)

    def room(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects of the frame as the marks tell of them, without those that :meth:`states` has."""
        small, room = self.found.marks.miniature, self.found.marks.room
        if small is None:
            return ()
        readings = {reading.outline.track: reading for reading in self._readings}
        found = []
        for each in room.objects.values():
            reading = readings.get(each.track)
            if reading is not None and reading.readings is not None:
                continue
            state = room_state(each, room.label_of(each), (small.width, small.height), ranges)
            if reading is not None:
                # The tag of an object whose rings are hidden has its exact box.
                tagged = moved(to_state(reading, ranges), self.origin)
                state = replace(state, label=state.label or tagged.label, box_px=tagged.box_px)
            found.append(state)
        return tuple(found)

    @cached_property
    def _readings(self) -> list[Reading]:
        """What the rings show; None where too little of them is visible, or they are damaged."""
        found = self.found
        readings = read(self.heat, self.stego.layout, found.outlines, found.taken, found.hidden())
        # Too few visible pixels give a wrong value rather than an uncertain one.
        return [
            reading
            if reading.visible >= VISIBLE_SHARE and number not in found.damaged
            else replace(reading, readings=None)
            for number, reading in enumerate(readings)
        ]
