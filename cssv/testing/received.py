"""Copies of clips as other people make them: cropped, scaled, with bars, through a lossy codec."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from cssv.carriers.robust.geometry import Geometry
from cssv.frames import U8, planes_shape, split_planes


@dataclass(frozen=True)
class Edit:
    """A change of the geometry of yuv420p pictures. All numbers are even.

    Attributes:
        crop: left, top, width, height of the part that is kept.
        size: width and height that it is scaled to.
        bars: rows of black on top and below, columns of black at the left and right side.
        interpolation: one of OpenCV's.
    """

    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    bars: tuple[int, int] = (0, 0)
    interpolation: int = cv2.INTER_AREA

    @property
    def received(self) -> tuple[int, int]:
        """Width and height of the result."""
        return self.size[0] + 2 * self.bars[1], self.size[1] + 2 * self.bars[0]

    def error(self, geometry: Geometry) -> float:
        """Largest error of a geometry at the sides of what is kept, in pixels of the original."""
        left, top, width, height = self.crop
        x, y = self.bars[1], self.bars[0]
        first = geometry.to_sent(x, y)
        last = geometry.to_sent(x + self.size[0], y + self.size[1])
        return float(np.abs(np.subtract([*first, *last], [left, top, left + width, top + height])).max())

    def apply(self, planes: U8) -> U8:
        """The picture after the change, in the same layout."""
        changed = np.empty(planes_shape("yuv420p", *self.received), np.uint8)
        planes_of = (split_planes(each, "yuv420p") for each in (planes, changed))
        for old, new, step, black in zip(*planes_of, (1, 2, 2), (16, 128, 128), strict=True):
            left, top, width, height = (value // step for value in self.crop)
            part = np.ascontiguousarray(old[top : top + height, left : left + width])
            size = self.size[0] // step, self.size[1] // step
            if size != (width, height):
                part = np.asarray(cv2.resize(part, size, interpolation=self.interpolation), np.uint8)
            new[...] = black
            y, x = (bar // step for bar in self.bars)
            new[y : y + size[1], x : x + size[0]] = part
        return changed


def transcode(
    pictures: Sequence[U8],
    rate: Fraction,
    crf: int,
    codec: str = "libx264",
    preset: str = "medium",
    group: int | None = None,
) -> list[U8]:
    """Planes of yuv420p pictures after a lossy codec.

    Args:
        pictures: planes, all of one size.
        rate: frames a second.
        crf: quality.
        codec: an encoder of FFmpeg.
        preset: of the encoder.
        group: pictures from one I picture to the next one, at most; None for the encoder's default.
    """
    rows, width = pictures[0].shape
    buffer = io.BytesIO()
    options = {"crf": str(crf), "preset": preset} | ({"g": str(group)} if group else {})
    with av.open(buffer, mode="w", format="matroska") as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, rows * 2 // 3, "yuv420p"
        for planes in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        output.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, mode="r") as source:
        return [np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in source.decode(video=0)]
