"""A picture of any shape in the fixed rectangle of a network, and boxes back from there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cssv.boxes import F64
from cssv.frames import U8

#: The grey around the picture that YOLO networks are trained with.
PADDING = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in a network's input: scaled evenly, the rest is grey.

    Attributes:
        picture: width and height of the picture, pixels.
        inside: width and height it is scaled to, pixels of the network.
        outside: width and height of the network's input.
        left, top: where the scaled picture begins.
    """

    picture: tuple[int, int]
    inside: tuple[int, int]
    outside: tuple[int, int]
    left: int = 0
    top: int = 0

    @classmethod
    def corner(cls, picture: tuple[int, int], outside: tuple[int, int]) -> Letterbox:
        """In the top left corner, sides rounded down, as YOLOX does."""
        scale = _scale(picture, outside)
        return cls(picture, (max(int(picture[0] * scale), 1), max(int(picture[1] * scale), 1)), outside)

    @classmethod
    def centred(cls, picture: tuple[int, int], outside: tuple[int, int]) -> Letterbox:
        """In the middle, sides rounded to the nearest; an odd rest lies right and below, as YOLOv8 does."""
        scale = _scale(picture, outside)
        inside = (max(round(picture[0] * scale), 1), max(round(picture[1] * scale), 1))
        return cls(picture, inside, outside, (outside[0] - inside[0]) // 2, (outside[1] - inside[1]) // 2)

    def fit(self, picture: U8) -> U8:
        """(H, W, 3) uint8 picture -> the network's (H, W, 3) uint8 input."""
        width, height = self.inside
        if self.inside != self.picture:
            picture = np.asarray(cv2.resize(picture, self.inside, interpolation=cv2.INTER_LINEAR), np.uint8)
        result = np.full((self.outside[1], self.outside[0], 3), PADDING, dtype=np.uint8)
        result[self.top : self.top + height, self.left : self.left + width] = picture
        return result

    def to_picture(self, centred: F64) -> F64:
        """(n, 4) centre x, centre y, w, h in the network -> x, y, w, h from the top left of the picture."""
        scale = np.array(self.picture) / self.inside
        sizes = centred[:, 2:] * scale
        starts = (centred[:, :2] - (self.left, self.top)) * scale - sizes / 2
        return np.concatenate([starts, sizes], axis=1)


def _scale(picture: tuple[int, int], outside: tuple[int, int]) -> float:
    return min(outside[0] / picture[0], outside[1] / picture[1])
