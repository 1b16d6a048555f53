"""Letterbox: a picture of any shape in the fixed input of a network, and boxes converted back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8

#: Grey level around the picture, as in the training of YOLO networks.
PADDING = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Placement of a picture in a network's input: scaled with its aspect ratio, the rest grey.

    Attributes:
        picture: width and height of the picture, pixels.
        inside: width and height after scaling, pixels of the network.
        outside: width and height of the network's input.
        left, top: position of the scaled picture in the input.
    """

    picture: tuple[int, int]
    inside: tuple[int, int]
    outside: tuple[int, int]
    left: int = 0
    top: int = 0

    @classmethod
    def corner(cls, picture: tuple[int, int], outside: tuple[int, int]) -> Letterbox:
        """Place the picture in the top left corner, sides rounded down, as in YOLOX."""
        scale = _scale(picture, outside)
        return cls(picture, (max(int(picture[0] * scale), 1), max(int(picture[1] * scale), 1)), outside)

    @classmethod
    def centred(cls, picture: tuple[int, int], outside: tuple[int, int]) -> Letterbox:
        """Place the picture in the middle, sides rounded; an odd rest lies right and below, as in YOLOv8."""
        scale = _scale(picture, outside)
        inside = (max(round(picture[0] * scale), 1), max(round(picture[1] * scale), 1))
        return cls(picture, inside, outside, (outside[0] - inside[0]) // 2, (outside[1] - inside[1]) // 2)

    def fit(self, picture: U8) -> U8:
        """Convert an (H, W, 3) uint8 picture to the network's (H, W, 3) uint8 input."""
        width, height = self.inside
        # Resampling to the same size would cost time and change nothing.
        if self.inside != self.picture:
            picture = np.asarray(cv2.resize(picture, self.inside, interpolation=cv2.INTER_LINEAR), np.uint8)
        result = np.full((self.outside[1], self.outside[0], 3), PADDING, dtype=np.uint8)
        result[self.top : self.top + height, self.left : self.left + width] = picture
        return result

    def to_picture(self, centred: F64) -> F64:
        """Convert (n, 4) centre x, centre y, w, h in the input to x, y, w, h from the picture's top left."""
        # Each axis has its own scale, because the sides were rounded.
        scale = np.array(self.picture) / self.inside
        sizes = centred[:, 2:] * scale
        starts = (centred[:, :2] - (self.left, self.top)) * scale - sizes / 2
        return np.concatenate([starts, sizes], axis=1)


def _scale(picture: tuple[int, int], outside: tuple[int, int]) -> float:
    return min(outside[0] / picture[0], outside[1] / picture[1])
