"""One frame of a decoded clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from cssv.carriers.base import CarriedClip, Extracted, PictureView
from cssv.carriers.room import object_count_of, room_of
from cssv.errors import CssvError, FrameError
from cssv.frames import U8, Frame
from cssv.interop.rows import ObjectRow, Origin
from cssv.interop.supervision_detections import rows_to_supervision
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.object_columns import FrameStates
from cssv.pipeline.overlay_memory import OverlayMemory, PlacesInFrame
from cssv.pipeline.rows import rows_of
from cssv.pipeline.scene_track import read_sample
from cssv.scene.ground import Plane
from cssv.template.state import ObjectState
from cssv.view.heat import heat_to_rgb, to_rgb
from cssv.view.notebook import card, objects_html, pictures_html
from cssv.view.overlay import OverlayContent, draw_overlay
from cssv.view.overlay_labels import Rectangle, box_of
from cssv.view.overlay_legend import Legend
from cssv.view.plane_colour import BT601
from cssv.view.units import speed_unit


def _overlaps(row: ObjectRow, frame: Frame) -> bool:
    """Whether the box of a row, in coordinates of the frame, has pixels in it."""
    x, y, w, h = (value or 0.0 for value in (row.x_px, row.y_px, row.w_px, row.h_px))
    return x < frame.width and y < frame.height and x + w > 0 and y + h > 0


def _rows_of(found: FrameStates, plane: Plane | None) -> tuple[ObjectRow, ...]:
    return rows_of(found.states, found.number, found.time, found.sources, plane)


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
        memory: OverlayMemory | None = None,
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
        self._memory = OverlayMemory(BT601, lambda: known_rings(clip.scene)) if memory is None else memory

    def __repr__(self) -> str:
        size = f"{self.frame.width}x{self.frame.height}"
        return f"<cssv.Moment {self.number} at {float(self.time):.3f} s: {size}, from {self.source}>"

    def _repr_html_(self) -> str:
        """For notebooks: the frame, its heat map and its objects."""
        unit = speed_unit(None, has_ground=self.plane is not None)
        return card(
            f"Frame {self.number} at {float(self.time):.3f} s",
            [
                lambda: pictures_html({"frame": self.rgb, "heat map": self.picture}),
                lambda: objects_html(self.objects, unit),
            ],
        )

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
    def rgb(self) -> U8:
        """(H, W, 3) uint8 RGB: the frame, with the matrix and the range that the file states."""
        return to_rgb(self.frame.planes, self.frame.layout, self._memory.colour)

    @property
    def picture(self) -> U8:
        """(H, W, 3) uint8 RGB: the heat map in colour."""
        return heat_to_rgb(self.clean_heat, self.frame.layout)

    @property
    def overlay(self) -> U8:
        """(H, W, 3) uint8 RGB: the frame with heat map, objects and values drawn over it."""
        return self.draw_overlay()

    def draw_overlay(self, *, units: str | None = None, picture: U8 | None = None) -> U8:
        """Draw heat map, boxes, labels with values, trails, time and legend over the frame.

        Of a copy, trails show the frames before of which an overlay was drawn.

        Args:
            units: unit of the speeds: ``"px/s"``, ``"m/s"``, ``"km/h"`` or ``"mph"``, also written ``"kmh"``;
                None: m/s where the ground is known, else px/s. An object whose speed is not known in the unit
                gets px/s.
            picture: (H, W, 3) uint8 RGB to draw over instead of the frame, such as the original frame.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            OptionError: an unknown unit.
            FrameError: the picture has not the size of the frame.
            ChecksumError, ContainerError: as for :attr:`states`.
        """
        unit = None if units is None else speed_unit(units, has_ground=self.plane is not None)
        frame, memory = self.frame, self._memory
        if picture is None:
            picture = self.rgb
        elif picture.shape != (frame.height, frame.width, 3) or picture.dtype != np.uint8:
            raise FrameError(
                "the picture under an overlay does not fit the frame",
                found=f"{picture.dtype} {picture.shape}",
                bound=f"uint8 {(frame.height, frame.width, 3)}",
            )
        rows = self.objects
        objects = self._shown_objects(rows)
        places = PlacesInFrame(self.time, {row.track: box_of(row) for row in rows})
        legend = Legend(self.clip.ranges, memory.rings(rows))
        drawn = draw_overlay(
            picture,
            OverlayContent(
                heat=self.clean_heat,
                layout=frame.layout,
                objects=objects,
                legend=legend,
                corner=memory.corner(legend, (frame.width, frame.height), places, self._box_in_picture),
                time_s=self.time,
                number=self.number,
                trails=memory.trails(self.number, places, self._to_picture),
                unit=unit,
                places=memory.labels_before(self.number),
            ),
        )
        memory.keep_labels(self.number, drawn.places)
        return drawn.picture

    def to_supervision(self) -> Any:  # noqa: ANN401 - a supervision.Detections, of an extra
        """The objects that the frame shows as ``supervision.Detections``.

        ``xyxy`` are the boxes in this picture, which can be a crop or scaled; ``confidence`` the scores;
        ``tracker_id`` the tracks; ``class_id`` a number that depends on the label alone. ``data`` has
        ``class_name``, and the columns of velocity, temperature, density and goal of :class:`ObjectRow` under
        their names, in units of the encoded clip; unknown values are NaN.

        Raises:
            MissingExtraError: supervision is not installed.
            ChecksumError, ContainerError: as for :attr:`states`.
        """
        return rows_to_supervision(self._shown_objects(self.objects))

    def _to_picture(self, x: float, y: float) -> tuple[float, float]:
        """A place in the encoded clip as one in this picture, which can be a crop."""
        (left, top), (across, down) = self.view.origin_px, self.view.scale
        return (x - left) * across, (y - top) * down

    def _box_in_picture(self, box: Rectangle) -> Rectangle:
        """A box in the encoded clip as one in this picture."""
        (x, y), (across, down) = self._to_picture(*box[:2]), self.view.scale
        return x, y, box[2] * across, box[3] * down

    def _shown_objects(self, rows: Sequence[ObjectRow]) -> tuple[ObjectRow, ...]:
        """The rows of objects that the picture shows, with places in the picture, which can be a crop."""
        across, down = self.view.scale
        moved = []
        for row in rows:
            x, y = self._to_picture(row.x_px or 0.0, row.y_px or 0.0)
            w = None if row.w_px is None else row.w_px * across
            h = None if row.h_px is None else row.h_px * down
            moved.append(replace(row, x_px=x, y_px=y, w_px=w, h_px=h))
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
        return _rows_of(self.object_states, self.plane)

    @property
    def objects_in_pixels(self) -> tuple[ObjectRow, ...]:
        """Rows of the objects table, from the pixels alone."""
        return _rows_of(self._pixel_states, self.plane)

    @property
    def object_states(self) -> FrameStates:
        """The objects with number and time of the frame, as :attr:`objects` shows them."""
        if self.source != "metadata":
            return self._pixel_states
        states = self.states
        return FrameStates(self.number, self.time, states, [self.source] * len(states))

    @property
    def _pixel_states(self) -> FrameStates:
        rooms: list[Origin] = ["room"] * len(self._room)
        sources = [*([self._pixels] * len(self._read_states)), *rooms]
        return FrameStates(self.number, self.time, self.states_in_pixels, sources)
