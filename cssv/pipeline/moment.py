"""One frame of a decoded clip."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from cssv.carriers.nibble.carrier import Extract
from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.miniature import ranges_of
from cssv.errors import ChecksumError
from cssv.frames import U8, Frame
from cssv.interop.table import ObjectRow, Origin
from cssv.pipeline.rows import rows_of
from cssv.pipeline.scene_track import read_sample
from cssv.scene.ground import Plane
from cssv.template.read import VISIBLE_SHARE, read
from cssv.template.state import ObjectState, to_state
from cssv.view.heat import heat_to_rgb, overlay


class Moment:
    """One frame of a decoded clip; what is asked for is worked out then.

    Attributes:
        frame: the stego frame, native planes; pts as in the source at hand.
        number: the frame's number in the encoded clip.
        time: its presentation time there, seconds, exact.
        origin: x, y of this picture's top left pixel in the encoded clip; not (0, 0) after a crop.
        miniature: the scene miniature of the clip.
        source: ``"metadata"`` or ``"pixels"``: where :attr:`states` come from.
        plane: the ground of the picture, where the scene's camera tells it; None elsewhere.
    """

    def __init__(
        self,
        frame: Frame,
        extract: Extract,
        miniature: Miniature,
        sample: bytes | ChecksumError | None,
        plane: Plane | None = None,
    ) -> None:
        self.frame = frame
        self.number = extract.marks.header.frame
        self.time = extract.marks.header.pts * miniature.time_base
        self.origin = extract.marks.origin
        self.source: Origin = "pixels" if sample is None else "metadata"
        self._extract = extract
        self.miniature = miniature
        self.plane = plane
        self._sample = sample

    @property
    def heat(self) -> U8:
        """The nibble planes as carried, shifted up by four, marks included; shape of the planes."""
        return self._extract.heat

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the 80x80 cells whose nibbles are not what was written."""
        return self._extract.damaged

    @cached_property
    def clean_heat(self) -> U8:
        """The heat without marks and tags."""
        return self._extract.clean(self.frame.layout)

    @property
    def picture(self) -> U8:
        """(H, W, 3) uint8 RGB: the cleaned heat map in colour."""
        return heat_to_rgb(self.clean_heat, self.frame.layout)

    @property
    def overlay(self) -> U8:
        """(H, W, 3) uint8 RGB: the frame with its heat map and its objects' readings."""
        return overlay(self.frame.planes, self.clean_heat, self.frame.layout, self.objects)

    @cached_property
    def states(self) -> tuple[ObjectState, ...]:
        """The objects of the frame, from the scene track where there is one, else from the pixels.

        Raises:
            ChecksumError: the scene track is damaged here; :attr:`states_in_pixels` may still be sound.
        """
        if isinstance(self._sample, ChecksumError):
            raise self._sample
        return self.states_in_pixels if self._sample is None else read_sample(self._sample).objects

    @cached_property
    def states_in_pixels(self) -> tuple[ObjectState, ...]:
        """The objects as their rings show them; those mostly hidden have no attributes."""
        found = self._extract
        sights = read(found.heat, self.frame.layout, found.outlines, found.marked, found.damaged_pixels())
        ranges = ranges_of(self.miniature)
        hidden = (
            replace(sight, readings=None) if sight.visible < VISIBLE_SHARE else sight for sight in sights
        )
        return tuple(to_state(sight, ranges) for sight in hidden)

    @property
    def objects(self) -> tuple[ObjectRow, ...]:
        """The rows of the objects table."""
        return rows_of(self.states, self.number, self.time, self.source, self.plane)

    @property
    def objects_in_pixels(self) -> tuple[ObjectRow, ...]:
        """The rows as read from the pixels alone."""
        return rows_of(self.states_in_pixels, self.number, self.time, "pixels", self.plane)
