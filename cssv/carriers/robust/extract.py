"""The content of one received frame, and the heat map that is drawn from it."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from cssv.carriers.base import CarriedClip, FrameContent
from cssv.carriers.robust.geometry import Geometry
from cssv.carriers.robust.resampling import resample
from cssv.frames import U8, Frame, planes_shape, split_planes
from cssv.scene import Ranges
from cssv.template.render import empty_template, render
from cssv.template.state import ObjectState


class RobustExtract:
    """The content of one frame of a window; implements :class:`cssv.carriers.base.Extracted`.

    Args:
        received: the frame.
        geometry: of the received clip.
        number: frame number in the encoded clip.
        pts: presentation time in the encoded clip.
        clip: what is known of the clip; None if no window was read so far.
        content: what the payload tells of the frame; None if that of its window cannot be read.
    """

    def __init__(
        self,
        received: Frame,
        geometry: Geometry,
        number: int,
        pts: int,
        clip: CarriedClip | None,
        content: FrameContent | None,
    ) -> None:
        self._received = received
        self._geometry = geometry
        self.number = number
        self.pts = pts
        self.clip = clip
        self._content = content

    @property
    def origin(self) -> tuple[int, int]:
        """Place of the picture's top left pixel in the encoded clip, rounded; negative where bars are."""
        left, top = self._geometry.sides[:2]
        return round(left), round(top)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the received picture for one of the encoded clip, horizontal and vertical."""
        return self._geometry.scale

    @property
    def is_intact(self) -> bool:
        """Whether the payload of the frame's window was read."""
        return self._content is not None

    @property
    def is_missing(self) -> bool:
        """Whether the payload of the frame's window was not read."""
        return self._content is None

    @property
    def damaged_cells(self) -> tuple[tuple[int, int], ...]:
        """Always empty: a payload is read completely or not at all."""
        return ()

    @cached_property
    def heat(self) -> U8:
        """The template, drawn from the payload; edges are those of the received picture."""
        frame = self._received
        if self._content is None or not self._content.objects or self.clip is None or self.clip.size is None:
            return empty_template(frame.layout, frame.width, frame.height)
        width, height = self.clip.size
        if self._geometry.is_whole and (frame.width, frame.height) == (width, height):
            return _draw(self._content, frame)
        # The picture in the sender's size, so that rings are those of the sender.
        luma = resample(frame.luma(), self._geometry, (0, 0, width, height))
        planes = np.zeros(planes_shape("yuv420p", width, height), np.uint8)
        planes[:height] = np.clip(np.rint(luma), 0, 255)
        return _to_received(
            _draw(self._content, Frame(planes, "yuv420p", 0, frame.time_base)), self._geometry, frame
        )

    @property
    def clean_heat(self) -> U8:
        """The template: this carrier has no marks in it."""
        return self.heat

    def states(self, ranges: Ranges) -> tuple[ObjectState, ...]:  # noqa: ARG002 - values are in their units
        """Objects of the whole frame, also those outside of a crop."""
        return () if self._content is None else self._content.objects


def _draw(content: FrameContent, frame: Frame) -> U8:
    """The template of a frame in the sender's size."""
    luma = frame.luma() & np.uint8(0xF0)
    return render(content.draw(frame), luma, frame.layout)


def _to_received(heat: U8, geometry: Geometry, frame: Frame) -> U8:
    """A template in the sender's size as the received picture shows it: each pixel is the nearest one."""
    whole = np.zeros(planes_shape(frame.layout, frame.width, frame.height), np.uint8)
    left, top = geometry.sides[:2]
    across, down = geometry.scale
    pairs = zip(split_planes(heat, "yuv420p"), split_planes(whole, frame.layout), strict=True)
    for step, (source, target) in zip((1, 2, 2), pairs, strict=True):
        matrix = np.array([
            [1 / across, 0, left / step + 0.5 / across - 0.5],
            [0, 1 / down, top / step + 0.5 / down - 0.5],
        ])  # fmt: skip
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        target[...] = cv2.warpAffine(
            source, matrix, (target.shape[1], target.shape[0]), flags=flags, borderMode=cv2.BORDER_CONSTANT
        )
    return whole
