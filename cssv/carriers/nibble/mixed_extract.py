"""The content of one picture of the mixed carrier, and the heat map that is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from cssv.carriers.base import UNSCALED, CarriedClip, Extracted
from cssv.carriers.nibble.mixed_picture import ReadPicture
from cssv.carriers.nibble.mosaic import CellReading
from cssv.carriers.nibble.object_tag import TRACK_BITS
from cssv.frames import U8, Frame
from cssv.scene import Ranges
from cssv.template.draw import to_state
from cssv.template.drawing import Drawing
from cssv.template.read import VISIBLE_SHARE, Reading
from cssv.template.render import render
from cssv.template.state import ObjectState, moved

#: Bits of a track that the tags of objects have.
_TRACK = (1 << TRACK_BITS) - 1


class MixedExtract:
    """The content of one stego picture; implements :class:`cssv.carriers.base.Extracted`.

    Args:
        stego: the picture.
        picture: what its cells tell.
        number: frame number in the encoded clip.
        pts: presentation time in the encoded clip.
        clip: what is known of the clip; None if no clip tag was read so far.
        room: what the room tells of the frame; None if it was not read.
        labels: of objects, by the index in their tags.
        is_whole: whether the picture is not a piece of a frame. Rings in a piece can be cut.
    """

    def __init__(
        self,
        stego: Frame,
        picture: ReadPicture,
        number: int,
        pts: int,
        clip: CarriedClip | None,
        room: Extracted | None = None,
        *,
        labels: Mapping[int, str],
        is_whole: bool,
    ) -> None:
        self._stego = stego
        self._picture = picture
        self._room = room
        self._labels = labels
        self._damaged = picture.unlike if is_whole else frozenset()
        self.number = number
        self.pts = pts
        self.clip = clip

    @property
    def origin(self) -> tuple[int, int]:
        """x, y of the picture's top left pixel in the encoded clip."""
        return (0, 0) if self._room is None else self._room.origin

    @property
    def scale(self) -> tuple[float, float]:
        """Always (1, 1): cells do not survive scaling."""
        return UNSCALED

    @property
    def is_intact(self) -> bool:
        """Whether the levels of every object are as written."""
        return not self._damaged

    @property
    def is_missing(self) -> bool:
        """A frame carries its own rings."""
        return False

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Always empty: objects whose drawing is damaged have no attributes."""
        return ()

    @cached_property
    def _readings(self) -> tuple[Reading, ...]:
        """What rings show, with labels. Damaged rings and those of mostly hidden objects show nothing."""
        return tuple(
            Reading(
                replace(each.outline, label=self._labels.get(tag.label_index, "")),
                each.readings if self._is_sure(each) else None,
                each.visible,
            )
            for tag, each in zip(self._picture.objects, self._picture.readings, strict=True)
        )

    def _is_sure(self, reading: CellReading) -> bool:
        # Too few visible cells give a wrong value rather than an uncertain one.
        return reading.visible >= VISIBLE_SHARE and reading.outline.track not in self._damaged

    @cached_property
    def heat(self) -> U8:
        """The template, drawn from what the cells tell; edges are those of this picture."""
        drawings = [Drawing(each.outline, each.readings) for each in self._readings if each.readings]
        return render(drawings, self._stego.luma() & np.uint8(0xF0), self._stego.layout)

    @property
    def clean_heat(self) -> U8:
        """The template: it has no marks in it."""
        return self.heat

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects of the picture as their rings show them, at their places in the encoded clip.

        Objects whose rings cannot be read are left to the room, if it tells of them.
        """
        told = {state.track & _TRACK for state in self._told(ranges)}
        return tuple(
            moved(to_state(each, ranges), self.origin)
            for each in self._readings
            if each.readings is not None or each.outline.track not in told
        )

    def room(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        """Objects of the frame that the room tells of, without those whose rings can be read."""
        shown = {each.outline.track for each in self._readings if each.readings is not None}
        return tuple(state for state in self._told(ranges) if state.track & _TRACK not in shown)

    def _told(self, ranges: Ranges) -> tuple[ObjectState, ...]:
        return () if self._room is None else self._room.states(ranges)
