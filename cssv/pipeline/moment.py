"""One frame of a decoded clip."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from cssv.carriers.base import CarriedClip, Extracted, PictureView
from cssv.carriers.room import object_count_of, room_of
from cssv.errors import CssvError
from cssv.frames import U8, Frame
from cssv.interop.rows import ObjectRow, Origin
from cssv.pipeline.rows import rows_of
from cssv.pipeline.scene_track import read_sample
from cssv.scene.ground import Plane
from cssv.template.state import ObjectState
from cssv.view.heat import heat_to_rgb, overlay


def _overlaps(row: ObjectRow, frame: Frame) -> bool:
    """Whether the box of a row, in coordinates of the frame, has pixels in it."""
    x, y, w, h = (value or 0.0 for value in (row.x_px, row.y_px, row.w_px, row.h_px))
    return x < frame.width and y < frame.height and x + w > 0 and y + h > 0


class Moment:
    """One frame of a decoded clip. Heat, objects and pictures are computed when they are first used.

    Attributes:
        frame: the stego frame, native planes; pts as in the source.
        number: frame number in the encoded clip.
        time: presentation time in the encoded clip, seconds, exact.
        origin: x, y of this picture's top left pixel in the encoded clip; not (0, 0) after a crop.
        clip: what the pixels carry about the whole clip: ranges, scene, time base.
        source: where :attr:`states` come from: ``"metadata"`` (the scene track), ``"pixels"`` (a copy that is
            equal pixel by pixel) or ``"robust"`` (a copy that may have been changed). Of a copy, objects that
            only its marks tell have the source ``"room"`` in :attr:`objects`.
        view: the part of the encoded picture that this one shows.
        plane: the ground plane of the picture; None if the scene's camera does not determine one.
    """

    def __init__(
        self,
        frame: Frame,
        extracted: Extracted,
        clip: CarriedClip,
        sample: bytes | CssvError | None,
        plane: Plane | None = None,
        origin: Origin = "pixels",
    ) -> None:
        self.frame = frame
        self.number = extracted.number
        self.time = extracted.pts * clip.time_base
        self.origin = extracted.origin
        self.clip = clip
        self._pixels: Origin = origin
        self.source: Origin = origin if sample is None else "metadata"
        self.view = PictureView((frame.width, frame.height), extracted.origin, extracted.scale)
        self.plane = plane
        self._extracted = extracted
        self._sample = sample

    def __repr__(self) -> str:
        size = f"{self.frame.width}x{self.frame.height}"
        return f"<cssv.Moment {self.number} at {float(self.time):.3f} s: {size}, from {self.source}>"

    @property
    def heat(self) -> U8:
        """The template as carried, in the shape of the planes; of the nibble carrier with its marks."""
        return self._extracted.heat

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Column and row of the damaged 80x80 cells."""
        return self._extracted.damaged_cells

    @property
    def is_missing(self) -> bool:
        """Whether the source does not hold the window of this frame; then its heat map is empty."""
        return self._extracted.is_missing

    @cached_property
    def clean_heat(self) -> U8:
        """The template without the carrier's marks."""
        return self._extracted.clean_heat

    @property
    def picture(self) -> U8:
        """(H, W, 3) uint8 RGB: the heat map in colour."""
        return heat_to_rgb(self.clean_heat, self.frame.layout)

    @property
    def overlay(self) -> U8:
        """(H, W, 3) uint8 RGB: the frame with its heat map and the readings of its objects."""
        return overlay(self.frame.planes, self.clean_heat, self.frame.layout, self._shown_objects())

    def _shown_objects(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects that the picture shows, with places in the picture, which can be a crop."""
        (x, y), (across, down) = self.view.origin_px, self.view.scale
        moved = (
            replace(
                row,
                x_px=((row.x_px or 0.0) - x) * across,
                y_px=((row.y_px or 0.0) - y) * down,
                w_px=None if row.w_px is None else row.w_px * across,
                h_px=None if row.h_px is None else row.h_px * down,
            )
            for row in self.objects
        )
        return tuple(row for row in moved if _overlaps(row, self.frame))

    @cached_property
    def states(self) -> tuple[ObjectState, ...]:
        """Objects of the frame, from the scene track if there is one, else from the pixels.

        Raises:
            ChecksumError, ContainerError: the scene track is damaged here; :attr:`states_in_pixels` may still
                be sound.
            PasswordError: the same, in a file with a password.
        """
        if isinstance(self._sample, CssvError):
            raise self._sample
        return self.states_in_pixels if self._sample is None else read_sample(self._sample).objects

    @cached_property
    def _read_states(self) -> tuple[ObjectState, ...]:
        """Objects that the drawing in the pixels shows."""
        return self._extracted.states(self.clip.ranges)

    @cached_property
    def _room(self) -> tuple[ObjectState, ...]:
        """Other objects of the frame that its pixels tell of."""
        return room_of(self._extracted, self.clip.ranges)

    @property
    def states_in_pixels(self) -> tuple[ObjectState, ...]:
        """Objects of the frame from its pixels alone."""
        return (*self._read_states, *self._room)

    @property
    def object_count(self) -> int | None:
        """Number of objects of the frame as its pixels tell it, so that one sees how many are missing.

        None where they do not tell it.
        """
        return object_count_of(self._extracted)

    @property
    def objects(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects table."""
        if self.source != "metadata":
            return self.objects_in_pixels
        return rows_of(self.states, self.number, self.time, self.source, self.plane)

    @property
    def objects_in_pixels(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects table, from the pixels alone."""
        rooms: list[Origin] = ["room"] * len(self._room)
        sources = [*([self._pixels] * len(self._read_states)), *rooms]
        return rows_of(self.states_in_pixels, self.number, self.time, sources, self.plane)
